"""The mail server: it takes every message and puts it into the mailbox, unless a fault strikes."""

import asyncio
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.faults import Fault
from sandbox.world import Mail, World

USUAL_REPLY = {
    421: "4.3.2 Service shutting down",
    451: "4.3.0 Requested action aborted: local error in processing",
    452: "4.3.1 Insufficient system storage",
    550: "5.1.1 Mailbox unavailable",
    552: "5.3.4 Message size exceeds limit",
    554: "5.7.1 Transaction failed",
}


async def serve(world: World, port: int) -> asyncio.Server:
    """Take mail on a loopback port, in the running loop.  Port 0: a free one."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: SMTP(
            SmtpHandler(world), hostname="mail.example.com", enable_SMTPUTF8=True, loop=loop
        ),
        "127.0.0.1",
        port,
    )


class SmtpHandler:
    """Answers the two commands at which something is decided: each recipient, and the message.

    A fault at `RCPT` strikes before or after the recipient is taken; one at `DATA` before or after
    the message is stored, so `drop_after` and `timeout_after` there are mail delivered whose
    answer is lost.  An SMTP fault's `status` is the reply code, its `code` the reply's text.
    """

    def __init__(self, world: World) -> None:
        self.world = world

    async def handle_RCPT(  # noqa: N802  the name aiosmtpd calls
        self,
        server: SMTP,
        session: Session,  # noqa: ARG002  part of aiosmtpd's signature
        envelope: Envelope,
        address: str,
        options: list[str],  # noqa: ARG002  part of aiosmtpd's signature
    ) -> str:
        fault = self._strike("RCPT")
        if fault and (refusal := await before(fault, server)):
            return refusal
        envelope.rcpt_tos.append(address)
        if fault:
            await after(fault, server)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802  the name aiosmtpd calls
        self,
        server: SMTP,
        session: Session,  # noqa: ARG002  part of aiosmtpd's signature
        envelope: Envelope,
    ) -> str:
        fault = self._strike("DATA")
        if fault and (refusal := await before(fault, server)):
            return refusal
        mail = received(self.world, envelope)
        self.world.mails.append(mail)
        if fault:
            await after(fault, server)
        return f"250 2.0.0 OK: queued as {mail.number}"

    def _strike(self, operation: str) -> Fault | None:
        self.world.advance()
        self.world.count("smtp", operation)
        return self.world.faults.strike("smtp", operation)


async def before(fault: Fault, server: SMTP) -> str | None:
    """What a fault does instead of the effect: a refusal, or no answer at all."""
    match fault.kind:
        case "status":
            return f"{fault.status} {fault.code or USUAL_REPLY.get(fault.status, 'Error')}"
        case "timeout_before":
            await asyncio.sleep(fault.hold_seconds)
            await cut(server)
        case "drop_before":
            await cut(server)
    return None


async def after(fault: Fault, server: SMTP) -> None:
    """What a fault does once the effect is there: no answer."""
    if fault.kind == "timeout_after":
        await asyncio.sleep(fault.hold_seconds)
    await cut(server)


async def cut(server: SMTP) -> None:
    """Close the connection without a reply; the conversation's task is cancelled by that."""
    if server.transport is not None:
        server.transport.close()
    await asyncio.get_running_loop().create_future()


def received(world: World, envelope: Envelope) -> Mail:
    """The message in an envelope, its parts decoded."""
    content: Any = envelope.content
    raw = content.encode() if isinstance(content, str) else content
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return Mail(
        number=len(world.mails) + 1,
        received_at=world.now(),
        sender=envelope.mail_from or "",
        recipients=list(envelope.rcpt_tos),
        subject=str(message.get("Subject", "")),
        message_id=str(message.get("Message-ID", "")).strip(),
        headers={name: str(value) for name, value in message.items()},
        text=_part(message, "plain"),
        html=_part(message, "html"),
    )


def _part(message: EmailMessage, subtype: str) -> str:
    """The readable body of this kind; empty if the message has none."""
    part = message.get_body((subtype,))
    return "" if part is None else str(part.get_content())
