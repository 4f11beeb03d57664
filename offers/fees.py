"""AWS's listing fee for a private offer (AWS: listing-fees)."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from offers.money import Money

RENEWAL_RATE = Decimal("0.015")
RATES_BELOW_USD: tuple[tuple[Decimal, Decimal], ...] = (
    (Decimal(1_000_000), Decimal("0.03")),
    (Decimal(10_000_000), Decimal("0.02")),
)
"""The rate for a total contract value below each amount of US dollars, before tax."""
HIGHEST_TIER_RATE = Decimal("0.015")


class ListingFee(BaseModel):
    """What AWS is expected to keep and what is left: an estimate, the payout data decides."""

    model_config = ConfigDict(frozen=True)

    rate: Decimal
    fee: Money
    net: Money


def listing_fee(price: Money, *, renewal: bool = False) -> ListingFee:
    """The fee on a contract's total value: 3 % below 1M USD, 2 % below 10M, 1.5 % above or renewed.

    AWS states its tiers in US dollars only.  For another currency the highest rate is assumed, so
    that the estimate never promises more than will come.
    """
    rate = RENEWAL_RATE if renewal else _rate(price)
    fee = Money.nearest(price.amount * rate, price.currency)
    return ListingFee(rate=rate, fee=fee, net=price - fee)


def _rate(price: Money) -> Decimal:
    if price.currency != "USD":
        return RATES_BELOW_USD[0][1]
    for limit, rate in RATES_BELOW_USD:
        if price.amount < limit:
            return rate
    return HIGHEST_TIER_RATE
