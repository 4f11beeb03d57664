"""AWS Marketplace's events: bodies as documented by AWS, and faults of their delivery."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.aws.eventbridge.event_bus import Event
from sandbox.aws.marketplace_state import Agreement
from sandbox.faults import Fault
from sandbox.marketplace import agreements, buyers, cancellations
from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import BUYER, Seller
from sandbox.tests.support.eventbridge_server import create_queue, run_eventbridge

DOCUMENTED = Path(__file__).parents[4] / "tests" / "activities" / "aws" / "events"


class Recorder:
    """Records events instead of sending them."""

    def __init__(self) -> None:
        self.sent: list[tuple[Event, Fault | None]] = []

    def send(self, event: Event, fault: Fault | None = None) -> None:
        self.sent.append((event, fault))

    def close(self) -> None:
        """Part of the interface of EventBus."""

    @property
    def kinds(self) -> list[str]:
        return [event.detail_type for event, _ in self.sent]


@pytest.fixture
def recorder(sandbox: Sandbox) -> Recorder:
    recorder = Recorder()
    sandbox.world.aws.event_bus = recorder  # type: ignore[assignment]
    return recorder


def accepted_offer(seller: Seller) -> Agreement:
    changes = seller.offer_changes()
    created = seller.run(changes, ChangeSetName="offer 1")["ChangeSet"][0]["Entity"]["Identifier"]
    return buyers.accept(seller.world, created.removesuffix("@1"), BUYER)


def shape(body: Any) -> Any:
    """The names and types of all fields."""
    if isinstance(body, dict):
        return {name: shape(value) for name, value in body.items()}
    return None if body is None else type(body)


def documented(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((DOCUMENTED / f"{name}.json").read_text())
    return body


def check(event: Event, name: str, *, without: tuple[str, ...] = ()) -> None:
    """Assert that an event has the same fields as the documented one."""
    body = documented(name)
    assert (event.source, event.detail_type) == (body["source"], body["detail-type"])
    assert len(event.resources) == len(body["resources"])
    expected = {field: value for field, value in body["detail"].items() if field not in without}
    actual = {field: value for field, value in event.detail.items() if field not in without}
    assert shape(actual) == shape(expected)


DIRECT = ("resaleAuthorization",)
"""Null for a seller without a reseller (AWS); the documented event is one of a reseller."""


def test_events_from_change_set_to_acceptance(recorder: Recorder, seller: Seller) -> None:
    agreement = accepted_offer(seller)
    released, made, accepted = (event for event, _ in recorder.sent)
    check(released, "offer-released")
    check(made, "change-set-succeeded")
    check(accepted, "purchase-agreement-created-proposer", without=DIRECT)
    assert released.detail["offer"]["id"] == accepted.detail["offer"]["id"] == agreement.offer_id
    assert accepted.detail["agreement"]["id"] == agreement.id
    assert accepted.detail["resaleAuthorization"] is None
    assert accepted.detail["acceptor"]["accountId"] == BUYER


def test_a_failed_change_set(recorder: Recorder, sandbox: Sandbox, seller: Seller) -> None:
    sandbox.world.aws.change_set_processing.failures.append("SERVER_FAULT")
    seller.start(seller.offer_changes(), ChangeSetName="offer 1")
    seller.clock.advance(hours=1)
    sandbox.world.advance()
    ((failed, _),) = recorder.sent
    check(failed, "change-set-failed")
    assert failed.detail["ChangeSetName"] == "offer 1"
    assert failed.detail["FailureCode"] == "SERVER_FAULT"


def test_a_renewal(recorder: Recorder, sandbox: Sandbox, seller: Seller) -> None:
    before = accepted_offer(seller)
    recorder.sent.clear()
    after = agreements.renew(sandbox.world, before)
    (created, _), (ended, _) = recorder.sent
    check(
        created,
        "purchase-agreement-created-proposer-renewal",
        # The documented event of a renewal has the product instead of the authorization.
        without=(*DIRECT, "product", "proposer"),
    )
    assert created.detail["agreement"]["previousAgreementId"] == before.id
    assert created.detail["agreement"]["id"] == after.id
    check(ended, "purchase-agreement-ended-proposer", without=DIRECT)
    assert ended.detail["agreement"] == {"id": before.id, "status": "RENEWED"}


@pytest.mark.parametrize("answer", ["approved", "rejected", "cancelled", "validation-failed"])
def test_cancellation_requests(
    recorder: Recorder, sandbox: Sandbox, seller: Seller, answer: str
) -> None:
    world = sandbox.world
    agreement = accepted_offer(seller)
    recorder.sent.clear()
    request = cancellations.send_request(world, agreement, "OTHER", "mistaken")
    match answer:
        case "approved" | "rejected":
            cancellations.answer(world, request, approve=answer == "approved")
        case "cancelled":
            cancellations.withdraw(world, request, "not needed")
        case _:
            agreements.end(world, agreement, "TERMINATED")
    changes = [event for event, _ in recorder.sent if "Cancellation" in event.detail_type]
    check(changes[0], "agreement-cancellation-request-pending-approval")
    check(changes[1], f"agreement-cancellation-request-{answer}")
    assert changes[1].detail["agreementCancellationRequest"]["id"] == request.id
    ended = "Purchase Agreement Ended - Proposer" in recorder.kinds
    assert ended == (answer in ("approved", "validation-failed"))


def test_paused_payouts(recorder: Recorder, control: httpx.Client) -> None:
    assert control.post("/events/disbursement-paused").status_code == 200
    ((paused, _),) = recorder.sent
    check(paused, "disbursement-paused")


def test_a_roll_back_sends_no_event(recorder: Recorder, sandbox: Sandbox, seller: Seller) -> None:
    agreement = accepted_offer(seller)
    recorder.sent.clear()
    agreements.roll_back(sandbox.world, agreement)
    assert recorder.sent == []


def test_faults_apply_by_detail_type(recorder: Recorder, control: httpx.Client) -> None:
    fault = {"system": "events", "kind": "lose", "operation": "Offer Released"}
    assert control.post("/faults", json=fault).status_code == 200
    control.post("/events/disbursement-paused")
    assert recorder.sent[0][1] is None
    control.post("/faults", json=fault | {"operation": "Disbursement Paused"})
    control.post("/events/disbursement-paused")
    assert recorder.sent[1][1]
    refused = control.post("/faults", json=fault | {"kind": "status"})
    assert refused.json() == {
        "error": "kind: there is no 'status'; choose duplicate, lose, delay, reorder"
    }
    assert control.post("/faults", json={"system": "s3", "kind": "lose"}).status_code == 400


def test_delivery_with_faults(sandbox: Sandbox, control: httpx.Client) -> None:
    with run_eventbridge() as endpoint:
        queue = create_queue(endpoint, {"source": ["aws.marketplace"]})
        assert control.put("/events", json={"endpoint": endpoint}).status_code == 200
        bus = sandbox.world.aws.event_bus
        assert bus
        for number, kind in enumerate([None, "lose", "delay", "reorder", "duplicate", None]):
            event = Event("aws.marketplace", f"{number}", sandbox.world.now(), [], {"a": "b"})
            bus.send(event, Fault("events", kind, delay_seconds=0) if kind else None)
        assert control.put("/events", json={"endpoint": None}).json() == {"endpoint": None}
        assert sandbox.world.aws.event_bus is None
        bodies = queue.receive_bodies()
    arrived = [body["detail-type"] for body in bodies if body["detail-type"] != "2"]
    assert arrived == ["0", "4", "4", "3", "5"]
    assert bodies[0]["time"] == "2026-03-02T09:00:00Z", "business time"


def test_an_unreachable_eventbridge_does_no_harm() -> None:
    with Sandbox(events_endpoint="http://127.0.0.1:9") as sandbox:
        bus = sandbox.world.aws.event_bus
        assert bus
        bus.send(Event("aws.marketplace", "Disbursement Paused", datetime.now(UTC), [], {}))
