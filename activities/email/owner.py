"""What is written to our own people: to the owner of an opportunity, and to those who approve."""

from collections.abc import Callable
from datetime import UTC

from activities.email.actions import command_line
from activities.email.message import EmailKind, EmailMessage, day_of, greeting
from offers.agreements.agreement import AgreementStatus
from offers.findings import Finding
from offers.lifecycle.actions import Action, ActionKind
from offers.lifecycle.clazar_field_sheet import field_sheet
from offers.lifecycle.record import OfferRecord
from offers.payouts.listing_fee import expected_fee


def _to_owner(record: OfferRecord, subject: str, *paragraphs: str) -> EmailMessage:
    terms = record.terms
    facts = [
        ("Opportunity", record.opportunity_id),
        ("Amendment", f"{record.amendment}, of {record.replaces}" if record.amends else ""),
        ("Stage", record.stage.value),
        ("Company", record.company or ""),
        ("Offer ID", record.offer_id or ""),
        ("Agreement ID", record.agreement.agreement_id if record.agreement else ""),
        ("Price", str(terms.price) if terms else ""),
    ]
    return EmailMessage(
        subject=subject,
        greeting=greeting(record.owner.owner_name if record.owner else None),
        paragraphs=paragraphs,
        facts=tuple((label, value) for label, value in facts if value),
    )


def _command(record: OfferRecord, kind: ActionKind, finding: Finding | None = None) -> str:
    reference = finding.reference if finding else None
    return command_line(Action(kind=kind, offer=record.path, finding=reference))


def _company(record: OfferRecord) -> str:
    company = record.company or record.opportunity_id
    return f"{company} (amendment {record.amendment})" if record.amends else company


def _owner_accepted(record: OfferRecord) -> EmailMessage:
    fee = expected_fee(record.require_terms())
    day = f" on {day_of(record.agreement.accepted_at.astimezone(UTC))}" if record.agreement else ""
    return _to_owner(
        record,
        f"Accepted: {_company(record)}",
        f"{_company(record)} accepted the private offer{day} (UTC).",
        *([f"It takes the place of {record.replaces}."] if record.amends else []),
        f"AWS is expected to keep {fee.fee} ({fee.rate.normalize():%}) as its listing fee and to"
        f" pay out {fee.net} once it has collected the invoice.",
    )


def _owner_expired(record: OfferRecord) -> EmailMessage:
    company = _company(record)
    if record.amends:
        return _to_owner(
            record,
            f"Expired: {company}",
            "The last day of the amendment is over and nobody accepted it. The agreement"
            f" {record.replaces} goes on as it was.",
        )
    return _to_owner(
        record,
        f"Expired: {company}",
        "The last day of the private offer is over and AWS shows no agreement: nobody accepted it.",
        f"If the deal is still on, give the buyer more time within {_days(record)} days, or change"
        " the offer:",
        _command(record, ActionKind.EXTEND),
        _command(record, ActionKind.AMEND),
    )


def _days(record: OfferRecord) -> int:
    return record.policy.extend_expired_within.days


def _owner_failed(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Not made: the offer for {_company(record)}",
        "The private offer was not made, or it was withdrawn before anybody was told of it. What"
        " stands in its way:",
        *(str(finding) for finding in record.findings),
        "Revise the terms, or correct the opportunity and resume the offer; or cancel it.",
    )


def _owner_held_up(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Waiting: the offer for {_company(record)}",
        "The private offer has not been made yet. What stands in its way:",
        *(_obstacle(record, finding) for finding in record.blocking_findings),
        "Correct the opportunity and resume the offer, or revise its terms. An exception goes on by"
        " itself as soon as it is approved.",
        _command(record, ActionKind.SHOW),
    )


def _obstacle(record: OfferRecord, finding: Finding) -> str:
    decision = record.decision_on(finding)
    if decision is None:
        return f"{finding} Waits for approval by {finding.role}." if finding.role else str(finding)
    return f"{finding} Declined: {decision.reason}."


def _approval_asked(record: OfferRecord) -> EmailMessage:
    waiting = record.awaiting_approval
    return EmailMessage(
        subject=f"Please decide: an exception for {_company(record)}",
        greeting="Hello,",
        paragraphs=(
            "A private offer waits for approval:",
            *(f"{finding} ({finding.reference}, by {finding.role})" for finding in waiting),
        ),
        facts=(
            ("Opportunity", record.opportunity_id),
            *(record.pricing.lines if record.pricing else ()),
            *((f.label, f.value) for f in (field_sheet(record.terms) if record.terms else ())),
        ),
        closing=tuple(
            _command(record, kind, finding)
            for finding in waiting
            for kind in (ActionKind.APPROVE, ActionKind.DECLINE)
        ),
    )


def _owner_hand_off(record: OfferRecord) -> EmailMessage:
    sent_back = record.previous_revisions[-1] if record.previous_revisions else None
    again = (
        ("The offer made before was withdrawn:", *(str(f) for f in sent_back.findings))
        if sent_back and sent_back.offer_id
        else ()
    )
    return EmailMessage(
        subject=f"Please make in Clazar: the private offer for {_company(record)}",
        greeting=greeting(record.require_owner().owner_name),
        paragraphs=(
            "Open the opportunity in Salesforce, click Create Private Offer in the AWS Private"
            " Offers widget (or Private Offers in Clazar), and copy these values field by field."
            " The offer is recognised by the reference in its name: copy the name as it is.",
            *again,
        ),
        facts=(
            ("Opportunity", record.opportunity_id),
            *((field.label, field.value) for field in field_sheet(record.require_terms())),
        ),
        closing=(
            "Once it is there, everything goes on by itself. If it is not recognised, tell its id:",
            _command(record, ActionKind.LINK_OFFER),
        ),
    )


