"""Mails to buyers, owners and roles over SMTP.

SMTP has no idempotency: when the server's answer is lost, nobody can tell whether it took the mail.
A mail to a buyer then fails DELIVERY_UNKNOWN and a person decides; a notice is sent again.
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection
from email.message import EmailMessage as MimeMessage
from email.policy import SMTP
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import aiosmtplib
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_serializer
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.email.actions import is_command
from activities.email.contents import write
from activities.email.message import EmailKind, EmailMessage
from activities.errors import Failure, smtp_failure, unavailable
from offers.lifecycle.record import OfferRecord
from offers.policy.policy import Policy
from offers.terms.contacts import Address

TIMEOUT_SECONDS = 20

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(enabled_extensions=("html.jinja",), default=False),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.tests["command"] = is_command

IN_MAILS = frozenset(
    {
        "product_name",
        "roles",
        "rules",  # which the roles are held against
        "time_zones",
        "support_contact",
        "extend_expired_within",
        "publication",
    }
)
"""What of the policy a mail takes along: what letters say, and who gets them."""
LEFT_OUT = {"policy": set(Policy.model_fields) - IN_MAILS}


class OfferEmail(BaseModel):
    """Which content is sent, about which offer."""

    model_config = ConfigDict(frozen=True)

    kind: EmailKind
    record: OfferRecord
    occasion: str = ""
    """Tells mails of one kind about one offer apart, such as the days before expiry."""
    role: str | None = None
    """A notice for those who hold a role; None: for the owner."""
    copy_to: str | None = None
    """A role whose holders, if there are any, get the notice, too."""

    @field_serializer("record")
    def _lean(self, record: OfferRecord) -> dict[str, Any]:
        # A history keeps every mail for good, and each worker on the way reads it.
        return record.model_dump(mode="json", exclude=LEFT_OUT)


class BroadcastEmail(BaseModel):
    """A notice that is about no single offer."""

    model_config = ConfigDict(frozen=True)

    to: tuple[Address, ...] = Field(repr=False)
    message: EmailMessage = Field(repr=False)
    key: str = Field(repr=False)
    """Tells memos apart: mailboxes that know it show a second copy only once."""


class Email:
    """Activities on the mail server named by an `smtp://` or `smtps://` URL."""

    def __init__(self, smtp_url: SecretStr, sender: str, salesforce_url: str) -> None:
        """`salesforce_url` is where people open opportunities."""
        self._url = urlsplit(smtp_url.get_secret_value())
        self._sender = sender
        self._salesforce_url = salesforce_url.rstrip("/")

    @activity.defn
    async def send_to_buyer(self, mail: OfferEmail) -> None:
        """Write to the buyer; fails POSSIBLY_SENT when nobody can tell whether it was taken."""
        buyer = mail.record.require_contacts().buyer_email
        await self._send(self._offer_email(mail, buyer), buyer)

    @activity.defn
    async def send_notice(self, mail: OfferEmail) -> None:
        """Tell the owner or a role: a second copy does no harm, a missing one does."""
        roles = mail.record.policy.roles
        recipients = roles[mail.role] if mail.role else (mail.record.require_owner().owner_email,)
        copies = roles.get(mail.copy_to, ()) if mail.copy_to else ()
        to = tuple(dict.fromkeys((*recipients, *copies)))
        await self._notify(self._offer_email(mail, *to), to)

    @activity.defn
    async def send_broadcast(self, memo: BroadcastEmail) -> None:
        """Tell some people something that is about no single offer."""
        await self._notify(self._mime(memo.message, memo.key, *memo.to), memo.to)

    async def _notify(self, message: MimeMessage, to: Collection[str]) -> None:
        try:
            await self._send(message, *to)
        except ApplicationError as failure:
            if failure.type != Failure.DELIVERY_UNKNOWN:
                raise
            raise unavailable("The mail server", "its answer was lost") from None

    async def _send(self, message: MimeMessage, *to: str) -> None:
        server = _server(self._url)
        await _step(server.connect)
        try:
            if self._url.username is not None:
                await _step(
                    server.login, unquote(self._url.username), unquote(self._url.password or "")
                )
            await _step(server.mail, parseaddr(self._sender)[1])
            await _name_recipients(server, to)
            await _step(server.data, message.as_bytes(), handed_over=True)
        finally:
            server.close()

    def _offer_email(self, mail: OfferEmail, *to: str) -> MimeMessage:
        content = write(mail.kind, mail.record, self._salesforce_url)
        key = f"{mail.record.path}/{mail.record.revision}/{mail.kind}/{mail.occasion}"
        return self._mime(content, key, *to)

    def _mime(self, content: EmailMessage, key: str, *to: str) -> MimeMessage:
        # Folded later, a long subject would begin with a blank line's blank.
        message = MimeMessage(policy=SMTP.clone(max_line_length=200))
        message["From"] = self._sender
        message["To"] = ", ".join(to)
        message["Subject"] = " ".join(content.subject.split())
        message["Message-ID"] = self._message_id(key)
        message.set_content(_render("email.txt.jinja", content))
        message.add_alternative(_render("email.html.jinja", content), subtype="html")
        return message

    def _message_id(self, key: str) -> str:
        # The same for each try of one mail: mailboxes that know it show a second copy only once.
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


async def _name_recipients(server: aiosmtplib.SMTP, to: Collection[str]) -> None:
    """Those whom the server does not take are passed over, unless it takes nobody."""
    refused: list[ApplicationError] = []
    for recipient in to:
        try:
            await _step(server.rcpt, recipient)
        except ApplicationError as failure:
            if failure.type != Failure.REJECTED:
                raise
            refused.append(failure)
    if len(refused) == len(to):
        raise refused[0]
    if refused:
        activity.logger.warning("the mail server refuses %d of %d addresses", len(refused), len(to))


async def _step(
    call: Callable[..., Awaitable[Any]], *arguments: Any, handed_over: bool = False
) -> None:
    try:
        await call(*arguments)
    except (aiosmtplib.SMTPException, OSError) as error:
        raise smtp_failure(error, handed_over=handed_over) from None


def _render(template: str, content: EmailMessage) -> str:
    return TEMPLATES.get_template(template).render(content=content)
