"""Events of an offer: when there is one, and what it says."""

import json
from typing import Any

import pytest

from offers.lifecycle.attentions import Attention, AttentionCode, Vendor
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.webhook_events import (
    GROUPS,
    EventData,
    EventType,
    Reported,
    WebhookEvent,
    event_id,
    events_between,
)
from offers.money import Money
from offers.payouts.model import InvoicePayout, Payout, Transfer
from offers.stage import Stage
from tests.support.builders import CONTACTS, NOW, terms

OFFER = "0065g00000AbCdEAAV"


def record(stage: Stage, **changes: Any) -> OfferRecord:
    known = {"opportunity_id": OFFER, "stage": stage, "terms": terms(), "contacts": CONTACTS}
    return OfferRecord.model_validate(known | changes)


def between(before: OfferRecord, after: OfferRecord) -> list[tuple[EventType, dict[str, Any]]]:
    reported = Reported().after(before)
    found = events_between(reported, reported.after(after), after)
    return [(kind, data.model_dump(mode="json", exclude_none=True)) for kind, data in found]


def attention(number: int, code: AttentionCode, **changes: Any) -> Attention:
    return Attention(
        number=number, code=code, problem="Example Corp", remedy="r", since=NOW, **changes
    )


def transfer(amount: str, **changes: Any) -> Transfer:
    return Transfer.model_validate({"on": None, "amount": Money.of(amount, "USD")} | changes)


def paid(*transfers: Transfer) -> Payout:
    usd = {name: Money.of(0, "USD") for name in ("refunded", "listing_fee", "tax")}
    total = sum((each.amount for each in transfers), Money.of(0, "USD"))
    invoice = InvoicePayout(
        invoice_id="E2E2E20000",
        gross=Money.of(1000, "USD"),
        undisbursed=Money.of(1000, "USD") - total,
        transfers=transfers,
        **usd,
    )
    return Payout(offer_id="offer-1", invoices=(invoice,))


def test_another_stage() -> None:
    before = record(Stage.GENERATING)
    after = record(Stage.SHARED, offer_id="offer-1", revision=2, amendment=1)
    assert between(before, after) == [
        (
            EventType.STAGE_CHANGED,
            {
                "offer": f"{OFFER}/amendment/1",
                "opportunity_id": OFFER,
                "revision": 2,
                "stage": "shared",
                "previous_stage": "generating",
                "offer_id": "offer-1",
            },
        )
    ]
    assert between(after, after) == []


def test_attentions_that_come_and_go() -> None:
    old = attention(3, AttentionCode.NOTIFICATION_FAILED)
    new = attention(4, AttentionCode.CREDENTIALS_REJECTED, vendor=Vendor.AWS)
    found = between(record(Stage.DRAFT, attentions=(old,)), record(Stage.DRAFT, attentions=(new,)))
    said = [
        (kind, data["attention"], data["attention_number"], data.get("vendor"))
        for kind, data in found
    ]
    assert said == [
        (EventType.ATTENTION_RESOLVED, "notification-failed", 3, None),
        (EventType.ATTENTION_RAISED, "credentials-rejected", 4, "aws"),
    ]
    assert "Example Corp" not in json.dumps(found), "a vendor's words may name somebody"


def test_attention_about_webhooks_is_no_event() -> None:
    failed = attention(1, AttentionCode.WEBHOOK_FAILED)
    without, with_it = record(Stage.SHARED), record(Stage.SHARED, attentions=(failed,))
    assert between(without, with_it) == between(with_it, without) == []


def test_many_rejected_signals_are_one_attention() -> None:
    """Each replaces the one before, under a new number."""
    code, reported, found = AttentionCode.SIGNAL_REJECTED, Reported(), []
    for waiting in ((5,), (6,), (7,), ()):
        now = record(Stage.SHARED, attentions=[attention(number, code) for number in waiting])
        following = reported.after(now)
        found += list(events_between(reported, following, now))
        reported = following
    said = [(kind, data.attention_number) for kind, data in found if data.attention]
    assert said == [(EventType.ATTENTION_RAISED, 5), (EventType.ATTENTION_RESOLVED, 5)]


def test_each_movement_of_money_once() -> None:
    first = paid(transfer("400", bank_trace_id="T1", on="2026-05-08"))
    again = paid(transfer("400"), transfer("400"), transfer("-400", failed=True))
    found = between(record(Stage.ACCEPTED), record(Stage.ACCEPTED, payout=first))
    ((kind, data),) = found
    assert kind is EventType.PAYMENT_RECEIVED
    assert data["amount"] == {"amount": "400.00", "currency": "USD"}
    assert (data["invoice_id"], data["bank_trace_id"]) == ("E2E2E20000", "T1")
    assert data["paid_on"] == "2026-05-08"
    found = between(record(Stage.ACCEPTED, payout=first), record(Stage.ACCEPTED, payout=again))
    assert [(kind, data["amount"]["amount"]) for kind, data in found] == [
        (EventType.PAYMENT_RECEIVED, "400.00"),
        (EventType.PAYMENT_REVERSED, "-400.00"),
    ]


def test_trace_that_comes_later_is_no_payment() -> None:
    before, after = (
        record(Stage.ACCEPTED, payout=paid(transfer("400", **known)))
        for known in ({}, {"bank_trace_id": "T1", "on": "2026-05-08"})
    )
    assert between(before, after) == []


def test_id_belongs_to_one_event_of_one_life() -> None:
    ids = {
        event_id(workflow, run, number)
        for workflow in ("offer/1", "offer/2")
        for run in ("a", "b")
        for number in (1, 2)
    }
    assert len(ids) == 8
    assert event_id("offer/1", "a", 1) in ids
    assert all(each.startswith("msg_") and len(each) == 36 for each in ids)


def test_message_is_the_same_for_each_attempt() -> None:
    event = WebhookEvent(
        id="msg_1", type=EventType.TEST, timestamp=NOW, data=EventData(offer=OFFER)
    )
    read_again = WebhookEvent.model_validate_json(event.model_dump_json())
    assert read_again.body == event.body
    assert json.loads(event.body).keys() == {"type", "timestamp", "data"}


@pytest.mark.parametrize("kind", [each for each in EventType if each is not EventType.TEST])
def test_every_event_can_be_chosen(kind: EventType) -> None:
    assert GROUPS[kind]
