"""Writing the offer's stages to Salesforce, in order, beside the stages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows.common.escalation import execute_with_escalation
from workflows.common.waiting import wait_condition

with workflow.unsafe.imports_passed_through():
    from activities.errors import Failure
    from activities.salesforce.write_back import Salesforce
    from offers.lifecycle.salesforce_fields import OpportunityUpdate

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


class SalesforceSync:
    """Of several updates of one stage that still wait only the newest is written."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx
        self._loop: asyncio.Task[None] | None = None
        self._write_task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether everything has been written."""
        state = self._ctx.state.salesforce_sync
        return not state.pending and state.writing is None

    def add(self, update: OpportunityUpdate) -> None:
        """Have an update written, unless Salesforce shows it already."""
        state = self._ctx.state.salesforce_sync
        if state.pending and state.pending[-1].stage is update.stage:
            state.pending.pop()
        last = state.pending[-1] if state.pending else state.writing or state.written
        if update != last:
            state.pending.append(update)

    def drop(self) -> None:
        """Another workflow writes to the opportunity now: nothing may overwrite it."""
        self._ctx.state.salesforce_sync.pending.clear()
        if self._write_task:
            self._write_task.cancel()

    def start(self) -> None:
        """Begin to write what is added."""
        self._loop = self._ctx.start(self._write_all())

    async def finish(self) -> None:
        """Wait until everything has been written, and stop."""
        await wait_condition(lambda: self.is_idle)
        if self._loop:
            self._loop.cancel()

    async def _write_all(self) -> None:
        state = self._ctx.state.salesforce_sync
        while True:
            await wait_condition(lambda: bool(state.pending))
            state.writing = state.pending.pop(0)
            self._write_task = self._ctx.start(self._write(state.writing))
            await workflow.wait([self._write_task])
            state.written, state.writing = state.writing, None
            self._write_task = None

    async def _write(self, update: OpportunityUpdate) -> None:
        # An opportunity that was deleted after its offer's end needs nobody's attention.
        expected = Failure.NOT_FOUND if update.stage.is_end else None
        try:
            await execute_with_escalation(
                self._ctx.attentions, Salesforce.write_back, update, expected=expected
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                return
            workflow.logger.info("%s is not in Salesforce any more", update.opportunity_id)
