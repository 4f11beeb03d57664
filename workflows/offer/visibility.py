"""Showing where an offer is: in search and lists, the Temporal UI, Salesforce, and by events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.offer.search_attributes import changed_values, values
from workflows.offer.summary_card import summary_card

with workflow.unsafe.imports_passed_through():
    from offers.lifecycle.salesforce_fields import opportunity_update

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


def publish(ctx: OfferContext, *, to_salesforce: bool = True) -> None:
    """Show the record as it is now: at once in search, lists and the UI, soon in Salesforce."""
    attributes = values(ctx.record)
    if updates := changed_values(workflow.info().typed_search_attributes, attributes):
        workflow.upsert_search_attributes(updates)
    ctx.summary_memo.publish()
    ctx.webhooks.update()
    show_card(ctx)
    if not to_salesforce:
        return
    if ctx.amendments.was_accepted or ctx.amendments.may_have_been_accepted:
        # The amendment that took the offer's place writes to the opportunity now.
        ctx.salesforce_sync.drop()
    else:
        ctx.salesforce_sync.add(opportunity_update(ctx.record))


def show_card(ctx: OfferContext) -> None:
    """Show the record in the Temporal UI alone."""
    workflow.set_current_details(summary_card(ctx.record))
