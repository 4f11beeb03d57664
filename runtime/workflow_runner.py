"""Runs workflows only as far as their history goes."""

import logging
from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import (
    UnsandboxedWorkflowRunner,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowRunner,
)
from temporalio.workflow import Info

logger = logging.getLogger(__name__)

WHY = "a query had read events that no workflow task had delivered yet; the history is read again"
"""What the Temporal UI shows for the failed workflow task."""


class HistoryBoundRunner(WorkflowRunner):
    """Runs workflows outside of the SDK's sandbox, and never beyond their history.

    To answer a query about a workflow that is not in memory, a worker reads the whole history, also
    events at its end that no workflow task has delivered yet, and keeps the resulting state.  If
    more events arrive before that task, the workflow has handled them one by one, but the history
    says that the task delivered them together: it can then never be replayed.  Therefore the first
    task after such a query is failed once, and the server sends the history again
    (docs/adr/0013-a-query-must-not-run-ahead.md).

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
        return _HistoryBoundInstance(self._runner.create_instance(det), self._is_versioned)


class _HistoryBoundInstance(WorkflowInstance):
    """A workflow in the cache."""

    def __init__(self, instance: WorkflowInstance, is_versioned: bool) -> None:
        self._instance = instance
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
