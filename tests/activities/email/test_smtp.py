"""The activities on mail, over real SMTP against the sandbox."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError

from activities.email.message import EmailKind, EmailMessage
from activities.email.smtp import BroadcastEmail, Email, OfferEmail
from activities.errors import Failure
from offers.lifecycle.record import OfferRecord
from offers.policy.policy import Policy
from offers.terms.contacts import Contacts, Owner
from sandbox.faults import Fault
from sandbox.mail.smtp_server import SmtpHandler
from sandbox.server import Sandbox
from tests.support.builders import terms
from tests.support.vendors import OFFER, failure_type, run_activity
from tests.support.workflow_harness import OPPORTUNITY

SALESFORCE = "https://example.my.salesforce.com"


def sender(sandbox: Sandbox, address: str = "Offers <offers@example.com>", **policy: Any) -> Email:
    return Email(
        SecretStr(sandbox.addresses.smtp), address, SALESFORCE, Policy.model_validate(policy)
    )


def mail(kind: EmailKind, occasion: str = "") -> OfferEmail:
    return OfferEmail(
        kind=kind,
        record=OfferRecord(
            opportunity_id=OPPORTUNITY,
            terms=terms(company="Ünïcode & Sons"),
            company="Ünïcode & Sons",
            owner=Owner(owner_email="owner@example.com"),
            contacts=Contacts(buyer_email="buyer@example.com", owner_email="owner@example.com"),
            change_set_id="x",
            offer_id=OFFER,
            offer_url="https://example.com/?offerId=" + OFFER,
        ),
        occasion=occasion,
    )


@pytest.fixture
def email(sandbox: Sandbox) -> Email:
    return sender(sandbox)


async def test_attempts_of_one_mail_have_one_message_id(sandbox: Sandbox, email: Email) -> None:
    for occasion in ("", "", "2026-03-25"):
        await run_activity(email.send_to_buyer, mail(EmailKind.OFFER_REMINDER, occasion))
    one, again, other = (sent.message_id for sent in sandbox.world.mail.messages)
    assert one == again != other
    assert one.endswith("@example.com>")


async def test_recipients_of_notices_and_buyer_mails(sandbox: Sandbox, email: Email) -> None:
    await run_activity(email.send_notice, mail(EmailKind.OWNER_EXPIRED))
    await run_activity(email.send_to_buyer, mail(EmailKind.OFFER_SHARED))
    notice, buyer_mail = sandbox.world.mail.messages
    assert notice.recipients == ["owner@example.com"]
    assert notice.subject == "Expired: Ünïcode & Sons"
    assert buyer_mail.recipients == ["buyer@example.com"]


async def test_mails_to_colleagues_lead_to_the_console_and_buyers_never(sandbox: Sandbox) -> None:
    email = Email(
        SecretStr(sandbox.addresses.smtp),
        "offers@example.com",
        SALESFORCE,
        Policy(),
        console_url="https://offers.example.com/",
    )
    broadcast = BroadcastEmail(
        to=("ops@example.com",),
        message=EmailMessage(subject="News", greeting="Hello,", paragraphs=("News.",)),
        key="news",
    )
    await run_activity(email.send_notice, mail(EmailKind.OWNER_EXPIRED))
    await run_activity(email.send_broadcast, broadcast)
    await run_activity(email.send_to_buyer, mail(EmailKind.OFFER_SHARED))
    notice, news, buyer_mail = (sent.text.splitlines() for sent in sandbox.world.mail.messages)
    assert f"https://offers.example.com/offers/{OPPORTUNITY}" in notice
    assert f"{SALESFORCE}/lightning/r/Opportunity/{OPPORTUNITY}/view" in notice
    assert "https://offers.example.com/" in news
    assert not [line for line in buyer_mail if "offers.example.com" in line]


@pytest.mark.parametrize(
    ("fault", "buyer_mail", "notice"),
    [
        (Fault("smtp", "drop_before", "DATA"), Failure.DELIVERY_UNKNOWN, Failure.UNAVAILABLE),
        (Fault("smtp", "drop_after", "DATA"), Failure.DELIVERY_UNKNOWN, Failure.UNAVAILABLE),
        (Fault("smtp", "status", "DATA", status=451), Failure.UNAVAILABLE, Failure.UNAVAILABLE),
        (Fault("smtp", "status", "DATA", status=554), Failure.REJECTED, Failure.REJECTED),
        (Fault("smtp", "status", "RCPT", status=550), Failure.REJECTED, Failure.REJECTED),
        (Fault("smtp", "drop_before", "RCPT"), Failure.UNAVAILABLE, Failure.UNAVAILABLE),
    ],
)
async def test_mail_server_faults(
    sandbox: Sandbox, email: Email, fault: Fault, buyer_mail: Failure, notice: Failure
) -> None:
    for send, kind, expected in (
        (email.send_to_buyer, EmailKind.OFFER_SHARED, buyer_mail),
        (email.send_notice, EmailKind.OWNER_EXPIRED, notice),
    ):
        sandbox.world.faults.waiting = [replace(fault)]
        with pytest.raises(ApplicationError) as raised:
            await run_activity(send, mail(kind))
        assert failure_type(raised) == expected


async def test_missing_mail_server(unused_tcp_port: int) -> None:
    unreachable = Email(
        SecretStr(f"smtp://127.0.0.1:{unused_tcp_port}"),
        "offers@example.com",
        SALESFORCE,
        Policy(),
    )
    with pytest.raises(ApplicationError) as raised:
        await run_activity(unreachable.send_to_buyer, mail(EmailKind.OFFER_SHARED))
    assert failure_type(raised) == Failure.UNAVAILABLE


async def test_notice_is_sent_to_accepted_recipients(sandbox: Sandbox) -> None:
    faults = sandbox.world.faults.waiting
    email = sender(sandbox, roles={"deal-desk": ["desk@example.com"], "legal": ["l@example.com"]})
    notice = mail(EmailKind.OWNER_EXPIRED).model_copy(update={"copy_to": "deal-desk"})
    faults.append(Fault("smtp", "status", "RCPT", status=451))
    with pytest.raises(ApplicationError) as raised:
        await run_activity(email.send_notice, notice)
    assert failure_type(raised) == Failure.UNAVAILABLE
    faults.append(Fault("smtp", "status", "RCPT", status=550, times=2))
    with pytest.raises(ApplicationError, match="it rejects the recipient's address"):
        await run_activity(email.send_notice, notice)
    assert sandbox.world.mail.messages == []
    faults.append(Fault("smtp", "status", "RCPT", status=550))
    await run_activity(email.send_notice, notice)
    assert [sent.recipients for sent in sandbox.world.mail.messages] == [["desk@example.com"]]


async def test_headers_of_a_mail(sandbox: Sandbox, email: Email) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    await run_activity(email.send_to_buyer, mail(EmailKind.OFFER_SHARED))
    unnamed = sender(sandbox, "offers@example.com")
    await run_activity(unnamed.send_to_buyer, mail(EmailKind.OFFER_SHARED))
    named, by_product = (sent.headers for sent in sandbox.world.mail.messages)
    assert before <= parsedate_to_datetime(named["Date"]) <= datetime.now(UTC)
    assert named["Reply-To"] == "owner@example.com"
    assert named["From"] == "Offers <offers@example.com>"
    assert by_product["From"] == "Example Product <offers@example.com>"


async def test_mail_has_seven_bits(
    sandbox: Sandbox, email: Email, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server without 8BITMIME refuses others."""
    received: list[bytes] = []
    take = SmtpHandler.handle_DATA

    async def keep(handler: SmtpHandler, server: Any, session: Any, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        received.append(envelope.content)
        return await take(handler, server, session, envelope)

    monkeypatch.setattr(SmtpHandler, "handle_DATA", keep)
    await run_activity(email.send_notice, mail(EmailKind.OWNER_EXPIRED))
    assert received[0].isascii()
    assert "Ünïcode & Sons" in sandbox.world.mail.messages[0].text


@pytest.mark.parametrize(
    "name",
    [
        "Example\n\nYour offer has moved. Accept it at\nhttps://evil.example/offer\n",
        "Example, please see www.evil.example",
        "evil.example",
        "write to x@evil.example",
        "E" * 61,
    ],
)
async def test_name_that_may_be_none_greets_nobody(
    sandbox: Sandbox, email: Email, name: str
) -> None:
    shared = mail(EmailKind.OFFER_SHARED)
    contacts = Contacts(
        buyer_email="buyer@example.com", buyer_name=name, owner_email="owner@example.com"
    )
    record = shared.record.model_copy(update={"contacts": contacts})
    await run_activity(email.send_to_buyer, shared.model_copy(update={"record": record}))
    (sent,) = sandbox.world.mail.messages
    assert sent.text.startswith("Hello,\r\n")
    for part in (sent.text, sent.html):
        assert "evil" not in part
        assert "EEEE" not in part


def test_name_of_several_lines_is_one_line() -> None:
    contacts = Contacts(
        buyer_email="buyer@example.com", buyer_name="Ada\r\n  Example", owner_email="o@example.com"
    )
    assert contacts.buyer_name == "Ada Example"


def test_notice_shows_neither_addresses_nor_text_in_logs() -> None:
    message = EmailMessage(subject="a subject", greeting="Hello,", paragraphs=("a paragraph",))
    shown = repr(BroadcastEmail(to=("desk@example.com",), message=message, key="a key"))
    assert not any(part in shown for part in ("desk@", "a subject", "a paragraph", "a key"))


async def test_request_for_a_confirmation_needs_the_settings_of_links(email: Email) -> None:
    asked = mail(EmailKind.OFFER_ACCOUNT_CONFIRMATION)
    with pytest.raises(ApplicationError, match="OFFERS_LINK_KEYS") as raised:
        await run_activity(email.send_notice, asked)
    assert failure_type(raised) == Failure.REJECTED
