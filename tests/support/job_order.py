"""The order in which the SDK processes the jobs of a workflow task.

A later SDK applies all jobs of a task before any coroutine runs (workflow logic flag 2,
`PROCESS_WORKFLOW_ACTIVATION_JOBS_AS_SINGLE_BATCH`; 1.36.0 did, 1.36.1 does not).
"""

from temporalio.worker import _replayer, _workflow, _workflow_instance

SINGLE_BATCH = frozenset(
    {_workflow_instance._WorkflowLogicFlag.PROCESS_WORKFLOW_ACTIVATION_JOBS_AS_SINGLE_BATCH}
)


def process_jobs_as_single_batch() -> None:
    """Turn that order on for all workflows of this process that start from now on."""
    for module in (_workflow_instance, _workflow, _replayer):
        module._DEFAULT_ENABLED_WORKFLOW_LOGIC_FLAGS = SINGLE_BATCH  # type: ignore[attr-defined]
