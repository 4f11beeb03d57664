"""Mails to buyers, owners and roles over SMTP.

SMTP has no idempotency: when the server's answer is lost, nobody can tell whether it took the mail.
A mail to a buyer then fails DELIVERY_UNKNOWN and a person decides; a notice is sent again.
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage as MimeMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit
from uuid import uuid4

import aiosmtplib
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from pydantic import Field, SecretStr, field_serializer
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.email.actions import is_command
from activities.email.contents import compose
from activities.email.message import EmailKind, EmailMessage, greeting
from activities.email.operations import compose_test
from activities.errors import Failure, setting_missing, smtp_failure, unavailable
from offers.lifecycle.confirmation_link import ConfirmationLinks, ConfirmationToken
from offers.lifecycle.record import OfferRecord
from offers.model import FrozenModel
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

POLICY_FIELDS = frozenset({"product_name", "seller_name", "extend_expired_within", "publication"})
"""The fields of the offer's own policy that a mail needs; others are as they are now."""
EXCLUDED = {"policy": set(Policy.model_fields) - POLICY_FIELDS}


class OwnerCopy(StrEnum):
    """When the owner gets what is sent to a role."""

    ALSO = "also"
    IF_ROLE_IS_VACANT = "if-role-is-vacant"


class OfferEmail(FrozenModel):
    """A mail about one offer."""

    kind: EmailKind
    record: OfferRecord
    occasion: str = ""
    """Distinguishes mails of one kind about one offer, such as the days before expiry."""
    role: str | None = None
    """The role whose holders get the notice; None: the owner gets it."""
    to_owner: OwnerCopy | None = None
    """When the owner gets what is sent to a role; None: never."""
    copy_to: str | None = None
    """A role whose holders, if there are any, also get the notice."""

    @field_serializer("record")
    def _without_unused_policy(self, record: OfferRecord) -> dict[str, Any]:
        # The workflow history keeps every mail, and every worker that replays it reads it.
        return record.model_dump(mode="json", exclude=EXCLUDED)


class BroadcastEmail(FrozenModel):
    """A notice that is not about a single offer."""

    to: tuple[Address, ...] = Field(repr=False)
    message: EmailMessage = Field(repr=False)
    key: str = Field(repr=False)
    """The Message-ID is made from it: mailboxes show a second copy with the same one only once."""


