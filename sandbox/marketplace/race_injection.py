"""Buyers who accept at the worst moment: while the seller or AWS is busy with the offer."""

from datetime import date

from sandbox.clock import end_of_day
from sandbox.marketplace import buyers
from sandbox.world import Buyer, Offer, RaceAcceptance, RacePoint, World


def accept_when(world: World, account: str, moment: RacePoint, about: str = "") -> None:
    """From now on this buyer accepts offers at that moment, besides whatever else they do.

    `about` picks the offers: the id of one, or text that its name or description has in it.
    """
    buyer = world.buyers.setdefault(account, Buyer(account))
    buyer.accepts_at_worst.append(RaceAcceptance(moment, about))
    for offer in world.offers.values():
        plan(world, offer)


def strike(world: World, moment: RacePoint, offer_id: str) -> None:
    """It is that moment for an offer: whoever waits for it accepts, if AWS lets them."""
    offer = world.offers[offer_id]
    for account in offer.buyer_accounts:
        if _waits(world, account, moment, offer) and not buyers.refusal(world, offer_id, account):
            buyers.accept(world, offer_id, account)


def plan(world: World, offer: Offer) -> None:
    """Put the last second of an offer on the agenda, for whoever waits for it."""
    last_day = offer.availability_end
    waiting = [each for each in offer.buyer_accounts if _waits(world, each, "last-second", offer)]
    if waiting and last_day and end_of_day(last_day) >= world.now():
        world.at(end_of_day(last_day), lambda _: _last_second(world, offer.id, last_day))


def _last_second(world: World, offer_id: str, last_day: date) -> None:
    # The day may have been moved since.
    if world.offers[offer_id].availability_end == last_day:
        strike(world, "last-second", offer_id)


def _waits(world: World, account: str, moment: RacePoint, offer: Offer) -> bool:
    buyer = world.buyers.get(account)
    return any(
        each.moment == moment and _is_about(each.about, offer)
        for each in (buyer.accepts_at_worst if buyer else [])
    )


def _is_about(about: str, offer: Offer) -> bool:
    return about == offer.id or about in f"{offer.name}\n{offer.description}"
