"""EULA documents on the web: what is read over https, what is rejected, and secrets."""

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
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:127.0.0.1"]
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