class Email:
    """Activities on the mail server named by an `smtp://` or `smtps://` URL."""

    def __init__(
        self,
        smtp_url: SecretStr,
        sender: str,
        salesforce_url: str,
        policy: Policy,
        *,
        links: ConfirmationLinks | None = None,
        console_url: str | None = None,
    ) -> None:
        """`salesforce_url`: base address of the links to opportunities.

        `links`: None if buyers are not asked to confirm their account.
        `console_url`: None if there is no console.
        """
        self._links = links
        self._console_url = console_url.rstrip("/") if console_url else None
        self._policy = policy
        self._url = urlsplit(smtp_url.get_secret_value())
        self._sender = sender
        self._salesforce_url = salesforce_url.rstrip("/")

    @activity.defn
    async def send_to_buyer(self, mail: OfferEmail) -> None:
        """Fails DELIVERY_UNKNOWN if the mail may have been sent."""
        buyer = mail.record.require_contacts().buyer_email
        await self._send(self._offer_email(mail, buyer), buyer)

    @activity.defn
    async def send_notice(self, mail: OfferEmail) -> bool | None:
        """Send to the owner, or to those who hold a role now; a request to confirm the account to
        the buyer.

        Repeated while it may not have been sent.  False: not sent, because nobody is to get it.
        """
        if not (to := self._recipients(mail)):
            return False
        await self._notify(self._offer_email(mail, *to), to)
        # Not True: workers of an earlier version take nothing else, and histories stay short.
        return None

    def _recipients(self, mail: OfferEmail) -> tuple[str, ...]:
        if mail.kind is EmailKind.OFFER_ACCOUNT_CONFIRMATION:
            return (mail.record.require_contacts().buyer_email,)
        roles = self._policy.roles
        holders = roles.get(mail.role, ()) if mail.role else ()
        to_owner = mail.role is None or (
            not holders if mail.to_owner is OwnerCopy.IF_ROLE_IS_VACANT else mail.to_owner
        )
        owner = (mail.record.owner.owner_email,) if mail.record.owner and to_owner else ()
        copies = roles.get(mail.copy_to, ()) if mail.copy_to else ()
        return tuple(dict.fromkeys((*holders, *owner, *copies)))

    @activity.defn
    async def send_broadcast(self, mail: BroadcastEmail) -> None:
        """Send a notice that is not about a single offer; repeated like `send_notice`."""
        message = mail.message
        if message.link is None and self._console_url:
            link = ("Open the console", f"{self._console_url}/")
            message = message.model_copy(update={"link": link})
        await self._notify(self._mime(message, mail.key, *mail.to), mail.to)

    async def try_login(self) -> str:
        """Connect, and log in if there is a user; says how.  Nothing is sent.

        Raises the ApplicationError to fail with.
        """
        server = await self._connected()
        try:
            encrypted = server.get_transport_info("sslcontext") is not None
        finally:
            server.close()
        login = "logged in" if self._url.username is not None else "without a login"
        return f"connected, {'encrypted' if encrypted else 'not encrypted'}, {login}"

    async def send_test(self, to: str) -> None:
        """Send one mail.  Raises the ApplicationError to fail with."""
        await self._send(self._mime(compose_test(), f"test/{uuid4()}", to), to)

    async def _connected(self) -> aiosmtplib.SMTP:
        """Logged in, if there is a user."""
        server = _client(self._url)
        await _send_command(server.connect)
        if self._url.username is not None:
            user, password = unquote(self._url.username), unquote(self._url.password or "")
            try:
                await _send_command(server.login, user, password)
            except ApplicationError:
                server.close()
                raise
        return server

    async def _notify(self, message: MimeMessage, to: Collection[str]) -> None:
        try:
            await self._send(message, *to)
        except ApplicationError as failure:
            if failure.type != Failure.DELIVERY_UNKNOWN:
                raise
            raise unavailable("The mail server", "its answer was lost") from None

    async def _send(self, message: MimeMessage, *to: str) -> None:
        server = await self._connected()
        try:
            await _send_command(server.mail, parseaddr(self._sender)[1])
            await _name_recipients(server, to)
            await _send_command(server.data, message.as_bytes(), data_sent=True)
        finally:
            server.close()

    def _offer_email(self, mail: OfferEmail, *to: str) -> MimeMessage:
        record = mail.record.model_copy(update={"policy": mail.record.policy.as_now(self._policy)})
        content = compose(mail.kind, record, self._salesforce_url, self._console_url)
        if mail.kind is EmailKind.OFFER_ACCOUNT_CONFIRMATION:
            content = content.model_copy(update={"link": self._confirmation_link(record)})
        if len(to) > 1 or mail.role:
            # The owner's name would greet everybody else, too.
            content = content.model_copy(update={"greeting": greeting(None)})
        key = f"{record.path}/{record.revision}/{mail.kind}/{mail.occasion}"
        message = self._mime(content, key, *to)
        name, address = parseaddr(self._sender)
        if not name:
            seller = HeaderAddress(mail.record.policy.product_name, addr_spec=address)
            message.replace_header("From", seller)
        if mail.record.owner is not None:
            message["Reply-To"] = mail.record.owner.owner_email
        return message

    def _confirmation_link(self, record: OfferRecord) -> tuple[str, str]:
        """Made here, so that it is in the mail alone and not in the workflow's history."""
        if self._links is None or record.account_link is None:
            raise setting_missing(
                "OFFERS_CONSOLE_URL or OFFERS_LINK_KEYS is not set on the worker for mails"
            )
        token = ConfirmationToken(
            offer=record.path,
            nonce=record.account_link.nonce,
            expires_at=record.account_link.expires_at,
        )
        return "Confirm the AWS account", self._links.address(token)

    def _mime(self, content: EmailMessage, key: str, *to: str) -> MimeMessage:
        # The default policy folds a long subject so that its first line is blank.  Not every server
        # takes 8 bits.
        message = MimeMessage(policy=SMTP.clone(max_line_length=200, cte_type="7bit"))
        message["From"] = self._sender
        message["To"] = ", ".join(to)
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Subject"] = " ".join(content.subject.split())
        message["Message-ID"] = self._message_id(key)
        message.set_content(_render("email.txt.jinja", content))
        message.add_alternative(_render("email.html.jinja", content), subtype="html")
        return message

    def _message_id(self, key: str) -> str:
        # The same for each attempt at one mail: mailboxes show a second copy only once.
        domain = parseaddr(self._sender)[1].rpartition("@")[2]
        return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def _client(url: SplitResult) -> aiosmtplib.SMTP:
    secure = url.scheme == "smtps"
    loopback = url.hostname in ("127.0.0.1", "localhost", "::1")
    return aiosmtplib.SMTP(
        hostname=url.hostname,
        port=url.port,
        use_tls=secure,
        # Mail to other machines is always encrypted.
        start_tls=None if secure or loopback else True,
        timeout=TIMEOUT_SECONDS,
    )


async def _name_recipients(server: aiosmtplib.SMTP, to: Collection[str]) -> None:
    """Name the recipients; rejected addresses are skipped, unless all are rejected."""
    rejected: list[ApplicationError] = []
    for recipient in to:
        try:
            await _send_command(server.rcpt, recipient)
        except ApplicationError as failure:
            if failure.type != Failure.REJECTED:
                raise
            rejected.append(failure)
    if len(rejected) == len(to):
        raise rejected[0]
    if rejected:
        activity.logger.warning(
            "the mail server rejected %d of %d addresses", len(rejected), len(to)
        )


async def _send_command(
    call: Callable[..., Awaitable[Any]], *arguments: Any, data_sent: bool = False
) -> None:
    try:
        await call(*arguments)
    except (aiosmtplib.SMTPException, OSError) as error:
        raise smtp_failure(error, data_sent=data_sent) from None


def _render(template: str, content: EmailMessage) -> str:
    return TEMPLATES.get_template(template).render(content=content)
