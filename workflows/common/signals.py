"""Signalling another workflow."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError


async def signal_workflow(workflow_id: str, signal: str, argument: Any) -> None:
    """Signal a workflow; one that has closed meanwhile does not need it."""
    try:
        await workflow.get_external_workflow_handle(workflow_id).signal(signal, argument)
    except ApplicationError as error:
        workflow.logger.info("%s was not signalled: %s", workflow_id, error.type)
