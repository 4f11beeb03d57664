"""The cost of a workflow run: history events, and Actions as Temporal Cloud bills them.

Source of the rule: Temporal Cloud, "Actions".  Counted here: starts, activities and each of their
retries, local activities, timers, signals received and sent, updates, upserts of search attributes.
Queries are not in a history; this product's own processes send none while an offer's workflow is
open.
"""

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from offers.model import FrozenModel

BILLED_ONCE = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_MARKER_RECORDED,  # a local activity
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
    }
)


class Cost(FrozenModel):
    """The cost of one workflow run."""

    actions: int
    events: int
    bytes: int
    by_kind: dict[str, int]
    """Actions by event type; retries of activities have a name of their own."""


def cost(history: WorkflowHistory) -> Cost:
    """The cost of a run, from its history."""
    by_kind: dict[str, int] = {}
    for event in history.events:
        kind = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower()
        if event.event_type in BILLED_ONCE:
            by_kind[kind] = by_kind.get(kind, 0) + 1
        # Retries have no event of their own: the last start has the number of the attempt.
        retries = event.activity_task_started_event_attributes.attempt - 1
        if retries > 0:
            by_kind["activity_retry"] = by_kind.get("activity_retry", 0) + retries
    return Cost(
        actions=sum(by_kind.values()),
        events=len(history.events),
        bytes=sum(event.ByteSize() for event in history.events),
        by_kind=by_kind,
    )
