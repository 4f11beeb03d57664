"""Whether an offer can be revised, amended, extended or cancelled; if not, the reason.

A reason is for every door: it has a code, its data and what can be done instead.  Each door
(command line, mails, web) words the actions in its own way.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field, ValidationError

from offers.agreements.agreement import AgreementStatus
from offers.agreements.amendment_pricing import AMENDMENT_FIELDS
from offers.findings import Finding, Severity, findings_in
from offers.ids import offer_path
from offers.lifecycle.account_confirmation import is_expired
from offers.lifecycle.actions import Action, ActionKind
from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
from offers.lifecycle.decision_proof import signed_part
from offers.lifecycle.in_place_edits import edit_findings
from offers.lifecycle.in_place_edits import is_in_place as can_be_edited
from offers.lifecycle.record import Amendment, OfferRecord
from offers.model import FrozenModel
from offers.payouts.refund import AdjustableInvoice, Refund, RefundRequest, RefundStatus
from offers.policy.policy import FINANCE
from offers.stage import Stage
from offers.terms.contacts import CONTACT_FIELDS, Contacts, is_address_of
from offers.terms.terms import TERM_FIELDS, OfferTerms
from offers.text import day_text

BEING_PUBLISHED = frozenset({Stage.SUBMITTED, Stage.GENERATING})
CAN_BE_ACCEPTED = frozenset({Stage.LIVE, Stage.SHARED})
AGREED = frozenset({Stage.ACCEPTED, Stage.DISBURSED})


LONGEST_REASON = 2000
"""Characters of why something was decided: it is kept and goes into mails (ours)."""


class ReasonCode(StrEnum):
    """Why something that was asked of an offer cannot be done."""

    ACCEPTED_FIRST = "accepted-first"
    """The buyer accepted while the change was being made."""
    AGREEMENT_ENDED = "agreement-ended"
    """A new offer needs an opportunity of its own."""
    AGREEMENT_NOT_ACTIVE = "agreement-not-active"
    ALREADY_ACCEPTED = "already-accepted"
    AMENDMENT_IN_PROGRESS = "amendment-in-progress"
    ATTENTION_NOT_NAMED = "attention-not-named"
    AMENDMENT_PRICE_IS_COMPUTED = "amendment-price-is-computed"
    CANCELLATION_PENDING = "cancellation-pending"
    CHANGE_INVALID = "change-invalid"
    DEAL_CHANGED = "deal-changed"
    DURATION_NOT_EDITABLE = "duration-not-editable"
    FINDING_NOT_WAITING = "finding-not-waiting"
    LINK_EXPIRED = "link-expired"
    LINK_NOT_VALID = "link-not-valid"
    """It is not the last link, or asked about other accounts."""
    LINK_USED = "link-used"
    LAST_DAY_NOT_LATER = "last-day-not-later"
    NO_AGREEMENT = "no-agreement"
    NO_OFFER_ID = "no-offer-id"
    NOT_AWAITED = "not-awaited"
    """The offer is not to be created in Clazar now."""
    NOT_PROVED = "not-proved"
    """Nobody knows that the person named has decided."""
    NOT_OPEN_YET = "not-open-yet"
    NOTHING_GIVEN = "nothing-given"
    NOTHING_WAITS = "nothing-waits"
    NOTHING_TO_RESEND = "nothing-to-resend"
    NOTHING_TO_CANCEL = "nothing-to-cancel"
    NOTIFICATIONS_PENDING = "notifications-pending"
    OFFER_ENDED = "offer-ended"
    OFFER_REPLACED = "offer-replaced"
    OFFER_REPLACED_IN_AWS = "offer-replaced-in-aws"
    """By an agreement that was not created here."""
    OFFER_STAYS_EXPIRED = "offer-stays-expired"
    """The change alone would not let the buyer accept."""
    OWN_DEAL = "own-deal"
    REFUND_DECIDED = "refund-decided"
    REFUND_IN_PROGRESS = "refund-in-progress"
    REFUND_NOT_POSSIBLE = "refund-not-possible"
    """AWS lets less of the invoice be refunded, or has no such invoice."""
    ROLE_MISSING = "role-missing"
    ROLE_VACANT = "role-vacant"
    TERM_FOR_AMENDMENTS_ONLY = "term-for-amendments-only"
    TERMS_NOT_REVISABLE = "terms-not-revisable"
    UNKNOWN_TERM = "unknown-term"
    WITHDRAWAL_IN_PROGRESS = "withdrawal-in-progress"


class Reason(FrozenModel):
    """Why something that was asked cannot be done."""

    code: ReasonCode
    problem: str
    """One sentence for people, without a full stop."""
    data: dict[str, str] = Field(default_factory=dict)
    """What the problem is about, such as `stage`, `term` or `last_day` (ISO 8601, UTC)."""
    actions: tuple[Action, ...] = ()
    """What can be done instead, the most likely first."""

    def __str__(self) -> str:
        return self.problem


def why_cannot_revise(record: OfferRecord, changes: TermChanges) -> Reason | None:
    """Why a draft's terms cannot be revised."""
    if record.stage in (Stage.DRAFT, Stage.FAILED):
        return _wrong_name(record, changes, amendment=record.amends is not None) or (
            None
            if changes.terms or changes.method
            else Reason(
                code=ReasonCode.NOTHING_GIVEN,
                problem="no change was given: name at least one term",
                actions=(_action(record, ActionKind.REVISE),),
            )
        )
    if record.stage in AGREED:
        return _already_accepted(record)
    if record.stage in BEING_PUBLISHED | CAN_BE_ACCEPTED | {Stage.EXPIRED}:
        return _of_stage(
            record,
            ReasonCode.TERMS_NOT_REVISABLE,
            "its terms can no longer be revised",
            _action(record, ActionKind.AMEND),
        )
    return why_ended(record)


