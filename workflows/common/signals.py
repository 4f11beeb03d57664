"""Passing a report of the world on to the offer it concerns."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

ReportT = TypeVar("ReportT")


async def report(
    workflow_id: str,
    signal: Callable[[Any, ReportT], Awaitable[None] | None] | str,
    what: ReportT,
) -> None:
    """Signal an offer; one that has ended meanwhile needs no report."""
    try:
        await workflow.get_external_workflow_handle(workflow_id).signal(signal, what)
    except ApplicationError as error:
        workflow.logger.info("not reported to %s: %s", workflow_id, error.type)
