"""What people do with offers from outside: start, find, look, decide, cancel, resume, resend."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    WorkflowExecution,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.queues import TaskQueue
from offers.clock import Clock
from offers.lifecycle import Stage
from offers.policy import Road
from offers.record import OfferRecord
from offers.verdicts import Changes, Verdict
from workflows.messages import OfferRequest, workflow_id
from workflows.offer import OfferWorkflow
from workflows.search_attributes import AGREEMENT_ID, ATTENTION, EXPIRES_AT, OFFER_ID, STAGE

T = TypeVar("T")

WORKER_PATIENCE = timedelta(seconds=15)
"""How long a worker may take to answer a person before it counts as absent."""

VENDORS_PATIENCE = timedelta(seconds=30)
"""How long somebody who changes terms waits for preflight."""

RESTARTABLE = frozenset({Stage.CANCELLED, Stage.EXPIRED})
"""Ends after which the same opportunity may get a new offer."""


class Refused(Exception):
    """What was asked cannot be done.  The text says why and what can be done instead."""


class NoWorker(Refused):
    """Nobody works on the task queue."""

    def __init__(self) -> None:
        super().__init__(
            f"no worker answers on the task queue {TaskQueue.OFFERS!s}: start one with worker.py,"
            " then see with starter.py show what has come of it"
        )


class StillChecking(Refused):
    """Preflight has not been able to answer yet."""

    def __init__(self, opportunity_id: str) -> None:
        super().__init__(
            f"the change is taken, but a vendor has not answered yet: see starter.py show"
            f" {opportunity_id} later"
        )


class OfferRow(BaseModel):
    """An offer as the list shows it: what its search attributes tell."""

    model_config = ConfigDict(frozen=True)

    opportunity_id: str
    stage: str
    offer_id: str | None
    agreement_id: str | None
    expires_at: datetime | None
    """Last second to accept, UTC business time."""
    attention: str | None


class OfferDesk:
    """The desk at which people are served."""

    def __init__(self, client: Client, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or Clock()

    async def start(
        self,
        opportunity_id: str,
        given: dict[str, Any] | None = None,
        *,
        road: Road | None = None,
        again: bool = False,
    ) -> OfferRecord:
        """Start an offer, or find the one that runs; gives its record once it is drafted.

        Raises Refused if the opportunity does not exist or its offer has ended, NoWorker if
        nobody drafts it yet: it is started all the same.  While Salesforce does not answer, the
        record is given undrafted.
        """
        handle = await self.begin(opportunity_id, given, road=road, again=again)
        try:
            return await self._drafted(handle)
        except NoWorker:
            return await self.record(opportunity_id)

    async def begin(
        self,
        opportunity_id: str,
        given: dict[str, Any] | None = None,
        *,
        road: Road | None = None,
        again: bool = False,
    ) -> WorkflowHandle[OfferWorkflow, OfferRecord]:
        """The same without waiting for the draft."""
        request = OfferRequest(
            opportunity_id=opportunity_id, given=given or {}, road=road, clock=self._clock
        )
        if given or road or again:
            under_way = await self._under_way(opportunity_id)
            if under_way and under_way.stage.is_end:
                raise Refused(
                    f"the offer for {opportunity_id} is {under_way.stage}, but not all have been"
                    " told yet: see what it waits for with starter.py show"
                )
            if under_way and (given or road):
                raise Refused(
                    f"the offer for {opportunity_id} is under way ({under_way.stage}): revise it"
                    " while it is a draft, or cancel it before starting it with other terms"
                )
        if again and (earlier := await self._earlier(opportunity_id)):
            request = request.model_copy(
                update={
                    "revision": earlier.revision + 1,
                    "earlier_offer_id": earlier.offer_id,
                    "past": (*earlier.past, earlier.as_past(earlier.stage, earlier.ended_at)),
                }
            )
        try:
            return await self._client.start_workflow(
                OfferWorkflow.run,
                request,
                id=workflow_id(opportunity_id),
                task_queue=TaskQueue.OFFERS,
                # What is given must not get lost on an offer that somebody else just started.
                id_conflict_policy=(
                    WorkflowIDConflictPolicy.FAIL
                    if given or road
                    else WorkflowIDConflictPolicy.USE_EXISTING
                ),
                id_reuse_policy=(
                    WorkflowIDReusePolicy.ALLOW_DUPLICATE
                    if again
                    else WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
                ),
                search_attributes=TypedSearchAttributes(
                    [SearchAttributePair(STAGE, Stage.DRAFT.value)]
                ),
                static_summary=f"Private offer for opportunity {opportunity_id}",
            )
        except WorkflowAlreadyStartedError:
            if await self._under_way(opportunity_id):
                raise Refused(
                    f"the offer for {opportunity_id} was just started by somebody else: revise it"
                ) from None
            record = await self._handle(opportunity_id).result()
            raise Refused(
                f"the offer for {opportunity_id} has ended as {record.stage}"
                + ("; --again makes a new one" if record.stage in RESTARTABLE else "")
            ) from None

    async def _drafted(self, handle: WorkflowHandle[OfferWorkflow, OfferRecord]) -> OfferRecord:
        try:
            return await _in_time(handle.execute_update(OfferWorkflow.drafted))
        except WorkflowUpdateFailedError as error:
            raise Refused(_words(error.cause)) from None
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        # The run was over before it could be asked.
        try:
            return await handle.result()
        except WorkflowFailureError as error:
            raise Refused(_words(error.cause)) from None

    async def _under_way(self, opportunity_id: str) -> OfferRecord | None:
        if await self._status(opportunity_id) is not WorkflowExecutionStatus.RUNNING:
            return None
        return await self.record(opportunity_id)

    async def _earlier(self, opportunity_id: str) -> OfferRecord | None:
        """The offer that has ended; None if there is none, or if one is still under way."""
        if await self._status(opportunity_id) is not WorkflowExecutionStatus.COMPLETED:
            return None
        record = await self._handle(opportunity_id).result()
        if record.stage not in RESTARTABLE:
            raise Refused(
                f"the offer for {opportunity_id} has ended as {record.stage}: only one that was"
                " cancelled or has expired can be made again"
            )
        return record

    async def _status(self, opportunity_id: str) -> WorkflowExecutionStatus | None:
        try:
            return (await self._handle(opportunity_id).describe()).status
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def ailing(self) -> list[str]:
        """What goes wrong with the Schedules: a line for each whose last turn failed."""
        ailments = []
        async for schedule in await self._client.list_schedules():
            if not schedule.info or not schedule.info.recent_actions:
                continue
            last = schedule.info.recent_actions[-1].action
            assert isinstance(last, ScheduleActionExecutionStartWorkflow)
            turn = self._client.get_workflow_handle(
                last.workflow_id, run_id=last.first_execution_run_id
            )
            if (await turn.describe()).status is not WorkflowExecutionStatus.FAILED:
                continue
            try:
                await turn.result()
            except WorkflowFailureError as error:
                ailments.append(f"{schedule.id} fails: {_root(error)}")
        return ailments

    async def rows(self, stage: str | None = None) -> list[OfferRow]:
        """Every offer that Temporal still knows, the newest run of each, oldest first."""
        query = "WorkflowType = 'OfferWorkflow' AND ExecutionStatus != 'Failed'"
        if stage is not None:
            query += f" AND {STAGE.name} = '{Stage(stage)}'"
        newest: dict[str, WorkflowExecution] = {}
        async for execution in self._client.list_workflows(query):
            known = newest.get(execution.id)
            if known is None or known.start_time < execution.start_time:
                newest[execution.id] = execution
        return [_row(e) for e in sorted(newest.values(), key=lambda e: (e.start_time, e.id))]

    async def record(self, opportunity_id: str) -> OfferRecord:
        """Everything that is known of an offer; raises Refused if there is none."""
        handle = self._handle(opportunity_id)
        try:
            if (await handle.describe()).status is WorkflowExecutionStatus.FAILED:
                return await handle.result()
            return await _in_time(handle.query(OfferWorkflow.the_record))
        except WorkflowFailureError as error:
            raise Refused(_words(error.cause)) from None
        except RPCError as error:
            raise _no_offer(opportunity_id, error) from None

    async def cancel(self, opportunity_id: str, reason: str) -> OfferRecord:
        """Cancel an offer before its acceptance; gives the record once that is decided."""
        return await self._ask(opportunity_id, OfferWorkflow.cancel, reason)

    async def resume(self, opportunity_id: str, code: str | None = None) -> OfferRecord:
        """Tell an offer that what it waits for has been seen to; `code` names the attention."""
        await self._ask(opportunity_id, OfferWorkflow.resume, code)
        return await self.record(opportunity_id)

    async def approve(self, opportunity_id: str, verdict: Verdict) -> OfferRecord:
        """Approve what waits for it."""
        await self._ask(opportunity_id, OfferWorkflow.approve, verdict)
        return await self.record(opportunity_id)

    async def decline(self, opportunity_id: str, verdict: Verdict) -> OfferRecord:
        """Decline what waits for approval."""
        await self._ask(opportunity_id, OfferWorkflow.decline, verdict)
        return await self.record(opportunity_id)

    async def revise(self, opportunity_id: str, changes: Changes) -> OfferRecord:
        """Change the terms of a draft; gives the record once they have been checked.

        Raises StillChecking if a vendor does not answer: the change is taken all the same.
        """
        asked = self._ask(opportunity_id, OfferWorkflow.revise, changes)
        try:
            return await asyncio.wait_for(asked, VENDORS_PATIENCE.total_seconds())
        except TimeoutError:
            raise StillChecking(opportunity_id) from None

    async def handed_off(self, opportunity_id: str, offer_id: str) -> OfferRecord:
        """Tell which offer was made in Clazar."""
        return await self._ask(opportunity_id, OfferWorkflow.handed_off, offer_id)

    async def resend(self, opportunity_id: str) -> OfferRecord:
        """Have the buyer written to again."""
        return await self._ask(opportunity_id, OfferWorkflow.resend)

    async def changes(self, every: timedelta) -> AsyncIterator[list[OfferRow]]:
        """All offers, now and whenever any of them has changed."""
        last: list[OfferRow] | None = None
        while True:
            rows = await self.rows()
            if rows != last:
                yield rows
            last = rows
            await asyncio.sleep(every.total_seconds())

    async def _ask(self, opportunity_id: str, update: Any, *arguments: Any) -> OfferRecord:
        handle = self._handle(opportunity_id)
        try:
            if (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING:
                record = await handle.result()
                raise Refused(f"the offer for {opportunity_id} has ended as {record.stage}")
            asked = await _in_time(
                handle.start_update(
                    update,
                    *arguments,
                    wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                    result_type=OfferRecord,
                )
            )
            record = await asked.result()
        except WorkflowFailureError as error:
            raise Refused(_words(error.cause)) from None
        except WorkflowUpdateFailedError as error:
            raise Refused(_words(error.cause)) from None
        except RPCError as error:
            raise _no_offer(opportunity_id, error) from None
        assert isinstance(record, OfferRecord)
        return record

    def _handle(self, opportunity_id: str) -> WorkflowHandle[OfferWorkflow, OfferRecord]:
        return self._client.get_workflow_handle_for(OfferWorkflow.run, workflow_id(opportunity_id))


async def _in_time(answer: Coroutine[Any, Any, T]) -> T:
    try:
        return await asyncio.wait_for(answer, WORKER_PATIENCE.total_seconds())
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise NoWorker from None


def _root(error: BaseException) -> str:
    """The innermost cause, in its own words."""
    while error.__cause__ is not None:
        error = error.__cause__
    return _words(error)


def _words(cause: BaseException | None) -> str:
    return cause.message if isinstance(cause, FailureError) else str(cause)


def _no_offer(opportunity_id: str, error: RPCError) -> Exception:
    if error.status is RPCStatusCode.NOT_FOUND:
        return Refused(f"there is no offer for {opportunity_id}: start it with starter.py start")
    return error


def _row(execution: WorkflowExecution) -> OfferRow:
    attributes = execution.typed_search_attributes
    stopped = execution.status in (
        WorkflowExecutionStatus.TERMINATED,
        WorkflowExecutionStatus.TIMED_OUT,
        WorkflowExecutionStatus.CANCELED,
    )
    return OfferRow(
        opportunity_id=execution.id.partition("/")[2],
        stage=attributes.get(STAGE) or Stage.DRAFT.value,
        offer_id=attributes.get(OFFER_ID),
        agreement_id=attributes.get(AGREEMENT_ID),
        expires_at=attributes.get(EXPIRES_AT),
        attention="workflow-stopped" if stopped else attributes.get(ATTENTION),
    )
