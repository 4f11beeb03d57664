"""The client of the offer workflows, for every command."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self, TypeVar

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
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
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    WorkflowAlreadyStartedError,
)
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import Failure
from activities.preflight import CheckDeal, DealPreview
from activities.task_queues import TaskQueue
from activities.temporal.offer_summaries import ListedOffer, read_offer
from client.erasure import NotDeletedYet, Run, delete_runs, find_runs, why_not_ended
from client.listing import (
    OfferRow,
    Renewals,
    ResumableAttention,
    accepted_offers,
    list_offers,
    list_renewals,
    list_resumable,
    offers_with_money_to_come,
    runs_of,
)
from client.no_answer import has_worker, why_no_answer
from client.sent_mails import SentMail, sent_mails
from client.start_request import start_request
from offers.agreements.agreement import CancellationRequestInput
from offers.clock import Clock
from offers.ids import offer_path, preflight_prefix, workflow_id
from offers.lifecycle import guards
from offers.lifecycle.account_confirmation import AccountAnswer, AccountConfirmation
from offers.lifecycle.actions import Action, ActionKind
from offers.lifecycle.attentions import AttentionCode, Vendor
from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
from offers.lifecycle.record import Amendment, OfferRecord
from offers.lifecycle.summary import AGREED, Deal, OfferSummary, Progress, Wait
from offers.payouts.refund import AdjustableInvoice, Refund, RefundRequest
from offers.policy.policy import CreationMethod
from offers.stage import Stage
from runtime.codec import ENCODING, UNREADABLE, InvalidKeys
from runtime.schedules import schedule_problems
from runtime.temporal import NO_KEYS
from workflows.offer.messages import OfferRequest
from workflows.offer.search_attributes import AGREEMENT_ID, STAGE
from workflows.offer.workflow import OfferWorkflow
from workflows.preflight import PreflightPreview

T = TypeVar("T")
RequestT = TypeVar("RequestT", TermChanges, Extension, CancellationRequestInput)

WORKER_TIMEOUT = timedelta(seconds=15)
"""How long a command waits for an answer."""
QUERY_ATTEMPTS = 3
"""A worker fails a task on purpose rather than let a query run ahead (ADR 13)."""

WAIT_UNTIL_DRAFTED = "wait-until-drafted"

UNPROCESSED_UPDATE = "UnprocessedUpdate"
"""Type of the failure by which the server says that a worker has completed the workflow task that
brought an update, and has not answered the update (Temporal Server 1.32).  Seen in a demo, after
its worker was killed (2026-11-28).
"""
UPDATE_ATTEMPTS, UPDATE_INTERVAL = 5, timedelta(seconds=0.2)
"""How often an update is sent that no worker has handled, and the first pause, which doubles."""
QUICK_ANSWER = timedelta(seconds=0.5)
"""After which the server is asked whether there is a worker at all."""
PREFLIGHT_TIMEOUT = timedelta(seconds=30)
"""How long a command waits for preflight after a change of terms."""
PREFLIGHT_KEPT = timedelta(seconds=10)
"""How long a preflight goes on after that."""

RESUMED_AT_ONCE = 20
"""Offers that are resumed at the same time."""

RESTARTABLE = frozenset({Stage.CANCELLED, Stage.EXPIRED, Stage.TERMINATED})
"""Stages after which an opportunity can get a new offer."""


VENDOR_FAILURES = {
    Failure.CREDENTIALS: AttentionCode.CREDENTIALS_REJECTED,
    Failure.REJECTED: AttentionCode.VENDOR_REJECTED,
    Failure.UNAVAILABLE: AttentionCode.VENDOR_UNRESPONSIVE,
    Failure.RATE_LIMITED: AttentionCode.VENDOR_UNRESPONSIVE,
    Failure.NOT_READY: AttentionCode.VENDOR_UNRESPONSIVE,
}


class RequestRejected(Exception):
    """A request cannot be done.  The text says why; each door words what can be done instead."""

    def __init__(
        self,
        problem: str,
        actions: tuple[Action, ...] = (),
        code: guards.ReasonCode | None = None,
    ) -> None:
        super().__init__(problem)
        self.actions = actions
        self.code = code
        """None: it is not the offer that rejects it."""

    @classmethod
    def of(cls, reason: guards.Reason, path: str | None = None) -> Self:
        """With the offer's path before it, if it is given."""
        problem = f"{path}: {reason.problem}" if path else reason.problem
        return cls(problem, reason.actions, reason.code)


