"""Attentions: where the workflow waits for a person, and how it is told to go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.common.waiting import wait_condition
from workflows.offer.visibility import publish

with workflow.unsafe.imports_passed_through():
    from offers.lifecycle.attentions import ONLY_THE_LAST, Attention, AttentionCode, Vendor

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


class Attentions:
    """What of the offer waits for a person."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx

    def resolve(self, code: str | None = None) -> None:
        """Let what waits under a code go on; without one, whatever waits."""
        for attention in self._ctx.record.attentions:
            if code in (None, attention.code):
                self.dismiss(attention)

    def raise_(
        self,
        code: AttentionCode,
        problem: str,
        remedy: str,
        *,
        finding: str | None = None,
        vendor: Vendor | None = None,
    ) -> Attention:
        """Show that something waits for a person.

        `finding` is the reference of what to decide, `vendor` whose failure it is.
        """
        count = 1
        if code in ONLY_THE_LAST:
            count += self._take_away(code)
        self._ctx.state.attentions_raised += 1
        attention = Attention(
            number=self._ctx.state.attentions_raised,
            code=code,
            problem=problem if count == 1 else f"{problem} (and {count - 1} more before)",
            remedy=remedy,
            finding=finding,
            vendor=vendor,
            count=count,
            since=self._ctx.now(),
        )
        self._ctx.record.attentions += (attention,)
        publish(self._ctx)
        return attention

    def _take_away(self, code: AttentionCode) -> int:
        """Remove those of a code; returns how many they stood for."""
        attentions = self._ctx.record.attentions
        self._ctx.record.attentions = tuple(each for each in attentions if each.code is not code)
        return sum(each.count for each in attentions if each.code is code)

    def dismiss(self, attention: Attention | int) -> None:
        """Stop showing one, named by itself or by its number."""
        number = attention if isinstance(attention, int) else attention.number
        if self.is_open(number):
            self._ctx.record.attentions = tuple(
                other for other in self._ctx.record.attentions if other.number != number
            )
            publish(self._ctx)

    async def wait_until_resolved(
        self,
        code: AttentionCode,
        problem: str,
        remedy: str,
        *,
        vendor: Vendor | None = None,
        or_when: Callable[[], bool] = lambda: False,
    ) -> None:
        """Raise an attention, and wait until somebody resolves it or `or_when` holds."""
        attention = self.raise_(code, problem, remedy, vendor=vendor)
        try:
            await wait_condition(lambda: not self.is_open(attention) or or_when())
        except asyncio.CancelledError:
            # Not "finally": that would run, too, when a worker drops the workflow from its cache.
            self.dismiss(attention)
            raise
        self.dismiss(attention)

    def is_open(self, attention: Attention | int) -> bool:
        """Whether nobody has resolved it yet."""
        number = attention if isinstance(attention, int) else attention.number
        return any(other.number == number for other in self._ctx.record.attentions)