def _already_accepted(record: OfferRecord) -> Reason:
    return _of_stage(
        record,
        ReasonCode.ALREADY_ACCEPTED,
        "the buyer has accepted it, and only an agreement-based offer (ABO) can change the"
        " agreement",
        _action(record, ActionKind.AMEND),
    )


def why_ended(record: OfferRecord) -> Reason:
    """Why nothing can be asked of an offer that has ended."""
    if record.stage is Stage.REPLACED:
        return _replaced(record)
    if record.stage is Stage.DISBURSED or (record.amends and record.stage is Stage.TERMINATED):
        return _of_stage(
            record,
            ReasonCode.AGREEMENT_ENDED,
            "its agreement has ended, and a new offer needs its own opportunity",
        )
    kind, instead = (
        (ActionKind.AMEND, "amend the original offer again")
        if record.amends
        else (ActionKind.START_AGAIN, "start a new one")
    )
    again = Action(kind=kind, offer=record.opportunity_id)
    return _of_stage(record, ReasonCode.OFFER_ENDED, instead, again)


def _replaced(record: OfferRecord) -> Reason:
    data = {"replaced_by": str(record.replaced_by)}
    for each in record.amendments:
        if each.agreement_id and each.agreement_id == record.replaced_by:
            path = offer_path(record.opportunity_id, each.number)
            return _of_stage(
                record,
                ReasonCode.OFFER_REPLACED,
                f"amendment {each.number} replaced it (agreement {record.replaced_by})",
                Action(kind=ActionKind.SHOW, offer=path),
                **data,
                amendment=str(each.number),
            )
    return _of_stage(
        record,
        ReasonCode.OFFER_REPLACED_IN_AWS,
        f"agreement {record.replaced_by} replaced it and was not created here, so it can only be"
        " changed in AWS",
        **data,
    )


def why_closing(record: OfferRecord) -> Reason:
    """Why nothing can be asked of an offer that has ended, but still has notifications to send."""
    return _of_stage(
        record,
        ReasonCode.NOTIFICATIONS_PENDING,
        "it has ended, but not all notifications about that are sent yet",
        _action(record, ActionKind.SHOW),
    )


