"""The mails to the owner of an opportunity, and to those who approve."""

from collections.abc import Callable, Iterator
from datetime import UTC

from activities.email.actions import LIST_RENEWALS, command_line
from activities.email.finance import invoice_facts
from activities.email.message import EmailKind, EmailMessage, day_of, greeting
from offers.agreements.agreement import AgreementStatus
from offers.findings import Finding
from offers.lifecycle.actions import Action, ActionKind
from offers.lifecycle.clazar_field_sheet import field_sheet
from offers.lifecycle.expected_payments import listing_fee_of
from offers.lifecycle.record import OfferRecord
from offers.payouts.listing_fee import ListingFee
from offers.text import day_text, duration_text, instant_text


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
    reference = record.approval_reference(finding) if finding else None
    return command_line(Action(kind=kind, offer=record.path, finding=reference))


def _company(record: OfferRecord) -> str:
    company = record.company or record.opportunity_id
    return f"{company} (amendment {record.amendment})" if record.amends else company


def _owner_accepted(record: OfferRecord) -> EmailMessage:
    fee = listing_fee_of(record)
    agreement = record.agreement
    day = f" on {day_of(agreement.accepted_at.astimezone(UTC))} (UTC)" if agreement else ""
    return _to_owner(
        record,
        f"Accepted: {_company(record)}",
        f"{_company(record)} accepted the private offer{day}.",
        *([f"It replaces agreement {record.replaces}."] if record.amends else []),
        *([_fee(fee)] if fee else []),
        *_incentives(record),
    )


def _fee(fee: ListingFee) -> str:
    most, least = ("", "") if fee.is_certain else ("at most ", "at least ")
    return (
        f"AWS is expected to keep a listing fee of {most}{fee.fee} ({fee.rates_text}) and to pay"
        f" out {least}{fee.net} after the buyer has paid the invoice."
    )


def _incentives(record: OfferRecord) -> tuple[str, ...]:
    statements = tuple(record.policy.credits.statements(record.require_terms().price))
    return (BY_POLICY, *statements) if statements else ()


BY_POLICY = (
    "Our selling policy says this of AWS's incentives. AWS has confirmed none of it for this offer:"
)


def _owner_agreement_ending(record: OfferRecord) -> EmailMessage:
    agreement = record.require_agreement()
    end = agreement.ends_at.astimezone(UTC) if agreement.ends_at else None
    day = f"{day_of(end)}, {end:%H:%M} UTC" if end else "an unknown day"
    message = _to_owner(
        record,
        f"Ends on {end.date() if end else 'an unknown day'}: the agreement with {_company(record)}",
        f"The agreement with {_company(record)} ends on {day}.",
        AT_THE_END.get(agreement.end_behavior or "", ENDS),
        *_renewal(record),
    )
    facts = (
        ("Ends on", day),
        ("Value", str(agreement.value or record.require_terms().price)),
        *(record.pricing.lines if record.pricing else ()),
        *((f"Amendment {each.number}", str(each.stage)) for each in record.amendments),
    )
    return message.model_copy(update={"facts": (*message.facts, *facts)})


ENDS = (
    "AWS ends it then, and invoices nothing more: a private offer does not renew by itself, unless"
    " its renewal was agreed with the buyer in advance in AWS (since September 2026)."
)

AT_THE_END = {
    "RENEW": "AWS renews it then: its renewal was agreed with the buyer in advance.",
    "REPLACE": "AWS replaces it then by another agreement that the buyer has accepted.",
}
"""By what AWS says of the agreement's end."""


def _renewal(record: OfferRecord) -> tuple[str, ...]:
    search = record.renewal
    if search is None or not search.is_complete:
        return ("Whether a renewal is on the way could not be read. See the list:", LIST_RENEWALS)
    if (offer := search.offer) is None:
        return (
            "No renewal of it is on the way here. To renew it, sign a new opportunity that names"
            " this one as renewed.",
        )
    show = command_line(Action(kind=ActionKind.SHOW, offer=offer.path))
    if offer.stage.is_end:
        return (f"The offer that was to renew it is {offer.stage}:", show)
    return (f"The offer that renews it is {offer.stage}:", show)


