"""Tying the offer to its opportunity in Clazar, so that Clazar's own sync shows it."""

from datetime import timedelta

from temporalio import workflow

from workflows.asking import ask
from workflows.people import People

with workflow.unsafe.imports_passed_through():
    from activities.clazar import Clazar, LinkOffer
    from offers.record import OfferRecord


async def link_in_clazar(record: OfferRecord, people: People) -> None:
    """Tie them, as soon as Clazar shows the offer; people are called if it does not in time."""
    link = LinkOffer(
        offer_id=record.made,
        opportunity_id=record.opportunity_id,
        made_after=record.history[0].at - timedelta(days=1),
    )
    budget = record.clock.real_duration(record.policy.clazar_link_budget)
    await ask(people, Clazar.link_offer, link, budget=budget)
