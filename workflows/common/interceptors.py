"""A signal that cannot be handled is dropped: it must not wedge the workflow it was sent to.

Without this, a signal with a missing, empty or superfluous argument (the Temporal UI lets people
send anything) would fail the workflow task again and again, and no later signal would be seen.
"""

from temporalio import workflow
from temporalio.worker import (
    HandleSignalInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)


class SafeSignals(Interceptor):
    """Belongs to every worker and replayer of our workflows."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: ARG002
    ) -> type[WorkflowInboundInterceptor]:
        """What stands in front of each workflow."""
        return _DropWhatFails


class _DropWhatFails(WorkflowInboundInterceptor):
    async def handle_signal(self, input: HandleSignalInput) -> None:
        try:
            await super().handle_signal(input)
        except Exception as error:
            workflow.logger.warning("signal %s was dropped: %s", input.signal, type(error).__name__)
