"""Custom EULAs: the checks of the PDFs, and how they are merged and published."""

import hashlib
import io
import subprocess
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    TextStringObject,
)
from temporalio.exceptions import ActivityError, ApplicationError, RetryState

from activities.errors import Failure
from activities.eula import pdf_process, sources
from activities.eula.allowed_sources import AllowedSources
from activities.eula.documents import EulaDocuments, PublishEula
from activities.eula.pdf import InvalidPdf, check, merge
from sandbox.faults import Fault
from sandbox.server import Sandbox
from tests.support.eula_documents import BUCKET, pdf, publish, published, s3_client
from workflows.common.escalation import aws_errors_in

ENCRYPTED = "it is protected by a password"
DAMAGED = "it is damaged or incomplete"
NO_PDF = "it is not a PDF"


def opening(action: Any) -> Callable[[PdfWriter], Any]:
    def change(writer: PdfWriter) -> None:
        writer.root_object[NameObject("/OpenAction")] = action

    return change


def action(kind: str, **more: Any) -> DictionaryObject:
    named = {NameObject(f"/{name}"): value for name, value in more.items()}
    return DictionaryObject({NameObject("/S"): NameObject(kind), **named})


def launch_action_on_page(writer: PdfWriter) -> None:
    """Add an annotation to a page that starts a program."""
    link = DictionaryObject({NameObject("/A"): action("/Launch")})
    writer.pages[0][NameObject("/Annots")] = ArrayObject([writer._add_object(link)])


def action_when_shown(writer: PdfWriter) -> None:
    writer.pages[0][NameObject("/AA")] = DictionaryObject({NameObject("/O"): action("/Named")})


def with_script(writer: PdfWriter) -> None:
    script = action("/JavaScript", JS=TextStringObject("app.alert(1)"))
    tree = DictionaryObject({NameObject("/Names"): ArrayObject([TextStringObject("a"), script])})
    names = DictionaryObject({NameObject("/JavaScript"): tree})
    writer.root_object[NameObject("/Names")] = names


FIRST_PAGE = ArrayObject([NumberObject(0), NameObject("/Fit")])


NOT_ALLOWED = "contracts may not be read from there"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def s3(sandbox: Sandbox) -> Any:
    return s3_client(sandbox)


@pytest.fixture
def documents(s3: Any) -> EulaDocuments:
    return EulaDocuments(s3, BUCKET, AllowedSources.parse(f"s3://{BUCKET},s3://example-other"))