def _owner_expired(record: OfferRecord) -> EmailMessage:
    company = _company(record)
    if record.amends:
        return _to_owner(
            record,
            f"Expired: {company}",
            "The amendment was not accepted by its last day and has expired. Agreement"
            f" {record.replaces} continues unchanged.",
        )
    return _to_owner(
        record,
        f"Expired: {company}",
        "The private offer was not accepted by its last day and has expired.",
        "If the buyer still wants it, extend it within"
        f" {record.policy.extend_expired_within.days} days, or change its terms:",
        _command(record, ActionKind.EXTEND),
        _command(record, ActionKind.AMEND),
    )


def _owner_publication_failed(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Failed: the offer for {_company(record)}",
        f"Offer {record.offer_id} was withdrawn before the buyer was told of it:"
        if record.offer_id
        else "AWS did not create the private offer:",
        *(str(finding) for finding in record.findings),
        "Revise the terms, or correct the opportunity and resume the offer; or cancel it.",
    )


def _owner_account_confirmation(record: OfferRecord) -> EmailMessage:
    link, terms = record.account_link, record.terms
    until = f" The link can be used until {instant_text(link.expires_at)}." if link else ""
    return _to_owner(
        record,
        f"The buyer is asked to confirm the account: {_company(record)}",
        f"The buyer is asked by mail to confirm that {terms.accounts if terms else 'it'} is the"
        " right AWS account. The offer goes on by itself as soon as they do. If they name another"
        f" account, you hear of it.{until}",
        "To send the buyer another link:",
        _command(record, ActionKind.RESEND),
    )


def _owner_action_required(record: OfferRecord) -> EmailMessage:
    if record.offer_id:
        before = (
            f"Offer {record.offer_id} exists, but is not as it was asked for. The buyer has not"
            " been told of it:"
        )
        after = (
            "It is shared with the buyer as soon as every difference is approved. If one is"
            " declined, it is withdrawn, and is to be created again. If you correct it in Clazar,"
            " resume."
        )
    else:
        before = "The private offer cannot be created yet:"
        after = (
            "Correct the opportunity and resume the offer, or revise its terms. If only approvals"
            " are missing, the offer is created as soon as they are given."
        )
    return _to_owner(
        record,
        f"Action required: the offer for {_company(record)}",
        before,
        *(_blocking(record, finding) for finding in record.blocking_findings),
        after,
        _command(record, ActionKind.SHOW),
    )


def _blocking(record: OfferRecord, finding: Finding) -> str:
    decision = record.decision_on(finding)
    if decision is None:
        return f"{finding} Needs approval by {finding.role}." if finding.role else str(finding)
    return f"{finding.statement} Declined: {(decision.reason or '').rstrip('.')}."


def _deal(record: OfferRecord) -> Iterator[tuple[str, str]]:
    """Everything that the decision is bound to."""
    terms, contacts = record.require_terms(), record.contacts
    for each in field_sheet(terms, to_read=True):
        yield each.label, each.value
    yield "Product", terms.product_id
    if terms.agreement_end:
        yield "Agreement ends", day_text(terms.agreement_end)
    if record.eula_sha256:
        yield "Checksum of the documents (SHA-256)", record.eula_sha256
    if contacts:
        yield "Buyer", f"{contacts.buyer_name or ''} {contacts.buyer_email}".strip()


def _approval_required(record: OfferRecord) -> EmailMessage:
    waiting = record.awaiting_approval
    return EmailMessage(
        subject=f"Approval required: the offer for {_company(record)}",
        greeting="Hello,",
        paragraphs=(
            "A private offer needs approval:",
            *(
                f"{finding} It is for {finding.role} to decide, as"
                f" {record.approval_reference(finding)}."
                for finding in waiting
            ),
        ),
        facts=(
            ("Opportunity", record.opportunity_id),
            *(record.pricing.lines if record.pricing else ()),
            *_deal(record),
        ),
        closing=tuple(
            _command(record, kind, finding)
            for finding in waiting
            for kind in (ActionKind.APPROVE, ActionKind.DECLINE)
        ),
    )


def _decided(finding: Finding) -> str:
    rule = f' Rule: "{finding.rule}".' if finding.rule else ""
    return finding.statement + rule


