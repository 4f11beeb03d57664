"""A receiver of webhooks: an HTTPS server that verifies what comes as the library says."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import trustme
from standardwebhooks import Webhook, WebhookVerificationError

SECRET = "whsec_" + "A" * 43 + "="
OTHER_SECRET = "whsec_" + "B" * 43 + "="
HOST = "hooks.example.com"
"""A name in its certificate, besides its address."""


class Received(NamedTuple):
    """A request whose signature is right."""

    path: str
    id: str
    type: str
    message: dict[str, Any]
    body: bytes
    headers: dict[str, str]


@dataclass
class Receiver:
    """What it received, and how it answers."""

    port: int
    ca_file: Path
    secret: str = SECRET
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """For the next requests; 200 after these."""
    always: int | None = None
    """The status of every answer."""
    slow: str | None = None
    """What it never ends: the `status`, the `headers` or the `body`."""
    received: list[Received] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    """The id of each request, however it was answered."""
    forged: int = 0
    """Requests whose signature is wrong."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}/offers?token=receiver"

    @property
    def trusted(self) -> dict[str, str]:
        """The environment in which its certificate is trusted."""
        return {"SSL_CERT_FILE": str(self.ca_file)}

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [each.message for each in self.received]

    def policy(self, name: str = "crm", events: str = "") -> str:
        """Its entry in a policy."""
        chosen = f", events = [{events}]" if events else ""
        return f'{{ name = "{name}", url = "{self.url}"{chosen} }}'


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        receiver = self.receiver
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = dict(self.headers.items())
        receiver.attempts.append(headers["webhook-id"])
        if receiver.slow:
            begun = {"status": "", "headers": "200 OK\r\nX: ", "body": "200 OK\r\n\r\n"}
            with suppress(OSError):
                self.wfile.write(f"HTTP/1.1 {begun[receiver.slow]}".encode())
                while True:
                    self.wfile.write(b"1" * 100)
                    time.sleep(0.05)
            return
        try:
            message = Webhook(receiver.secret).verify(body, headers)
        except WebhookVerificationError:
            receiver.forged += 1
            self._answer(400, {})
            return
        status, extra = receiver.answers.pop(0) if receiver.answers else (200, {})
        status = receiver.always or status
        if 200 <= status < 300:
            receiver.received.append(
                Received(self.path, headers["webhook-id"], message["type"], message, body, headers)
            )
        self._answer(status, extra)

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running_receiver(folder: Path, authority: trustme.CA | None = None) -> Iterator[Receiver]:
    """A receiver on loopback; its authority's certificate is put into a folder."""
    authority = authority or trustme.CA()
    ca_file = folder / "webhooks-ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", HOST).configure_cert(tls)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        receiver = Receiver(server.server_port, ca_file)
        server.RequestHandlerClass = type("Handler", (_Handler,), {"receiver": receiver})
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()


def message_of(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body)
    return found