@pytest.fixture
def without_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents are checked in this process: to start another takes longer than all the rest."""
    here = pdf_process.check_and_merge_here
    monkeypatch.setattr("activities.eula.documents.check_and_merge", here)


@pytest.fixture
def put_source(sandbox: Sandbox) -> Callable[[str, bytes], str]:
    """Put an object into S3; returns its address."""

    def put(key: str, content: bytes) -> str:
        sandbox.world.aws.storage.put(BUCKET, key, content)
        return f"s3://{BUCKET}/{key}"

    return put


# Invalid documents -------------------------------------------------------------------------------


def test_valid_documents(documents: EulaDocuments, put_source: Any, sandbox: Sandbox) -> None:
    sources = [
        put_source("a.pdf", pdf(100)),
        put_source("b.pdf", pdf(200, 300, change=opening(FIRST_PAGE))),
    ]
    assert documents.inspect(sources).findings == ()
    assert sandbox.world.writes == 0
    assert sandbox.world.calls == {("s3", "GetObject"): 2}


INVALID: dict[str, tuple[bytes, str]] = {
    "not a PDF": (b"PK\x03\x04 and so on", NO_PDF),
    "an image": (b"\x89PNG\r\n\x1a\n\xff\xfe", NO_PDF),
    "HTML": (b"<!DOCTYPE html><title>Sign in</title>", NO_PDF),
    "junk before it": (b"\n" + pdf(100), NO_PDF),
    "nothing": (b"", NO_PDF),
    "only a header": (b"%PDF-1.7\n", DAMAGED),
    "an image after a header": (b"%PDF-\x89PNG\r\n\x1a\n\xff\xfe" * 9, DAMAGED),
    "truncated": (pdf(*range(100, 140))[:-400], DAMAGED),
    "half": (pdf(*range(100, 140))[:1000], DAMAGED),
    "no pages": (pdf(), "it has no pages"),
    "user password": (pdf(100, change=lambda writer: writer.encrypt("example")), ENCRYPTED),
    "owner password": (
        pdf(100, change=lambda writer: writer.encrypt("", "example", algorithm="AES-256")),
        ENCRYPTED,
    ),
    "a script": (
        pdf(100, change=with_script),
        "it contains active content (/JS, /JavaScript)",
    ),
    "a file in it": (
        pdf(100, change=lambda writer: writer.add_attachment("a.txt", b"example")),
        "it contains active content (/EF, /EmbeddedFiles)",
    ),
    "an address opened at once": (
        pdf(100, change=opening(action("/URI", URI=TextStringObject("https://example.com")))),
        "it contains active content (/OpenAction)",
    ),
    "a page, then another action": (
        pdf(100, change=opening(action("/GoTo", D=FIRST_PAGE, Next=action("/Named")))),
        "it contains active content (/OpenAction)",
    ),
    "a program to start": (
        pdf(100, change=launch_action_on_page),
        "it contains active content (/Launch)",
    ),
    "a page with an action": (
        pdf(100, change=action_when_shown),
        "it contains active content (/AA)",
    ),
}


def with_link(kind: str) -> Callable[[PdfWriter], Any]:
    """A link on a page with an action of this kind."""

    def change(writer: PdfWriter) -> None:
        link = DictionaryObject({NameObject("/A"): action(kind)})
        writer.pages[0][NameObject("/Annots")] = ArrayObject([writer._add_object(link)])

    return change


def with_annotation(kind: str) -> Callable[[PdfWriter], Any]:
    def change(writer: PdfWriter) -> None:
        annotation = DictionaryObject({NameObject("/Subtype"): NameObject(kind)})
        writer.pages[0][NameObject("/Annots")] = ArrayObject([writer._add_object(annotation)])

    return change


def with_key(key: str) -> Callable[[PdfWriter], Any]:
    def change(writer: PdfWriter) -> None:
        writer.root_object[NameObject(key)] = ArrayObject()

    return change


ACTIVE: list[tuple[str, Callable[[str], Callable[[PdfWriter], Any]]]] = [
    *((kind, with_link) for kind in ("/SubmitForm", "/ImportData", "/GoToR", "/GoToE")),
    *((kind, with_link) for kind in ("/Rendition", "/Movie", "/Sound", "/JavaScript")),
    *((kind, with_annotation) for kind in ("/RichMedia", "/Movie", "/Sound", "/FileAttachment")),
    *((key, with_key) for key in ("/AF", "/EF", "/XFA")),
]


@pytest.mark.parametrize(("name", "change"), ACTIVE)
def test_document_that_acts_plays_or_holds_files(
    name: str, change: Callable[[str], Callable[[PdfWriter], Any]]
) -> None:
    with pytest.raises(InvalidPdf) as refused:
        check(pdf(100, change=change(name)))
    assert refused.value.problem == f"it contains active content ({name})"


@pytest.mark.usefixtures("without_process")
@pytest.mark.parametrize("kind", INVALID)
def test_invalid_document(
    documents: EulaDocuments, put_source: Any, sandbox: Sandbox, kind: str
) -> None:
    content, problem = INVALID[kind]
    sources = [put_source("good.pdf", pdf(100)), put_source("wrong.pdf", content)]
    (finding,) = documents.inspect(sources).findings
    assert (finding.code, finding.field, finding.severity) == ("eula-document", "eula", "refuse")
    assert finding.problem == problem
    assert finding.seen == f"s3://{BUCKET}/wrong.pdf"
    assert finding.remedy
    assert sandbox.world.writes == 0


def test_each_invalid_document_is_a_finding(documents: EulaDocuments, put_source: Any) -> None:
    sources = [put_source("a.pdf", b"no"), put_source("b.pdf", pdf(1)), f"s3://{BUCKET}/c.pdf"]
    found = documents.inspect(sources).findings
    assert [(each.seen, each.problem) for each in found] == [
        (f"s3://{BUCKET}/a.pdf", NO_PDF),
        (f"s3://{BUCKET}/c.pdf", "there is no such object in S3"),
    ]


@pytest.mark.parametrize("number", [0, 6])
def test_number_of_documents(
    documents: EulaDocuments, put_source: Any, sandbox: Sandbox, number: int
) -> None:
    sources = [put_source(f"{each}.pdf", pdf(100)) for each in range(number)]
    (finding,) = documents.inspect(sources).findings
    assert (finding.seen, finding.problem) == (
        str(number),
        "a custom contract has 1 to 5 documents",
    )
    assert not sandbox.world.calls


@pytest.mark.usefixtures("without_process")
def test_document_that_is_too_large(documents: EulaDocuments, put_source: Any) -> None:
    source = put_source("large.pdf", pdf(100) + b" " * sources.MAX_BYTES)
    (finding,) = documents.inspect([source]).findings
    assert finding.problem == "it is larger than 20 MB"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("s3://example-other/a.pdf", "there is no such object in S3"),
        (f"s3://{BUCKET}/", "it is not the address of an S3 object"),
        ("s3://no bucket/a.pdf", NOT_ALLOWED),
        ("s3://another/a.pdf", NOT_ALLOWED),
        (f"s3://{BUCKET}-2/a.pdf", NOT_ALLOWED),
        (f"s3://{BUCKET}/eula/0065g00000AbCdFAAV/rev1-0123456789abcdef.pdf", NOT_ALLOWED),
        ("https://127.0.0.1/a.pdf", NOT_ALLOWED),
        ("http://127.0.0.1/a.pdf", "it is neither an https nor an s3 address"),
        ("file:///etc/passwd", "it is neither an https nor an s3 address"),
        ("https://127.0.0.1:port/a.pdf", "it is not a web address"),
        ("https:///a.pdf", "it is not a web address"),
    ],
)
def test_invalid_or_missing_source(documents: EulaDocuments, source: str, problem: str) -> None:
    (finding,) = documents.inspect([source]).findings
    assert (finding.seen, finding.problem) == (source, problem)


def test_documents_that_cannot_be_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    def append(*_: Any, **__: Any) -> None:
        raise ValueError("pypdf fails")

    monkeypatch.setattr(PdfWriter, "append", append)
    with pytest.raises(InvalidPdf, match="the documents cannot be merged"):
        merge([pdf(100), pdf(100)])


def test_documents_that_take_too_long(
    documents: EulaDocuments, put_source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_process, "CPU_SECONDS", 1)
    sources = [put_source("a.pdf", many_pages(30_000)), put_source("b.pdf", pdf(100))]
    (finding,) = documents.inspect(sources).findings
    assert finding.problem == "reading it takes too much time or memory"
    assert finding.seen == ", ".join(sources)


def many_pages(number: int) -> bytes:
    """A document of some hundred bytes a page, which takes long to read."""
    kids = " ".join(f"{each} 0 R" for each in range(3, number + 3))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {number}/Kids[{kids}]>>",
        *["<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"] * number,
    ]
    content, places = b"%PDF-1.7\n", []
    parts = [content]
    length = len(content)
    for each, text in enumerate(objects, 1):
        places.append(length)
        parts.append(f"{each} 0 obj{text}endobj\n".encode())
        length += len(parts[-1])
    parts.append(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    parts += [f"{place:010} 00000 n \n".encode() for place in places]
    size = len(objects) + 1
    parts.append(f"trailer<</Size {size}/Root 1 0 R>>\nstartxref\n{length}\n%%EOF\n".encode())
    return b"".join(parts)


def test_check_on_a_busy_machine_is_repeated(
    documents: EulaDocuments, put_source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_process, "SECONDS", 0.001)
    with pytest.raises(ApplicationError, match="this machine is too busy") as raised:
        documents.inspect([put_source("a.pdf", pdf(100))])
    assert (raised.value.type, raised.value.non_retryable) == (Failure.UNAVAILABLE, False)


def test_documents_that_take_too_much_memory(
    documents: EulaDocuments, put_source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_process, "MEMORY_BYTES", 100_000_000)
    large = pdf(100) + b" " * 15_000_000
    sources = [put_source(name, large) for name in ("a.pdf", "b.pdf", "c.pdf")]
    (finding,) = documents.inspect(sources).findings
    assert finding.problem == "reading it takes too much time or memory"


def test_process_that_reads_documents_has_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes it over with a PDF finds no secret in its environment."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    environments: list[dict[str, str]] = []

    def run(*_: Any, env: dict[str, str], **__: Any) -> SimpleNamespace:
        environments.append(env)
        return SimpleNamespace(stdout=b"[]\n")

    monkeypatch.setattr(subprocess, "run", run)
    pdf_process.check_and_merge([pdf(100)])
    (environment,) = environments
    assert environment.keys() <= {"PATH", "SYSTEMROOT"}


# Failures of S3 ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("without_process")
@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (Fault("s3", "status", status=500), Failure.UNAVAILABLE),
        (Fault("s3", "status", status=400, code="RequestTimeout"), Failure.UNAVAILABLE),
        (Fault("s3", "status", status=503), Failure.RATE_LIMITED),
        (Fault("s3", "status", status=503, code="ServiceUnavailable"), Failure.UNAVAILABLE),
        (Fault("s3", "status", status=429, code="TooManyRequests"), Failure.RATE_LIMITED),
        (Fault("s3", "drop_before"), Failure.UNAVAILABLE),
        (Fault("s3", "status", status=403, code="InvalidAccessKeyId"), Failure.CREDENTIALS),
        (Fault("s3", "status", status=400, code="ExpiredToken"), Failure.CREDENTIALS),
        (Fault("s3", "status", status=400, code="TokenRefreshRequired"), Failure.CREDENTIALS),
        (Fault("s3", "status", status=400, code="InvalidToken"), Failure.CREDENTIALS),
    ],
)
def test_s3_failures(
    documents: EulaDocuments, put_source: Any, sandbox: Sandbox, fault: Fault, failure: Failure
) -> None:
    source = put_source("a.pdf", pdf(100))
    sandbox.world.faults.waiting.append(fault)
    with pytest.raises(ApplicationError) as failed:
        documents.inspect([source])
    assert failed.value.type == failure
    assert "Amazon S3" in failed.value.message
    assert documents.inspect([source]).findings == ()


MISSING = "there is no such object in S3"
FORBIDDEN = "S3 does not allow us to read it, or it does not exist"


@pytest.mark.parametrize(
    ("status_and_code", "problem"),
    [
        ((403, None), FORBIDDEN),
        ((403, "AllAccessDisabled"), FORBIDDEN),
        ((403, "InvalidObjectState"), FORBIDDEN),
        ((404, "NoSuchBucket"), MISSING),
        ((404, "AnyOther"), MISSING),
        ((400, "InvalidBucketName"), MISSING),
        ((301, "PermanentRedirect"), "S3 does not return it (PermanentRedirect)"),
        ((307, "TemporaryRedirect"), "S3 does not return it (TemporaryRedirect)"),
        ((400, "InvalidRequest"), "S3 does not return it (InvalidRequest)"),
    ],
)
def test_s3_object_that_is_not_returned(
    documents: EulaDocuments,
    put_source: Any,
    sandbox: Sandbox,
    status_and_code: tuple[int, str | None],
    problem: str,
) -> None:
    status, code = status_and_code
    source = put_source("a.pdf", pdf(100))
    sandbox.world.faults.s3.answer(status, code=code)
    (finding,) = documents.inspect([source]).findings
    assert finding.problem == problem


@pytest.mark.usefixtures("without_process")
@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (Fault("s3", "status", operation="PutObject", status=403), Failure.CREDENTIALS),
        (
            Fault("s3", "status", operation="PutObject", status=404, code="NoSuchBucket"),
            Failure.NOT_FOUND,
        ),
        (Fault("s3", "drop_after", operation="PutObject"), Failure.UNAVAILABLE),
    ],
)
def test_s3_upload_failures(
    documents: EulaDocuments, put_source: Any, sandbox: Sandbox, fault: Fault, failure: Failure
) -> None:
    source = put_source("a.pdf", pdf(100))
    sandbox.world.faults.waiting.append(fault)
    with pytest.raises(ApplicationError) as failed:
        publish(documents, source)
    assert failed.value.type == failure
    assert publish(documents, source)
    assert len(published(sandbox)) == 1


# Merging and publishing --------------------------------------------------------------------------


def test_documents_are_merged_in_order(
    documents: EulaDocuments, put_source: Any, sandbox: Sandbox, s3: Any
) -> None:
    sources = [
        put_source("b.pdf", pdf(200, 300)),
        put_source("a.pdf", pdf(100)),
        put_source("c.pdf", pdf(400)),
    ]
    eula = publish(documents, *sources, revision=3)

    ((key, content),) = published(sandbox).items()
    assert eula.key == key
    assert key == f"eula/006000000000001AAA/rev3-{hashlib.sha256(content).hexdigest()[:16]}.pdf"
    assert s3.head_object(Bucket=BUCKET, Key=key)["ContentType"] == "application/pdf"
    pages = PdfReader(io.BytesIO(content), strict=True).pages
    assert [int(page.mediabox.width) for page in pages] == [200, 300, 100, 400]


def test_single_document_is_unchanged(
    documents: EulaDocuments, put_source: Any, sandbox: Sandbox
) -> None:
    content = pdf(100)
    eula = publish(documents, put_source("a.pdf", content))
    assert published(sandbox) == {eula.key: content}


@pytest.mark.usefixtures("without_process")
def test_publish_is_idempotent(documents: EulaDocuments, put_source: Any, sandbox: Sandbox) -> None:
    sources = [put_source("a.pdf", pdf(100)), put_source("b.pdf", pdf(200))]
    assert len({publish(documents, *sources).key for _ in range(2)}) == 1
    assert len(published(sandbox)) == 1
    publish(documents, *reversed(sources))
    assert len(published(sandbox)) == 2


def test_invalid_documents_are_rejected_with_the_aws_error_code(
    documents: EulaDocuments, put_source: Any, sandbox: Sandbox
) -> None:
    with pytest.raises(ApplicationError) as failed:
        publish(
            documents,
            put_source("a.pdf", pdf(100)),
            put_source("b.pdf", b"no"),
            f"s3://{BUCKET}/c.pdf",
        )
    assert (failed.value.type, failed.value.non_retryable) == (Failure.REJECTED, True)
    error = ActivityError(
        "failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="",
        activity_type="publish",
        activity_id="1",
        retry_state=RetryState.NON_RETRYABLE_FAILURE,
    )
    error.__cause__ = failed.value
    errors = aws_errors_in(error)
    assert {each.code for each in errors} == {"INVALID_LEGAL_DOCUMENTS"}
    assert "b.pdf: it is not a PDF" in errors[0].message
    assert "c.pdf: there is no such object" in errors[1].message
    assert sandbox.world.writes == 0


@pytest.mark.usefixtures("without_process")
def test_contract_that_changed_since_its_check_is_not_published(
    documents: EulaDocuments, put_source: Any, sandbox: Sandbox
) -> None:
    source = put_source("a.pdf", pdf(100))
    request = PublishEula(
        opportunity_id="006000000000001AAA",
        revision=1,
        documents=(source,),
        sha256=documents.inspect([source]).sha256,
    )
    assert documents.publish(request)
    put_source("a.pdf", pdf(200))
    with pytest.raises(ApplicationError) as failed:
        documents.publish(request)
    assert failed.value.type == Failure.REJECTED
    assert len(published(sandbox)) == 1
