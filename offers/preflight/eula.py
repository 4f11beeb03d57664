"""A custom contract as it was read: what is approved is its content, not where it lies."""

from collections.abc import Iterator

from offers.findings import Finding
from offers.model import FrozenModel
from offers.policy.policy import Policy
from offers.preflight.check import Check
from offers.terms.terms import CustomEula, OfferTerms


def shown(document: str) -> str:
    """An address without what may be a secret: a signature in its query, a password before it."""
    scheme, separator, rest = document.partition("?")[0].partition("#")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


class EulaContent(FrozenModel):
    """The documents of a custom contract, merged."""

    sha256: str | None = None
    """Of the merged document; None if it could not be merged."""
    findings: tuple[Finding, ...] = ()
    """What is wrong with the documents."""


def _standard(terms: OfferTerms, contract: EulaContent, policy: Policy) -> Iterator[Finding]:
    if isinstance(terms.eula, CustomEula):
        documents = ", ".join(map(shown, terms.eula.documents))
        content = f" (sha256 {contract.sha256[:16]}…)" if contract.sha256 else ""
        yield from policy.rules.standard_contract.violation(
            "custom-contract",
            "eula",
            "it is not the standard contract",
            "Use the standard contract, or have the exception approved",
            seen=documents + content,
        )
    yield from contract.findings


CHECKS = (Check({"eula"}, _standard),)
