"""What is written to buyers and owners: the words of every mail, in one place.

A letter is plain data; the templates give it as text and as HTML.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from offers.clock import end_of_day, start_of_day
from offers.findings import Finding
from offers.hand_off import field_sheet
from offers.record import OfferRecord, expected_fee
from offers.terms import OfferTerms

BUYER_PERMISSION = "AWSMarketplaceManageSubscriptions"
"""The AWS managed policy that lets a person accept (AWS: buyer's guide)."""

PRIVATE_OFFERS_PAGE = (
    "https://us-east-1.console.aws.amazon.com/marketplace/home?region=us-east-1#/private-offers"
)
"""Shows a buyer every offer made to the account they are signed in to."""


class MailKind(StrEnum):
    """The occasions on which a mail is sent."""

    OFFER_SHARED = "offer-shared"
    OFFER_REMINDER = "offer-reminder"
    OFFER_VOID = "offer-void"
    APPROVAL_ASKED = "approval-asked"
    OWNER_HELD_UP = "owner-held-up"
    OWNER_HAND_OFF = "owner-hand-off"
    OWNER_HAND_OFF_VOID = "owner-hand-off-void"
    OWNER_ACCEPTED = "owner-accepted"
    OWNER_EXPIRED = "owner-expired"
    OWNER_FAILED = "owner-failed"
    OWNER_LATE = "owner-late"
    OWNER_PAID = "owner-paid"
    OWNER_TOO_LATE_TO_CANCEL = "owner-too-late-to-cancel"


TO_BUYERS = frozenset({MailKind.OFFER_SHARED, MailKind.OFFER_REMINDER, MailKind.OFFER_VOID})


class Letter(BaseModel):
    """A mail before it is laid out."""

    model_config = ConfigDict(frozen=True)

    subject: str
    greeting: str
    paragraphs: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    """Label and value, shown as a table."""
    link: tuple[str, str] | None = None
    """Label and address of the one thing to click."""
    closing: tuple[str, ...] = ()


def write(kind: MailKind, record: OfferRecord, salesforce_url: str) -> Letter:
    """The letter for an occasion in an offer's life; our own people get a link to Salesforce."""
    letter = _LETTERS[kind](record)
    if kind in TO_BUYERS:
        return letter
    address = f"{salesforce_url}/lightning/r/Opportunity/{record.opportunity_id}/view"
    return letter.model_copy(update={"link": ("Open the opportunity", address)})


def last_moment(record: OfferRecord) -> str:
    """The last moment to accept: in UTC, and as it reads where the buyer is."""
    expires = end_of_day(record.offered.availability_end)
    zone = record.written_to.buyer_time_zone
    readings = [_reading(expires, name) for name in ([zone] if zone else record.policy.time_zones)]
    return f"{_day(expires)}, 23:59 UTC ({'; '.join(readings)})"


def _reading(instant: datetime, zone: str) -> str:
    local = instant.astimezone(ZoneInfo(zone))
    city = zone.rpartition("/")[2].replace("_", " ")
    return f"{local:%H:%M} on {_day(local)} in {city}"


def _day(instant: datetime) -> str:
    return f"{instant:%A} {instant.day} {instant:%B %Y}"


def _greeting(name: str | None) -> str:
    return f"Hello {name}," if name else "Hello,"


def _to_buyer(
    record: OfferRecord,
    subject: str,
    *paragraphs: str,
    closing: tuple[str, ...] = (),
    with_link: bool = True,
) -> Letter:
    terms = record.offered
    link = ("Open the private offer", record.offer_url) if with_link and record.offer_url else None
    return Letter(
        subject=subject,
        greeting=_greeting(record.written_to.buyer_name),
        paragraphs=paragraphs,
        facts=(
            ("Offer", terms.offer_name),
            ("Offer ID", record.made),
            ("AWS account" if len(terms.buyer_accounts) == 1 else "AWS accounts", terms.accounts),
            ("Price", f"{terms.price} for {terms.duration_months} months, {terms.payment}"),
            *_instalments(terms),
            *((("Starts on", _day(start_of_day(terms.starts_on))),) if terms.starts_on else ()),
            *((("Last day to accept", last_moment(record)),) if with_link else ()),
        ),
        link=link,
        closing=closing
        + ((record.policy.support_contact,) if record.policy.support_contact else ()),
    )


def _to_owner(record: OfferRecord, subject: str, *paragraphs: str) -> Letter:
    terms = record.terms
    facts = [
        ("Opportunity", record.opportunity_id),
        ("Stage", record.stage.value),
        ("Company", record.company or ""),
        ("Offer ID", record.offer_id or ""),
        ("Agreement ID", record.agreement.agreement_id if record.agreement else ""),
        ("Price", str(terms.price) if terms else ""),
    ]
    return Letter(
        subject=subject,
        greeting=_greeting(record.owner.owner_name if record.owner else None),
        paragraphs=paragraphs,
        facts=tuple((label, value) for label, value in facts if value),
    )


def _instalments(terms: OfferTerms) -> list[tuple[str, str]]:
    instalments = sorted(terms.payment_schedule, key=lambda each: each.on)
    return [
        (f"Instalment {number}", f"{terms.price.currency} {each.amount:,} on {each.on.isoformat()}")
        for number, each in enumerate(instalments, 1)
    ]


def _company(record: OfferRecord) -> str:
    return record.company or record.opportunity_id


def _product(record: OfferRecord) -> str:
    return record.policy.product_name


HOW_TO_ACCEPT = (
    "Sign in to an AWS account shown above: in any other account the page answers 404, and the"
    " offer cannot be seen.",
    f"Whoever accepts needs the permission {BUYER_PERMISSION} in that account.",
    f"All offers made to the account are also listed at {PRIVATE_OFFERS_PAGE}",
)


def _offer_shared(record: OfferRecord) -> Letter:
    return _to_buyer(
        record,
        f"Your AWS Marketplace private offer for {_product(record)}",
        f"your private offer for {_product(record)} is ready in AWS Marketplace.",
        closing=HOW_TO_ACCEPT,
    )


def _offer_reminder(record: OfferRecord) -> Letter:
    last_day = _day(end_of_day(record.offered.availability_end))
    return _to_buyer(
        record,
        f"Reminder: your private offer for {_product(record)} ends on {last_day}",
        f"your private offer for {_product(record)} has not been accepted yet. After its last day"
        " it is void.",
        closing=HOW_TO_ACCEPT,
    )


def _offer_void(record: OfferRecord) -> Letter:
    return _to_buyer(
        record,
        f"Your private offer for {_product(record)} has been withdrawn",
        f"the private offer for {_product(record)} below has been withdrawn and can no longer be"
        " accepted. The link sent earlier is void.",
        with_link=False,
    )


def _owner_accepted(record: OfferRecord) -> Letter:
    fee = expected_fee(record.offered)
    day = f" on {_day(record.agreement.accepted_at.astimezone(UTC))}" if record.agreement else ""
    return _to_owner(
        record,
        f"Accepted: {_company(record)}",
        f"{_company(record)} accepted the private offer{day} (UTC).",
        f"AWS is expected to keep {fee.fee} ({fee.rate.normalize():%}) as its listing fee and to"
        f" pay out {fee.net} once it has collected the invoice.",
    )


def _owner_expired(record: OfferRecord) -> Letter:
    return _to_owner(
        record,
        f"Expired: {_company(record)}",
        "The last day of the private offer is over and AWS shows no agreement: nobody accepted it.",
        "If the deal is still on, start a new offer for the opportunity.",
    )


def _owner_failed(record: OfferRecord) -> Letter:
    return _to_owner(
        record,
        f"Not made: the offer for {_company(record)}",
        "The private offer was not made, or it was withdrawn before anybody was told of it. What"
        " stands in its way:",
        *(str(finding) for finding in record.findings),
        "Revise the terms, or correct the opportunity and resume the offer; or cancel it.",
    )


def _owner_held_up(record: OfferRecord) -> Letter:
    return _to_owner(
        record,
        f"Waiting: the offer for {_company(record)}",
        "The private offer has not been made yet. What stands in its way:",
        *(_obstacle(record, finding) for finding in record.obstacles),
        "Correct the opportunity and resume the offer, or revise its terms. An exception goes on by"
        " itself as soon as it is approved.",
        f"starter.py show {record.opportunity_id}",
    )


def _obstacle(record: OfferRecord, finding: Finding) -> str:
    decision = record.decision_on(finding)
    if decision is None:
        return f"{finding} Waits for approval by {finding.role}." if finding.role else str(finding)
    return f"{finding} Declined: {decision.reason}."


def _approval_asked(record: OfferRecord) -> Letter:
    waiting = record.to_approve
    return Letter(
        subject=f"Please decide: an exception for {_company(record)}",
        greeting="Hello,",
        paragraphs=(
            "A private offer waits for approval:",
            *(f"{finding} ({finding.reference}, by {finding.role})" for finding in waiting),
        ),
        facts=(
            ("Opportunity", record.opportunity_id),
            *((f.label, f.value) for f in (field_sheet(record.terms) if record.terms else ())),
        ),
        closing=tuple(
            f"starter.py {word} {record.opportunity_id} --finding {finding.reference}"
            f" --by your@address{extra}"
            for finding in waiting
            for word, extra in (("approve", ""), ("decline", ' --reason "…"'))
        ),
    )


def _owner_hand_off(record: OfferRecord) -> Letter:
    sent_back = record.past[-1] if record.past else None
    again = (
        ("The offer made before was withdrawn:", *(str(f) for f in sent_back.findings))
        if sent_back and sent_back.offer_id
        else ()
    )
    return Letter(
        subject=f"Please make in Clazar: the private offer for {_company(record)}",
        greeting=_greeting(record.told.owner_name),
        paragraphs=(
            "Open the opportunity in Salesforce, click Create Private Offer in the AWS Private"
            " Offers widget (or Private Offers in Clazar), and copy these values field by field."
            " The offer is recognised by the reference in its name: copy the name as it is.",
            *again,
        ),
        facts=(
            ("Opportunity", record.opportunity_id),
            *((field.label, field.value) for field in field_sheet(record.offered)),
        ),
        closing=(
            "Once it is there, everything goes on by itself. If it is not recognised, tell its id:"
            f" starter.py handed-off {record.opportunity_id} --offer-id offer-…",
        ),
    )


def _owner_hand_off_void(record: OfferRecord) -> Letter:
    return _to_owner(
        record,
        f"Please do not make it: {_company(record)} is cancelled",
        "The private offer that was to be made in Clazar has been cancelled. If it has been made"
        " meanwhile, withdraw it there.",
    )


def _owner_late(record: OfferRecord) -> Letter:
    return _to_owner(
        record,
        f"AWS takes unusually long with the offer for {_company(record)}",
        "AWS usually builds an offer in about 45 minutes. This one has taken more than"
        f" {record.policy.generation.late_after} so far. Nothing is lost: it is still being"
        " followed, and the buyer is written to as soon as it is live.",
        f"If it goes on, ask AWS Marketplace support about change set {record.change_set_id}.",
    )


def _owner_paid(record: OfferRecord) -> Letter:
    payout = record.paid
    traces = [trace for invoice in payout.invoices for trace in invoice.bank_trace_ids]
    return _to_owner(
        record,
        f"Paid: {_company(record)}",
        f"AWS has paid out {payout.disbursed}, the whole of what was invoiced ({payout.gross}) less"
        f" its listing fee ({payout.listing_fee}).",
        *([f"Bank trace: {', '.join(traces)}"] if traces else []),
    )


def _owner_too_late_to_cancel(record: OfferRecord) -> Letter:
    return _to_owner(
        record,
        f"Not cancelled: {_company(record)} has accepted",
        "The offer was to be cancelled, but the buyer accepted it first. The agreement stands and"
        " the offer goes on as accepted.",
    )


_LETTERS: dict[MailKind, Callable[[OfferRecord], Letter]] = {
    MailKind.OFFER_SHARED: _offer_shared,
    MailKind.OFFER_REMINDER: _offer_reminder,
    MailKind.OFFER_VOID: _offer_void,
    MailKind.APPROVAL_ASKED: _approval_asked,
    MailKind.OWNER_HELD_UP: _owner_held_up,
    MailKind.OWNER_HAND_OFF: _owner_hand_off,
    MailKind.OWNER_HAND_OFF_VOID: _owner_hand_off_void,
    MailKind.OWNER_ACCEPTED: _owner_accepted,
    MailKind.OWNER_EXPIRED: _owner_expired,
    MailKind.OWNER_FAILED: _owner_failed,
    MailKind.OWNER_LATE: _owner_late,
    MailKind.OWNER_PAID: _owner_paid,
    MailKind.OWNER_TOO_LATE_TO_CANCEL: _owner_too_late_to_cancel,
}
