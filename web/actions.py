"""What people can do with an offer on its page: what each action does, asks for, and needs."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from client.offer_client import RESTARTABLE
from offers.agreements.agreement import CancellationReasonCode
from offers.lifecycle import guards
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.commands import TermChanges
from offers.lifecycle.guards import Reason
from offers.lifecycle.in_place_edits import EDITABLE
from offers.lifecycle.possible_actions import possible_actions
from offers.lifecycle.record import OfferRecord
from offers.payouts.refund import RefundReason
from offers.stage import Stage
from offers.text import day_text
from web.console import Console
from web.identity import Actor
from web.permissions import Permission, why_not


class Field(NamedTuple):
    """What a form asks for."""

    name: str
    label: str
    hint: str = ""
    kind: str = "text"
    """Of an HTML input, or `textarea` or `select`."""
    required: bool = True
    choices: tuple[str, ...] = ()


class Button(NamedTuple):
    """An action as the page shows it."""

    kind: ActionKind
    title: str
    effect: str
    """What it will do, said before it is pressed."""
    fields: tuple[Field, ...] = ()
    why_not: str | None = None
    """Why it cannot be done now; None: it can."""
    is_dangerous: bool = False


UNTIL = Field("until", "New last day (UTC)", "Such as 2027-01-31", "date")
MONTHS = Field(
    "months", "Contract in months", "Only where AWS asks for a longer one", required=False
)
CHANGES = Field(
    "changes",
    "Changes",
    "One on each line, such as price=110000.00 USD or duration_months=12",
    "textarea",
)

TITLES = {
    ActionKind.REVISE: "Revise the terms",
    ActionKind.AMEND: "Amend",
    ActionKind.EXTEND: "Extend",
    ActionKind.CANCEL: "Cancel the offer",
    ActionKind.REQUEST_CANCELLATION: "Ask the buyer to cancel",
    ActionKind.LINK_OFFER: "Name the offer in Clazar",
    ActionKind.REFUND: "Refund",
    ActionKind.RESUME: "Resume",
    ActionKind.RESEND: "Send again",
    ActionKind.START_AGAIN: "Start again",
}
SHOWN = tuple(TITLES)

PERMISSIONS: dict[ActionKind, Permission] = {
    kind: Permission.CREATE if kind is ActionKind.START_AGAIN else Permission(kind.value)
    for kind in SHOWN
}
"""Approving and declining have a page of their own."""

FIELDS: dict[ActionKind, tuple[Field, ...]] = {
    ActionKind.REVISE: (CHANGES,),
    ActionKind.AMEND: (CHANGES,),
    ActionKind.EXTEND: (UNTIL, MONTHS),
    ActionKind.CANCEL: (Field("reason", "Reason", "It goes on record"),),
    ActionKind.REQUEST_CANCELLATION: (
        Field("reason_code", "Reason", kind="select", choices=tuple(CancellationReasonCode)),
        Field("text", "Message to the buyer", kind="textarea"),
    ),
    ActionKind.LINK_OFFER: (Field("offer_id", "Offer", "Such as offer-4isthufus86rk"),),
    ActionKind.REFUND: (
        Field("invoice", "Invoice"),
        Field("amount", "Amount before tax", "Such as 500.00 USD"),
        Field("reason", "Reason", "In AWS's words", "select", choices=tuple(RefundReason)),
        Field("description", "Note", "AWS keeps it with the refund", required=False),
    ),
}


def _effect_of_amend(record: OfferRecord) -> str:
    if record.stage in (Stage.ACCEPTED, Stage.DISBURSED):
        return (
            "Drafts an agreement-based offer that replaces the agreement once the buyer accepts it."
            " The agreement goes on until then"
        )
    if record.stage in (Stage.LIVE, Stage.SHARED):
        return (
            f"{', '.join(sorted(EDITABLE))} change in place. Any other change withdraws"
            f" {record.offer_id} from AWS, and the buyer gets another offer once it is created"
        )
    if record.stage in (Stage.EXPIRED, Stage.CANCELLED):
        return "Drafts another offer with the changes; the buyer gets it once it is created"
    return "Stops what AWS is creating, and drafts the offer again with the changes"


def _effect_of_extend(record: OfferRecord) -> str:
    last_day = day_text(record.terms.availability_end) if record.terms else "its last day"
    return (
        f"Gives the buyer more time than {last_day}: changes the offer in AWS, and writes to the"
        " buyer"
    )


def _effect_of_cancel(record: OfferRecord) -> str:
    if record.offer_id:
        told = ", and tells the buyer" if record.buyer_notified else ""
        return f"Withdraws {record.offer_id} from AWS, so that nobody can accept it{told}"
    return "Ends the draft: nothing is created in AWS"


def _effect_of_resend(record: OfferRecord) -> str:
    buyer = record.contacts.buyer_email if record.contacts else "the buyer"
    if record.can_ask_buyer_again:
        return (
            f"Sends {buyer} another link to confirm the account; the one before is not valid then"
        )
    return f"Sends the mail with the offer to {buyer} again"


def _why_not_again(record: OfferRecord, _: datetime) -> str:
    if record.amendment:
        return "an amendment is started from its agreement"
    if record.stage in RESTARTABLE:
        return "the offer is still followed for a while: amend it instead"
    return "the offer has not ended"


EFFECTS: dict[ActionKind, Callable[[OfferRecord], str]] = {
    ActionKind.REVISE: lambda _: "Checks the draft again with these terms instead of Salesforce's",
    ActionKind.AMEND: _effect_of_amend,
    ActionKind.EXTEND: _effect_of_extend,
    ActionKind.CANCEL: _effect_of_cancel,
    ActionKind.REQUEST_CANCELLATION: lambda _: (
        "AWS asks the buyer to agree that the agreement ends; nothing ends before they do"
    ),
    ActionKind.LINK_OFFER: lambda _: (
        "Takes this offer as the one that was created in Clazar, and compares it with the terms"
    ),
    ActionKind.REFUND: lambda _: (
        "Asks finance to approve a refund; AWS pays it to the buyer and takes it from the payouts"
    ),
    ActionKind.RESUME: lambda _: "Tries again what waits for a person",
    ActionKind.RESEND: _effect_of_resend,
    ActionKind.START_AGAIN: lambda _: (
        "Drafts a new offer for the opportunity, from Salesforce as it is now"
    ),
}


NO_CHANGE = TermChanges(recreate=True)

WHY_NOT: dict[ActionKind, Callable[[OfferRecord, datetime], Reason | str | None]] = {
    ActionKind.REVISE: lambda record, _: guards.why_cannot_revise(record, NO_CHANGE),
    ActionKind.AMEND: lambda record, now: guards.why_cannot_amend(
        record, NO_CHANGE, now, withdrawing=False, busy=None
    ),
    ActionKind.EXTEND: lambda *_: "only an offer that is live, shared or expired can be extended",
    ActionKind.CANCEL: lambda record, _: guards.why_cannot_cancel(record),
    ActionKind.REQUEST_CANCELLATION: lambda record, _: guards.why_cannot_request_cancellation(
        record, requested=False, open_amendment=None
    ),
    ActionKind.LINK_OFFER: lambda *_: "the offer is not waited for in Clazar",
    ActionKind.REFUND: lambda *_: "there is no agreement, so nothing was invoiced",
    ActionKind.RESUME: lambda record, _: guards.why_cannot_resolve(record, None),
    ActionKind.RESEND: lambda record, _: guards.why_cannot_resend(
        record, delivery_unknown=False, withdraw_to=None
    ),
    ActionKind.START_AGAIN: _why_not_again,
}
"""Why an offer does not allow an action in its stage."""

DANGEROUS = frozenset({ActionKind.CANCEL, ActionKind.REQUEST_CANCELLATION, ActionKind.REFUND})
"""What cannot be taken back."""


def buttons(
    console: Console, actor: Actor, record: OfferRecord, *, is_open: bool
) -> tuple[list[Button], list[Button]]:
    """What the actor can do now, the most urgent first; and what not, with the reason."""
    now = console.now()
    possible = [kind for kind in possible_actions(record) if kind in SHOWN] if is_open else []
    if not record.amendment:
        if not is_open and record.stage in RESTARTABLE:
            possible = [ActionKind.START_AGAIN]
        elif is_open and record.stage is Stage.TERMINATED:
            possible.append(ActionKind.START_AGAIN)
    owner = record.owner.owner_email if record.owner else None
    can: list[Button] = []
    cannot: list[Button] = []
    for kind in (*possible, *(each for each in SHOWN if each not in possible)):
        permission = PERMISSIONS[kind]
        reason = None if kind in possible else str(WHY_NOT[kind](record, now) or "")
        if not is_open and kind not in possible:
            reason = "its workflow has ended"
        if reason is None and not actor.may(permission, console.policy, owner):
            reason = why_not(permission)
        button = Button(
            kind=kind,
            title=TITLES[kind],
            effect=EFFECTS[kind](record),
            fields=FIELDS.get(kind, ()),
            why_not=reason,
            is_dangerous=kind in DANGEROUS,
        )
        (can if reason is None else cannot).append(button)
    return can, [each for each in cannot if each.why_not]
