"""Events of an offer for other systems: what they say, and when there is one.

They are thin: ids, stages, codes and amounts.  Nothing in them is personal, and no text of a person
or vendor is in them; who needs more asks for the offer.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, Field

from offers.ids import offer_path
from offers.lifecycle.attentions import ONLY_THE_LAST, AttentionCode, Vendor
from offers.lifecycle.record import OfferRecord
from offers.model import FrozenModel
from offers.money import Money
from offers.payouts.model import InvoicePayout, Transfer
from offers.policy.webhooks import EventGroup
from offers.stage import Stage
from offers.terms.terms import Day

UNTOLD = frozenset({AttentionCode.WEBHOOK_FAILED})
"""Attentions without events: one that says that events do not arrive would make more of them."""


class EventType(StrEnum):
    """The kinds of events."""

    STAGE_CHANGED = "offer.stage_changed"
    ATTENTION_RAISED = "offer.attention_raised"
    ATTENTION_RESOLVED = "offer.attention_resolved"
    PAYMENT_RECEIVED = "offer.payment_received"
    PAYMENT_REVERSED = "offer.payment_reversed"
    TEST = "test"
    """Sent by a person, about no offer."""


GROUPS: dict[EventType, EventGroup] = {
    EventType.STAGE_CHANGED: EventGroup.STAGES,
    EventType.ATTENTION_RAISED: EventGroup.ATTENTIONS,
    EventType.ATTENTION_RESOLVED: EventGroup.ATTENTIONS,
    EventType.PAYMENT_RECEIVED: EventGroup.PAYMENTS,
    EventType.PAYMENT_REVERSED: EventGroup.PAYMENTS,
}


class EventData(FrozenModel):
    """What an event says; what it does not concern is None, and left out of the message."""

    offer: str | None = None
    """Its path, as the command line and the API name it."""
    opportunity_id: str | None = None
    revision: int | None = None
    stage: Stage | None = None
    """Of the offer at the event's time."""
    previous_stage: Stage | None = None
    """The last of which there was an event; those that one call ends have none."""
    offer_id: str | None = None
    agreement_id: str | None = None
    attention: AttentionCode | None = None
    attention_number: int | None = None
    """Counts the attentions of the offer: one is raised and resolved under one number."""
    vendor: Vendor | None = None
    """Whose failure the attention is about."""
    invoice_id: str | None = None
    amount: Money | None = None
    """What came to our bank; negative if it was taken back."""
    paid_on: Day | None = None
    bank_trace_id: str | None = None


class WebhookEvent(FrozenModel):
    """One event."""

    id: str
    """The same for each attempt to deliver it."""
    type: EventType
    timestamp: AwareDatetime
    """When it happened: UTC, business time."""
    data: EventData

    @property
    def body(self) -> str:
        """The message, in JSON: the same bytes for each attempt."""
        return self.model_dump_json(exclude={"id"}, exclude_none=True)


def event_id(workflow_id: str, first_run_id: str, number: int) -> str:
    """The id of an event, which tells nothing.

    A restarted offer has the workflow id of the one before, and counts from one: its first run
    makes the difference.
    """
    named = f"{workflow_id} {first_run_id} {number}".encode()
    return f"msg_{hashlib.sha256(named).hexdigest()[:32]}"


class Reported(FrozenModel):
    """Up to where events have been made of an offer's record."""

    stage: Stage = Stage.DRAFT
    attentions: dict[int, AttentionCode] = Field(default_factory=dict)
    """Those that wait, by their numbers in events."""
    transfers: dict[str, int] = Field(default_factory=dict)
    """How often each amount was moved for an invoice, by both."""

    def after(self, record: OfferRecord) -> Self:
        """The same once events have been made of this record."""
        # The last has a new number: for receivers it is one.
        known = {code: n for n, code in self.attentions.items() if code in ONLY_THE_LAST}
        return type(self)(
            stage=record.stage,
            attentions={
                known.get(each.code, each.number): each.code
                for each in record.attentions
                if each.code not in UNTOLD
            },
            transfers=Counter(_key(invoice, each) for invoice, each in _transfers(record)),
        )


def events_between(
    before: Reported, now: Reported, record: OfferRecord
) -> Iterator[tuple[EventType, EventData]]:
    """What has happened between; the record is as it is now."""
    about = _about(record)
    if now.stage is not before.stage:
        yield EventType.STAGE_CHANGED, _with(about, previous_stage=before.stage)
    resolved = before.attentions.keys() - now.attentions.keys()
    for number in sorted(resolved):
        code = before.attentions[number]
        yield (
            EventType.ATTENTION_RESOLVED,
            _with(about, attention=code, attention_number=number),
        )
    vendors = {each.number: each.vendor for each in record.attentions}
    for number in sorted(now.attentions.keys() - before.attentions.keys()):
        yield (
            EventType.ATTENTION_RAISED,
            _with(
                about,
                attention=now.attentions[number],
                attention_number=number,
                vendor=vendors.get(number),
            ),
        )
    known = Counter(before.transfers)
    for invoice, transfer in _transfers(record):
        if known[_key(invoice, transfer)] > 0:
            known[_key(invoice, transfer)] -= 1
            continue
        back = transfer.amount.amount < 0
        yield (
            EventType.PAYMENT_REVERSED if back else EventType.PAYMENT_RECEIVED,
            _with(
                about,
                invoice_id=invoice.invoice_id,
                amount=transfer.amount,
                paid_on=transfer.on,
                bank_trace_id=transfer.bank_trace_id,
            ),
        )


def _about(record: OfferRecord) -> EventData:
    return EventData(
        offer=offer_path(record.opportunity_id, record.amendment),
        opportunity_id=record.opportunity_id,
        revision=record.revision,
        stage=record.stage,
        offer_id=record.offer_id,
        agreement_id=record.agreement.agreement_id if record.agreement else None,
    )


def _with(about: EventData, **specific: object) -> EventData:
    return about.model_copy(update=specific)


def _transfers(record: OfferRecord) -> Iterator[tuple[InvoicePayout, Transfer]]:
    for invoice in record.payout.invoices if record.payout else ():
        for transfer in invoice.transfers:
            yield invoice, transfer


def _key(invoice: InvoicePayout, transfer: Transfer) -> str:
    # Not the day and the trace: the data may have them later than the amount.
    return f"{invoice.invoice_id} {transfer.amount}"
