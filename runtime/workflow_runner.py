"""Runs workflows only as far as their history goes, and fails those whose input cannot be read."""

import logging
from types import NoneType
from typing import Any, get_args

from temporalio.bridge.proto.workflow_activation import InitializeWorkflow, WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import (
    PayloadConverter,
    SerializationContext,
    StorageDriverStoreContext,
)
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    UnsandboxedWorkflowRunner,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowRunner,
)
from temporalio.workflow import Info

from runtime.codec import ENCODING as ENCRYPTED

logger = logging.getLogger(__name__)

WHY = "a query had read events that no workflow task had delivered yet; the history is read again"
"""What the Temporal UI shows for the failed workflow task."""

UNREADABLE_INPUT = "UnreadableInput"
"""The type of the failure of a workflow whose input cannot be read."""


class HistoryBoundRunner(WorkflowRunner):
    """Runs workflows outside of the SDK's sandbox, and never beyond their history.

    To answer a query about a workflow that is not in memory, a worker reads the whole history, also
    events at its end that no workflow task has delivered yet, and keeps the resulting state.  If
    more events arrive before that task, the workflow has handled them one by one, but the history
    says that the task delivered them together: it can then never be replayed.  Therefore the first
    task after such a query is failed once, and the server sends the history again
    (docs/adr/0013-a-query-must-not-run-ahead.md).

    A workflow that was started with input that cannot be read fails at once: the SDK would fail its
    first task again and again.  Not so where another worker may read it: a run that continues
    another, a replay, and input that is still encrypted because this worker lacks the keys.

    It also removes the versioning behavior that a workflow states, unless the worker is versioned:
    the SDK sends it from every worker, and the server then rejects each workflow task of a worker
    that is not versioned (temporalio 1.35.0, server 1.32.0).
    """

    def __init__(self, *, is_versioned: bool = False) -> None:
        self._runner = UnsandboxedWorkflowRunner()
        self._is_versioned = is_versioned

    def prepare_workflow(self, defn: Any) -> None:
        """Called once per workflow type."""
        self._runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Called for each workflow that enters the cache."""
        return _HistoryBoundInstance(self._runner.create_instance(det), det, self._is_versioned)


class _HistoryBoundInstance(WorkflowInstance):
    """A workflow in the cache."""

    def __init__(
        self, instance: WorkflowInstance, details: WorkflowInstanceDetails, is_versioned: bool
    ) -> None:
        self._instance = instance
        self._details = details
        self._is_versioned = is_versioned
        self._started = 0
        """When the last workflow task was started (ns since the epoch)."""
        self._length = 0
        """The length of the history when it was last read."""
        self._is_ahead = False

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Handle events, or answer queries."""
        answers = all(job.HasField("query_workflow") for job in act.jobs)
        leaves = any(job.HasField("remove_from_cache") for job in act.jobs)
        if not answers and not leaves:
            # Each task has its own time; events with the time of the last task have no task yet.
            started = act.timestamp.ToNanoseconds()
            if started == self._started:
                self._is_ahead = self._is_ahead or act.history_length > self._length
            elif self._is_ahead:
                return self._failed()
            self._started, self._length = started, act.history_length
        if problem := self._why_unreadable(act):
            # The SDK fails the workflow, and not only its task, for such an error.
            raise ApplicationError(
                f"the input of {self.get_info().workflow_type} cannot be read: {problem}",
                type=UNREADABLE_INPUT,
                non_retryable=True,
            )
        completion = self._instance.activate(act)
        if not self._is_versioned and completion.HasField("successful"):
            completion.successful.ClearField("versioning_behavior")
        return completion

    def _failed(self) -> WorkflowActivationCompletion:
        logger.warning(
            "workflow task failed on purpose: %s",
            WHY,
            extra={"workflow_id": self._instance.get_info().workflow_id},
        )
        completion = WorkflowActivationCompletion()
        completion.failed.failure.message = WHY
        completion.failed.failure.application_failure_info.type = "OutOfStep"
        return completion

    def _why_unreadable(self, act: WorkflowActivation) -> str | None:
        """Why the input of a workflow that starts now cannot be read."""
        start = next((j for j in act.jobs if j.HasField("initialize_workflow")), None)
        if start is None or act.is_replaying:
            return None
        given: InitializeWorkflow = start.initialize_workflow
        if given.continued_from_execution_run_id:
            return None
        return _why_unreadable(
            given, self._details.defn.arg_types or [], self._details.payload_converter_factory()
        )

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        """As the workflow says."""
        return self._instance.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        """As the workflow says."""
        return self._instance.get_external_store_context(command_info)

    def get_info(self) -> Info:
        """As the workflow says."""
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        """As the workflow says."""
        return self._instance.get_thread_id()


def _why_unreadable(
    given: InitializeWorkflow, types: list[type], converter: PayloadConverter
) -> str | None:
    """Names types and kinds of errors, and no values."""
    if len(given.arguments) != len(types):
        return f"it takes {len(types)} argument(s), and {len(given.arguments)} were given"
    if any(each.metadata.get("encoding") == ENCRYPTED for each in given.arguments):
        return None  # a worker that has the keys can read it
    try:
        values = converter.from_payloads(given.arguments, types)
    except Exception as error:
        return str(error)
    for value, expected in zip(values, types, strict=True):
        if value is None and NoneType not in get_args(expected):
            return f"no {expected.__name__}"
    return None
