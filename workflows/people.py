"""People: where the workflow waits for someone, and how it is told to go on."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from offers.record import Attention, OfferRecord


class People:
    """The attentions of an offer, and the words of the people who answer them."""

    def __init__(
        self, record: OfferRecord, now: Callable[[], datetime], changed: Callable[[], None]
    ) -> None:
        self._record = record
        self._now = now
        self._changed = changed
        self._answers = 0

    def answer(self) -> None:
        """Somebody has seen to it: everything that waits goes on."""
        self._answers += 1

    def call(self, code: str, problem: str, remedy: str) -> Attention:
        """Show that something waits for a person."""
        attention = Attention(code=code, problem=problem, remedy=remedy, since=self._now())
        self._record.attentions += (attention,)
        self._changed()
        return attention

    def dismiss(self, attention: Attention) -> None:
        """Stop showing it."""
        self._record.attentions = tuple(a for a in self._record.attentions if a is not attention)
        self._changed()

    async def wait_for(
        self, code: str, problem: str, remedy: str, or_when: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait until somebody answers, or until it has become pointless."""
        answers = self._answers
        attention = self.call(code, problem, remedy)
        try:
            await workflow.wait_condition(lambda: self._answers > answers or or_when())
        except asyncio.CancelledError:
            # Not "finally": that would run, too, when a worker drops the workflow from its cache.
            self.dismiss(attention)
            raise
        self.dismiss(attention)
