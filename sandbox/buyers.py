"""Buyers: what they may accept, and when they do."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from offers.clock import end_of_day
from sandbox import payouts
from sandbox.offer_terms import agreement_end, agreement_start, currency, value
from sandbox.world import Agreement, Offer, World, new_id


class AcceptanceRefused(Exception):
    """Why AWS does not let this account accept the offer."""


def accept(world: World, offer_id: str, account: str) -> Agreement:
    """Accept an offer now.  Raises AcceptanceRefused."""
    if reason := refusal(world, offer_id, account):
        raise AcceptanceRefused(reason)
    offer = world.offers[offer_id]
    now = world.now()
    replaced = world.agreements.get(offer.replaces_agreement or "")
    start = agreement_start(offer.terms, now)
    agreement_id = new_id("agmt-", 25)
    agreement = Agreement(
        id=agreement_id,
        offer_id=offer.id,
        product_id=offer.product_id,
        acceptor=account,
        accepted_at=now,
        start=start,
        end=agreement_end(offer.terms, start),
        value=value(offer.terms),
        currency=currency(offer.terms),
        terms=offer.terms,
        initial_agreement_id=replaced.initial_agreement_id if replaced else agreement_id,
        last_update=now,
    )
    payouts.plan(world, agreement, offer)
    world.agreements[agreement.id] = agreement
    if replaced:
        end(world, replaced, "REPLACED")
    world.at(agreement.end, lambda _: end(world, agreement, "EXPIRED"))
    return agreement


def end(world: World, agreement: Agreement, status: str) -> None:
    """End an agreement, unless it has ended already."""
    if agreement.status == "ACTIVE":
        agreement.status = status
        agreement.last_update = world.now()


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
    theirs = [
        each
        for each in world.agreements.values()
        if each.acceptor == account and each.product_id == offer.product_id
    ]
    if any(agreement.offer_id == offer_id for agreement in theirs):
        yield f"account {account} has accepted the offer already"
    if offer.replaces_agreement:
        replaced = world.agreements[offer.replaces_agreement]
        if replaced.status != "ACTIVE":
            yield f"agreement {replaced.id} is {replaced.status}"
    elif not world.concurrent_agreements and any(each.status == "ACTIVE" for each in theirs):
        yield f"account {account} already has an active contract"


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
