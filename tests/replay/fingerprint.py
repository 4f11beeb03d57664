"""The commands of a recorded life, as text: what replay does not notice shows in it, too.

Replay compares the kinds and the types of commands up to the end of the history.  It passes when a
summary, the arguments of an activity, or what a timer waits for have changed.
"""

import json
import re
from collections import Counter

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

ID_OR_TIME = re.compile(
    r"\b(?:offer|agmt|acr)-\w+|\b[a-z0-9]{20,}\b|\d{4}-\d\d-\d\d(?: \d\d:\d\d(?: UTC)?)?"
    r"|\b\d{1,2} [A-Z][a-z]{2} \d{4}(?: \d\d:\d\d UTC)?"
)

UNCOUNTED = ("activity write_back", "TimerStarted", "TimerCanceled", "UpsertWorkflow")
"""How often these occur depends on what is under way at the same time: several changes are written
to Salesforce at once, and a timer is started again after each event."""


def fingerprint(history: WorkflowHistory) -> str:
    """A sorted line for each kind of command, with how often it occurs."""
    commands = Counter(map(_command, filter(_is_command, history.events)))
    return "".join(
        f"{command}\n" if command.startswith(UNCOUNTED) else f"{command} ({count} x)\n"
        for command, count in sorted(commands.items())
    )


def _is_command(event: HistoryEvent) -> bool:
    attributes = getattr(event, event.WhichOneof("attributes") or "")
    return bool(getattr(attributes, "workflow_task_completed_event_id", 0))


def _command(event: HistoryEvent) -> str:
    kind = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").title().replace("_", "")
    summary = json.loads(event.user_metadata.summary.data or '""')
    what = ID_OR_TIME.sub("…", summary)
    if event.HasField("activity_task_scheduled_event_attributes"):
        activity = event.activity_task_scheduled_event_attributes
        arguments = ", ".join(map(_shape, activity.input.payloads))
        return f"activity {activity.activity_type.name}({arguments}): {what}"
    if event.HasField("upsert_workflow_search_attributes_event_attributes"):
        upsert = event.upsert_workflow_search_attributes_event_attributes
        what = ", ".join(sorted(upsert.search_attributes.indexed_fields))
    if event.HasField("marker_recorded_event_attributes"):
        marker = event.marker_recorded_event_attributes
        what = f"{marker.marker_name} {marker.details['patch-data'].payloads[0].data.decode()}"
    return f"{kind} {what}".strip()


def _shape(payload: Payload) -> str:
    """The names of a model's fields; the type of anything else."""
    value = json.loads(payload.data or "null")
    return " ".join(value) if isinstance(value, dict) else type(value).__name__
