"""Writing the offer's life to Salesforce: each stage, in order, without holding up the story."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows.common.escalation import ask
from workflows.offer.attentions import People

with workflow.unsafe.imports_passed_through():
    from activities.errors import Failure
    from activities.salesforce.write_back import Salesforce
    from offers.lifecycle.salesforce_fields import OpportunityUpdate


class WriteBack:
    """What is still to be written.  Of several states of one stage only the newest is kept."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._waiting: list[OpportunityUpdate] = []
        self._writing: asyncio.Task[None] | None = None

    def add(self, update: OpportunityUpdate) -> None:
        """Have a state of the offer written."""
        if self._waiting and self._waiting[-1].stage is update.stage:
            self._waiting.pop()
        self._waiting.append(update)

    async def run(self) -> None:
        """Write for ever."""
        while True:
            await workflow.wait_condition(lambda: bool(self._waiting))
            self._writing = asyncio.create_task(self._write(self._waiting.pop(0)))
            await workflow.wait([self._writing])
            self._writing = None

    def drop(self) -> None:
        """Somebody else writes to the opportunity now: what still waits must not overwrite it."""
        self._waiting.clear()
        if self._writing:
            self._writing.cancel()

    async def _write(self, update: OpportunityUpdate) -> None:
        """What has ended and is not in Salesforce any more needs nobody's help."""
        expected = Failure.NOT_FOUND if update.stage.is_end else None
        try:
            await ask(self._people, Salesforce.write_back, update, expected=expected)
        except ActivityError as error:
            if is_cancelled_exception(error):
                return
            workflow.logger.info("%s is not in Salesforce any more", update.opportunity_id)

    async def finished(self) -> None:
        """Wait until everything has been written."""
        await workflow.wait_condition(lambda: not self._waiting and self._writing is None)