def _wrong_name(record: OfferRecord, changes: TermChanges, *, amendment: bool) -> Reason | None:
    """Why one of the terms given is the wrong one."""
    if amendment and "price" in changes.terms:
        return Reason(
            code=ReasonCode.AMENDMENT_PRICE_IS_COMPUTED,
            problem="price: the price of an amendment is computed, so give what is added to the"
            " agreed price (additional_amount)",
            data={"term": "price"},
        )
    name = changes.unknown_field(amendment=amendment)
    if name in AMENDMENT_FIELDS:
        return Reason(
            code=ReasonCode.TERM_FOR_AMENDMENTS_ONLY,
            problem=f"{name}: only an agreement is changed by it, and the offer is {record.stage}:"
            " give the whole price (price)",
            data={"term": str(name), "stage": record.stage.value},
        )
    if name is None:
        return None
    return Reason(
        code=ReasonCode.UNKNOWN_TERM,
        problem=f"{name}: there is no such term; correct its name",
        data={"term": name},
    )


def is_in_place_edit(record: OfferRecord, changes: TermChanges) -> bool:
    """Whether changes of a released offer can be made in place."""
    return changes.method is None and can_be_edited(record.require_terms(), changes.terms)


def why_cannot_amend(
    record: OfferRecord,
    changes: TermChanges,
    now: datetime,
    *,
    withdrawing: bool,
    busy: Reason | None,
) -> Reason | None:
    """Why an offer cannot be amended; `busy` is why its agreement cannot be just now."""
    agreed = record.stage in AGREED
    for_good = record.stage is Stage.CANCELLED and record.amends is not None
    if for_good or record.stage in (Stage.REPLACED, Stage.TERMINATED):
        return why_ended(record)
    if wrong := _wrong_name(record, changes, amendment=agreed or record.amends is not None):
        return wrong
    if agreed:
        return busy or _agreement_not_active(record, "amended") or _no_amendment_given(changes)
    if withdrawing:
        return _withdrawal_in_progress(record)
    if record.stage in CAN_BE_ACCEPTED | {Stage.EXPIRED} and is_in_place_edit(record, changes):
        return _invalid(findings_of_edit(record, changes.terms, now)) or _stays_expired(
            record, changes
        )
    return _nothing_or_invalid(record, changes)


def why_agreement_is_busy(
    record: OfferRecord, *, requested: bool, open_amendment: Amendment | None
) -> Reason | None:
    """Why an agreement cannot be amended, or its cancellation requested, just now.

    `requested` is whether the buyer has yet to answer a request to cancel it.
    """
    if open_amendment:
        path = offer_path(record.opportunity_id, open_amendment.number)
        return Reason(
            code=ReasonCode.AMENDMENT_IN_PROGRESS,
            problem=f"amendment {open_amendment.number} is in progress"
            f" ({open_amendment.stage}): finish or cancel it first",
            data={"amendment": str(open_amendment.number), "stage": open_amendment.stage.value},
            actions=(
                Action(kind=ActionKind.SHOW, offer=path),
                Action(kind=ActionKind.CANCEL, offer=path),
            ),
        )
    if requested:
        return Reason(
            code=ReasonCode.CANCELLATION_PENDING,
            problem="the buyer was asked to let the agreement be cancelled and has seven days to"
            " answer; no answer means approval",
            actions=(_action(record, ActionKind.SHOW),),
        )
    return None


def _withdrawal_in_progress(record: OfferRecord) -> Reason:
    return Reason(
        code=ReasonCode.WITHDRAWAL_IN_PROGRESS,
        problem="the offer is being withdrawn: wait until that is done",
        actions=(_action(record, ActionKind.SHOW),),
    )


def _stays_expired(record: OfferRecord, changes: TermChanges) -> Reason | None:
    if record.stage is not Stage.EXPIRED or "availability_end" in changes.terms:
        return None
    return _of_stage(
        record,
        ReasonCode.OFFER_STAYS_EXPIRED,
        "the change alone does not let the buyer accept it, so extend it first or create it again",
        _action(record, ActionKind.EXTEND, availability_end=""),
        _action(record, ActionKind.RECREATE),
    )


