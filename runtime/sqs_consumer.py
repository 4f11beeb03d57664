"""Reads AWS's events from the SQS queue that EventBridge fills, and reports them to the offers.

Events are delivered on a best-effort basis (AWS), so nothing depends on them: the agreement watch
reports the same later.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from temporalio.client import Client
from temporalio.service import RPCError

from activities.aws.events import InvalidEvent, MarketplaceEvent, read_event
from activities.temporal.offer_directory import OfferDirectory
from activities.temporal.signals import try_send
from offers.clock import Clock
from runtime.event_routing import route_events

LONG_POLL_SECONDS = 20
MESSAGES_AT_ONCE = 10
VISIBILITY_SECONDS = 120
"""Visibility timeout: a message that is not deleted by then is delivered again."""
LONGEST_PAUSE_SECONDS = 60

WRONG_QUEUE = ("NonExistentQueue", "QueueDoesNotExist", "InvalidAddress", "AccessDenied")
"""Parts of AWS's error codes for a wrong queue address or missing rights."""

Message = dict[str, Any]
T = TypeVar("T")
logger = logging.getLogger(__name__)


class SignalsNotDelivered(Exception):
    """Some signals were not accepted by Temporal: their messages stay in the queue."""


class EventQueue:
    """The SQS queue; its calls block."""

    def __init__(self, sqs: Any, url: str) -> None:
        """`sqs`: a boto3 client whose read timeout is longer than a long poll."""
        self._sqs = sqs
        self._url = url
        self.account = urlsplit(url).path.split("/")[1]
        """The AWS account of the queue, and of the events in it."""

    def check(self) -> None:
        """Warn if unreadable messages would be delivered for ever."""
        if not self.has_dead_letter_queue():
            logger.warning(
                "OFFERS_EVENTS_QUEUE_URL: the queue has no redrive policy, so what cannot be read"
                " comes again and again: give it a dead-letter queue (docs/events.md)"
            )

    def has_dead_letter_queue(self) -> bool:
        """Whether there is a redrive policy.  Raises ClientError or BotoCoreError."""
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["RedrivePolicy"])
        return "RedrivePolicy" in found.get("Attributes", {})

    def receive(self) -> list[Message]:
        """Wait for the next messages."""
        received = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=MESSAGES_AT_ONCE,
            WaitTimeSeconds=LONG_POLL_SECONDS,
            VisibilityTimeout=VISIBILITY_SECONDS,
        )
        return list(received.get("Messages", ()))

    def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages.  One that stays is delivered again, which does no harm."""
        answer = self._sqs.delete_message_batch(
            QueueUrl=self._url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages)
            ],
        )
        for failed in answer.get("Failed", ()):
            logger.info(
                "an event was not deleted and will be delivered again",
                extra={"code": failed["Code"]},
            )


class SqsConsumer:
    """Reads the queue; several may do so at once, also in several processes."""

    def __init__(self, queue: EventQueue, client: Client, clock: Clock) -> None:
        self._queue = queue
        self._clock = clock
        self._client = client
        self._directory = OfferDirectory(client)

    async def listen(self, until: asyncio.Event) -> None:
        """Read until the event is set, and finish the messages received."""
        stopping = asyncio.create_task(until.wait())
        thread = ThreadPoolExecutor(1, "events")
        checked, failures, told = False, 0, ""
        try:
            while not until.is_set():
                try:
                    if not checked:
                        await _call(thread, self._queue.check, stopping)
                        checked = True
                    if failures:
                        # Nothing is received while Temporal is unreachable: a message that was
                        # received too often goes to the dead-letter queue.
                        await self._client.count_workflows("WorkflowType = 'OfferWorkflow'")
                    messages = await _call(thread, self._queue.receive, stopping)
                    await self._turn(thread, messages or [])
                    if told:
                        logger.info("events are read again")
                    failures, told = 0, ""
                except Exception as error:  # whatever it is, the workers beside go on
                    failures += 1
                    if told != _name(error):
                        _log_error(error)
                    told = _name(error)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(asyncio.shield(stopping), _pause(failures))
        finally:
            stopping.cancel()
            thread.shutdown(wait=False)

    async def _turn(self, thread: ThreadPoolExecutor, messages: Sequence[Message]) -> None:
        """Report the messages received, and delete those that are in Temporal."""
        done, received = [], []
        for message in messages:
            try:
                event = read_event(message["Body"])
                if event:
                    event.check_origin(
                        self._queue.account, self._clock.business_time(datetime.now(UTC))
                    )
            except InvalidEvent as error:
                logger.warning("event cannot be believed: %s", error, extra=_named(message))
                continue
            if event:
                received.append((message, event))
            else:
                done.append(message)
        reported = await self._report([event for _, event in received])
        done += [message for (message, _), told in zip(received, reported, strict=True) if told]
        if done:
            await _call(thread, lambda: self._queue.delete(done))
        for (message, event), told in zip(received, reported, strict=True):
            what = type(event.detail).__name__
            logger.info("event received", extra=_named(message) | {"what": what, "reported": told})
        if not all(reported):
            raise SignalsNotDelivered

    async def _report(self, events: Sequence[MarketplaceEvent]) -> list[bool]:
        """For each event, whether Temporal has accepted all its signals."""
        reports = await route_events(events, self._directory) if events else []
        different = set().union(*reports)
        failed = dict(zip(different, await try_send(self._client, different), strict=True))
        for error in filter(None, failed.values()):
            logger.warning("event not reported: %s", _name(error))
        return [all(failed[report] is None for report in each) for each in reports]


async def _call(
    thread: ThreadPoolExecutor, call: Callable[[], T], unless: asyncio.Task[Any] | None = None
) -> T | None:
    """The result of a blocking call; None if `unless` is done first.

    A long poll cannot be cancelled.  It is abandoned; what it receives is delivered again.
    """
    calling = asyncio.get_running_loop().run_in_executor(thread, call)
    await asyncio.wait({calling, *filter(None, [unless])}, return_when=asyncio.FIRST_COMPLETED)
    if calling.done():
        return calling.result()
    calling.cancel()
    return None


def _log_error(error: Exception) -> None:
    if isinstance(error, ClientError) and any(each in _name(error) for each in WRONG_QUEUE):
        logger.error(
            "OFFERS_EVENTS_QUEUE_URL: AWS answers %s: check the address, and the worker's rights on"
            " the queue (docs/events.md); trying again",
            _name(error),
        )
    else:
        logger.warning("events cannot be read, trying again: %s", _name(error))


def _name(error: BaseException) -> str:
    """The error without its content."""
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    if isinstance(error, RPCError):
        return f"Temporal: {error.status.name}"
    return type(error).__name__


def _pause(failures: int) -> float:
    # So that several consumers that fail together do not retry together.
    longest: float = min(0.5 * 2.0 ** min(failures, 10), LONGEST_PAUSE_SECONDS)
    return random.uniform(0.5, 1) * longest  # noqa: S311  # nosec B311  # no secret


def _named(message: Message) -> dict[str, Any]:
    return {"message_id": message["MessageId"]}