class NoSuchOffer(RequestRejected):
    """Temporal has no workflow of that offer."""

    def __init__(self, path: str) -> None:
        start = Action(kind=ActionKind.START, offer=path)
        super().__init__(f"there is no offer for {path}", (start,))


class NoSuchOpportunity(RequestRejected):
    """Salesforce has no such opportunity."""


class AlreadyStarted(RequestRejected):
    """Another call has started the offer, perhaps with other terms."""


class NoAnswer(RequestRejected):
    """An offer does not answer in time; the text says why, as far as the server knows."""


class NoWorkerRunning(NoAnswer):
    """No worker asks for work on the task queue."""

    def __init__(self) -> None:
        super().__init__(
            f"no worker answers on the task queue {TaskQueue.OFFERS!s}: start worker.py, then look"
            " at the offer again"
        )


class VendorFailed(RequestRejected):
    """A vendor refuses us, or does not answer: nothing is wrong with what was asked."""

    def __init__(self, problem: str, kind: AttentionCode | None = None) -> None:
        """`kind`: what an offer would wait for; None: the workflow has not said."""
        super().__init__(problem)
        self.kind = kind


class TokenUsed(RequestRejected):
    """Another refund was asked for with the same token."""

    def __init__(self, refund: Refund) -> None:
        super().__init__(
            f"{refund.reference} was asked for with it: {refund.amount} of invoice"
            f" {refund.invoice_id}"
        )


class PreflightPending(RequestRejected):
    """The change is recorded, but preflight has not finished."""

    def __init__(self, path: str) -> None:
        super().__init__(
            "the change is recorded, but a vendor has not answered yet: look at the offer later",
            (Action(kind=ActionKind.SHOW, offer=path),),
        )


@dataclass(frozen=True)
class ShownOffer:
    """An offer, and what became of it."""

    record: OfferRecord
    status: WorkflowExecutionStatus | None
    """Of its workflow."""

    @property
    def is_open(self) -> bool:
        """Whether its workflow is running: otherwise nothing can be done about it any more."""
        return self.status is WorkflowExecutionStatus.RUNNING

    @property
    def problem(self) -> str | None:
        """What is wrong with the workflow itself."""
        return _problem_of_run(self.status)


@dataclass(frozen=True)
class KnownOffer:
    """What Temporal knows of an offer, whether or not a worker runs."""

    summary: OfferSummary
    record: OfferRecord | None
    """None: the workflow did not answer."""
    is_followed: bool
    """Whether its workflow is open."""
    problems: tuple[str, ...]
    """Why not all is known, or kept up to date."""
    unreadable: Exception | None = None
    """Why the record cannot be read (UNREADABLE), although the workflow answers."""


