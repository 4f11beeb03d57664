"""The mail server: every message goes to the mailbox, unless a fault is injected."""

import asyncio
from collections.abc import Callable

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from sandbox.faults import BODY_KINDS
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
    """Serve SMTP on a loopback port, in the running event loop.  Port 0: any free port.

    Clients may log in, with any name and password, unless a fault refuses it.
    """
    world.operations |= {("smtp", "AUTH"), ("smtp", "RCPT"), ("smtp", "DATA")}
    loop, handler, host = asyncio.get_running_loop(), SmtpHandler(world), "mail.example.com"
    return await loop.create_server(
        lambda: SMTP(
            handler,
            hostname=host,
            enable_SMTPUTF8=True,
            auth_require_tls=False,
            authenticator=lambda *_: _log_in(world),
            loop=loop,
        ),
        "127.0.0.1",
        port,
    )


def _log_in(world: World) -> AuthResult:
    """A fault of any kind refuses it."""
    world.calls["smtp", "AUTH"] += 1
    refused = world.faults.take("smtp", "AUTH") is not None
    return AuthResult(success=not refused, handled=False)


class SmtpHandler:
    """Handles the commands RCPT and DATA, with injected faults.

    With `drop_after` and `timeout_after` the recipient is accepted, or the mail is delivered, but
    the client gets no reply.  A fault's `status` is the reply code, its `code` the reply's text.
    """

    def __init__(self, world: World) -> None:
        self.world = world

    async def handle_RCPT(  # noqa: N802  the name aiosmtpd calls
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        def accept() -> str:
            envelope.rcpt_tos.append(address)
            return "250 2.1.5 OK"

        return await self._execute("RCPT", accept, server)

    async def handle_DATA(  # noqa: N802  the name aiosmtpd calls
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        def store() -> str:
            content = envelope.original_content or b""
            messages = self.world.mail.messages
            number = len(messages) + 1
            sender, recipients = envelope.mail_from or "", list(envelope.rcpt_tos)
            messages.append(Mail(number, self.world.now(), sender, recipients, content))
            return f"250 2.0.0 OK: queued as {number}"

        return await self._execute("DATA", store, server)

    async def _execute(self, operation: str, execute: Callable[[], str], server: SMTP) -> str:
        """Execute a command and return its reply, unless a fault applies."""
        self.world.advance()
        self.world.calls["smtp", operation] += 1
        fault = self.world.faults.take("smtp", operation)
        if fault is None:
            return execute()
        if fault.kind == "status":
            return f"{fault.status} {fault.code or DEFAULT_REPLY.get(fault.status, 'Error')}"
        if fault.kind in BODY_KINDS and fault.kind != "truncated":
            return fault.body
        if fault.kind.endswith("_after"):
            execute()
        if fault.kind.startswith("timeout_"):
            await asyncio.sleep(fault.delay_seconds)
        if server.transport is not None:
            server.transport.close()
        # Closing the connection cancels the session's task.
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]
