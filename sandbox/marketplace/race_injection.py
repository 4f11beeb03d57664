"""Acceptances that race with the seller or with AWS: while a change of the offer is in progress."""

from datetime import date

from sandbox.aws.marketplace_state import Buyer, Offer, RaceAcceptance, RacePoint
from sandbox.clock import end_of_day
from sandbox.marketplace import buyers
from sandbox.world import World


def accept_when(world: World, account: str, point: RacePoint, offer_filter: str = "") -> None:
    """Let this buyer accept matching offers at this point, in addition to its other settings.

    `offer_filter` is the id of an offer, or text in its name or description; empty: every offer.
    """
    buyer = world.aws.buyers.setdefault(account, Buyer(account))
    buyer.race_acceptances.append(RaceAcceptance(point, offer_filter))
    for offer in world.aws.offers.values():
        schedule_last_second(world, offer)


def accept_at(world: World, point: RacePoint, offer_id: str) -> None:
    """An offer has reached this point: the buyers set up for it accept, if AWS lets them."""
    offer = world.aws.offers[offer_id]
    for account in offer.buyer_accounts:
        if _applies(world, account, point, offer) and not buyers.why_cannot_accept(
            world, offer_id, account
        ):
            buyers.accept(world, offer_id, account)


def schedule_last_second(world: World, offer: Offer) -> None:
    """Schedule the acceptance in the last second of an offer, if a buyer is set up for it."""
    last_day = offer.availability_end
    applies = any(_applies(world, each, "last-second", offer) for each in offer.buyer_accounts)
    if applies and last_day and end_of_day(last_day) >= world.now():
        world.schedule(end_of_day(last_day), lambda _: _last_second(world, offer.id, last_day))


def _last_second(world: World, offer_id: str, last_day: date) -> None:
    # The last day may have changed since.
    if world.aws.offers[offer_id].availability_end == last_day:
        accept_at(world, "last-second", offer_id)


def _applies(world: World, account: str, point: RacePoint, offer: Offer) -> bool:
    buyer = world.aws.buyers.get(account)
    return any(
        each.point == point and _matches(each.offer_filter, offer)
        for each in (buyer.race_acceptances if buyer else [])
    )


def _matches(offer_filter: str, offer: Offer) -> bool:
    return offer_filter == offer.id or offer_filter in f"{offer.name}\n{offer.description}"