class OfferClient:
    """Starts, reads and changes offers."""

    def __init__(
        self,
        client: Client,
        clock: Clock | None = None,
        *,
        by: str | None = None,
        answer_within: timedelta = WORKER_TIMEOUT,
    ) -> None:
        """`by`: mail address of who asks; it goes on record with the change.

        `answer_within`: how long a workflow may take to answer (real time).
        """
        self._answer_within = answer_within
        self._client = client
        self._clock = clock or Clock()
        self._by = by

    async def start(
        self,
        opportunity_id: str,
        given: dict[str, Any] | None = None,
        *,
        method: CreationMethod | None = None,
        restart: bool = False,
    ) -> OfferRecord:
        """Start an offer, or find the running one; returns its record once it is drafted.

        Raises RequestRejected if the opportunity does not exist or its offer has ended.  Raises
        NoWorkerRunning after starting it, if no worker answers.  If Salesforce does not answer, the
        record has no terms yet.
        """
        if restart and await self._can_be_extended(opportunity_id):
            changes = TermChanges(terms=given or {}, method=method, recreate=True)
            return await self.amend(opportunity_id, changes)
        await self.start_without_waiting(opportunity_id, given, method=method, restart=restart)
        return await self.drafted(opportunity_id)

    async def drafted(self, opportunity_id: str) -> OfferRecord:
        """The record of a started offer once it is drafted; raises the same as `start`."""
        try:
            record = await self._wait_until_drafted(self._handle(opportunity_id))
        except NoWorkerRunning:
            raise
        except NoAnswer:
            return await self.record(opportunity_id)
        if record.stage.is_end:
            raise _ended(record)
        return record

    async def create(
        self,
        opportunity_id: str,
        given: dict[str, Any] | None = None,
        *,
        method: CreationMethod | None = None,
        restart: bool = False,
    ) -> bool:
        """Start an offer without waiting for its draft; False if the same call did so before.

        A call without terms and method finds any running offer.  Raises RequestRejected, and
        AlreadyStarted if the running offer was started with other terms.
        """
        if restart and await self._can_be_extended(opportunity_id):
            changes = TermChanges(terms=given or {}, method=method, recreate=True)
            await self.amend(opportunity_id, changes)
            return True
        try:
            await self.start_without_waiting(
                opportunity_id, given, method=method, restart=restart, find_running=False
            )
        except AlreadyStarted:
            if given or method:
                started = await start_request(self._client, workflow_id(opportunity_id))
                if started is None or (started.terms, started.method) != (given or {}, method):
                    raise
            return False
        return True

    async def _can_be_extended(self, opportunity_id: str) -> bool:
        running = await self._running_record(opportunity_id)
        return running is not None and running.stage in (Stage.EXPIRED, Stage.CANCELLED)

    async def start_without_waiting(
        self,
        opportunity_id: str,
        given: dict[str, Any] | None = None,
        *,
        method: CreationMethod | None = None,
        restart: bool = False,
        find_running: bool = True,
    ) -> WorkflowHandle[OfferWorkflow, OfferRecord]:
        """Like `start`, without waiting for the draft.

        `find_running`: whether a call without terms finds the running offer; raises AlreadyStarted
        otherwise.
        """
        request = OfferRequest(
            opportunity_id=opportunity_id,
            terms=given or {},
            by=self._by,
            method=method,
            clock=self._clock,
        )
        if given or method or restart:
            running = await self._running_record(opportunity_id)
            if restart and running and running.stage is Stage.TERMINATED:
                await self._stop_following(opportunity_id)
                running = None
            if running and running.stage in RESTARTABLE:
                raise RequestRejected.of(guards.why_closing(running), opportunity_id)
            if running and running.stage.is_end:
                raise _ended(running)
            if running and (given or method):
                raise AlreadyStarted(
                    f"the offer for {opportunity_id} has been started already ({running.stage}):"
                    " revise it while it is a draft, amend it afterwards, or cancel it first"
                )
        if restart and (earlier := await self._ended_record(opportunity_id)):
            request = request.model_copy(
                update={
                    "revision": earlier.revision + 1,
                    "earlier_amendments": earlier.last_amendment,
                    "previous_revisions": (
                        *earlier.previous_revisions,
                        earlier.as_previous(earlier.stage, earlier.stage_since),
                    ),
                }
            )
        try:
            return await self._client.start_workflow(
                OfferWorkflow.run,
                request,
                id=workflow_id(opportunity_id),
                task_queue=TaskQueue.OFFERS,
                # Terms must not get lost on an offer that somebody else has just started.
                id_conflict_policy=(
                    WorkflowIDConflictPolicy.FAIL
                    if given or method or not find_running
                    else WorkflowIDConflictPolicy.USE_EXISTING
                ),
                id_reuse_policy=(
                    WorkflowIDReusePolicy.ALLOW_DUPLICATE
                    if restart
                    else WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
                ),
                search_attributes=TypedSearchAttributes(
                    [SearchAttributePair(STAGE, Stage.DRAFT.value)]
                ),
                static_summary=f"Private offer for opportunity {opportunity_id}",
            )
        except WorkflowAlreadyStartedError:
            if await self._status(opportunity_id) is WorkflowExecutionStatus.RUNNING:
                raise AlreadyStarted(
                    f"the offer for {opportunity_id} was just started by somebody else: revise it"
                ) from None
            raise _ended(await self._handle(opportunity_id).result()) from None

    async def preflight(
        self,
        opportunity_id: str,
        given: dict[str, Any] | None = None,
        *,
        method: CreationMethod | None = None,
    ) -> DealPreview:
        """Check a deal without starting an offer; nothing is written to any system.

        Raises RequestRejected if the opportunity does not exist, and NoAnswer if a vendor takes
        too long.
        """
        deal = CheckDeal(opportunity_id=opportunity_id, terms=given or {}, method=method)
        handle = await self._client.start_workflow(
            PreflightPreview.run,
            deal,
            id=f"{preflight_prefix(opportunity_id)}{uuid.uuid4()}",
            task_queue=TaskQueue.OFFERS,
            # Without it all that nobody waits for any more would run once workers come back.
            execution_timeout=PREFLIGHT_TIMEOUT + PREFLIGHT_KEPT,
            static_summary=f"Preflight of opportunity {opportunity_id}",
        )
        try:
            return await self._answered(handle, handle.result(), PREFLIGHT_TIMEOUT)
        except WorkflowFailureError as error:
            raise _rejection(error.cause) from None

    async def _stop_following(self, opportunity_id: str) -> None:
        """End the run that tracks the payouts of an agreement that has ended."""
        handle = self._handle(opportunity_id)
        await handle.cancel()
        await self._answered(handle, handle.result())

    async def _wait_until_drafted(
        self, handle: WorkflowHandle[OfferWorkflow, OfferRecord]
    ) -> OfferRecord:
        try:
            # By one id for all: the server allows 2,000 updates in a run, and counts one of them.
            await self._until_handled(
                handle,
                lambda: self._answered(
                    handle,
                    handle.execute_update(OfferWorkflow.wait_until_drafted, id=WAIT_UNTIL_DRAFTED),
                ),
            )
            # The update's own answer may be that of an earlier command.
            return await self._answered(handle, self._query(handle))
        except WorkflowUpdateFailedError as error:
            raise _rejection(error.cause) from None
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        # The run ended before the update reached it.
        try:
            return await handle.result()
        except WorkflowFailureError as error:
            raise _rejection(error.cause) from None

    async def _running_record(self, opportunity_id: str) -> OfferRecord | None:
        if await self._status(opportunity_id) is not WorkflowExecutionStatus.RUNNING:
            return None
        return await self.record(opportunity_id)

    async def _ended_record(self, opportunity_id: str) -> OfferRecord | None:
        """The record of the ended run; None if there is none, or if one is running."""
        if await self._status(opportunity_id) is not WorkflowExecutionStatus.COMPLETED:
            return None
        record = await self._handle(opportunity_id).result()
        if record.stage not in RESTARTABLE:
            raise _ended(record)
        return record

    async def _status(self, opportunity_id: str) -> WorkflowExecutionStatus | None:
        try:
            return (await self._handle(opportunity_id).describe()).status
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def schedule_problems(self) -> list[str]:
        """A line for each Schedule whose last run failed."""
        return await schedule_problems(self._client)

    def business_time(self) -> datetime:
        """The time by the business clock (UTC)."""
        return self._clock.business_time(datetime.now(UTC))

    async def list_offers(self, stage: str | None = None) -> list[OfferRow]:
        """The newest run of every offer that Temporal still has, the oldest first."""
        return await list_offers(self._client, stage)

    async def list_renewals(self, within: timedelta) -> Renewals:
        """The agreements that end within that business time from now."""
        return await list_renewals(self._client, self.business_time(), within)

    async def record(self, path: str, within: timedelta | None = None) -> OfferRecord:
        """The record of an offer; raises RequestRejected if there is none.

        `within`: how long its workflow may take (real time); None: as for all answers.
        """
        handle = self._handle(path)
        try:
            if (await handle.describe()).status is WorkflowExecutionStatus.FAILED:
                return await handle.result()
            return await self._answered(handle, self._query(handle), within)
        except WorkflowFailureError as error:
            raise _rejection(error.cause) from None
        except RPCError as error:
            if _is_unhandled(error):
                raise await self._no_answer(handle) from None
            raise _no_offer(path, error) from None

    async def show(self, path: str) -> ShownOffer:
        """An offer with its amendments as they are now; raises RequestRejected if there is none."""
        shown = await self.with_amendments(await self.record(path))
        return ShownOffer(record=shown, status=await self._status(path))

    async def with_amendments(self, record: OfferRecord) -> OfferRecord:
        """A record with the offer's amendments as they are now."""
        followed: list[Amendment] = []
        waiting = list(record.amendments)
        while waiting:
            amendment = waiting.pop(0)
            name = workflow_id(offer_path(record.opportunity_id, amendment.number))
            run = await read_offer(self._client, name)
            if run and not run.is_stopped:
                now = {
                    "stage": run.stage,
                    "offer_id": run.offer_id or amendment.offer_id,
                    "agreement_id": run.attribute(AGREEMENT_ID.name) or amendment.agreement_id,
                }
                amendment = amendment.model_copy(update=now)
                # An amendment that was amended in its turn.
                waiting += run.summary.progress.amendments if run.summary else ()
            followed.append(amendment)
        followed.sort(key=lambda each: each.number)
        return record.model_copy(update={"amendments": tuple(followed)})

    async def known(self, path: str, within: timedelta | None = None) -> KnownOffer:
        """What is known of an offer also if it does not answer; RequestRejected if it is none.

        `within`: how long its workflow may take (real time); None: as for all answers.
        """
        listed = await read_offer(self._client, workflow_id(path))
        if listed is None:
            raise NoSuchOffer(path)
        stopped = _problem_of_run(WorkflowExecutionStatus(listed.info.status))
        problems = [stopped] if stopped else []
        record: OfferRecord | None = None
        unreadable: Exception | None = None
        try:
            # A run that came to its end is asked for its result, which needs no worker.
            ended = listed.has_completed
            asked = self._handle(path).result() if ended else self.record(path, within)
            record = await asked
        except NoWorkerRunning:
            problems.append(
                f"no worker answers on the task queue {TaskQueue.OFFERS!s}: start worker.py"
            )
        except NoSuchOpportunity:  # the run failed before anything was begun
            raise
        except (RequestRejected, WorkflowFailureError, WorkflowQueryFailedError) as error:
            problems.append(str(error))
        except UNREADABLE as error:
            unreadable = error
            problems.append(str(error))
        summary = OfferSummary.of(record) if record else listed.summary
        if summary is None:
            problems += [listed.problem] if listed.problem else []
            summary = _summary_of_attributes(path, listed)
        return KnownOffer(summary, record, listed.is_running, tuple(problems), unreadable)

    async def sent_mails(self, path: str, clock: Clock) -> list[SentMail]:
        """The mails of an offer, the oldest first; `clock`: the offer's own."""
        return await sent_mails(self._client, workflow_id(path), clock)

    async def accepted_offers(self, path: str | None = None) -> list[ListedOffer]:
        """Every run whose offer was accepted, those that have ended and earlier runs included.

        With a path only that offer's; raises RequestRejected if it was not accepted.
        """
        if path is None:
            return await accepted_offers(self._client)
        runs = await runs_of(self._client, path)
        accepted = [run for run in runs if run.stage in AGREED]
        if not runs:
            raise NoSuchOffer(path)
        if not accepted:
            raise RequestRejected(f"the offer is {runs[-1].stage}: there are no payouts yet")
        return accepted

    async def offers_with_money_to_come(self, path: str | None = None) -> list[ListedOffer]:
        """The open offers that were accepted or can be; with a path only that offer.

        Raises RequestRejected if it is none of them.
        """
        runs = await offers_with_money_to_come(self._client)
        if path is None:
            return runs
        if found := [run for run in runs if run.path == path]:
            return found
        raise RequestRejected(f"no money is to come from {path}: it is not accepted or shared")

    # `update_id` names a request: repeated under its id, it is done once (`_answer_of`).

    async def cancel(self, path: str, reason: str, update_id: str | None = None) -> OfferRecord:
        """Cancel before acceptance; returns the record once it is cancelled or accepted."""
        return await self._execute_update(
            path, OfferWorkflow.cancel, reason, self._by, update_id=update_id
        )

    async def extend(
        self, path: str, extension: Extension, update_id: str | None = None
    ) -> OfferRecord:
        """Give the buyer more time; returns the record once AWS has changed the offer."""
        return await self._execute_update(
            path, OfferWorkflow.extend, self._asked(extension), update_id=update_id
        )

    async def amend(
        self, path: str, changes: TermChanges, update_id: str | None = None
    ) -> OfferRecord:
        """Change an offer in AWS; returns the record once it is changed or drafted again.

        For an agreement it is the record of the agreement-based offer.
        """
        record = await self._execute_update(
            path, OfferWorkflow.amend, self._asked(changes), update_id=update_id
        )
        if record.stage not in (Stage.ACCEPTED, Stage.DISBURSED):
            return record
        amendment = offer_path(record.opportunity_id, record.amendments[-1].number)
        return await self._wait_until_drafted(self._handle(amendment))

    async def request_cancellation(
        self, path: str, request: CancellationRequestInput, update_id: str | None = None
    ) -> OfferRecord:
        """Ask the buyer to agree to the cancellation of the agreement."""
        return await self._execute_update(
            path,
            OfferWorkflow.request_cancellation,
            self._asked(request),
            update_id=update_id,
        )

    async def check_refund(self, path: str, request: RefundRequest) -> AdjustableInvoice:
        """What AWS lets be refunded of an invoice; raises RequestRejected if it is less."""
        asked = self._answer_of(path, OfferWorkflow.check_refund, [request], AdjustableInvoice)
        return await _answer_of_aws(asked)

    async def request_refund(self, path: str, request: RefundRequest) -> OfferRecord:
        """Ask for a refund, which finance must approve; one token asks once, however often.

        Raises TokenUsed if another refund was asked for with it.
        """
        if running := await self._running_record(path):
            for earlier in running.refunds:
                if earlier.token == request.token:
                    if not _is_same(earlier, request):
                        raise TokenUsed(earlier)
                    return running
        # Temporal keeps also a request that AWS did not allow; a corrected one is another.
        update_id = hashlib.sha256(request.model_dump_json().encode()).hexdigest()
        ask = partial(self._execute_update, path, OfferWorkflow.request_refund, request)
        try:
            return await _earlier_answer(self._handle(path), update_id, OfferRecord)
        except _NoSuchUpdate:
            return await _answer_of_aws(ask(update_id=update_id))
        except WorkflowUpdateFailedError:  # AWS may allow it now
            return await _answer_of_aws(ask())

    async def resume(
        self, path: str, code: str | None = None, update_id: str | None = None
    ) -> OfferRecord:
        """Let an offer continue after an attention is resolved; `code`: None if there is one."""
        await self._execute_update(path, OfferWorkflow.resume, code, self._by, update_id=update_id)
        return await self.record(path)

    async def list_resumable(
        self, code: AttentionCode | None, vendor: Vendor | None
    ) -> list[ResumableAttention]:
        """The attentions of open offers with a code, or that a vendor caused, or both."""
        return await list_resumable(self._client, code, vendor)

    async def resume_all(
        self, attentions: Sequence[ResumableAttention], request: uuid.UUID | None = None
    ) -> dict[ResumableAttention, str]:
        """Resolve attentions of many offers; returns why those that were rejected were.

        `request` names the request like an update's id, for all offers.  Raises NoWorkerRunning.
        """
        rejected: dict[ResumableAttention, str] = {}
        at_once = asyncio.Semaphore(RESUMED_AT_ONCE)

        async def resume(each: ResumableAttention) -> None:
            async with at_once:
                try:
                    named = (
                        str(uuid.uuid5(request, f"{each.path} {each.code}")) if request else None
                    )
                    await self._execute_update(
                        each.path,
                        OfferWorkflow.resume,
                        each.code.value,
                        self._by,
                        update_id=named,
                    )
                except NoWorkerRunning:
                    raise
                except RequestRejected as error:
                    rejected[each] = str(error)

        await asyncio.gather(*map(resume, attentions))
        return rejected

    async def approve(
        self, path: str, decision: ApprovalDecision, update_id: str | None = None
    ) -> OfferRecord:
        """Approve exceptions; returns the record after that."""
        await self._execute_update(path, OfferWorkflow.approve, decision, update_id=update_id)
        return await self.record(path)

    async def decline(
        self, path: str, decision: ApprovalDecision, update_id: str | None = None
    ) -> OfferRecord:
        """Decline exceptions; returns the record after that."""
        await self._execute_update(path, OfferWorkflow.decline, decision, update_id=update_id)
        return await self.record(path)

    async def revise(
        self, path: str, changes: TermChanges, update_id: str | None = None
    ) -> OfferRecord:
        """Change the terms of a draft; returns the record once preflight has checked them.

        Raises PreflightPending if that takes too long: the change is recorded all the same.
        """
        update = self._execute_update(
            path, OfferWorkflow.revise, self._asked(changes), update_id=update_id
        )
        try:
            return await asyncio.wait_for(update, PREFLIGHT_TIMEOUT.total_seconds())
        except TimeoutError:
            raise PreflightPending(path) from None

    def _asked(self, request: RequestT) -> RequestT:
        return request.model_copy(update={"by": request.by or self._by})

    async def link_offer(
        self, path: str, offer_id: str, update_id: str | None = None
    ) -> OfferRecord:
        """Name the offer that was created in Clazar."""
        return await self._execute_update(
            path, OfferWorkflow.link_offer, offer_id, self._by, update_id=update_id
        )

    async def resend(self, path: str, update_id: str | None = None) -> OfferRecord:
        """Send the offer to the buyer again, or in a draft another link to confirm the account."""
        return await self._execute_update(path, OfferWorkflow.resend, self._by, update_id=update_id)

    async def confirm_account(self, path: str, answer: AccountAnswer) -> AccountConfirmation:
        """Give the answer of the buyer, by the link of the mail."""
        return await self._answer_of(
            path, OfferWorkflow.confirm_account, [answer], AccountConfirmation
        )

    async def changes(self, every: timedelta) -> AsyncIterator[list[OfferRow]]:
        """All offers, now and after every change."""
        last: list[OfferRow] | None = None
        while True:
            rows = await self.list_offers()
            if rows != last:
                yield rows
            last = rows
            await asyncio.sleep(every.total_seconds())

    async def ended_runs(self, opportunity_id: str) -> list[Run]:
        """Every run of an opportunity's workflows; raises RequestRejected if one has not ended."""
        runs = await find_runs(self._client, opportunity_id)
        if reason := await why_not_ended(self._client, runs):
            raise RequestRejected(reason)
        return runs

    async def delete_runs(self, runs: Sequence[Run]) -> None:
        """Delete closed runs; raises RequestRejected if the server takes too long."""
        try:
            await delete_runs(self._client, runs)
        except NotDeletedYet:
            raise RequestRejected(
                "Temporal has not deleted everything yet: run it again later, to see what is left"
            ) from None

    async def _execute_update(
        self, path: str, update: Any, *arguments: Any, update_id: str | None = None
    ) -> OfferRecord:
        return await self._answer_of(path, update, arguments, OfferRecord, update_id)

    async def _answer_of(
        self,
        path: str,
        update: Any,
        arguments: Sequence[Any],
        answer: type[T],
        update_id: str | None = None,
    ) -> T:
        """What an update gives.

        The server gives the answer of an earlier update of the same id, as long as the run goes on
        that had it and after its end.
        """
        handle = self._handle(path)
        try:
            described = await handle.describe()
            if described.status is not WorkflowExecutionStatus.RUNNING:
                if update_id is not None:
                    with suppress(_NoSuchUpdate):
                        return await _earlier_answer(handle, update_id, answer)
                raise _ended(await handle.result())
            # A worker fails the task of a request that it cannot decrypt: nothing is sent then.
            await described.memo()

            # One id for all attempts: what was accepted nevertheless is not done twice.
            named = update_id or str(uuid.uuid4())

            async def ask() -> T:
                accepted = await self._answered(
                    handle,
                    handle.start_update(
                        update,
                        args=arguments,
                        wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                        id=named,
                        result_type=answer,
                    ),
                )
                result: T = await accepted.result()
                return result

            return await self._until_handled(handle, ask)
        except WorkflowFailureError as error:
            raise _rejection(error.cause) from None
        except WorkflowUpdateFailedError as error:
            raise _rejection(error.cause) from None
        except RPCError as error:
            raise _no_offer(path, error) from None

    async def _until_handled(
        self, handle: WorkflowHandle[Any, Any], ask: Callable[[], Awaitable[T]]
    ) -> T:
        """The answer to an update, which `ask` sends again, by the same id, while no worker has
        handled it.  Raises NoAnswer."""
        for attempt in range(UPDATE_ATTEMPTS):
            try:
                return await ask()
            except (WorkflowUpdateFailedError, RPCError) as error:
                if not _is_unhandled(error):
                    raise
            await asyncio.sleep(UPDATE_INTERVAL.total_seconds() * 2**attempt)
        raise await self._no_answer(handle)

    async def _no_answer(self, handle: WorkflowHandle[Any, Any]) -> NoAnswer:
        why = await why_no_answer(self._client, handle.id)
        return NoAnswer(f"{handle.id} does not answer: {why}")

    async def _query(self, handle: WorkflowHandle[OfferWorkflow, OfferRecord]) -> OfferRecord:
        for _ in range(QUERY_ATTEMPTS - 1):
            with suppress(WorkflowQueryFailedError):
                return await handle.query(OfferWorkflow.get_record)
        return await handle.query(OfferWorkflow.get_record)

    async def _answered(
        self,
        handle: WorkflowHandle[Any, Any],
        answer: Coroutine[Any, Any, T],
        within: timedelta | None = None,
    ) -> T:
        """The answer of a workflow.  Raises NoAnswer if it does not come in time."""
        waiting = asyncio.ensure_future(answer)
        try:
            await asyncio.wait([waiting], timeout=QUICK_ANSWER.total_seconds())
            if not waiting.done() and not await has_worker(self._client):
                raise NoWorkerRunning
            within = within or self._answer_within
            return await asyncio.wait_for(waiting, within.total_seconds())
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
            if not await has_worker(self._client):
                raise NoWorkerRunning from None
            raise await self._no_answer(handle) from None
        finally:
            waiting.cancel()
            # Its end is awaited: the call may end with an error of its own, which nobody needs.
            await asyncio.gather(waiting, return_exceptions=True)

    def _handle(self, path: str) -> WorkflowHandle[OfferWorkflow, OfferRecord]:
        return self._client.get_workflow_handle_for(OfferWorkflow.run, workflow_id(path))


