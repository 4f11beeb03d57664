"""AWS Marketplace's events: bodies as documented by AWS, and faults of their delivery."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from sandbox.aws.eventbridge.event_bus import Event, EventBus
from sandbox.aws.eventbridge.marketplace_events import send_disbursement_paused
from sandbox.aws.marketplace_state import Agreement
from sandbox.faults import Fault
from sandbox.marketplace import agreements, buyers, cancellations
from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import BUYER, Seller

DOCUMENTED = Path(__file__).parents[4] / "tests" / "activities" / "aws" / "events"
DIRECT = ("resaleAuthorization",)
"""Null for a seller without a reseller (AWS); the documented event is one of a reseller."""


@pytest.fixture
def sent(sandbox: Sandbox) -> list[Event]:
    """Collects events instead of sending them."""
    events: list[Event] = []
    bus = Mock(EventBus, send=lambda event, _: events.append(event))
    sandbox.world.aws.event_bus = bus
    return events


def accepted_offer(seller: Seller) -> Agreement:
    done = seller.run(seller.offer_changes(), ChangeSetName="offer 1")
    offer_id = done["ChangeSet"][0]["Entity"]["Identifier"].removesuffix("@1")
    return buyers.accept(seller.world, offer_id, BUYER)


def shape(body: Any) -> Any:
    """The names and types of all fields."""
    if isinstance(body, dict):
        return {name: shape(value) for name, value in body.items()}
    return None if body is None else type(body)


def check(event: Event, name: str, *, without: tuple[str, ...] = ()) -> Any:
    """Assert that an event has the same fields as the documented one; its details."""
    body = json.loads((DOCUMENTED / f"{name}.json").read_text(encoding="utf-8"))
    assert (event["Source"], event["DetailType"]) == (body["source"], body["detail-type"])
    assert len(event["Resources"]) == len(body["resources"])
    detail = json.loads(event["Detail"])
    actual, expected = (
        {field: shape(value) for field, value in each.items() if field not in without}
        for each in (detail, body["detail"])
    )
    assert actual == expected
    return detail


def test_events_from_change_set_to_acceptance(sent: list[Event], seller: Seller) -> None:
    agreement = accepted_offer(seller)
    released, made, accepted = sent
    offer = check(released, "offer-released")["offer"]
    assert check(made, "change-set-succeeded")["ChangeSetName"] == "offer 1"
    created = check(accepted, "purchase-agreement-created-proposer", without=DIRECT)
    assert offer["id"] == created["offer"]["id"] == agreement.offer_id
    assert (created["agreement"]["id"], created["resaleAuthorization"]) == (agreement.id, None)
    assert created["acceptor"]["accountId"] == BUYER
    agreements.roll_back(seller.world, agreement)
    assert len(sent) == 3, "a roll-back sends no event"


def test_a_failed_change_set(sent: list[Event], seller: Seller) -> None:
    seller.world.aws.change_set_processing.failures.append("SERVER_FAULT")
    seller.run(seller.offer_changes(), ChangeSetName="offer 1")
    (failed,) = sent
    assert check(failed, "change-set-failed")["FailureCode"] == "SERVER_FAULT"


def test_a_renewal(sent: list[Event], sandbox: Sandbox, seller: Seller) -> None:
    before = accepted_offer(seller)
    after = agreements.renew(sandbox.world, before)
    created, ended = sent[-2:]
    # The documented event of a renewal has the product instead of the authorization.
    without = (*DIRECT, "product", "proposer")
    renewed = check(created, "purchase-agreement-created-proposer-renewal", without=without)
    assert renewed["agreement"]["previousAgreementId"] == before.id
    assert renewed["agreement"]["id"] == after.id
    old = check(ended, "purchase-agreement-ended-proposer", without=DIRECT)
    assert old["agreement"] == {"id": before.id, "status": "RENEWED"}


@pytest.mark.parametrize("answer", ["approved", "rejected", "validation-failed"])
def test_cancellation_requests(
    sent: list[Event], sandbox: Sandbox, seller: Seller, answer: str
) -> None:
    agreement = accepted_offer(seller)
    sent.clear()
    request = cancellations.send_request(sandbox.world, agreement, "OTHER", "mistaken")
    if answer == "validation-failed":
        agreements.end(sandbox.world, agreement, "TERMINATED")
    else:
        cancellations.answer(sandbox.world, request, approve=answer == "approved")
    asked, answered = (each for each in sent if "Cancellation" in each["DetailType"])
    check(asked, "agreement-cancellation-request-pending-approval")
    detail = check(answered, f"agreement-cancellation-request-{answer}")
    assert detail["agreementCancellationRequest"]["id"] == request.id
    ended = "Purchase Agreement Ended - Proposer" in [each["DetailType"] for each in sent]
    assert ended == (answer != "rejected")


def test_paused_payouts(sent: list[Event], sandbox: Sandbox) -> None:
    send_disbursement_paused(sandbox.world)
    check(sent[0], "disbursement-paused")


def test_faults_of_the_delivery(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived: list[Any] = []
    monkeypatch.setattr(EventBus, "_deliver", lambda _, event: arrived.append(event["DetailType"]))
    bus = sandbox.world.aws.event_bus = EventBus("http://127.0.0.1:9")
    sandbox.world.faults.events.add("lose", "Disbursement Paused")
    for _ in range(2):
        send_disbursement_paused(sandbox.world)
    for name, kind in enumerate(["reorder", "duplicate", "lose", "delay", "other"]):
        fault = Fault("events", kind, delay_seconds=60)
        bus.send({"DetailType": str(name)}, fault if kind != "other" else None)
    bus.close()
    assert arrived == ["Disbursement Paused", "1", "1", "0", "4"]


def test_an_unreachable_eventbridge_does_no_harm() -> None:
    with Sandbox(events_endpoint="http://127.0.0.1:9") as sandbox:
        bus = sandbox.world.aws.event_bus
        assert bus
        bus.send({"Source": "aws.marketplace", "DetailType": "Disbursement Paused", "Detail": "{}"})
