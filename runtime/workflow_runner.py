"""A workflow goes on from what its history says, and from nothing else."""

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

WHY = "a query had made it run ahead of its history, from which it is read again"
"""What the Temporal UI shows of the workflow task that fails."""


class HistoryBoundRunner(WorkflowRunner):
    """Runs workflows outside of the SDK's sandbox, and none further than its history goes.

    To answer a query about a workflow that it does not know, a worker reads the whole history, also
    news at the end that no workflow task has brought yet, and it keeps what the workflow did then.
    If more news come before the task does, the workflow has reacted to them one after the other,
    but history says that the task brought them together: it could never be replayed again.  So the
    next task after such a query is failed once, for which the server has the history read anew
    (docs/adr/0013-a-query-must-not-run-ahead.md).
    """

    def __init__(self) -> None:
        self._runner = UnsandboxedWorkflowRunner()

    def prepare_workflow(self, defn: Any) -> None:
        """Once for each kind of workflow."""
        self._runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Once for each workflow that comes into the cache."""
        return _HistoryBoundInstance(self._runner.create_instance(det))


class _HistoryBoundInstance(WorkflowInstance):
    """One workflow in the cache."""

    def __init__(self, instance: WorkflowInstance) -> None:
        self._instance = instance
        self._started = 0
        """When the last workflow task was started (ns)."""
        self._length = 0
        """How long history was when it was last read."""
        self._is_ahead = False

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Let the workflow react to news, or answer queries."""
        answers = all(job.HasField("query_workflow") for job in act.jobs)
        leaves = any(job.HasField("remove_from_cache") for job in act.jobs)
        if not answers and not leaves:
            # Each task has its own time; what comes under the time of the last has no task yet.
            started = act.timestamp.ToNanoseconds()
            if started == self._started:
                self._is_ahead = self._is_ahead or act.history_length > self._length
            elif self._is_ahead:
                return self._failed()
            self._started, self._length = started, act.history_length
        return self._instance.activate(act)

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
