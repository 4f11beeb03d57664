"""Decisions are taken only from those who sign them, where the worker has keys."""

from typing import Any

from temporalio import workflow
from temporalio.worker import (
    HandleUpdateInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from workflows.offer.change_requests import reject_if

with workflow.unsafe.imports_passed_through():
    from offers.ids import path_of_workflow
    from offers.lifecycle.decision_proof import DecisionKeys, InvalidProof, verify
    from offers.lifecycle.guards import Reason, ReasonCode

DECISIONS = {"approve": True, "decline": False}
"""The updates that decide, and whether they approve."""


class VerifyDecisions(Interceptor):
    """Rejects decisions without a valid proof.  A validator does not run in replay."""

    def __init__(self, keys: DecisionKeys) -> None:
        self._keys = keys

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: ARG002
    ) -> type[WorkflowInboundInterceptor]:
        """What each workflow's updates go through."""
        keys = self._keys

        class Inbound(WorkflowInboundInterceptor):
            def handle_update_validator(self, input: HandleUpdateInput) -> None:
                if input.update in DECISIONS:
                    _check(input.args[0], keys, approved=DECISIONS[input.update])
                super().handle_update_validator(input)

        return Inbound


def _check(decision: Any, keys: DecisionKeys, *, approved: bool) -> None:
    offer = path_of_workflow(workflow.info().workflow_id)
    try:
        verify(decision, offer, workflow.now(), keys, approved=approved)
    except InvalidProof as invalid:
        reject_if(
            Reason(
                code=ReasonCode.NOT_PROVED,
                problem=f"the decision is not proved: {invalid}; decide with a key of your own"
                " (OFFERS_DECISION_KEY)",
            )
        )
