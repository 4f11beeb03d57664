"""AWS's events from the sandbox through EventBridge and SQS (moto) to the offers, with no watch."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.aws.events import CATALOG
from offers.ids import workflow_id
from offers.stage import Stage
from runtime import clients, sqs_consumer
from runtime.settings import WorkerSettings
from runtime.sqs_consumer import SqsConsumer
from sandbox.aws.eventbridge.event_bus import EventBus
from sandbox.faults import Fault
from tests.support.eventbridge import Queue, eventbridge, make_queue
from tests.support.offer_environment import (
    TIMEOUT_SECONDS,
    OfferEnvironment,
    open_offer_environment,
)
from tests.test_events_page import PATTERN

CREATED = "Purchase Agreement Created - Proposer"


@dataclass
class Hearing:
    """A house whose worker listens to a queue."""

    environment: OfferEnvironment
    queue: Queue

    async def until(self, so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not await asyncio.to_thread(so):  # noqa: ASYNC110 (moto has no event)
                await asyncio.sleep(0.02)

    async def quiet(self) -> None:
        """Wait until all that was told has been heard."""
        await self.until(lambda: self.queue.waiting() == 0)

    async def signals(self, opportunity: str) -> Counter[str]:
        """Which signals an offer has got."""
        history = await self.environment.temporal_client.get_workflow_handle(
            workflow_id(opportunity)
        ).fetch_history()
        return Counter(
            event.workflow_execution_signaled_event_attributes.signal_name
            for event in history.events
            if event.HasField("workflow_execution_signaled_event_attributes")
        )

    def tell(self, kind: str, **detail: str) -> None:
        """AWS tells something that did not happen in the sandbox."""
        entry = {"Source": CATALOG, "DetailType": kind, "Detail": json.dumps(detail)}
        self.queue.events.put_events(Entries=[entry])


@pytest.fixture
async def hearing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hearing]:
    monkeypatch.setattr(sqs_consumer, "VISIBILITY_SECONDS", 0)
    monkeypatch.setattr(sqs_consumer, "LONGEST_PAUSE_SECONDS", 0.1)
    with eventbridge() as endpoint:
        queue = make_queue(endpoint, PATTERN, max_receives=3)
        monkeypatch.setenv("OFFERS_EVENTS_QUEUE_URL", queue.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", endpoint)
        async with open_offer_environment(tmp_path) as environment:
            environment.world.event_bus = EventBus(endpoint)
            yield Hearing(environment, queue)


async def test_acceptances_are_heard_without_any_watch(hearing: Hearing) -> None:
    environment = hearing.environment
    troubles = environment.world.faults.waiting
    troubles += [
        Fault("events", "duplicate", "Offer Released"),
        Fault("events", "reorder", "Offer Released"),
        Fault("events", "duplicate", "Change Set Succeeded"),
    ]
    late, twice, waiting = await environment.share_offers(1, 2, 3)
    troubles.append(Fault("events", "delay", CREATED, delay_seconds=0.1))
    await environment.accept(late)
    troubles.append(Fault("events", "duplicate", CREATED))
    await environment.accept(twice)
    assert not troubles
    for opportunity in (late, twice):
        row = await environment.wait_until(opportunity, lambda row: row.stage == Stage.ACCEPTED)
        assert row.agreement_id in environment.world.agreements
    await hearing.quiet()
    assert (await hearing.signals(late))["agreement_reported"] == 1
    assert (await hearing.signals(waiting))["agreement_reported"] == 0
    assert (await environment.client.record(waiting)).stage is Stage.SHARED
    assert hearing.queue.bodies(hearing.queue.dead_letters) == []


async def test_what_concerns_no_offer_is_passed_over(
    hearing: Hearing, caplog: pytest.LogCaptureFixture
) -> None:
    environment, queue = hearing.environment, hearing.queue
    (ours,) = await environment.share_offers(1)
    await hearing.quiet()
    before = await hearing.signals(ours)
    environment.accept_unrelated_offer()
    not_started = f"offer-{environment.put_opportunities(2)[0]}-rev1"
    for name in ("Create my product", not_started):
        hearing.tell("Change Set Succeeded", ChangeSetId="1", ChangeSetName=name)
    queue.send(json.dumps({"source": "aws.elsewhere", "detail-type": "New", "detail": {}}))
    queue.send("not an event")
    dead: list[str] = []

    def all_that_cannot_be_read_is_dead() -> bool:
        dead.extend(queue.bodies(queue.dead_letters))
        return len(dead) == 2

    await hearing.until(all_that_cannot_be_read_is_dead)
    await hearing.quiet()
    assert await hearing.signals(ours) == before

    other = make_queue(queue.endpoint, PATTERN, "elsewhere", max_receives=1000)
    found = clients.event_queue(WorkerSettings.model_construct(offers_events_queue_url=other.url))
    assert found
    elsewhere = Client(environment.temporal_client.service_client, namespace="elsewhere")
    stop = asyncio.Event()
    listener = asyncio.create_task(SqsConsumer(found, elsewhere).listen(stop))
    hearing.tell("Change Set Failed", ChangeSetId="1", ChangeSetName=not_started)
    await hearing.quiet()
    await hearing.until(lambda: "event not reported" in caplog.text)
    stop.set()
    await listener  # it ends what it has in hand first
    assert other.waiting() == 1, "no such namespace is another thing than no such offer"
