"""AWS's events reach offers through EventBridge and SQS (moto), without a watch."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.aws.events import CATALOG
from offers.clock import Clock
from offers.ids import workflow_id
from offers.stage import Stage
from runtime import clients, sqs_consumer
from runtime.settings import WorkerSettings
from runtime.sqs_consumer import SqsConsumer
from sandbox.aws.eventbridge.event_bus import EventBus
from sandbox.faults import Fault
from tests.support.eventbridge import PATTERN, Queue, eventbridge, make_queue
from tests.support.offer_environment import (
    TIMEOUT_SECONDS,
    OfferEnvironment,
    open_offer_environment,
)

CREATED = "Purchase Agreement Created - Proposer"


@dataclass
class EventHarness:
    """An environment whose worker reads events from a queue."""

    environment: OfferEnvironment
    queue: Queue

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not await asyncio.to_thread(condition):  # noqa: ASYNC110 (moto has no event)
                await asyncio.sleep(0.02)

    async def wait_until_read(self) -> None:
        """Wait until the queue is empty."""
        await self.wait_until(lambda: self.queue.waiting() == 0)

    async def signals(self, opportunity: str) -> Counter[str]:
        """How many signals of each name an offer has received."""
        history = await self.environment.temporal_client.get_workflow_handle(
            workflow_id(opportunity)
        ).fetch_history()
        return Counter(
            event.workflow_execution_signaled_event_attributes.signal_name
            for event in history.events
            if event.HasField("workflow_execution_signaled_event_attributes")
        )

    def send(self, kind: str, **detail: str) -> None:
        """Send an event that the sandbox did not cause."""
        entry = {"Source": CATALOG, "DetailType": kind, "Detail": json.dumps(detail)}
        self.queue.events.put_events(Entries=[entry])


@pytest.fixture
async def harness(
    dev_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[EventHarness]:
    monkeypatch.setattr(sqs_consumer, "VISIBILITY_SECONDS", 0)
    monkeypatch.setattr(sqs_consumer, "LONGEST_PAUSE_SECONDS", 0.1)
    with eventbridge() as endpoint:
        queue = make_queue(endpoint, PATTERN, max_receives=3)
        monkeypatch.setenv("OFFERS_EVENTS_QUEUE_URL", queue.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", endpoint)
        async with open_offer_environment(dev_server, tmp_path) as environment:
            environment.world.aws.event_bus = EventBus(endpoint)
            yield EventHarness(environment, queue)


async def test_acceptances_arrive_by_events_without_the_watch(harness: EventHarness) -> None:
    environment = harness.environment
    faults = environment.world.faults.waiting
    faults += [
        Fault("events", "duplicate", "Offer Released"),
        Fault("events", "reorder", "Offer Released"),
        Fault("events", "duplicate", "Change Set Succeeded"),
    ]
    late, twice, waiting = await environment.share_offers(1, 2, 3)
    faults.append(Fault("events", "delay", CREATED, delay_seconds=0.1))
    await environment.accept(late)
    faults.append(Fault("events", "duplicate", CREATED))
    await environment.accept(twice)
    assert not faults
    for opportunity in (late, twice):
        row = await environment.wait_until(opportunity, lambda row: row.stage == Stage.ACCEPTED)
        assert row.agreement_id in environment.world.aws.agreements
    await harness.wait_until_read()
    assert (await harness.signals(late))["agreement_reported"] == 1
    assert (await harness.signals(waiting))["agreement_reported"] == 0
    assert (await environment.client.record(waiting)).stage is Stage.SHARED
    assert harness.queue.bodies(harness.queue.dead_letters) == []


async def test_events_of_other_offers_are_ignored(
    harness: EventHarness, caplog: pytest.LogCaptureFixture
) -> None:
    environment, queue = harness.environment, harness.queue
    (ours,) = await environment.share_offers(1)
    await harness.wait_until_read()
    before = await harness.signals(ours)
    environment.accept_unrelated_offer()
    not_started = f"offer-{environment.put_opportunities(2)[0]}-rev1"
    for name in ("Create my product", not_started):
        harness.send("Change Set Succeeded", ChangeSetId="1", ChangeSetName=name)
    queue.send(json.dumps({"source": "aws.elsewhere", "detail-type": "New", "detail": {}}))
    queue.send("not an event")
    dead: list[str] = []

    def unreadable_events_are_dead_letters() -> bool:
        dead.extend(queue.bodies(queue.dead_letters))
        return len(dead) == 2

    await harness.wait_until(unreadable_events_are_dead_letters)
    await harness.wait_until_read()
    assert await harness.signals(ours) == before

    other = make_queue(queue.endpoint, PATTERN, "elsewhere", max_receives=1000)
    found = clients.event_queue(WorkerSettings.model_construct(offers_events_queue_url=other.url))
    assert found
    other_namespace = Client(environment.temporal_client.service_client, namespace="elsewhere")
    stop = asyncio.Event()
    consumer = asyncio.create_task(SqsConsumer(found, other_namespace, Clock()).listen(stop))
    harness.send("Change Set Failed", ChangeSetId="1", ChangeSetName=not_started)
    await harness.wait_until_read()
    await harness.wait_until(lambda: "event not reported" in caplog.text)
    stop.set()
    await consumer  # it finishes the messages that it has received
    assert other.waiting() == 1, "the event was deleted although the namespace does not exist"
