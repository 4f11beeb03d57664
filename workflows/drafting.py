"""Drafting: the terms come from Salesforce, whenever it answers, unless the offer is cancelled."""

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.asking import ask
from workflows.calls import failure_of
from workflows.people import People

with workflow.unsafe.imports_passed_through():
    from activities.errors import Failure
    from activities.salesforce import DraftedOffer, DraftOffer, Salesforce


class NoSuchOpportunity(Exception):
    """Salesforce has no such opportunity."""


async def drafted(
    people: People, opportunity_id: str, given: dict[str, Any], cancelling: Callable[[], bool]
) -> DraftedOffer | None:
    """The draft; None if the offer is cancelled first.  Raises NoSuchOpportunity."""
    request = DraftOffer(opportunity_id=opportunity_id, given=given)
    drafting = asyncio.create_task(
        ask(people, Salesforce.draft_offer, request, expected=Failure.NOT_FOUND)
    )
    await workflow.wait_condition(lambda: drafting.done() or cancelling())
    if not drafting.done():
        drafting.cancel()
        return None
    try:
        return await drafting
    except ActivityError as error:
        failure = failure_of(error)
        raise NoSuchOpportunity(failure.message if failure else str(error)) from None
