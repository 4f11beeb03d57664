"""EULA documents on the web: what is read over https, what is rejected, and secrets."""

import io
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from botocore.exceptions import ClientError, EndpointConnectionError
from temporalio.exceptions import ApplicationError

from activities.errors import Failure
from activities.eula import sources
from activities.eula.allowed_sources import AllowedSources
from activities.eula.documents import EulaDocuments
from sandbox.server import Sandbox
from tests.support.eula_documents import pdf, publish, published, s3_client

BUCKET = "example-offers"
NO_PDF = "it is not a PDF"
UNREACHABLE = "its server cannot be reached"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def s3(sandbox: Sandbox) -> Any:
    return s3_client(sandbox)


@pytest.fixture
def documents(s3: Any) -> EulaDocuments:
    allowed = f"s3://{BUCKET},https://127.0.0.1:9,https://nowhere.invalid"
    return EulaDocuments(s3, BUCKET, AllowedSources.parse(allowed))


class Server(BaseHTTPRequestHandler):
    """Answers with the `pages` of the test by path (status, headers, body)."""

    pages: dict[str, tuple[int, dict[str, str], bytes]]

    def do_GET(self) -> None:
        status, headers, body = self.pages[self.path.partition("?")[0]]
        if slow := headers.get("X-Slow"):
            begun = b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if slow == "body" else b"X: ")
            with suppress(OSError):
                self.wfile.write(begun)
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.1)
            return
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path, s3: Any) -> Iterator[SimpleNamespace]:
    """A web server with a certificate that `documents` trusts, and `pages` to fill."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
    handler = type("Handler", (Server,), {"pages": pages})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield SimpleNamespace(
            pages=pages,
            url=f"https://127.0.0.1:{server.server_port}",
            documents=EulaDocuments(
                s3,
                BUCKET,
                AllowedSources.parse(f"https://127.0.0.1:{server.server_port}"),
                str(tmp_path / "ca.pem"),
            ),
        )
        server.shutdown()
        thread.join()


def test_document_on_the_web(web: SimpleNamespace, sandbox: Sandbox) -> None:
    content = pdf(100)
    web.pages["/a.pdf"] = (200, {}, content)
    web.pages["/moved"] = (302, {"Location": "/a.pdf"}, b"")
    assert web.documents.inspect([f"{web.url}/a.pdf?X-Amz-Signature=0"]).findings == ()
    publish(web.documents, f"{web.url}/moved")
    assert list(published(sandbox).values()) == [content]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((404, {}, b""), "there is nothing at this address"),
        ((410, {}, b""), "there is nothing at this address"),
        ((403, {}, b"Request has expired"), "the server does not allow us to read it"),
        ((401, {}, b""), "the server does not allow us to read it"),
        ((400, {}, b""), "the server does not return it (status 400)"),
        (
            (302, {"Location": "http://127.0.0.1/a.pdf"}, b""),
            "it redirects to an address that is not allowed",
        ),
        (
            (302, {"Location": "file:///etc/passwd"}, b""),
            "it redirects to an address that is not allowed",
        ),
        (
            (302, {"Location": "https://169.254.169.254/latest/meta-data"}, b""),
            "it redirects to an address that is not allowed",
        ),
        ((302, {"Location": "/a.pdf"}, b""), "it redirects too often"),
        ((200, {"Content-Length": "20000001"}, b""), "it is larger than 20 MB"),
        ((200, {}, b"<html>Sign in</html>"), NO_PDF),
    ],
)
def test_web_responses_without_a_document(
    web: SimpleNamespace, answer: tuple[int, dict[str, str], bytes], problem: str
) -> None:
    web.pages["/a.pdf"] = answer
    (finding,) = web.documents.inspect([f"{web.url}/a.pdf?X-Amz-Signature=0"]).findings
    assert (finding.seen, finding.problem) == (f"{web.url}/a.pdf", problem)


def test_body_longer_than_the_limit_without_a_content_length(
    web: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", 1000)
    web.pages["/a.pdf"] = (200, {"Content-Length": ""}, pdf(*range(100, 140)))
    (finding,) = web.documents.inspect([f"{web.url}/a.pdf"]).findings
    assert finding.problem.startswith("it is larger than")


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ((503, {}, b""), Failure.UNAVAILABLE),
        ((408, {}, b""), Failure.UNAVAILABLE),
        ((429, {}, b""), Failure.RATE_LIMITED),
        ((200, {"Content-Length": "5000"}, pdf(100)), Failure.UNAVAILABLE),
    ],
)
def test_web_server_failures(
    web: SimpleNamespace, answer: tuple[int, dict[str, str], bytes], failure: Failure
) -> None:
    web.pages["/a.pdf"] = answer
    with pytest.raises(ApplicationError) as failed:
        web.documents.inspect([f"{web.url}/a.pdf"])
    assert (failed.value.type, failed.value.non_retryable) == (failure, False)


def test_missing_web_server(documents: EulaDocuments) -> None:
    with pytest.raises(ApplicationError) as failed:
        documents.inspect(["https://127.0.0.1:9/a.pdf"])
    assert failed.value.type == Failure.UNAVAILABLE


def test_read_timeout(web: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    web.pages["/a.pdf"] = (200, {}, pdf(100))
    monkeypatch.setattr("activities.eula.documents.ALL_TOGETHER", -1)
    with pytest.raises(ApplicationError, match="takes too long"):
        web.documents.inspect([f"{web.url}/a.pdf"])


def test_untrusted_certificate(web: SimpleNamespace, s3: Any) -> None:
    documents = EulaDocuments(s3, BUCKET, AllowedSources.parse(web.url))
    (finding,) = documents.inspect([f"{web.url}/a.pdf"]).findings
    assert finding.problem == UNREACHABLE


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"],
)
def test_name_of_an_internal_address(
    documents: EulaDocuments, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Whatever the allowed name resolves to, nothing inside is reached."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    (finding,) = documents.inspect(["https://nowhere.invalid/a.pdf"]).findings
    assert finding.problem == UNREACHABLE


@pytest.mark.parametrize("part", ["headers", "body"])
def test_server_that_sends_a_byte_now_and_then(
    web: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """A time-out for each byte is no deadline."""
    monkeypatch.setattr("activities.eula.documents.ALL_TOGETHER", 1)
    web.pages["/a.pdf"] = (200, {"X-Slow": part}, pdf(100))
    started = time.monotonic()
    with pytest.raises(ApplicationError, match="takes too long"):
        web.documents.inspect([f"{web.url}/a.pdf"])
    assert time.monotonic() - started < 20, "it was read for as long as bytes came"


def test_unknown_host(documents: EulaDocuments, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    (finding,) = documents.inspect(["https://nowhere.invalid/a.pdf"]).findings
    assert finding.problem == UNREACHABLE


def test_secrets_in_an_address_are_not_shown(
    web: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    host = web.url.removeprefix("https://")
    web.pages["/down.pdf"] = (503, {}, b"")
    web.pages["/wrong.pdf"] = (200, {}, b"no")
    with pytest.raises(ApplicationError) as down:
        web.documents.inspect([f"{web.url}/down.pdf?X-Amz-Signature=secret"])
    with pytest.raises(ApplicationError) as wrong:
        publish(
            web.documents,
            f"{web.url}/wrong.pdf?X-Amz-Signature=secret#secret",
            f"https://user:secret@{host}/wrong.pdf",
        )
    for error in (down.value, wrong.value):
        assert "secret" not in f"{error.message} {error.details}"
    assert "secret" not in caplog.text


def test_page_instead_of_an_s3_object_is_no_finding(
    sandbox: Sandbox, documents: EulaDocuments
) -> None:
    sandbox.world.aws.storage.put(BUCKET, "eula.pdf", pdf(200))
    sandbox.world.faults.s3.add("html", "GetObject")
    with pytest.raises(ApplicationError) as raised:
        publish(documents, f"s3://{BUCKET}/eula.pdf")
    assert raised.value.type == Failure.UNAVAILABLE
    assert publish(documents, f"s3://{BUCKET}/eula.pdf")


class AnsweringS3:
    """An S3 client with one answer, or one error."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: dict[str, str] = {}

    def get_object(self, **asked: str) -> Any:
        """The answer."""
        self.asked = asked
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def s3_error(code: str, status: int) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "GetObject")