def _no_amendment_given(changes: TermChanges) -> Reason | None:
    if changes.terms:
        return None
    return Reason(
        code=ReasonCode.NOTHING_GIVEN,
        problem="no change was given: name the amount to add (additional_amount), whether unpaid"
        " instalments are carried or dropped (unpaid_installments), the dimensions or the end of"
        " the agreement (agreement_end)",
    )


def _agreement_not_active(record: OfferRecord, what: str) -> Reason | None:
    """Why an agreement cannot be `amended` or `cancelled` for what it is in AWS."""
    agreement = record.agreement
    if agreement is None:  # AWS has just rolled it back
        return _of_stage(record, ReasonCode.NO_AGREEMENT, f"there is no agreement to be {what}")
    if agreement.status is AgreementStatus.ACTIVE:
        return None
    problem = f"the agreement is {agreement.status}, and only an active one can be {what}"
    if agreement.status is AgreementStatus.RENEWED:
        problem += "; the agreement that renewed it was not created here, so look for it in AWS"
    return Reason(
        code=ReasonCode.AGREEMENT_NOT_ACTIVE,
        problem=problem,
        data={"agreement_status": agreement.status.value},
    )


def findings_of_edit(
    record: OfferRecord, changes: Mapping[str, Any], now: datetime
) -> tuple[Finding, ...]:
    """Why an offer on record cannot be changed in place."""
    if record.contacts is None:
        return (NO_CONTACTS,)
    return edit_findings(
        record.require_terms(),
        record.contacts,
        changes,
        record.policy,
        now.date(),
        amends=record.amends,
    )


NO_CONTACTS = Finding(
    code="no-contacts",
    field="buyer_email",
    problem="the buyer of this revision is not known here",
    remedy="Change the offer in AWS",
)


def _nothing_or_invalid(record: OfferRecord, changes: TermChanges) -> Reason | None:
    """Why changes are not worth the withdrawal of the offer."""
    if not changes.terms and changes.method is None and not changes.recreate:
        return Reason(
            code=ReasonCode.NOTHING_GIVEN,
            problem="no change was given: name at least one term, or have the offer created again"
            " from the opportunity as it is now",
            actions=(
                _action(record, ActionKind.AMEND),
                _action(record, ActionKind.RECREATE),
            ),
        )
    if record.terms is None:
        return None
    given = {name: value for name, value in changes.terms.items() if value is not None}
    contacts = {name: given.pop(name) for name in CONTACT_FIELDS & given.keys()}
    given = {name: value for name, value in given.items() if name in TERM_FIELDS}
    try:
        OfferTerms.model_validate(record.terms.model_dump() | given)
        if record.contacts and contacts:
            Contacts.model_validate(record.contacts.model_dump() | contacts)
    except ValidationError as error:
        return _invalid(findings_in(error))
    return None


def why_amended_too_late(record: OfferRecord) -> Reason:
    """Why an amendment that was under way was not made."""
    if record.stage not in AGREED:
        return why_ended(record)
    return Reason(
        code=ReasonCode.ACCEPTED_FIRST,
        problem="too late: the buyer has accepted the offer as it was, and only an agreement-based"
        " offer (ABO) can change the agreement",
        data={"stage": record.stage.value},
        actions=(_action(record, ActionKind.AMEND),),
    )


