"""Continuing the run as new: when it is allowed, and how a stage is left for it.

The history of a run must not grow without end (Temporal: 51,200 events).  The state goes into the
next run, which calls the same stage again: each stage can be called again where it waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from offers.stage import Stage

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


class StageInterrupted(Exception):
    """The stage was left where it waits, so that the run can continue as new."""


def can_interrupt(ctx: OfferContext) -> bool:
    """Whether the stage is to be left where it waits."""
    # While AWS creates the offer, a stage that is called again would read it again.
    return ctx.record.stage is not Stage.GENERATING and can_continue_as_new(ctx)


def can_continue_as_new(ctx: OfferContext) -> bool:
    """Whether the run is to continue as new, and nothing is in flight that would be lost."""
    return (
        is_suggested()
        and workflow.all_handlers_finished()
        and ctx.notifications.is_idle
        and ctx.edits.is_idle
        and ctx.salesforce_sync.is_idle
        and ctx.clazar_link.is_idle
        and ctx.amendments.is_idle
        and ctx.agreement_cancellation.is_idle
        and ctx.refunds.is_idle
        and ctx.webhooks.is_idle
    )


def is_suggested() -> bool:
    """Whether the server suggests it: the history has become long."""
    return workflow.info().is_continue_as_new_suggested()
