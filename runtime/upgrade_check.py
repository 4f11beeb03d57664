"""Whether the open workflows replay on this build: to be asked before the build is deployed."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import Client, WorkflowExecution, WorkflowHistory
from temporalio.converter import DataConverter, DefaultFailureConverter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer, WorkflowInstance, WorkflowInstanceDetails
from temporalio.workflow import NondeterminismError

from activities.task_queues import TaskQueue
from offers.model import FrozenModel
from runtime.codec import InvalidKeys
from runtime.workers import WORKFLOWS
from runtime.workflow_runner import HistoryBoundRunner
from workflows.common.interceptors import DropUnfitSignals

OPEN_WORKFLOWS = f"TaskQueue = '{TaskQueue.OFFERS}' AND ExecutionStatus = 'Running'"

CONCURRENT_WORKFLOWS = 4
"""How many histories are fetched and replayed at the same time, and so are in memory."""

ABOUT_THE_SERVER = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.PERMISSION_DENIED,
        RPCStatusCode.UNAUTHENTICATED,
    }
)
"""Answers that concern all workflows, not the one whose history was fetched."""

ROOT = Path(__file__).parents[1]


class Outcome(StrEnum):
    REPLAYS = "replays"
    DIVERGES = "diverges"
    NOT_CHECKED = "not-checked"
    """The history could not be fetched or decrypted."""


class CheckedWorkflow(FrozenModel):
    """What became of a workflow on this build.  It contains no data of the workflow but its ids."""

    workflow_id: str
    run_id: str
    workflow_type: str
    outcome: Outcome = Outcome.REPLAYS
    event_id: int | None = None
    """The event that this build cannot follow, or the last one before the task that it fails."""
    problem: str | None = None
    """Where and how it diverges, in words."""
    reason: str | None = None
    """The SDK's own words."""


async def check_open_workflows(
    client: Client, workflows: Sequence[type] = WORKFLOWS
) -> AsyncIterator[CheckedWorkflow]:
    """Replay every open workflow on this build, in the order in which they are finished.

    Raises RPCError if the server does not answer.
    """
    running: set[asyncio.Task[CheckedWorkflow]] = set()
    with ThreadPoolExecutor(CONCURRENT_WORKFLOWS, "replay") as threads:
        try:
            async for execution in client.list_workflows(OPEN_WORKFLOWS):
                running.add(asyncio.create_task(_check(client, execution, workflows, threads)))
                if len(running) == CONCURRENT_WORKFLOWS:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for each in done:
                        yield each.result()
            for following in asyncio.as_completed(running):
                yield await following
        finally:
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def _check(
    client: Client,
    execution: WorkflowExecution,
    workflows: Sequence[type],
    threads: ThreadPoolExecutor,
) -> CheckedWorkflow:
    handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
    try:
        history = await handle.fetch_history()
    except RPCError as error:
        if error.status in ABOUT_THE_SERVER:
            raise
        return CheckedWorkflow(
            workflow_id=execution.id,
            run_id=execution.run_id,
            workflow_type=execution.workflow_type,
            outcome=Outcome.NOT_CHECKED,
            problem="its history cannot be fetched",
            reason=error.status.name,
        )
    return await replay(
        history, client.data_converter, workflows, threads, namespace=client.namespace
    )


async def replay(
    history: WorkflowHistory,
    data_converter: DataConverter,
    workflows: Sequence[type] = WORKFLOWS,
    threads: ThreadPoolExecutor | None = None,
    *,
    namespace: str = "default",
) -> CheckedWorkflow:
    """Replay one history on this build.

    `namespace`: where the history was made, to which its encrypted values are bound.
    """
    started = history.events[0].workflow_execution_started_event_attributes
    checked = CheckedWorkflow(
        workflow_id=history.workflow_id,
        run_id=history.run_id,
        workflow_type=started.workflow_type.name,
    )
    runner = _PositionRunner()
    replayer = Replayer(
        workflows=workflows,
        namespace=namespace,
        workflow_task_executor=threads,
        # The worker's own: outside of the SDK's sandbox, which would import our modules once more
        # for each workflow.
        workflow_runner=runner,
        interceptors=[DropUnfitSignals()],
        # Failures of this build are read below, so they must not be encrypted.
        data_converter=replace(data_converter, failure_converter_class=DefaultFailureConverter),
    )
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    if result.replay_failure is None:
        return checked
    return checked.model_copy(update=_explain(result.replay_failure, history, runner.position))


