"""Buyers: what they may accept, and when they do."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sandbox.clock import end_of_day
from sandbox.marketplace import agreements
from sandbox.world import Agreement, Offer, World


class AcceptanceRefused(Exception):
    """Why AWS does not let this account accept the offer."""


def accept(world: World, offer_id: str, account: str) -> Agreement:
    """Accept an offer now.  Raises AcceptanceRefused."""
    if reason := refusal(world, offer_id, account):
        raise AcceptanceRefused(reason)
    return agreements.conclude(world, world.offers[offer_id], account)


def refusal(world: World, offer_id: str, account: str) -> str | None:
    """Why this account cannot accept this offer now; None: it can."""
    return next(_obstacles(world, offer_id, account), None)


def _obstacles(world: World, offer_id: str, account: str) -> Iterator[str]:
    offer = world.offers.get(offer_id)
    if offer is None or offer.state != "Released":
        yield f"there is no released offer {offer_id}"
        return
    buyer = world.buyers.get(account)
    if buyer and not buyer.exists:
        yield f"account {account} does not exist"
    if not offer.country_codes and account not in offer.buyer_accounts:
        yield f"the offer is not for account {account}"
    if offer.availability_end is None or world.now() > end_of_day(offer.availability_end):
        yield f"the offer expired at the end of {offer.availability_end}"
    if any(agreement.acceptor == account for agreement in world.accepted(offer_id)):
        yield f"account {account} has accepted the offer already"
    if offer.replaces_agreement:
        replaced = world.agreements[offer.replaces_agreement]
        if replaced.status != "ACTIVE":
            yield f"agreement {replaced.id} is {replaced.status}"
    elif not world.concurrent_agreements and _has_contract(world, account, offer.product_id):
        yield f"account {account} already has an active contract"


def _has_contract(world: World, account: str, product_id: str) -> bool:
    return any(
        (each.acceptor, each.product_id, each.status) == (account, product_id, "ACTIVE")
        for each in world.agreements.values()
    )


def plan(world: World, offer: Offer) -> None:
    """Put on the agenda when each buyer of an offer will accept it, by their habits."""
    for account in offer.buyer_accounts:
        buyer = world.buyers.get(account)
        if buyer and offer.released_at and buyer.accept_after_days is not None:
            _plan(world, offer, account, buyer.accept_after_days)


def _plan(world: World, offer: Offer, account: str, days: float) -> None:
    assert offer.released_at is not None

    def accept_if_still_willing(_: datetime) -> None:
        if world.buyers[account].accept_after_days == days and not refusal(
            world, offer.id, account
        ):
            accept(world, offer.id, account)

    due = offer.released_at + timedelta(days=days)
    world.at(max(due, world.now()), accept_if_still_willing)
