"""Agreements with a past acceptance date, with their offers: from before the product was used."""

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal

from sandbox.aws.marketplace_state import Agreement, Offer
from sandbox.marketplace import agreements, revisions
from sandbox.marketplace.offer_terms import Term, agreement_end
from sandbox.random_ids import new_id
from sandbox.world import World

MAX_MONTHS = 144
"""The longest contract term on record."""

Status = Literal[
    "ACTIVE",
    "ARCHIVED",
    "CANCELLED",
    "EXPIRED",
    "RENEWED",
    "REPLACED",
    "ROLLED_BACK",
    "SUPERSEDED",
    "TERMINATED",
]
"""The statuses of the Agreement API."""


def add_past_agreement(
    world: World,
    *,
    account: str,
    accepted_on: date,
    price: Decimal,
    currency: str = "USD",
    months: int = 12,
    status: Status = "ACTIVE",
    product_id: str | None = None,
) -> Agreement:
    """Add an agreement that started on `accepted_on`, with its private offer.

    It has no invoices and payouts.  An ACTIVE agreement whose end has passed becomes EXPIRED at
    once.  Raises ValueError, naming the field, if such an agreement is impossible.
    """
    if not re.fullmatch(r"\d{12}", account):
        raise ValueError(f"account: {account!r} is not an AWS account id; it has 12 digits")
    if not 1 <= months <= MAX_MONTHS:
        raise ValueError(f"months: an agreement lasts 1 to {MAX_MONTHS}, not {months}")
    accepted = datetime.combine(accepted_on, time(0), UTC)
    if accepted > world.now():
        raise ValueError(f"accepted_on: {accepted_on} is not in the past")
    offer = Offer(
        id=new_id("offer-", 13),
        product_id=product_id or world.aws.product_id,
        state="Released",
        name="An earlier offer",
        description="An earlier offer",
        buyer_accounts=[account],
        terms=_terms(world, accepted_on, price, currency, months),
        availability_end=accepted_on,
        released_at=accepted - timedelta(days=1),
        last_modified=accepted - timedelta(days=1),
    )
    world.aws.offers[offer.id] = offer
    agreement_id = new_id("agmt-", 25)
    end = agreement_end(offer.terms, accepted)
    agreement = Agreement(
        id=agreement_id,
        offer_id=offer.id,
        product_id=offer.product_id,
        acceptor=account,
        accepted_at=accepted,
        start=accepted,
        end=end,
        value=price,
        currency=currency,
        terms=offer.terms,
        initial_agreement_id=agreement_id,
        status=status,
        last_update=min(end, world.now()) if status == "EXPIRED" else accepted,
    )
    world.aws.agreements[agreement.id] = agreement
    revisions.record(world, agreement)
    world.schedule(end, lambda _: agreements.end(world, agreement, "EXPIRED"))
    return agreement


def _terms(world: World, on: date, price: Decimal, currency: str, months: int) -> list[Term]:
    """One installment at the start; the term types are such that AWS accepts an amendment."""
    return [
        {
            "Type": "FixedUpfrontPricingTerm",
            "CurrencyCode": currency,
            "Price": "0.0",
            "Grants": [{"DimensionKey": world.aws.dimensions[0], "MaxQuantity": 1}],
        },
        {"Type": "ValidityTerm", "AgreementDuration": f"P{months}M"},
        {
            "Type": "PaymentScheduleTerm",
            "CurrencyCode": currency,
            "Schedule": [{"ChargeDate": on.isoformat(), "ChargeAmount": f"{price:f}"}],
        },
        {
            "Type": "LegalTerm",
            "Documents": [{"Type": "StandardEula", "Version": "2022-07-14"}],
        },
    ]