def why_cannot_extend(
    record: OfferRecord, extension: Extension, now: datetime, withdraw_to: Stage | None
) -> Reason | None:
    """Why the buyer cannot be given more time."""
    if record.stage not in CAN_BE_ACCEPTED | {Stage.EXPIRED}:
        return _not_extendable(record, extension)
    if withdraw_to is not None:
        return _withdrawal_in_progress(record)
    changes = extension.as_term_changes
    if not is_in_place_edit(record, changes):
        terms = {name: str(value) for name, value in changes.terms.items()}
        return Reason(
            code=ReasonCode.DURATION_NOT_EDITABLE,
            problem="the duration of this offer cannot be changed in place: a longer contract needs"
            " a new offer",
            data={"duration_months": terms["duration_months"]},
            actions=(_action(record, ActionKind.AMEND, **terms),),
        )
    last_day = record.require_terms().availability_end
    if extension.until <= last_day:
        earlier = _action(record, ActionKind.AMEND, availability_end=extension.until.isoformat())
        return Reason(
            code=ReasonCode.LAST_DAY_NOT_LATER,
            problem=f"the last day to accept is {day_text(last_day)} already: choose a later one,"
            " or amend the offer to choose an earlier one",
            data={"last_day": last_day.isoformat()},
            actions=(
                _action(record, ActionKind.EXTEND, availability_end=""),
                *((earlier,) if extension.until < last_day else ()),
            ),
        )
    return _invalid(findings_of_edit(record, changes.terms, now))


def _not_extendable(record: OfferRecord, extension: Extension) -> Reason:
    if record.stage in (Stage.DRAFT, Stage.FAILED):
        until = extension.until.isoformat()
        return _of_stage(
            record,
            ReasonCode.NOT_OPEN_YET,
            "nobody can accept it yet, so revise its last day instead",
            _action(record, ActionKind.REVISE, availability_end=until),
        )
    if record.stage in BEING_PUBLISHED:
        return _of_stage(
            record,
            ReasonCode.NOT_OPEN_YET,
            "it can be extended as soon as the buyer can accept it",
        )
    if record.stage in AGREED:
        return _already_accepted(record)
    return why_ended(record)


def why_cannot_cancel(record: OfferRecord) -> Reason:
    """Why an offer in a stage that cannot be cancelled is not."""
    if record.stage in AGREED:
        return _agreement_not_active(record, "cancelled") or _of_stage(
            record,
            ReasonCode.ALREADY_ACCEPTED,
            "it can no longer be cancelled: ask the buyer to let the agreement be cancelled, or"
            " amend it",
            _action(record, ActionKind.REQUEST_CANCELLATION, reason_code="", message=""),
            _action(record, ActionKind.AMEND),
        )
    if record.stage is Stage.REPLACED:
        return _replaced(record)
    return _of_stage(record, ReasonCode.NOTHING_TO_CANCEL, "there is nothing to cancel")


def why_cannot_request_cancellation(
    record: OfferRecord, *, requested: bool, open_amendment: Amendment | None
) -> Reason | None:
    """Why a buyer cannot be asked to let an agreement be cancelled."""
    if record.stage in AGREED:
        return _agreement_not_active(record, "cancelled") or why_agreement_is_busy(
            record, requested=requested, open_amendment=open_amendment
        )
    if record.stage is Stage.REPLACED:
        return _replaced(record)
    if record.stage is Stage.TERMINATED:
        return why_ended(record)
    if record.stage.is_end:
        return _of_stage(
            record,
            ReasonCode.NO_AGREEMENT,
            "it has no agreement in force",
            *why_ended(record).actions,
        )
    return _of_stage(
        record,
        ReasonCode.NO_AGREEMENT,
        "it has no agreement yet, so cancel the offer itself",
        _action(record, ActionKind.CANCEL),
    )


def why_cannot_resolve(record: OfferRecord, code: str | None) -> Reason | None:
    """Why no attention can be resolved under a code; without one: the only one that is open."""
    waiting = sorted({attention.code for attention in record.attentions})
    named = ", ".join(waiting)
    if not waiting:
        return _of_stage(record, ReasonCode.NOTHING_WAITS, "it waits for nobody")
    resume = tuple(
        Action(kind=ActionKind.RESUME, offer=record.path, attention=each) for each in waiting
    )
    if code is None and len(waiting) > 1:
        problem = f"several things wait, name one: {named}"
    elif code is not None and code not in waiting:
        problem = f"{code} does not wait; {named} does"
    else:
        return None
    return Reason(
        code=ReasonCode.ATTENTION_NOT_NAMED,
        problem=problem,
        data={"waiting": named},
        actions=resume,
    )


