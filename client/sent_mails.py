"""The mails of one offer, as the history of its workflow has them."""

from datetime import UTC, datetime

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.converter import WorkflowSerializationContext

from activities.task_queues import TaskQueue
from offers.clock import Clock
from offers.model import FrozenModel

MOST_EVENTS = 5_000
"""Events that are looked at, the oldest first: a year of an offer has 180."""


class SentMail(FrozenModel):
    """A mail that was to be sent."""

    summary: str
    """Recipient and topic, such as `Email buyer: shared`."""
    at: datetime
    """When it was to be sent (UTC business time)."""
    is_sent: bool
    """False: it is being tried, was given up, or nobody was to get it."""


async def sent_mails(client: Client, workflow_id: str, clock: Clock) -> list[SentMail]:
    """Those of the newest run, the oldest first; raises RPCError."""
    found: dict[int, tuple[str, datetime]] = {}
    done: set[int] = set()
    handle = client.get_workflow_handle(workflow_id)
    context = WorkflowSerializationContext(client.namespace, workflow_id)
    converter = client.data_converter.with_context(context)
    seen = 0
    async for event in handle.fetch_history_events(page_size=1000):
        seen += 1
        if seen > MOST_EVENTS:
            break
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled = event.activity_task_scheduled_event_attributes
            if scheduled.task_queue.name == TaskQueue.EMAIL:
                (summary,) = await converter.decode([event.user_metadata.summary], [str])
                at = clock.business_time(event.event_time.ToDatetime(UTC))
                found[event.event_id] = summary, at
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            completed = event.activity_task_completed_event_attributes
            number = completed.scheduled_event_id
            if number in found and await converter.decode(completed.result.payloads) != [False]:
                done.add(number)
    return [
        SentMail(summary=summary, at=at, is_sent=number in done)
        for number, (summary, at) in found.items()
    ]
