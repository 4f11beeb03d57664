"""The mail server and the mailbox page."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import aiosmtplib
import httpx
import pytest

from sandbox.faults import Fault
from sandbox.server import Sandbox
from sandbox.tests.support.manual_clock import ManualClock
from sandbox.tests.support.waiting import wait_until
from sandbox.world import World


@pytest.fixture
def world(sandbox: Sandbox) -> World:
    return sandbox.world


@pytest.fixture
def port(sandbox: Sandbox) -> int:
    port = urlsplit(sandbox.addresses.smtp).port
    assert port is not None
    return port


@pytest.fixture
def pages(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sandbox.addresses.mailbox, timeout=5) as client:
        yield client


def message_with(subject: str = "Your offer", text: str = "Hello", html: str = "") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "Offers <offers@example.com>", "buyer@example.com"
    message["Subject"], message["Message-ID"] = subject, "<offer-1@example.com>"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


def send(port: int, message: EmailMessage, **how: Any) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as server:
        return server.send_message(message, **how)


def test_a_mail_arrives_decoded(port: int, world: World, clock: ManualClock) -> None:
    message = message_with("Angebot für Zoë", "Grüße\n", "<p>Grüße &amp; more</p>")
    message["X-Idempotency-Key"] = "offer/1/buyer"
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="a.pdf")
    send(port, message, to_addrs=["buyer@example.com", "copy@example.com"])
    (mail,) = world.mail.messages
    assert mail.number == 1
    assert mail.received_at == clock.now
    assert mail.sender == "offers@example.com"
    assert mail.recipients == ["buyer@example.com", "copy@example.com"]
    assert mail.subject == "Angebot für Zoë"
    assert mail.message_id == "<offer-1@example.com>"
    assert mail.headers["X-Idempotency-Key"] == "offer/1/buyer"
    assert mail.text.strip() == "Grüße"
    assert mail.html.strip() == "<p>Grüße &amp; more</p>"


@pytest.mark.parametrize(
    ("kind", "raised", "stored"),
    [
        ("drop_before", aiosmtplib.SMTPServerDisconnected, 0),
        ("drop_after", aiosmtplib.SMTPServerDisconnected, 1),
        ("timeout_before", aiosmtplib.SMTPReadTimeoutError, 0),
        ("timeout_after", aiosmtplib.SMTPReadTimeoutError, 1),
        ("malformed", aiosmtplib.SMTPResponseException, 0),
        ("truncated", aiosmtplib.SMTPServerDisconnected, 0),
    ],
)
async def test_a_message_without_a_reply(
    port: int, world: World, kind: str, raised: type[Exception], stored: int
) -> None:
    world.faults.waiting.append(Fault("smtp", kind, "DATA"))
    timeout = 1 if kind.startswith("timeout") else 5
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, timeout=5) as client:
        await client.mail("offers@example.com")
        await client.rcpt("buyer@example.com")
        with pytest.raises(raised):
            await client.data(message_with().as_bytes(), timeout=timeout)
    wait_until(lambda: len(world.mail.messages) == stored)


def test_the_newest_mail_comes_first(port: int, pages: httpx.Client, clock: ManualClock) -> None:
    send(port, message_with("First"))
    clock.advance(days=1)
    send(port, message_with("Second"))
    page = pages.get("/").text
    assert page.index("Second") < page.index("First")
    assert '<a href="/2">' in page
    assert "2026-03-03 09:00 UTC" in page
    assert [mail["subject"] for mail in pages.get("/mail").json()] == ["Second", "First"]
    one = pages.get("/mail/1").json()
    assert (one["number"], one["received_at"]) == (1, "2026-03-02T09:00:00+00:00")


def test_the_content_of_a_mail_is_escaped(port: int, pages: httpx.Client) -> None:
    attack = '"><script>alert(1)</script>'
    message = message_with(attack, f"Plain & simple {attack}", f'<p class="x">{attack}</p>')
    message.replace_header("From", f'"{attack[2:]}" <offers@example.com>')
    send(port, message)
    for path in ("/", "/1"):
        answer = pages.get(path)
        assert "<script" not in answer.text
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Plain &amp; simple" in answer.text
    assert "&lt;p class=&quot;x&quot;&gt;" in answer.text
    assert "allow-scripts" not in answer.text
