"""The SQS consumer, with moto's SQS and a fake of Temporal's client."""

import asyncio
import json
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.api.common.v1 import GrpcStatus
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure, NotFoundFailure
from temporalio.service import RPCError, RPCStatusCode

from offers.clock import Clock
from runtime import clients, sqs_consumer
from runtime.settings import WorkerSettings
from runtime.sqs_consumer import SqsConsumer
from tests.support.eventbridge import KEYS, Queue, eventbridge, make_queue
from tests.support.workflow_harness import environment_variables

OPPORTUNITY = "001A0000006Vm9rIAC"
TIMEOUT_SECONDS = 10
PATTERN = {"source": ["aws.marketplacecatalog"]}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with eventbridge() as endpoint:
        yield endpoint


@pytest.fixture
def queue(endpoint: str, request: pytest.FixtureRequest) -> Iterator[Queue]:
    keys = {name.upper(): value for name, value in KEYS.items()}
    with environment_variables({"AWS_ENDPOINT_URL_SQS": endpoint, **keys}):
        yield make_queue(endpoint, PATTERN, re.sub(r"\W+", "-", request.node.name)[-60:], 2)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqs_consumer, "VISIBILITY_SECONDS", 0)
    monkeypatch.setattr(sqs_consumer, "LONGEST_PAUSE_SECONDS", 0.05)


@dataclass
class FakeTemporal:
    """Counts signals, after it has raised the given failures."""

    failures: list[Exception] = field(default_factory=list)
    signals: Counter[tuple[str, str]] = field(default_factory=Counter)
    workflow: str = ""
    counted: int = 0

    def get_workflow_handle(self, workflow_id: str) -> "FakeTemporal":
        return FakeTemporal(self.failures, self.signals, workflow_id)

    async def signal(self, _: str, *, args: Any, **_timeout: timedelta) -> None:
        (argument,) = args
        if self.failures:
            raise self.failures.pop()
        self.signals[self.workflow, argument] += 1

    async def count_workflows(self, _: str) -> None:
        self.counted += 1


def change_set(number: int, name: str = f"offer-{OPPORTUNITY}-rev1", **envelope: str) -> str:
    return json.dumps(
        {
            "source": "aws.marketplacecatalog",
            "detail-type": "Change Set Succeeded",
            "time": datetime.now(UTC).isoformat(),
            "account": "123456789012",
            "region": "us-east-1",
            "detail": {"ChangeSetId": f"change-{number}", "ChangeSetName": name},
        }
        | envelope
    )


def signalled(*numbers: int) -> dict[tuple[str, str], int]:
    return {(f"offer/{OPPORTUNITY}", f"change-{number}"): 1 for number in numbers}


@asynccontextmanager
async def consumers_of(
    temporal: FakeTemporal, *urls: str
) -> AsyncIterator[Callable[[Callable[[], bool]], Any]]:
    """Consumers of some queues; yields a function that waits for a condition."""
    stop = asyncio.Event()
    consumers = []
    for url in urls:
        settings = WorkerSettings.model_construct(offers_events_queue_url=url)
        found = clients.event_queue(settings)
        assert found
        consumer = SqsConsumer(found, temporal, Clock())  # type: ignore[arg-type]
        consumers.append(asyncio.create_task(consumer.listen(stop)))

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not await asyncio.to_thread(condition):  # noqa: ASYNC110 (moto has no event)
                await asyncio.sleep(0.02)

    try:
        yield until
    finally:
        stop.set()
        # This interrupts a long poll.
        async with asyncio.timeout(2):
            await asyncio.gather(*consumers)


async def test_reported_and_irrelevant_events_are_deleted(queue: Queue) -> None:
    temporal = FakeTemporal()
    queue.send(change_set(1))
    queue.send(change_set(2, "Create my product"))
    queue.send(change_set(3).replace("Succeeded", "Something New"))
    async with consumers_of(temporal, queue.url) as until:
        await until(lambda: queue.waiting() == 0)
    assert temporal.signals == signalled(1)
    assert queue.bodies(queue.dead_letters) == []


