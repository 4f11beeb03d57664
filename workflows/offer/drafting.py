"""Drafting: preflight, whenever the vendors answer, unless the offer is cancelled first."""

from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.common.activity_options import failure_of
from workflows.common.escalation import ask, unless
from workflows.offer.attentions import People

with workflow.unsafe.imports_passed_through():
    from activities.errors import Failure
    from activities.preflight import CheckDeal, CheckedDeal, Preflight


class NoSuchOpportunity(Exception):
    """Salesforce has no such opportunity."""


async def checked(
    people: People, deal: CheckDeal, outdated: Callable[[], bool]
) -> CheckedDeal | None:
    """The report; None if it is `outdated` before it is there.  Raises NoSuchOpportunity."""
    try:
        return await unless(
            outdated, ask(people, Preflight.check_deal, deal, expected=Failure.NOT_FOUND)
        )
    except ActivityError as error:
        failure = failure_of(error)
        raise NoSuchOpportunity(failure.message if failure else str(error)) from None