def _approval_decided(record: OfferRecord) -> EmailMessage:
    decisions = record.last_decisions
    last = decisions[-1]
    what = "approved" if last.approved else "declined"
    undo = ActionKind.DECLINE if last.approved else ActionKind.APPROVE
    return EmailMessage(
        subject=f"{what.capitalize()}: exceptions in the offer for {_company(record)}",
        greeting="Hello,",
        paragraphs=(
            f"{last.by} {what} exceptions to the selling rules in this private offer, for all who"
            f" hold the role {' or '.join(sorted({str(d.finding.role) for d in decisions}))}:",
            *(_decided(each.finding) for each in decisions),
            *([f"Reason: {last.reason}"] if last.reason else []),
            f"If you are {last.by} and it was not you, somebody else decides in your name: tell"
            " those who run Offerflow at once, and cancel the offer or decide otherwise.",
        ),
        facts=(
            ("Opportunity", record.opportunity_id),
            ("Decided at", instant_text(last.at)),
            ("Signed", "yes" if last.proof else "no: nobody has verified who decided"),
            *_deal(record),
        ),
        closing=(
            _command(record, ActionKind.CANCEL),
            *(_command(record, undo, each.finding) for each in decisions),
        ),
    )


def _owner_changed(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Somebody else owns the offer for {_company(record)} now",
        "Mails about this offer go to another address from now on, because the owner was changed"
        " in Salesforce or by a request to the offer.",
        "If that is wrong, correct it in Salesforce, and in the offer:",
        _command(record, ActionKind.SHOW),
    )


def _owner_clazar_handoff(record: OfferRecord) -> EmailMessage:
    previous = record.previous_revisions[-1] if record.previous_revisions else None
    why_again = (
        (
            f"The previous offer ({previous.offer_id}) was withdrawn:",
            *(each.statement for each in previous.findings),
        )
        if previous and previous.offer_id
        else ()
    )
    return EmailMessage(
        subject=f"Please create in Clazar: the private offer for {_company(record)}",
        greeting=greeting(record.require_owner().owner_name),
        paragraphs=(
            "Open the opportunity in Salesforce, click Create Private Offer in the AWS Private"
            " Offers widget (or Private Offers in Clazar), and copy these values field by field."
            " Copy the offer name exactly: the offer is recognised by the reference in it.",
            *why_again,
        ),
        facts=(
            ("Opportunity", record.opportunity_id),
            *((field.label, field.value) for field in field_sheet(record.require_terms())),
        ),
        closing=(
            "When the offer exists, nothing more is needed. If it is not recognised within a few"
            " minutes, give its id:",
            _command(record, ActionKind.LINK_OFFER),
        ),
    )


def _owner_clazar_handoff_cancelled(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Please do not create in Clazar: the private offer for {_company(record)}",
        "The private offer was cancelled before it was created in Clazar. If you have created it"
        " already, withdraw it in Clazar.",
    )


def _owner_clazar_handoff_changed(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Please do not create in Clazar yet: the private offer for {_company(record)}",
        "The private offer was changed before it was created in Clazar. If it passes the checks"
        " again, another mail has the new values. If you have created it already, withdraw it in"
        " Clazar.",
    )


def _owner_publication_delayed(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Delayed in AWS: the offer for {_company(record)}",
        "AWS usually creates an offer in about 45 minutes. This one has taken more than"
        f" {duration_text(record.policy.publication.delayed_after)}. It is still checked, and the"
        " buyer gets the link as soon as the offer is live.",
        "If it takes much longer, ask AWS Marketplace support about change set"
        f" {record.change_set_id}.",
    )


def _owner_disbursed(record: OfferRecord) -> EmailMessage:
    payout = record.require_payout()
    refunded = f", {payout.refunded} refunded" if payout.refunded.amount else ""
    paid_on = (
        f" The last payout was on {day_text(payout.disbursed_on)}." if payout.disbursed_on else ""
    )
    message = _to_owner(
        record,
        f"Paid: {_company(record)}",
        f"AWS has paid out everything that was invoiced: {payout.gross} gross{refunded},"
        f" {payout.listing_fee} listing fee, {payout.disbursed} net.{paid_on}",
    )
    return message.model_copy(update={"facts": (*message.facts, *invoice_facts(payout))})


def _owner_cancellation_too_late(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Not cancelled: {_company(record)} has accepted",
        "You asked to cancel the offer, but the buyer accepted it first. The agreement is in"
        " force.",
    )


def _owner_amendment_too_late(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Not changed: {_company(record)} has accepted",
        "You asked to change the offer, but the buyer accepted it first, with the terms as they"
        " were.",
        "An agreement-based offer (ABO) can change the agreement:",
        _command(record, ActionKind.AMEND),
    )