def undecided_exceptions(record: OfferRecord) -> tuple[Finding, ...]:
    """The exceptions that block the offer; also those declined, which may still be approved."""
    if record.terms is None:
        return ()
    return tuple(f for f in record.blocking_findings if f.severity is Severity.APPROVAL)


def exceptions_named(record: OfferRecord, decision: ApprovalDecision) -> list[Finding]:
    """The exceptions that a decision is about."""
    return [
        finding
        for finding in undecided_exceptions(record)
        if decision.finding in (None, finding.code, record.approval_reference(finding))
    ]


def exceptions_decided_by(
    record: OfferRecord, decision: ApprovalDecision, *, approved: bool
) -> tuple[Finding, ...]:
    """The exceptions that a decision is about, and that its author may decide."""
    if approved and _is_own_deal(record, decision):
        return ()
    return tuple(
        finding
        for finding in exceptions_named(record, decision)
        if record.policy.has_role(decision.by, str(finding.role))
    )


def why_nothing_to_decide(
    record: OfferRecord, decision: ApprovalDecision, *, approved: bool
) -> Reason | None:
    """Why a decision does not count, whoever made it."""
    if wrong := _wrong_reason(record, decision, approved=approved):
        return wrong
    if refund := record.refund_named(decision.finding):
        return _why_refund_decided(record, refund, decision)
    exceptions = undecided_exceptions(record)
    if not exceptions:
        return _of_stage(record, ReasonCode.NOTHING_WAITS, "nothing in it waits for approval")
    if outdated := _outdated(record, decision):
        return outdated
    if not exceptions_named(record, decision):
        waiting = ", ".join(map(record.approval_reference, exceptions))
        kind = ActionKind.APPROVE if approved else ActionKind.DECLINE
        return Reason(
            code=ReasonCode.FINDING_NOT_WAITING,
            problem=f"{decision.finding} waits for no approval; {waiting} does",
            data={"waiting": waiting},
            actions=tuple(
                Action(kind=kind, offer=record.path, finding=record.approval_reference(f))
                for f in exceptions
            ),
        )
    return None


def why_cannot_decide(
    record: OfferRecord, decision: ApprovalDecision, *, approved: bool
) -> Reason | None:
    """Why a decision about exceptions, or about a refund, does not count."""
    if wrong := why_nothing_to_decide(record, decision, approved=approved):
        return wrong
    if refund := record.refund_named(decision.finding):
        return _why_not_their_refund(record, refund, decision, approved=approved)
    if exceptions_decided_by(record, decision, approved=approved):
        return None
    return _why_not_theirs(
        record, decision, sorted({str(f.role) for f in exceptions_named(record, decision)})
    )


def _outdated(record: OfferRecord, decision: ApprovalDecision) -> Reason | None:
    if decision.deal not in (None, record.deal.digest):
        return Reason(
            code=ReasonCode.DEAL_CHANGED,
            problem="the deal has changed since it was shown: look at it again",
            actions=(_action(record, ActionKind.SHOW),),
        )
    used = {signed_part(each.proof) for each in record.decisions if each.proof}
    if decision.proof and signed_part(decision.proof) in used:
        return Reason(
            code=ReasonCode.NOT_PROVED,
            problem="this signature was used for a decision before: sign another one",
        )
    return None


def _why_not_theirs(record: OfferRecord, decision: ApprovalDecision, roles: list[str]) -> Reason:
    """Why the person cannot decide about exceptions that these roles decide about."""
    if vacant := [role for role in roles if not record.policy.roles.get(role)]:
        return _why_vacant(vacant[0])
    if not any(record.policy.has_role(decision.by, role) for role in roles):
        return _why_role_missing(roles)
    return Reason(
        code=ReasonCode.OWN_DEAL,
        problem="whoever owns the opportunity, or asked for other terms than it has, cannot approve"
        " it (policy: approve_own_deals): ask somebody else who holds the role"
        f" {' or '.join(roles)}",
        data={"roles": ", ".join(roles)},
    )


