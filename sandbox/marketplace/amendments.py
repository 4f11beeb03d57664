"""Amendments that the seller's users create in the AWS Marketplace Management Portal."""

from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.aws.eventbridge import marketplace_events
from sandbox.aws.marketplace_state import Offer
from sandbox.marketplace import buyers, race_injection
from sandbox.marketplace.offer_terms import Term
from sandbox.random_ids import new_id
from sandbox.world import World

DESCRIPTION = "An amendment"
"""The offer's description: a free text without any reference."""


def create_amendment_in_portal(
    world: World,
    *,
    agreement_id: str,
    name: str,
    price: Decimal,
    end: date,
    available_until: date | None = None,
) -> Offer:
    """Release an offer that replaces an agreement, with the same types of terms and dimensions.

    It can be accepted at once, until `available_until` (default: today).  The price is due at
    acceptance.  The agreement must be ACTIVE, and must end after the last day to accept.
    """
    today, now = world.now().date(), world.now()
    agreement = world.aws.agreements[agreement_id]
    kept = [each for each in agreement.terms if each["Type"] != "ValidityTerm"]
    offer = Offer(
        id=new_id("offer-", 13),
        product_id=agreement.product_id,
        state="Released",
        name=name,
        description=DESCRIPTION,
        buyer_accounts=[agreement.acceptor],
        terms=[_amended_term(each, today, price) for each in kept]
        + [{"Type": "ValidityTerm", "AgreementEndDate": end.isoformat()}],
        availability_end=available_until or today,
        replaces_agreement=agreement.id,
        released_at=now,
        last_modified=now,
    )
    world.aws.offers[offer.id] = offer
    buyers.schedule_acceptances(world, offer)
    race_injection.schedule_last_second(world, offer)
    marketplace_events.send_offer_released(world, offer)
    race_injection.accept_at(world, "released", offer.id)
    return offer


def _amended_term(term: Term, today: date, price: Decimal) -> Term:
    match term["Type"]:
        case "PaymentScheduleTerm":
            charge = {"ChargeDate": today.isoformat(), "ChargeAmount": f"{price:f}"}
            return {**term, "Schedule": [charge]}
        case "ConfigurableUpfrontPricingTerm":
            card = term["RateCards"][0]
            return {
                **term,
                "RateCards": [{**card, "RateCard": _amended_rates(card["RateCard"], price)}],
            }
        case _:
            return term


def _amended_rates(rates: list[dict[str, Any]], price: Decimal) -> list[dict[str, Any]]:
    """The whole price on the first dimension; each dimension has the quantity 1."""
    prices = [price, *(Decimal(0) for _ in rates[1:])]
    return [{**rate, "Price": f"{each:f}"} for rate, each in zip(rates, prices, strict=True)]
