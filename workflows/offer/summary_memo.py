"""The offer's summary in the workflow's memo: what lists and reports read (ADR 19)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from offers.lifecycle.summary import OfferSummary

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


class SummaryMemo:
    """Upserts the parts of the summary that have changed.

    What is published several times in one step of the workflow is upserted once, after that step:
    each upsert is an event in the history.
    """

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx
        self._task: asyncio.Task[None] | None = None

    def publish(self) -> None:
        """Show the record as it is now."""
        # Made here and not in the task, whose errors would not fail the workflow task.
        parts = OfferSummary.of(self._ctx.record).memo()
        if self._task:
            self._task.cancel()
        self._task = self._ctx.start(_upsert(parts))


async def _upsert(parts: dict[str, dict[str, Any]]) -> None:
    known = workflow.memo()
    changed = {name: part for name, part in parts.items() if known.get(name, {}) != part}
    if changed:
        workflow.upsert_memo(changed)
