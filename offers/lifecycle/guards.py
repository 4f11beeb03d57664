"""What people ask of an offer, and why it cannot be: the reason, and what to do instead."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import ValidationError

from offers.agreements.agreement import AgreementStatus
from offers.agreements.amendment_pricing import AMENDMENT_FIELDS
from offers.findings import Finding, findings_in
from offers.ids import offer_path
from offers.lifecycle.commands import Extension, TermChanges
from offers.lifecycle.in_place_edits import edit_findings
from offers.lifecycle.in_place_edits import is_in_place as can_be_edited
from offers.lifecycle.record import Amendment, OfferRecord
from offers.stage import Stage
from offers.terms.terms import TERM_FIELDS, OfferTerms

BEING_MADE = frozenset({Stage.SUBMITTED, Stage.GENERATING})
CAN_BE_ACCEPTED = frozenset({Stage.LIVE, Stage.SHARED})


def why_cannot_revise(record: OfferRecord, changes: TermChanges) -> str | None:
    """Why a draft's terms cannot be revised."""
    if record.stage not in (Stage.DRAFT, Stage.FAILED):
        return (
            f"the offer is {record.stage}: its terms can no longer be revised; {_instead(record)}"
        )
    if wrong := _wrong_name(changes, amendment=record.amends is not None):
        return wrong
    if not changes.terms and changes.method is None:
        return "nothing to change was given: name at least one term"
    return None


def _instead(record: OfferRecord) -> str:
    command = f"starter.py amend {record.path}"
    if record.stage in BEING_MADE | CAN_BE_ACCEPTED | {Stage.EXPIRED}:
        return f"{command} changes them"
    if record.stage in (Stage.ACCEPTED, Stage.DISBURSED):
        return f"{command} changes the agreement by an agreement-based offer (ABO)"
    return _over(record)


def _over(record: OfferRecord) -> str:
    if record.stage is Stage.REPLACED:
        return _replacement(record)
    if record.amends and record.stage is Stage.TERMINATED:
        return "its agreement is over, and a new offer needs an opportunity of its own"
    if record.stage is Stage.DISBURSED:
        return "its agreement has ended, and a new offer needs an opportunity of its own"
    if record.amends:
        return f"amend the original again (starter.py amend {record.opportunity_id})"
    return f"start a new one with starter.py start {record.opportunity_id} --again"


def _replacement(record: OfferRecord) -> str:
    for each in record.amendments:
        if each.agreement_id and each.agreement_id == record.replaced_by:
            path = offer_path(record.opportunity_id, each.number)
            return f"ask it of the amendment that took its place (starter.py show {path})"
    return f"agreement {record.replaced_by} took its place, and was not made here: see to it in AWS"


def _wrong_name(changes: TermChanges, *, amendment: bool) -> str | None:
    """Which of the terms given cannot be, and what to give instead."""
    if amendment and "price" in changes.terms:
        return (
            "price: the price of an amendment is worked out; say what is added to what was agreed"
            " (added=30000.00 USD)"
        )
    name = changes.unknown_field(amendment=amendment)
    if name in AMENDMENT_FIELDS:
        return f"{name} is for a change of an agreement: now give the whole price (price=…)"
    return f"{name}: there is no such term; correct its name" if name else None


def is_in_place_edit(record: OfferRecord, changes: TermChanges) -> bool:
    """Whether changes of a released offer can be made in place."""
    return changes.method is None and can_be_edited(record.require_terms(), changes.terms)


def why_cannot_amend(
    record: OfferRecord, changes: TermChanges, now: datetime, *, stopping: bool, busy: str | None
) -> str | None:
    """Why an offer cannot be amended; `busy` is what an agreement waits for, if it does."""
    agreed = record.stage in (Stage.ACCEPTED, Stage.DISBURSED)
    for_good = record.stage is Stage.CANCELLED and record.amends is not None
    if for_good or record.stage in (Stage.REPLACED, Stage.TERMINATED):
        return why_ended(record)
    if wrong := _wrong_name(changes, amendment=agreed or record.amends is not None):
        return wrong
    if agreed:
        return busy or _agreement_over(record) or _nothing_given(changes)
    if stopping:
        return "the offer is being withdrawn: wait until that is done (starter.py show)"
    if record.stage in CAN_BE_ACCEPTED | {Stage.EXPIRED} and is_in_place_edit(record, changes):
        return _said(_hindrances(record, changes, now)) or _still_over(record, changes)
    return _senseless(record, changes)


def _still_over(record: OfferRecord, changes: TermChanges) -> str | None:
    if record.stage is not Stage.EXPIRED or "availability_end" in changes.terms:
        return None
    return (
        f"the offer is expired, and would stay so: extend it first (starter.py extend {record.path}"
        " --until …), or have it made anew with --anew"
    )


def why_ended(record: OfferRecord) -> str:
    """What is told to somebody who asks something of an offer that is over."""
    return f"the offer is {record.stage}: {_over(record)}"


