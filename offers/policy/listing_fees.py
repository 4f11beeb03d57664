"""AWS's price list for sellers: a part of the policy, so that a newer list needs no new version."""

import re
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)

from offers.findings import illegal
from offers.model import FrozenModel
from offers.money import exact
from offers.terms.contacts import Country
from offers.terms.terms import Day


class Sale(StrEnum):
    """The kinds of sale that AWS charges differently."""

    PRIVATE_OFFER = "private-offer"
    RENEWAL = "renewal"
    """Of an earlier private offer; amendments, too."""
    PROFESSIONAL_SERVICES = "professional-services"


def _share(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"0(\.[0-9]{1,6})?", value):
        raise illegal("it is not a share of the price", 'Write 1.5 % as "0.015", in quotes')
    return Decimal(value)


Share = Annotated[Decimal, BeforeValidator(_share), Field(ge=0, lt=1)]
"""A part of a price: 0.03 is 3 %."""

Source = Annotated[str, StringConstraints(min_length=1, max_length=300)]
"""Where it was read."""


class FeeRate(FrozenModel, extra="forbid"):
    """One line of AWS's price list."""

    sale: Sale
    from_usd: Annotated[Decimal, BeforeValidator(exact), Field(ge=0)] = Decimal(0)
    """The least contract value in US dollars, before tax, that it is for."""
    rate: Share
    since: Day
    """The first day (UTC).  A kind of sale has all its tiers anew from a new day on."""
    source: Source


class Surcharge(FrozenModel, extra="forbid"):
    """What AWS adds to the rate for buyers in one country."""

    buyer_country: Country
    rate: Share
    since: Day
    source: Source


def _complete(rates: tuple[FeeRate, ...]) -> tuple[FeeRate, ...]:
    if missing := sorted(set(Sale) - {each.sale for each in rates}):
        raise illegal(
            f"there is no rate for {missing[0]}", "Give the whole list: it replaces the default"
        )
    versions = {(each.sale, each.since) for each in rates}
    for sale, since in sorted(versions):
        tiers = [each.from_usd for each in rates if (each.sale, each.since) == (sale, since)]
        if min(tiers) != 0:
            raise illegal(
                f"{sale} has no rate from 0 on since {since}", "Add the rate with from_usd = 0"
            )
        if len(set(tiers)) < len(tiers):
            raise illegal(
                f"{sale} has two rates from the same amount on since {since}", "Remove one of them"
            )
    return rates


USERGUIDE = "AWS Marketplace seller guide, listing-fees"
NOTES_OF_2026 = "third-party notes of 2026-11 that cite AWS's listing-fees"


def _since(day: str, source: str, *tiers: tuple[Sale, int, str]) -> Iterable[FeeRate]:
    for sale, from_usd, rate in tiers:
        yield FeeRate.model_validate(
            {"sale": sale, "from_usd": from_usd, "rate": rate, "since": day, "source": source}
        )


RATES = (
    *_since(
        "2024-01-05",
        USERGUIDE,
        (Sale.PRIVATE_OFFER, 0, "0.03"),
        (Sale.PRIVATE_OFFER, 1_000_000, "0.02"),
        (Sale.PRIVATE_OFFER, 10_000_000, "0.015"),
        (Sale.RENEWAL, 0, "0.015"),
        (Sale.PROFESSIONAL_SERVICES, 0, "0.025"),
    ),
    *_since("2026-06-16", NOTES_OF_2026, (Sale.PROFESSIONAL_SERVICES, 0, "0.005")),
)

SURCHARGES = (
    # AWS names no day for its regional fees alone.
    Surcharge.model_validate(
        {"buyer_country": "KR", "rate": "0.01", "since": "2024-01-05", "source": NOTES_OF_2026}
    ),
)


class ListingFees(FrozenModel, extra="forbid"):
    """AWS's listing fees, and which products they differ for."""

    rates: Annotated[tuple[FeeRate, ...], AfterValidator(_complete)] = RATES
    surcharges: tuple[Surcharge, ...] = SURCHARGES
    professional_services: tuple[str, ...] = ()
    """The ids of the products that are professional services: nothing else says so."""

    @model_serializer(mode="wrap")
    def _without_defaults(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Each offer's record carries its policy into every call.
        return {
            name: part
            for name, part in whole(self).items()
            if getattr(self, name) != type(self).model_fields[name].default
        }
