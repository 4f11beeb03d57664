"""The mail server: every message goes to the mailbox, unless a fault is injected."""

import asyncio
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.faults import Fault
from sandbox.mail.mailbox_state import Mail
from sandbox.world import World

DEFAULT_REPLY = {
    421: "4.3.2 Service shutting down",
    451: "4.3.0 Requested action aborted: local error in processing",
    452: "4.3.1 Insufficient system storage",
    550: "5.1.1 Mailbox unavailable",
    552: "5.3.4 Message size exceeds limit",
    554: "5.7.1 Transaction failed",
}


async def serve(world: World, port: int) -> asyncio.Server:
    """Serve SMTP on a loopback port, in the running event loop.  Port 0: any free port."""
    world.operations |= {("smtp", "RCPT"), ("smtp", "DATA")}
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: SMTP(
            SmtpHandler(world), hostname="mail.example.com", enable_SMTPUTF8=True, loop=loop
        ),
        "127.0.0.1",
        port,
    )


class SmtpHandler:
    """Handles the commands RCPT and DATA, with injected faults.

    A fault at `RCPT` applies before or after the recipient is accepted, one at `DATA` before or
    after the message is stored: with `drop_after` and `timeout_after` the mail is delivered, but
    the client gets no reply.  A fault's `status` is the reply code, its `code` the reply's text.
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
        fault = self._next_fault("RCPT")
        if fault and (reply := await apply_before(fault, server)):
            return reply
        envelope.rcpt_tos.append(address)
        if fault:
            await apply_after(fault, server)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802  the name aiosmtpd calls
        self,
        server: SMTP,
        session: Session,  # noqa: ARG002  part of aiosmtpd's signature
        envelope: Envelope,
    ) -> str:
        fault = self._next_fault("DATA")
        if fault and (reply := await apply_before(fault, server)):
            return reply
        mail = parse_mail(self.world, envelope)
        self.world.mail.messages.append(mail)
        if fault:
            await apply_after(fault, server)
        return f"250 2.0.0 OK: queued as {mail.number}"

    def _next_fault(self, operation: str) -> Fault | None:
        self.world.advance()
        self.world.calls["smtp", operation] += 1
        return self.world.faults.take("smtp", operation)


async def apply_before(fault: Fault, server: SMTP) -> str | None:
    """Apply a fault before the command is executed: an error reply, or no reply at all."""
    match fault.kind:
        case "status":
            return f"{fault.status} {fault.code or DEFAULT_REPLY.get(fault.status, 'Error')}"
        case "timeout_before":
            await asyncio.sleep(fault.delay_seconds)
            await close_connection(server)
        case "drop_before":
            await close_connection(server)
    return None


async def apply_after(fault: Fault, server: SMTP) -> None:
    """Apply a fault after the command was executed: no reply."""
    if fault.kind == "timeout_after":
        await asyncio.sleep(fault.delay_seconds)
    await close_connection(server)


async def close_connection(server: SMTP) -> None:
    """Close the connection without a reply; this also cancels the session's task."""
    if server.transport is not None:
        server.transport.close()
    await asyncio.get_running_loop().create_future()


def parse_mail(world: World, envelope: Envelope) -> Mail:
    """The message in an envelope, with its parts decoded."""
    content: Any = envelope.content
    raw = content.encode() if isinstance(content, str) else content
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return Mail(
        number=len(world.mail.messages) + 1,
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
    """The body of this subtype; empty if the message has none."""
    part = message.get_body((subtype,))
    return "" if part is None else str(part.get_content())