def _nothing_given(changes: TermChanges) -> str | None:
    if changes.terms:
        return None
    return (
        "nothing to change was given: name what is added (added=30000.00 USD), what becomes of"
        " unpaid instalments (unpaid=carry or unpaid=drop), dimensions, or agreement_end"
    )


def _agreement_over(record: OfferRecord) -> str | None:
    agreement = record.agreement
    if agreement is None or agreement.status is AgreementStatus.ACTIVE:
        return None
    followed = (
        ": see in AWS to the one that followed it, which was not made here"
        if agreement.status is AgreementStatus.RENEWED
        else ""
    )
    return f"the agreement is {agreement.status}, and only an active one can be amended{followed}"


def _hindrances(record: OfferRecord, changes: TermChanges, now: datetime) -> tuple[Finding, ...]:
    return edit_findings(
        record.require_terms(),
        record.require_contacts(),
        changes.terms,
        record.policy,
        now.date(),
        amends=record.amends,
    )


def _senseless(record: OfferRecord, changes: TermChanges) -> str | None:
    """What says nothing, or is illegal in itself, is not worth a withdrawal."""
    if not changes.terms and changes.method is None and not changes.recreate:
        return (
            "nothing to change was given: name at least one term, or have it made anew from the"
            f" opportunity as it is now (starter.py amend {record.path} --anew)"
        )
    if record.terms is None:
        return None
    given = {n: v for n, v in changes.terms.items() if n in TERM_FIELDS and v is not None}
    try:
        OfferTerms.model_validate(record.terms.model_dump() | given)
    except ValidationError as error:
        return _said(findings_in(error))
    return None


def why_amended_too_late(record: OfferRecord) -> str:
    """What is told to somebody who amended an offer while its fate was decided otherwise."""
    if record.stage in (Stage.ACCEPTED, Stage.DISBURSED):
        return (
            "too late: the buyer has accepted the offer as it was; starter.py amend"
            f" {record.path} changes the agreement by an agreement-based offer (ABO)"
        )
    return f"the offer is {record.stage}: {_over(record)}"


def why_cannot_extend(
    record: OfferRecord, extension: Extension, now: datetime, stopping: Stage | None
) -> str | None:
    """Why the buyer cannot be given more time."""
    if record.stage not in CAN_BE_ACCEPTED | {Stage.EXPIRED}:
        return f"the offer is {record.stage}: {_instead_of_extending(record, extension)}"
    if stopping is not None:
        return "the offer is being withdrawn: wait until that is done (starter.py show)"
    changes = extension.as_term_changes
    if not is_in_place_edit(record, changes):
        return (
            "the duration is no term of its own in this offer: a longer contract is a new offer,"
            f" starter.py amend {record.path}"
        )
    last_day = record.require_terms().availability_end
    if extension.until <= last_day:
        return (
            f"the last day is {last_day.isoformat()} already: choose a later"
            f" one (an earlier one: starter.py amend {record.path} availability_end=…)"
        )
    return _said(_hindrances(record, changes, now))


def _instead_of_extending(record: OfferRecord, extension: Extension) -> str:
    if record.stage in (Stage.DRAFT, Stage.FAILED):
        return f"starter.py revise {record.path} availability_end={extension.until.isoformat()}"
    if record.stage in BEING_MADE:
        return "extend it once the buyer can accept it"
    return _instead(record)


def why_cannot_cancel(record: OfferRecord) -> str:
    """Why an offer cannot be cancelled any more, and what can be done instead."""
    if record.stage in (Stage.ACCEPTED, Stage.DISBURSED):
        if over := _agreement_over(record):
            return f"the offer is {record.stage} and can no longer be cancelled; {over}"
        return (
            f"the offer is {record.stage} and can no longer be cancelled; ask the buyer to let the"
            f" agreement be cancelled (starter.py cancel {record.path} --agreement --reason-code …"
            f' --message "…"), or change it with starter.py amend {record.path}'
        )
    over = _replacement(record) if record.stage is Stage.REPLACED else "there is nothing to cancel"
    return f"the offer is {record.stage}: {over}"


def why_cannot_request_cancellation(
    record: OfferRecord, *, asked: bool, amending: Amendment | None
) -> str | None:
    """Why a buyer cannot be asked to let an agreement be cancelled."""
    if record.stage not in (Stage.ACCEPTED, Stage.DISBURSED):
        return f"the offer is {record.stage}: {_instead_of_requesting(record)}"
    if reason := _agreement_over(record):
        return reason.replace("amended", "cancelled")
    if asked:
        return "the buyer is being asked already: they have seven days, and silence approves"
    if amending:
        return f"amendment {amending.number} is under way: cancel it first"
    return None


def _instead_of_requesting(record: OfferRecord) -> str:
    if not record.stage.is_end:
        return f"cancel it (starter.py cancel {record.path})"
    if record.stage is Stage.REPLACED:
        return _replacement(record)
    return f"it has no agreement that is in force; {_over(record)}"


def _said(findings: Iterable[Finding]) -> str | None:
    return "; ".join(map(str, findings)) or None
