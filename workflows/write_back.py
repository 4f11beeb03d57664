"""Writing the offer's life to Salesforce: each stage, in order, without holding up the story."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows.asking import ask
from workflows.people import People

with workflow.unsafe.imports_passed_through():
    from activities.errors import Failure
    from activities.salesforce import Salesforce
    from offers.record import OfferRecord


class WriteBack:
    """What is still to be written.  Of several states of one stage only the newest is kept."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._waiting: list[OfferRecord] = []
        self._writing: asyncio.Task[None] | None = None

    def add(self, snapshot: OfferRecord) -> None:
        """Have a state of the offer written; the snapshot must not change any more."""
        if self._waiting and self._waiting[-1].stage is snapshot.stage:
            self._waiting.pop()
        self._waiting.append(snapshot)

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

    async def _write(self, snapshot: OfferRecord) -> None:
        """What has ended and is not in Salesforce any more needs nobody's help."""
        expected = Failure.NOT_FOUND if snapshot.stage.is_end else None
        try:
            await ask(self._people, Salesforce.write_back, snapshot, expected=expected)
        except ActivityError as error:
            if is_cancelled_exception(error):
                return
            workflow.logger.info("%s is not in Salesforce any more", snapshot.opportunity_id)

    async def finished(self) -> None:
        """Wait until everything has been written."""
        await workflow.wait_condition(lambda: not self._waiting and self._writing is None)