def eula_sources(s3: AnsweringS3) -> sources.EulaSources:
    allowed = AllowedSources.parse("s3://bucket,https://nowhere.invalid")
    return sources.EulaSources(s3, "own-bucket", allowed)


def read_from_s3(answer: Any, address: str = "s3://bucket/a/b.pdf") -> bytes:
    return eula_sources(AnsweringS3(answer)).read(address, time.monotonic() + 60)


NO_OBJECT = "there is no such object in S3"
NOT_ALLOWED = "S3 does not allow us to read it, or it does not exist"


@pytest.mark.parametrize(
    ("code", "status", "problem"),
    [
        ("NoSuchKey", 404, NO_OBJECT),
        ("NoSuchBucket", 400, NO_OBJECT),
        ("InvalidBucketName", 400, NO_OBJECT),
        ("NoSuchKey", 400, NO_OBJECT),
        ("", 404, NO_OBJECT),
        ("AccessDenied", 403, NOT_ALLOWED),
        ("AllAccessDisabled", 403, NOT_ALLOWED),
        ("InvalidObjectState", 403, NOT_ALLOWED),
        ("PermanentRedirect", 301, "S3 does not return it (PermanentRedirect)"),
        ("TemporaryRedirect", 307, "S3 does not return it (TemporaryRedirect)"),
        ("InvalidRequest", 400, "S3 does not return it (InvalidRequest)"),
    ],
)
def test_what_a_person_can_correct_in_s3(code: str, status: int, problem: str) -> None:
    with pytest.raises(sources.InvalidSource) as refused:
        read_from_s3(s3_error(code, status))
    assert (refused.value.problem, str(refused.value)) == (problem, problem)
    assert refused.value.remedy == (sources.READABLE if problem == NOT_ALLOWED else sources.EXISTS)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (s3_error("ExpiredToken", 400), Failure.CREDENTIALS),
        (s3_error("InvalidToken", 400), Failure.CREDENTIALS),
        (s3_error("TokenRefreshRequired", 400), Failure.CREDENTIALS),
        (s3_error("InvalidAccessKeyId", 403), Failure.CREDENTIALS),
        (s3_error("", 403), Failure.CREDENTIALS),
        (s3_error("SlowDown", 503), Failure.RATE_LIMITED),
        (s3_error("", 429), Failure.RATE_LIMITED),
        (s3_error("RequestTimeout", 400), Failure.UNAVAILABLE),
        (s3_error("InternalError", 500), Failure.UNAVAILABLE),
        (s3_error("", 503), Failure.UNAVAILABLE),
        (EndpointConnectionError(endpoint_url="x"), Failure.UNAVAILABLE),
    ],
)
def test_what_no_other_address_would_correct(error: Exception, failure: Failure) -> None:
    with pytest.raises(ApplicationError, match="Amazon S3") as raised:
        read_from_s3(error)
    assert raised.value.type == failure