class _PositionRunner(HistoryBoundRunner):
    """Remembers how far the one workflow that it runs has read its history."""

    position = 0

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        instance = super().create_instance(det)
        activate = instance.activate

        def remember(act: WorkflowActivation) -> WorkflowActivationCompletion:
            self.position = act.history_length or self.position
            return activate(act)

        instance.activate = remember  # type: ignore[method-assign]
        return instance


def _explain(error: Exception, history: WorkflowHistory, position: int) -> dict[str, object]:
    text = str(error)  # Rust's notation of a Failure
    if isinstance(error, NondeterminismError):
        return _explain_divergence(text, history, position)
    # The text of an exception may contain the offer's data: only its type and its place are told.
    types = re.findall(r'type: "(\w+)"', text)
    if InvalidKeys.__name__ in types:
        return {
            "outcome": Outcome.NOT_CHECKED,
            "problem": "it cannot be decrypted: OFFERS_ENCRYPTION_KEYS lacks its key",
            "reason": InvalidKeys.__name__,
        }
    if "is not registered on this worker" in text:
        return {
            "outcome": Outcome.DIVERGES,
            "event_id": 1,
            "problem": "this build has no workflow of its type",
        }
    if 'message: "Failed decoding arguments"' in text:
        return {
            "outcome": Outcome.DIVERGES,
            "event_id": position,
            "problem": f"this build cannot read an argument in the history before event {position}",
            "reason": "Failed decoding arguments",
        }
    places = re.findall(r'File \\"([^"\\]+)\\", line (\d+)', text)
    ours = [f"{Path(file).relative_to(ROOT)}:{line}" for file, line in places if _is_ours(file)]
    return {
        "outcome": Outcome.DIVERGES,
        "event_id": position,
        "problem": f"this build fails the workflow task that follows event {position}",
        "reason": " in ".join([*types[-1:], *ours[-1:]]) or None,
    }


def _explain_divergence(text: str, history: WorkflowHistory, position: int) -> dict[str, object]:
    found = re.search(r'message: "((?:[^"\\]|\\.)*)"', text)
    reason = (found[1] if found else text).partition("Nondeterminism error: ")[2] or text
    event_id, problem = position, f"this build does something else after event {position}"
    if named := re.search(r"HistoryEvent\(id: (\d+)", reason):
        event_id = int(named[1])
        problem = f"the history has {event_text(history.events[event_id - 1])}; this build"
        if machine := re.match(r"(.+) machine does not handle", reason):
            problem += f" has another command there, of the kind {machine[1]}"
        else:
            problem += " has no command there"
    elif named := re.search(r"marker encountered for change (\S+),", reason):
        problem = f"the history has the patch {named[1]}, which this build lacks"
    return {
        "outcome": Outcome.DIVERGES,
        "event_id": event_id,
        "problem": problem,
        "reason": reason,
    }


def event_text(event: HistoryEvent) -> str:
    """An event with its number and, if it has one, the name of the activity, signal or workflow."""
    kind = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").title().replace("_", "")
    name = (
        event.activity_task_scheduled_event_attributes.activity_type.name
        or event.workflow_execution_signaled_event_attributes.signal_name
        or event.start_child_workflow_execution_initiated_event_attributes.workflow_type.name
        or event.signal_external_workflow_execution_initiated_event_attributes.signal_name
    )
    return f"event {event.event_id}, {kind}{f' ({name})' if name else ''}"


def _is_ours(file: str) -> bool:
    return Path(file).is_relative_to(ROOT) and "site-packages" not in file
