"""People: where the workflow waits for someone, and how it is told to go on."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from offers.lifecycle.record import Attention, OfferRecord


class People:
    """The attentions of an offer, and the words of the people who answer them."""

    def __init__(
        self, record: OfferRecord, now: Callable[[], datetime], changed: Callable[[], None]
    ) -> None:
        self._record = record
        self._now = now
        self._changed = changed

    def cannot_answer(self, code: str | None) -> str | None:
        """Why an answer would go nowhere, if it would.  No code: the only thing that waits."""
        waiting = sorted({attention.code for attention in self._record.attentions})
        if not waiting:
            return f"the offer is {self._record.stage} and waits for nobody"
        if code is None and len(waiting) > 1:
            return f"several things wait, name one: {', '.join(waiting)}"
        if code is not None and code not in waiting:
            return f"{code} does not wait; {', '.join(waiting)} does"
        return None

    def answer(self, code: str | None = None) -> None:
        """Somebody has seen to it: what waits under this code goes on; None: whatever waits."""
        for attention in self._record.attentions:
            if code in (None, attention.code):
                self.dismiss(attention)

    def call(self, code: str, problem: str, remedy: str) -> Attention:
        """Show that something waits for a person."""
        attention = Attention(code=code, problem=problem, remedy=remedy, since=self._now())
        self._record.attentions += (attention,)
        self._changed()
        return attention

    def dismiss(self, attention: Attention) -> None:
        """Stop showing it."""
        if self.is_open(attention):
            self._record.attentions = tuple(
                other for other in self._record.attentions if other is not attention
            )
            self._changed()

    async def wait_for(
        self, code: str, problem: str, remedy: str, or_when: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait until somebody answers, or until it has become pointless."""
        attention = self.call(code, problem, remedy)
        try:
            await workflow.wait_condition(lambda: not self.is_open(attention) or or_when())
        except asyncio.CancelledError:
            # Not "finally": that would run, too, when a worker drops the workflow from its cache.
            self.dismiss(attention)
            raise
        self.dismiss(attention)

    def is_open(self, attention: Attention) -> bool:
        """Whether nobody has answered it yet."""
        return any(other is attention for other in self._record.attentions)