def _why_vacant(role: str) -> Reason:
    return Reason(
        code=ReasonCode.ROLE_VACANT,
        problem=f"nobody holds the role {role}: name someone under [roles] in the policy,"
        " and start the workers again",
        data={"role": role},
    )


def _why_role_missing(roles: Sequence[str]) -> Reason:
    return Reason(
        code=ReasonCode.ROLE_MISSING,
        problem=f"this needs the role {' or '.join(roles)}, which the policy does not give to"
        " the person named",
        data={"roles": ", ".join(roles)},
    )


def _is_own_deal(record: OfferRecord, decision: ApprovalDecision) -> bool:
    return not record.policy.approve_own_deals and record.is_own_deal(decision.by)


def _wrong_reason(
    record: OfferRecord, decision: ApprovalDecision, *, approved: bool
) -> Reason | None:
    if len(decision.reason) > LONGEST_REASON:
        return Reason(
            code=ReasonCode.CHANGE_INVALID,
            problem=f"reason: it has {len(decision.reason)} characters, use at most"
            f" {LONGEST_REASON}",
            data={"fields": "reason"},
        )
    if not approved and not decision.reason.strip():
        return Reason(
            code=ReasonCode.NOTHING_GIVEN,
            problem="say why (reason): whoever corrects the terms must know",
            actions=(_action(record, ActionKind.DECLINE),),
        )
    return None


def why_cannot_refund(record: OfferRecord, request: RefundRequest) -> Reason | None:
    """Why nothing of an invoice can be refunded, as far as the record shows."""
    if record.agreement is None:
        return _of_stage(
            record,
            ReasonCode.NO_AGREEMENT,
            "it has no agreement, so nothing was invoiced that could be refunded",
        )
    if not record.policy.roles.get(FINANCE):
        return _why_vacant(FINANCE)
    for each in record.refunds:
        if each.is_open and each.invoice_id == request.invoice_id:
            return Reason(
                code=ReasonCode.REFUND_IN_PROGRESS,
                problem=f"{each.amount} of invoice {each.invoice_id} is being refunded"
                f" ({each.reference}, {each.status}): wait until that is done",
                data={"refund": each.reference},
                actions=(_action(record, ActionKind.SHOW),),
            )
    return None


def why_not_adjustable(
    request: RefundRequest, agreement_id: str, invoices: Sequence[AdjustableInvoice]
) -> Reason | None:
    """Why AWS would not refund this, by what it says of the agreement's invoices."""
    found = next((each for each in invoices if each.invoice_id == request.invoice_id), None)
    if found is None:
        named = ", ".join(each.invoice_id for each in invoices[-5:]) or "none yet"
        problem = (
            f"agreement {agreement_id} has no invoice {request.invoice_id}; the last ones: {named}"
        )
    elif found.amount.currency != request.amount.currency:
        problem = f"the invoice is in {found.amount.currency}: give the amount in that currency"
    elif found.adjustable is None:
        problem = "AWS does not say how much of the invoice can be refunded: refund it in AWS"
    elif found.adjustable.amount < request.amount.amount:
        problem = f"AWS lets at most {found.adjustable} of the invoice be refunded"
    else:
        return None
    return Reason(
        code=ReasonCode.REFUND_NOT_POSSIBLE, problem=problem, data={"invoice": request.invoice_id}
    )


def _why_refund_decided(
    record: OfferRecord, refund: Refund, decision: ApprovalDecision
) -> Reason | None:
    if refund.status is not RefundStatus.AWAITING_APPROVAL:
        return Reason(
            code=ReasonCode.REFUND_DECIDED,
            problem=f"{refund.reference} is {refund.status}",
            data={"refund": refund.reference},
            actions=(_action(record, ActionKind.SHOW),),
        )
    if decision.deal not in (None, refund.digest):
        return Reason(
            code=ReasonCode.DEAL_CHANGED,
            problem="the refund is not as it was shown: look at it again",
            actions=(_action(record, ActionKind.SHOW),),
        )
    return None


