"""Email: letters to buyers and owners over SMTP.

SMTP has no idempotency: when the server took a mail and its answer was lost, nobody can tell.  A
letter to a buyer then fails POSSIBLY_SENT and a person decides; a notice to an owner is sent again.
"""

import hashlib
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from pydantic import BaseModel, ConfigDict, SecretStr
from temporalio import activity

from activities.errors import Failure, smtp_failure, unavailable
from activities.letters import Letter, MailKind, write
from offers.record import OfferRecord

TIMEOUT_SECONDS = 20

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(enabled_extensions=("html.jinja",), default=False),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class SendMail(BaseModel):
    """Which letter is sent, about which offer."""

    model_config = ConfigDict(frozen=True)

    kind: MailKind
    record: OfferRecord
    occasion: str = ""
    """Tells mails of one kind about one offer apart, such as the days before expiry."""


class Email:
    """Activities on the mail server named by an `smtp://` or `smtps://` URL."""

    def __init__(self, smtp_url: SecretStr, sender: str) -> None:
        self._url = urlsplit(smtp_url.get_secret_value())
        self._sender = sender

    @activity.defn
    async def send_mail(self, mail: SendMail) -> None:
        """Send one letter to the buyer or the owner."""
        message = self._message(mail)
        server = _server(self._url)
        await _step(server.connect)
        try:
            if self._url.username is not None:
                await _step(
                    server.login, unquote(self._url.username), unquote(self._url.password or "")
                )
            await _step(server.mail, parseaddr(self._sender)[1])
            await _step(server.rcpt, message["To"])
            await self._hand_over(server, message, mail.kind)
        finally:
            server.close()

    async def _hand_over(
        self, server: aiosmtplib.SMTP, message: EmailMessage, kind: MailKind
    ) -> None:
        try:
            await server.data(message.as_bytes())
        except (aiosmtplib.SMTPException, OSError) as error:
            failure = smtp_failure(error, handed_over=True)
            if failure.type == Failure.POSSIBLY_SENT and not kind.to_buyer:
                # A second copy of a notice does no harm; a missing one does.
                failure = unavailable("The mail server", "its answer was lost")
            raise failure from None

    def _message(self, mail: SendMail) -> EmailMessage:
        contacts = mail.record.written_to
        letter = write(mail.kind, mail.record)
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = contacts.buyer_email if mail.kind.to_buyer else contacts.owner_email
        message["Subject"] = " ".join(letter.subject.split())
        message["Message-ID"] = self._message_id(mail)
        message.set_content(_render("letter.txt.jinja", letter))
        message.add_alternative(_render("letter.html.jinja", letter), subtype="html")
        return message

    def _message_id(self, mail: SendMail) -> str:
        # The same for each try of one mail: mailboxes that know it show a second copy only once.
        key = f"{mail.record.opportunity_id}/{mail.record.revision}/{mail.kind}/{mail.occasion}"
        domain = parseaddr(self._sender)[1].rpartition("@")[2]
        return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def _server(url: SplitResult) -> aiosmtplib.SMTP:
    secure = url.scheme == "smtps"
    loopback = url.hostname in ("127.0.0.1", "localhost", "::1")
    return aiosmtplib.SMTP(
        hostname=url.hostname,
        port=url.port,
        use_tls=secure,
        # Beyond this machine a mail never goes in the clear.
        start_tls=None if secure or loopback else True,
        timeout=TIMEOUT_SECONDS,
    )


async def _step(call: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
    try:
        await call(*arguments)
    except (aiosmtplib.SMTPException, OSError) as error:
        raise smtp_failure(error, handed_over=False) from None


def _render(template: str, letter: Letter) -> str:
    return TEMPLATES.get_template(template).render(letter=letter)
