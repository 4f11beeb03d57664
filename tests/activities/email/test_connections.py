"""Connections to mail servers with TLS and a login, and what a mail consists of."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError

from activities.email import smtp
from activities.email.message import EmailMessage
from activities.email.smtp import BroadcastEmail, Email
from activities.errors import Failure
from offers.policy.policy import Policy
from sandbox.faults import Fault
from sandbox.server import Sandbox
from tests.support.vendors import run_activity
from tests.support.workflow_harness import environment_variables

NOTICE = BroadcastEmail(
    to=("finance@example.com", "desk@example.com"),
    message=EmailMessage(subject="Payout data", greeting="Hello,", paragraphs=("a & b",)),
    key="1",
)
THIS_MACHINE = "127.0.0.1"
ANOTHER_MACHINE = "127.0.0.2"
"""Loopback as well, but none of the names of this machine that mail may go to unencrypted."""


class Received:
    """Takes each mail, and what is known of its connection."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []

    async def handle_DATA(self, _: SMTP, session: Session, _mail: Envelope) -> str:  # noqa: N802
        self.sessions.append(session)
        return "250 2.0.0 OK"


def authenticate(_server: Any, _session: Any, _envelope: Any, _kind: str, data: Any) -> AuthResult:
    is_known = data == LoginPassword(b"offers@example.com", b"p/ss:w@rd")
    return AuthResult(success=is_known, handled=False)


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[ssl.SSLContext]:
    """For a server whose certificate is trusted."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(THIS_MACHINE, ANOTHER_MACHINE).configure_cert(context)
    with environment_variables({"SSL_CERT_FILE": str(tmp_path / "ca.pem")}):
        yield context


@pytest.fixture
def received() -> Received:
    return Received()


@asynccontextmanager
async def mail_server(
    received: Received,
    host: str = THIS_MACHINE,
    *,
    tls: ssl.SSLContext | None = None,
    start_tls: ssl.SSLContext | None = None,
    login: bool = False,
) -> AsyncIterator[str]:
    """Serve SMTP; gives host and port.  With `tls` from the start, or with STARTTLS."""
    loop = asyncio.get_running_loop()

    def connection() -> SMTP:
        return SMTP(
            received,
            hostname="mail.example.com",
            loop=loop,
            tls_context=start_tls,
            authenticator=authenticate,
            auth_required=login,
            auth_require_tls=login,
        )

    async with await loop.create_server(connection, host, 0, ssl=tls) as server:
        yield f"{host}:{server.sockets[0].getsockname()[1]}"


async def send(url: str) -> None:
    sender = Email(SecretStr(url), "Offers <offers@example.com>", "https://example.com", Policy())
    await run_activity(sender.send_broadcast, NOTICE)


async def failure_of(url: str) -> str | None:
    with pytest.raises(ApplicationError) as raised:
        await send(url)
    return raised.value.type


@pytest.mark.parametrize("host", [THIS_MACHINE, ANOTHER_MACHINE])
async def test_tls_from_the_start(received: Received, tls: ssl.SSLContext, host: str) -> None:
    async with mail_server(received, host, tls=tls) as address:
        await send(f"smtps://{address}")
    assert len(received.sessions) == 1


async def test_untrusted_certificate(received: Received, tls: ssl.SSLContext) -> None:
    with environment_variables({"SSL_CERT_FILE": "/dev/null"}):
        async with mail_server(received, tls=tls) as address:
            assert await failure_of(f"smtps://{address}") == Failure.UNAVAILABLE
        async with mail_server(received, ANOTHER_MACHINE, start_tls=tls) as address:
            assert await failure_of(f"smtp://{address}") == Failure.UNAVAILABLE
    assert received.sessions == []


@pytest.mark.parametrize("host", [THIS_MACHINE, ANOTHER_MACHINE])
async def test_starttls_is_used_where_it_is_offered(
    received: Received, tls: ssl.SSLContext, host: str
) -> None:
    async with mail_server(received, host, start_tls=tls) as address:
        await send(f"smtp://{address}")
    (session,) = received.sessions
    assert session.ssl is not None


async def test_mail_to_another_machine_is_never_sent_unencrypted(received: Received) -> None:
    async with mail_server(received, ANOTHER_MACHINE) as address:
        assert await failure_of(f"smtp://{address}") == Failure.UNAVAILABLE
    assert received.sessions == []
    async with mail_server(received) as address:
        await send(f"smtp://{address}")
    assert len(received.sessions) == 1


@pytest.mark.parametrize(
    ("login", "failure"),
    [
        ("offers%40example.com:p%2Fss%3Aw%40rd@", None),
        ("offers%40example.com:another@", Failure.CREDENTIALS),
        ("offers%40example.com@", Failure.CREDENTIALS),
        ("", Failure.CREDENTIALS),
    ],
)
async def test_login(
    received: Received, tls: ssl.SSLContext, login: str, failure: Failure | None
) -> None:
    async with mail_server(received, start_tls=tls, login=True) as address:
        if failure:
            assert await failure_of(f"smtp://{login}{address}") == failure
        else:
            await send(f"smtp://{login}{address}")
    assert len(received.sessions) == (0 if failure else 1)


async def test_silent_mail_server(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT_SECONDS", 0.2)
    fault = Fault("smtp", "timeout_before", "RCPT", delay_seconds=3600)
    sandbox.world.faults.waiting.append(fault)
    assert await failure_of(sandbox.addresses.smtp) == Failure.UNAVAILABLE


async def test_headers_and_parts(sandbox: Sandbox) -> None:
    await send(sandbox.addresses.smtp)
    (mail,) = sandbox.world.mail.messages
    assert mail.sender == "offers@example.com"
    assert mail.headers["From"] == "Offers <offers@example.com>"
    assert mail.headers["To"] == "finance@example.com, desk@example.com"
    assert mail.recipients == list(NOTICE.to)
    assert "a & b" in mail.text
    assert "a &amp; b" in mail.html
    assert "<" not in mail.text