def _owner_acceptance_rolled_back(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Not accepted yet: AWS rolled back the acceptance by {_company(record)}",
        "The buyer accepted, and AWS rolled the acceptance back within minutes. Usual causes are a"
        " missing permission, a declined card or an unpaid AWS bill.",
        "The offer is still open: the buyer can try again with the same link until"
        f" {day_text(record.require_terms().availability_end)} (UTC).",
    )


def _owner_agreement_replaced(record: OfferRecord) -> EmailMessage:
    by = f" by {record.replaced_by}" if record.replaced_by else ""
    return _to_owner(
        record,
        f"Replaced: the agreement with {_company(record)}",
        f"The agreement was replaced{by}. That amendment was not created here. Invoices that exist"
        " stay due; everything else is charged by the new agreement.",
        "The new agreement is not followed here: check its payments in AWS.",
    )


AGREEMENT_ENDS = {
    AgreementStatus.CANCELLED: (
        "Cancelled: the agreement with",
        "The agreement was cancelled. Nothing more will be invoiced; invoices that exist stay due.",
    ),
    AgreementStatus.TERMINATED: (
        "Terminated by AWS: the agreement with",
        "AWS terminated the agreement, for example because a payment failed. Contact the buyer.",
    ),
}


NOT_PAID_IN_FULL = (
    "Not paid in full: the agreement with",
    "The agreement ended long ago and has not been paid in full. Its payments are no longer"
    " followed.",
)


def _owner_agreement_ended(record: OfferRecord) -> EmailMessage:
    status = record.agreement.status if record.agreement else AgreementStatus.CANCELLED
    subject, what = AGREEMENT_ENDS.get(status, NOT_PAID_IN_FULL)
    return _to_owner(record, f"{subject} {_company(record)}", what)


def _owner_cancellation_not_approved(record: OfferRecord) -> EmailMessage:
    request = record.cancellation
    return _to_owner(
        record,
        f"Not cancelled: the agreement with {_company(record)}",
        f"The request to cancel the agreement is {request.status if request else 'unknown'}. The"
        " agreement stays in force.",
    )


def _owner_agreement_changed(record: OfferRecord) -> EmailMessage:
    return _to_owner(
        record,
        f"Changed: the agreement with {_company(record)}",
        f"In AWS: {record.agreement_events[-1].description}.",
    )


MESSAGES: dict[EmailKind, Callable[[OfferRecord], EmailMessage]] = {
    EmailKind.APPROVAL_REQUIRED: _approval_required,
    EmailKind.APPROVAL_DECIDED: _approval_decided,
    EmailKind.OWNER_CHANGED: _owner_changed,
    EmailKind.OWNER_ACCOUNT_CONFIRMATION: _owner_account_confirmation,
    EmailKind.OWNER_ACTION_REQUIRED: _owner_action_required,
    EmailKind.OWNER_CLAZAR_HANDOFF: _owner_clazar_handoff,
    EmailKind.OWNER_CLAZAR_HANDOFF_CANCELLED: _owner_clazar_handoff_cancelled,
    EmailKind.OWNER_CLAZAR_HANDOFF_CHANGED: _owner_clazar_handoff_changed,
    EmailKind.OWNER_ACCEPTED: _owner_accepted,
    EmailKind.OWNER_EXPIRED: _owner_expired,
    EmailKind.OWNER_PUBLICATION_FAILED: _owner_publication_failed,
    EmailKind.OWNER_PUBLICATION_DELAYED: _owner_publication_delayed,
    EmailKind.OWNER_DISBURSED: _owner_disbursed,
    EmailKind.OWNER_CANCELLATION_TOO_LATE: _owner_cancellation_too_late,
    EmailKind.OWNER_AMENDMENT_TOO_LATE: _owner_amendment_too_late,
    EmailKind.OWNER_ACCEPTANCE_ROLLED_BACK: _owner_acceptance_rolled_back,
    EmailKind.OWNER_AGREEMENT_REPLACED: _owner_agreement_replaced,
    EmailKind.OWNER_AGREEMENT_ENDED: _owner_agreement_ended,
    EmailKind.OWNER_CANCELLATION_NOT_APPROVED: _owner_cancellation_not_approved,
    EmailKind.OWNER_AGREEMENT_CHANGED: _owner_agreement_changed,
    EmailKind.OWNER_AGREEMENT_ENDING: _owner_agreement_ending,
}