def _owner_hand_off_void(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Please do not make it: {_company(record)} is cancelled, or changed",
        "The private offer that was to be made in Clazar is not wanted like this any more. If it"
        " has been made meanwhile, withdraw it there.",
    )


def _owner_late(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"AWS takes unusually long with the offer for {_company(record)}",
        "AWS usually builds an offer in about 45 minutes. This one has taken more than"
        f" {record.policy.publication.delayed_after} so far. Nothing is lost: it is still being"
        " followed, and the buyer is written to as soon as it is live.",
        f"If it goes on, ask AWS Marketplace support about change set {record.change_set_id}.",
    )


def _owner_paid(record: OfferRecord) -> EmailMessage:
    payout = record.require_payout()
    traces = payout.bank_trace_ids
    return _to_owner(
        record,
        f"Paid: {_company(record)}",
        f"AWS has paid out {payout.disbursed}, the whole of what was invoiced ({payout.gross}) less"
        f" its listing fee ({payout.listing_fee}).",
        *([f"Bank trace: {', '.join(traces)}"] if traces else []),
    )


def _owner_too_late_to_cancel(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Not cancelled: {_company(record)} has accepted",
        "The offer was to be cancelled, but the buyer accepted it first. The agreement stands and"
        " the offer goes on as accepted.",
    )


def _owner_too_late_to_amend(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Not changed: {_company(record)} has accepted",
        "The offer was to be changed, but the buyer accepted it first. The agreement stands as it"
        " was offered.",
        "What is agreed can be changed by an agreement-based offer (ABO):",
        _command(record, ActionKind.AMEND),
    )


def _owner_rolled_back(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Not yet accepted: AWS rolled back the acceptance by {_company(record)}",
        "The buyer accepted, and AWS undid it within minutes: usually a permission is missing, a"
        " card was declined, or an AWS bill is unpaid.",
        "The offer is as open as before: the buyer can try the same link again until"
        f" {record.require_terms().availability_end.isoformat()} (UTC).",
    )


def _owner_replaced(record: OfferRecord) -> EmailMessage:
    by = f" by {record.replaced_by}" if record.replaced_by else ""
    return _to_owner(
        record,
        f"Replaced: the agreement with {_company(record)}",
        f"The agreement was replaced{by}, by an amendment that was not made here. What is invoiced"
        " stays; what was not invoiced is charged by the new agreement alone.",
        "The new agreement is not followed here: see to its payment in AWS.",
    )


ENDED = {
    AgreementStatus.CANCELLED: (
        "Cancelled: the agreement with",
        "The agreement was cancelled. Nothing more is invoiced; what was invoiced stays due.",
    ),
    AgreementStatus.TERMINATED: (
        "Terminated by AWS: the agreement with",
        "AWS terminated the agreement, for example because a payment failed. Talk to the buyer.",
    ),
}


NOT_PAID = (
    "Given up: the money from",
    "The agreement was over long ago and has not been paid in full. It is not followed any more.",
)


def _owner_terminated(record: OfferRecord) -> EmailMessage:
    status = record.agreement.status if record.agreement else AgreementStatus.CANCELLED
    subject, what = ENDED.get(status, NOT_PAID)
    return _to_owner(record, f"{subject} {_company(record)}", what)


def _owner_not_terminated(record: OfferRecord) -> EmailMessage:
    request = record.cancellation
    return _to_owner(
        record,
        f"Not cancelled: the agreement with {_company(record)}",
        "The request to cancel the agreement came to nothing"
        f" ({request.status if request else 'unknown'}): the agreement stands.",
    )


def _owner_agreement_news(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"News of the agreement with {_company(record)}",
        f"In AWS {record.agreement_events[-1].description}.",
    )


LETTERS: dict[EmailKind, Callable[[OfferRecord], EmailMessage]] = {
    EmailKind.APPROVAL_ASKED: _approval_asked,
    EmailKind.OWNER_HELD_UP: _owner_held_up,
    EmailKind.OWNER_HAND_OFF: _owner_hand_off,
    EmailKind.OWNER_HAND_OFF_VOID: _owner_hand_off_void,
    EmailKind.OWNER_ACCEPTED: _owner_accepted,
    EmailKind.OWNER_EXPIRED: _owner_expired,
    EmailKind.OWNER_FAILED: _owner_failed,
    EmailKind.OWNER_LATE: _owner_late,
    EmailKind.OWNER_PAID: _owner_paid,
    EmailKind.OWNER_TOO_LATE_TO_CANCEL: _owner_too_late_to_cancel,
    EmailKind.OWNER_TOO_LATE_TO_AMEND: _owner_too_late_to_amend,
    EmailKind.OWNER_ROLLED_BACK: _owner_rolled_back,
    EmailKind.OWNER_REPLACED: _owner_replaced,
    EmailKind.OWNER_TERMINATED: _owner_terminated,
    EmailKind.OWNER_NOT_TERMINATED: _owner_not_terminated,
    EmailKind.OWNER_AGREEMENT_NEWS: _owner_agreement_news,
}