class _NoSuchUpdate(Exception):
    """The newest run had no update of that id."""


async def _earlier_answer(handle: WorkflowHandle[Any, Any], update_id: str, answer: type[T]) -> T:
    """Of an update that was asked for before; raises _NoSuchUpdate."""
    earlier = handle.get_update_handle(update_id, result_type=answer)
    try:
        result: T = await earlier.result()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise _NoSuchUpdate from None
    return result


def _problem_of_run(status: WorkflowExecutionStatus | None) -> str | None:
    if status in (None, WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED):
        return None
    return (
        f"its workflow was ended from outside ({status.name.lower()}): nobody follows the"
        f" offer any more. See in AWS whether it can be accepted, and withdraw it there"
    )


async def _answer_of_aws(asked: Awaitable[T]) -> T:
    """What AWS says of an invoice; the workflow gives a reason without a code only if AWS fails."""
    try:
        return await asked
    except RequestRejected as error:
        if type(error) is RequestRejected and error.code is None:
            raise VendorFailed(str(error)) from None
        raise


def _is_same(refund: Refund, request: RefundRequest) -> bool:
    names = "invoice_id", "amount", "reason", "description"
    return all(getattr(refund, name) == getattr(request, name) for name in names)


def _summary_of_attributes(path: str, listed: ListedOffer) -> OfferSummary:
    """What the search attributes tell, where the memo tells nothing."""
    return OfferSummary(
        deal=Deal(path=path),
        progress=Progress(
            stage=listed.stage,
            waits_for=Wait.ACTION,
            offer_id=listed.offer_id,
            agreement_id=listed.attribute(AGREEMENT_ID.name),
        ),
    )


