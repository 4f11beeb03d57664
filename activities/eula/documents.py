"""Custom contracts: up to five PDFs are merged into one and put where AWS reads it.

AWS's *UpdateLegalTerms* accepts exactly one document, at a public or presigned address in S3; the
handbook allows five.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from temporalio import activity

from activities.errors import rejected
from activities.eula.allowed_sources import AllowedSources
from activities.eula.links import PublishedEula
from activities.eula.pdf_process import check_and_merge
from activities.eula.sources import ALL_TOGETHER, EulaSources, InvalidSource
from activities.eula.stored_contracts import contract_prefix, s3_errors
from offers.findings import Finding
from offers.lifecycle.aws_errors import AwsError
from offers.model import FrozenModel
from offers.preflight.eula import EulaContent, shown
from offers.terms.terms import MOST_DOCUMENTS

REFUSAL_CODE = "INVALID_LEGAL_DOCUMENTS"
"""AWS's code for an unusable contract; our check finds the same mistakes earlier."""


class PublishEula(FrozenModel):
    """The documents of an offer's contract."""

    opportunity_id: str
    revision: int
    documents: tuple[str, ...]
    """The PDFs in the order of merging, as `https://…` or `s3://bucket/key`."""
    sha256: str | None = None
    """Of the contract that was checked: changed content at the same address is rejected."""


class EulaDocuments:
    """Reads, checks and merges contracts, and puts them into a private bucket."""

    def __init__(
        self, s3: Any, bucket: str, allowed: AllowedSources, ca_file: str | None = None
    ) -> None:
        """`s3`: a boto3 client of S3; `ca_file`: an additional certificate authority for https."""
        self._s3 = s3
        self._bucket = bucket
        self._sources = EulaSources(s3, bucket, allowed, ca_file)

    def inspect(self, sources: Sequence[str]) -> EulaContent:
        """The merged contract, or findings about the documents; writes nothing.

        The failure is retryable if a vendor is unavailable.
        """
        merged, wrong = self._merged(sources)
        return EulaContent(sha256=None if wrong else sha256(merged).hexdigest(), findings=wrong)

    # It goes on to its end: an exception in its thread could strike in the middle of a call.
    @activity.defn(no_thread_cancel_exception=True)
    def publish(self, request: PublishEula) -> PublishedEula:
        """Put the merged contract into S3; the same documents always give the same object.

        Fails REJECTED if a document is invalid or has changed.
        """
        merged, wrong = self._merged(request.documents)
        digest = sha256(merged).hexdigest()
        if not wrong and request.sha256 not in (None, digest):
            wrong = (_changed(request.documents),)
        if wrong:
            raise rejected(
                "Our check of the contract", REFUSAL_CODE, "see its findings", _refusals(wrong)
            )
        name = f"rev{request.revision}-{digest[:16]}.pdf"
        key = contract_prefix(request.opportunity_id) + name
        self._put(key, merged)
        # Real time, as S3 checks it.
        return PublishedEula(key=key, signed_at=datetime.now(UTC).replace(microsecond=0))

    def _merged(self, sources: Sequence[str]) -> tuple[bytes, tuple[Finding, ...]]:
        """The contract, and the findings about its documents."""
        if not 1 <= len(sources) <= MOST_DOCUMENTS:
            return b"", (_wrong_number(len(sources)),)
        deadline = time.monotonic() + ALL_TOGETHER
        read: list[int] = []
        contents: list[bytes] = []
        wrong: dict[int, Finding] = {}
        for number, source in enumerate(sources):
            try:
                contents.append(self._sources.read(source, deadline))
                read.append(number)
            except InvalidSource as mistake:
                wrong[number] = _finding(shown(source), mistake.problem, mistake.remedy)
        merged = check_and_merge(contents)
        for each in merged.problems:
            about = read if each.document is None else [read[each.document]]
            names = ", ".join(shown(sources[number]) for number in about)
            wrong[about[0]] = _finding(names, each.problem, each.remedy)
        return (b"" if wrong else merged.content), tuple(wrong[number] for number in sorted(wrong))

    def _put(self, key: str, content: bytes) -> None:
        with s3_errors(self._bucket):
            self._s3.put_object(
                Bucket=self._bucket, Key=key, Body=content, ContentType="application/pdf"
            )


def _wrong_number(number: int) -> Finding:
    return _finding(
        str(number),
        f"a custom contract has 1 to {MOST_DOCUMENTS} documents",
        f"Give 1 to {MOST_DOCUMENTS} PDFs",
    )


def _changed(documents: Sequence[str]) -> Finding:
    return _finding(
        ", ".join(map(shown, documents)),
        "the contract has changed since it was checked",
        "Resume, so that it is checked and approved as it is now",
    )


def _finding(seen: str, problem: str, remedy: str) -> Finding:
    return Finding(code="eula-document", field="eula", seen=seen, problem=problem, remedy=remedy)


def _refusals(wrong: Sequence[Finding]) -> list[AwsError]:
    return [
        AwsError(code=REFUSAL_CODE, message=f"{finding.seen}: {finding.problem}. {finding.remedy}.")
        for finding in wrong
    ]