@pytest.mark.parametrize(
    "bad",
    [
        ["accepted!", json.dumps({"source": "aws.marketplacecatalog"})],
        [change_set(2, account="210987654321"), change_set(2, region="eu-west-1")],
        [
            change_set(2, time=(datetime.now(UTC) + timedelta(days=1)).isoformat()),
            change_set(2, time=(datetime.now(UTC) - timedelta(days=31)).isoformat()),
        ],
    ],
    ids=["no events", "from elsewhere", "another time"],
)
async def test_unreadable_events_become_dead_letters(
    queue: Queue, caplog: pytest.LogCaptureFixture, bad: list[str]
) -> None:
    for body in (*bad, change_set(1)):
        queue.send(body)
    dead: list[str] = []

    def both_are_dead_letters() -> bool:
        dead.extend(queue.bodies(queue.dead_letters))
        return len(dead) == 2

    async with consumers_of(temporal := FakeTemporal(), queue.url) as until:
        await until(both_are_dead_letters)
    assert sorted(dead) == sorted(bad)
    assert temporal.signals == signalled(1)
    assert queue.waiting() == 0
    messages = [
        record.message for record in caplog.records if "cannot be believed" in record.message
    ]
    assert len(messages) >= 2
    assert "accepted!" not in caplog.text


def not_found(details: NotFoundFailure | NamespaceNotFoundFailure) -> RPCError:
    status = GrpcStatus(code=RPCStatusCode.NOT_FOUND.value)
    status.details.add().Pack(details)
    return RPCError("not found", RPCStatusCode.NOT_FOUND, status.SerializeToString())


@pytest.mark.parametrize(
    "failure",
    [
        RPCError("away", RPCStatusCode.UNAVAILABLE, b""),
        RPCError("denied", RPCStatusCode.PERMISSION_DENIED, b""),
        not_found(NamespaceNotFoundFailure()),
        OSError("no space"),
    ],
    ids=["away", "denied", "no-namespace", "other"],
)
async def test_event_is_retried_if_temporal_fails(queue: Queue, failure: Exception) -> None:
    temporal = FakeTemporal([failure])
    queue.send(change_set(1))
    async with consumers_of(temporal, queue.url) as until:
        await until(lambda: queue.waiting() == 0)
    assert temporal.signals == signalled(1)
    assert temporal.counted == 1, "Temporal was not checked before more messages were received"


async def test_event_of_an_ended_offer_is_deleted(queue: Queue) -> None:
    temporal = FakeTemporal([not_found(NotFoundFailure())])
    queue.send(change_set(1))
    async with consumers_of(temporal, queue.url) as until:
        await until(lambda: queue.waiting() == 0)
    assert not temporal.signals
    assert queue.bodies(queue.dead_letters) == []


async def test_failed_signal_does_not_block_other_events(queue: Queue) -> None:
    temporal = FakeTemporal([RPCError("away", RPCStatusCode.UNAVAILABLE, b"")])
    for number in range(5):
        queue.send(change_set(number))
    async with consumers_of(temporal, queue.url) as until:
        await until(lambda: queue.waiting() == 0)
    assert temporal.signals == signalled(*range(5))


async def test_two_consumers_share_a_queue(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqs_consumer, "VISIBILITY_SECONDS", 30)
    temporal = FakeTemporal()
    for number in range(30):
        queue.send(change_set(number))
    async with consumers_of(temporal, queue.url, queue.url) as until:
        await until(lambda: queue.waiting() == 0)
    assert temporal.signals.keys() == signalled(*range(30)).keys()
    # SQS and moto deliver at least once: now and then one to both.
    assert temporal.signals.total() < 2 * 30, "both consumers signalled each event"


async def test_consumer_waits_for_a_missing_queue(
    queue: Queue, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so once, and once that this is over."""
    caplog.set_level(logging.INFO)
    tries: list[int] = []

    def pause(failures: int) -> float:
        tries.append(failures)
        return 0.01

    monkeypatch.setattr(sqs_consumer, "_pause", pause)
    url = f"{queue.url}-later"
    async with consumers_of(temporal := FakeTemporal(), url) as until:
        await until(lambda: len(tries) >= 3)
        (told,) = [each for each in caplog.records if each.levelno == logging.ERROR]
        assert "OFFERS_EVENTS_QUEUE_URL" in told.message
        assert "NonExistentQueue" in told.message
        queue.sqs.create_queue(QueueName=url.rpartition("/")[2])
        queue.sqs.send_message(QueueUrl=url, MessageBody=change_set(1))
        await until(lambda: "events are read again" in caplog.messages)
    assert temporal.signals == signalled(1)
    assert "has no redrive policy" in caplog.text


def test_region_is_read_from_the_queue_url() -> None:
    for url, region in [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/offer-events", "eu-west-1"),
        ("https://eu-west-1.queue.amazonaws.com/123456789012/offer-events", "eu-west-1"),
        ("https://queue.amazonaws.com/123456789012/offer-events", "us-east-1"),
        ("http://127.0.0.1:9324/000000000000/offer-events", "us-east-1"),
    ]:
        queue = clients.event_queue(WorkerSettings.model_construct(offers_events_queue_url=url))
        assert queue
        assert queue._sqs.meta.region_name == region
    assert clients.event_queue(WorkerSettings.model_construct()) is None
