"""The runs of an opportunity's workflows, and their deletion from Temporal."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.temporal.offer_summaries import ListedOffer, read_offer
from offers.ids import offer_path, path_of_workflow, preflight_prefix, workflow_id
from offers.stage import ENDS, Stage
from offers.text import instant_text

DELETION_TIMEOUT = timedelta(minutes=2)
"""How long the command waits: the server deletes a run some time after it was asked to."""
PAUSE_SECONDS = 0.1
NOT_IN_AWS = frozenset({Stage.DRAFT, Stage.FAILED})
"""Stages in which there is no offer in AWS yet."""


@dataclass(frozen=True)
class Run:
    """A run of the workflow of an offer or amendment."""

    workflow_id: str
    run_id: str
    status: WorkflowExecutionStatus

    @property
    def path(self) -> str:
        """The offer's path (`offers.ids.offer_path`)."""
        return path_of_workflow(self.workflow_id)


class NotDeletedYet(Exception):
    """The server has not deleted a run in time."""


async def find_runs(client: Client, opportunity_id: str) -> list[Run]:
    """Every run of the opportunity's offer and its amendments that the server has.

    The newest of each workflow is read from the server itself, because its search may be late.
    """
    listed = {
        (each.id, each.run_id) async for each in client.list_workflows(_runs_of(opportunity_id))
    }
    # Only one amendment is open at a time, so search can lack only the next one.
    known = {name for name, _ in listed}
    amendments = (offer_path(opportunity_id, number) for number in itertools.count(1))
    following = next(name for name in map(workflow_id, amendments) if name not in known)
    names = {workflow_id(opportunity_id), following, *known}
    asked = [*((name, None) for name in names), *listed]
    found = await asyncio.gather(*(_described(client, name, run_id) for name, run_id in asked))
    return sorted({run for run in found if run}, key=lambda run: (run.workflow_id, run.run_id))


async def why_not_ended(client: Client, runs: Sequence[Run]) -> str | None:
    """Why the data of these runs is still needed; None if all of the offers have ended."""
    for name in sorted({run.workflow_id for run in runs}):
        newest = await read_offer(client, name)
        if newest and (reason := _why_needed(newest)):
            return reason
    return None


def _why_needed(newest: ListedOffer) -> str | None:
    path, stage = newest.path, newest.stage
    if newest.is_running:
        until = newest.summary.progress.waits_until if newest.summary else None
        waits = f" (it waits until {instant_text(until)})" if until else ""
        return (
            f"{path} is {stage} and its workflow is open{waits}: only what has ended can be erased"
        )
    if newest.has_completed:
        return None
    expected = newest.summary.expected if newest.summary else None
    if stage not in ENDS | NOT_IN_AWS:
        needed = f"while it was {stage}: the buyer may still accept or pay it"
    elif expected and expected.amount:
        needed = f"and {expected} are still to come"
    else:
        return None
    return (
        f"the workflow of {path} was ended from outside {needed}. Let it go on with temporal"
        f" workflow reset --workflow-id {workflow_id(path)} --type LastWorkflowTask"
        " --reason REASON, and erase it when it has ended"
    )


async def delete_runs(client: Client, runs: Sequence[Run]) -> None:
    """Delete closed runs, and wait until the server has; raises NotDeletedYet."""
    await asyncio.gather(*(_delete(client, run) for run in runs))
    try:
        async with asyncio.timeout(DELETION_TIMEOUT.total_seconds()):
            for run in runs:
                while await _described(client, run.workflow_id, run.run_id):  # noqa: ASYNC110
                    await asyncio.sleep(PAUSE_SECONDS)
            for run in runs:
                # Lists show it until the server has deleted it there, too.
                while (await client.count_workflows(f"RunId = '{run.run_id}'")).count:  # noqa: ASYNC110
                    await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        raise NotDeletedYet from None


async def _delete(client: Client, run: Run) -> None:
    # By its run id: a run that is started meanwhile under the workflow's id is not concerned.
    request = DeleteWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=run.workflow_id, run_id=run.run_id),
    )
    try:
        await client.workflow_service.delete_workflow_execution(request, retry=True)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


async def _described(client: Client, name: str, run_id: str | None) -> Run | None:
    """A run as the server has it, by default the newest; None if there is none."""
    handle = client.get_workflow_handle(name, run_id=run_id)
    try:
        described = await handle.describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
    if described.status is None:
        raise ValueError("the server names no status")
    return Run(described.id, described.run_id, described.status)


def _runs_of(opportunity_id: str) -> str:
    own = workflow_id(opportunity_id)
    preflight = preflight_prefix(opportunity_id)
    return (
        f"WorkflowId = '{own}' OR WorkflowId STARTS_WITH '{own}/'"
        f" OR WorkflowId STARTS_WITH '{preflight}'"
    )
