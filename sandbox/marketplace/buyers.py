"""Buyers: which offers they can accept, and when they accept."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sandbox.aws.marketplace_state import Agreement, Offer
from sandbox.clock import end_of_day
from sandbox.marketplace import agreements, offer_terms
from sandbox.world import World


class AcceptanceRefused(Exception):
    """AWS does not let this account accept the offer; the message has the reason."""


def accept(world: World, offer_id: str, account: str) -> Agreement:
    """Accept an offer now.  Raises AcceptanceRefused."""
    if reason := why_cannot_accept(world, offer_id, account):
        raise AcceptanceRefused(reason)
    return agreements.create(world, world.aws.offers[offer_id], account)


def why_cannot_accept(world: World, offer_id: str, account: str) -> str | None:
    """The reason why this account cannot accept this offer now; None: it can."""
    return next(_reasons(world, offer_id, account), None)


def accept_if_possible(world: World, offer_id: str, account: str) -> None:
    if not why_cannot_accept(world, offer_id, account):
        accept(world, offer_id, account)


def _reasons(world: World, offer_id: str, account: str) -> Iterator[str]:
    offer = world.aws.offers.get(offer_id)
    if offer is None or offer.state != "Released":
        yield f"there is no released offer {offer_id}"
        return
    buyer = world.aws.buyers.get(account)
    if buyer and not buyer.exists:
        yield f"account {account} does not exist"
    if not offer.country_codes and account not in offer.buyer_accounts:
        yield f"the offer is not for account {account}"
    if offer.availability_end is None or world.now() > end_of_day(offer.availability_end):
        yield f"the offer expired at the end of {offer.availability_end}"
    if any(agreement.acceptor == account for agreement in world.aws.agreements_of(offer_id)):
        yield f"account {account} has accepted the offer already"
    if offer.replaces_agreement:
        replaced = world.aws.agreements[offer.replaces_agreement]
        if replaced.status != "ACTIVE":
            yield f"agreement {replaced.id} is {replaced.status}"
    elif not world.aws.concurrent_agreements and _has_contract(world, account, offer):
        yield f"account {account} already has an active contract"


def _has_contract(world: World, account: str, offer: Offer) -> bool:
    """ASSUMED: a contract that ends before the new one starts does not count: it is renewed."""
    start = offer_terms.agreement_start(offer.terms, world.now())
    return any(
        (each.acceptor, each.product_id, each.status) == (account, offer.product_id, "ACTIVE")
        and each.end > start
        for each in world.aws.agreements.values()
    )


def schedule_acceptances(world: World, offer: Offer) -> None:
    """Schedule the acceptance by each buyer of an offer who has `accept_after_days`."""
    for account in offer.buyer_accounts:
        buyer = world.aws.buyers.get(account)
        if buyer and offer.released_at and buyer.accept_after_days is not None:
            _schedule_acceptance(world, offer, account, buyer.accept_after_days)


def _schedule_acceptance(world: World, offer: Offer, account: str, days: float) -> None:
    assert offer.released_at is not None

    def accept_unless_changed(_: datetime) -> None:
        if world.aws.buyers[account].accept_after_days == days:
            accept_if_possible(world, offer.id, account)

    due = offer.released_at + timedelta(days=days)
    world.schedule(max(due, world.now()), accept_unless_changed)