@pytest.mark.parametrize("address", ["http://example.com/a.pdf", "a.pdf", "", "ftp://x/a.pdf"])
def test_only_https_and_s3_are_read(address: str) -> None:
    with pytest.raises(sources.InvalidSource, match="neither an https nor an s3") as refused:
        read_from_s3({}, address)
    assert refused.value.remedy == sources.ADDRESS


def s3_object(content: bytes, announced: int | None = None) -> dict[str, Any]:
    length = len(content) if announced is None else announced
    return {"Body": io.BytesIO(content), "ContentLength": length, "ETag": "x"}


@pytest.mark.parametrize("size", [0, 1, sources.PIECE, sources.PIECE + 1])
def test_object_is_read_whole(size: int) -> None:
    s3 = AnsweringS3(s3_object(b"x" * size))
    read = eula_sources(s3).read("S3://bucket/a/b.pdf", time.monotonic() + 60)
    assert len(read) == size
    assert s3.asked == {"Bucket": "bucket", "Key": "a/b.pdf"}
    with pytest.raises(ApplicationError, match="the connection was lost"):
        read_from_s3(s3_object(b"x" * size, size + 1))


def test_largest_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", 1_000_000)
    assert len(read_from_s3(s3_object(b"x" * 1_000_000))) == 1_000_000
    for larger in (
        s3_object(b"x" * 1_000_001),
        s3_object(b"x" * 1_000_001, 5),
        s3_object(b"", 1_000_001),
    ):
        with pytest.raises(sources.InvalidSource, match="it is larger than 1 MB"):
            read_from_s3(larger)


@pytest.mark.parametrize(
    ("reason", "problem"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), UNREACHABLE),
        (socket.gaierror(socket.EAI_NODATA, "x"), UNREACHABLE),
        (socket.gaierror(socket.EAI_AGAIN, "x"), None),
        (ConnectionResetError(), None),
    ],
)
def test_server_that_is_not_reached(
    monkeypatch: pytest.MonkeyPatch, reason: OSError, problem: str | None
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise reason

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    kind: type[Exception] = sources.InvalidSource if problem else ApplicationError
    with pytest.raises(kind, match=problem or "nowhere.invalid"):
        read_from_s3({}, "https://nowhere.invalid/a.pdf")


@pytest.mark.parametrize(
    "address", ["https://", "https://user:x@nowhere.invalid/", "https://x:port/a.pdf"]
)
def test_address_that_is_none(address: str) -> None:
    with pytest.raises(sources.InvalidSource, match="it is not a web address"):
        read_from_s3({}, address)