def _ended(record: OfferRecord) -> RequestRejected:
    return RequestRejected.of(guards.why_ended(record), record.path)


def _rejection(cause: BaseException | None) -> RequestRejected | InvalidKeys:
    """What a failure says: the reason that it carries, if it does."""
    if isinstance(cause, FailureError) and _is_encrypted(cause):
        return InvalidKeys(NO_KEYS)
    if isinstance(cause, ApplicationError) and cause.type in set(guards.ReasonCode):
        return RequestRejected.of(guards.Reason.model_validate(cause.details[0]))
    if isinstance(cause, ActivityError):
        cause = cause.cause
        if not isinstance(cause, ApplicationError):
            return VendorFailed("a vendor does not answer", AttentionCode.VENDOR_UNRESPONSIVE)
    if isinstance(cause, ApplicationError) and cause.type == Failure.NOT_FOUND:
        return NoSuchOpportunity(cause.message)
    if isinstance(cause, ApplicationError) and cause.type in set(VENDOR_FAILURES):
        return VendorFailed(cause.message, VENDOR_FAILURES[Failure(cause.type)])
    return RequestRejected(cause.message if isinstance(cause, FailureError) else str(cause))


def _is_unhandled(error: WorkflowUpdateFailedError | RPCError) -> bool:
    """Whether the server says that no worker has handled an update or a query."""
    if isinstance(error, RPCError):
        # The workflow task that brought it has failed, or the tasks before it have.
        return error.status is RPCStatusCode.FAILED_PRECONDITION
    return isinstance(error.cause, ApplicationError) and error.cause.type == UNPROCESSED_UPDATE


def _is_encrypted(error: FailureError) -> bool:
    """Whether the text of a failure could not be decrypted; the SDK hands it on all the same."""
    failure = error.failure
    return failure is not None and failure.encoded_attributes.metadata.get("encoding") == ENCODING


def _no_offer(path: str, error: RPCError) -> Exception:
    if error.status is RPCStatusCode.NOT_FOUND:
        return NoSuchOffer(path)
    return error