def _why_not_their_refund(
    record: OfferRecord, refund: Refund, decision: ApprovalDecision, *, approved: bool
) -> Reason | None:
    """Always the finance role, and never whoever asked for it, whatever the policy says."""
    if not record.policy.roles.get(FINANCE):
        return _why_vacant(FINANCE)
    if not record.policy.has_role(decision.by, FINANCE):
        return _why_role_missing([FINANCE])
    if approved and is_address_of(decision.by, [refund.requested_by]):
        return Reason(
            code=ReasonCode.OWN_DEAL,
            problem="whoever asked for a refund cannot approve it: ask somebody else who holds the"
            f" role {FINANCE}",
            data={"roles": FINANCE},
        )
    return None


def why_cannot_resend(
    record: OfferRecord, *, delivery_unknown: bool, withdraw_to: Stage | None
) -> Reason | None:
    """Why no mail can be sent to the buyer again."""
    if withdraw_to is not None and not delivery_unknown:
        return _withdrawal_in_progress(record)
    if delivery_unknown or record.stage is Stage.SHARED or record.can_ask_buyer_again:
        return None
    return _of_stage(record, ReasonCode.NOTHING_TO_RESEND, "there is nothing to send again")


def why_cannot_confirm_account(
    record: OfferRecord, nonce: str, now: datetime, withdraw_to: Stage | None
) -> Reason | None:
    """Why the link with a nonce cannot be used to confirm the account; `now` is business time.

    Buyers are not told which of these it is.
    """
    link, confirmation, terms = record.account_link, record.account_confirmation, record.terms
    if (
        link is None
        or nonce != link.nonce
        or terms is None
        or set(terms.buyer_accounts) != set(link.accounts)
    ):
        return Reason(
            code=ReasonCode.LINK_NOT_VALID,
            problem="the link is not the one that was sent last about these accounts",
        )
    if confirmation and confirmation.link == link.number:
        return Reason(code=ReasonCode.LINK_USED, problem="the link was used before")
    if is_expired(link, now):
        return Reason(
            code=ReasonCode.LINK_EXPIRED,
            problem="the link is not valid any more: send another one",
            actions=(_action(record, ActionKind.RESEND),),
        )
    if withdraw_to is not None:
        return _withdrawal_in_progress(record)
    if record.stage is not Stage.DRAFT:
        return _of_stage(
            record, ReasonCode.NOT_AWAITED, "the account need not be confirmed any more"
        )
    return None


def why_cannot_link(record: OfferRecord, offer_id: str, *, awaited: bool) -> Reason | None:
    """Why no offer can be named that was created in Clazar."""
    if not awaited or record.stage not in BEING_PUBLISHED:
        return _of_stage(record, ReasonCode.NOT_AWAITED, "it is not waited for in Clazar")
    if not offer_id.startswith("offer-"):
        return Reason(
            code=ReasonCode.NO_OFFER_ID,
            problem=f"{offer_id!r} is no id of an offer: copy it, such as offer-…",
            actions=(_action(record, ActionKind.LINK_OFFER),),
        )
    return None


def _of_stage(
    record: OfferRecord, code: ReasonCode, problem: str, *actions: Action, **data: str
) -> Reason:
    return Reason(
        code=code,
        problem=f"the offer is {record.stage}: {problem}",
        data={"stage": record.stage.value, **data},
        actions=actions,
    )


def _action(record: OfferRecord, kind: ActionKind, **terms: str) -> Action:
    return Action(kind=kind, offer=record.path, terms=terms)


def _invalid(findings: Iterable[Finding]) -> Reason | None:
    found = tuple(findings)
    if not found:
        return None
    return Reason(
        code=ReasonCode.CHANGE_INVALID,
        problem="; ".join(map(str, found)),
        data={"fields": ", ".join(dict.fromkeys(finding.field for finding in found))},
    )
