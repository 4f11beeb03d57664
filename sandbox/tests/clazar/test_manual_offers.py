"""Offers that the seller's users create in Clazar's pages."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sandbox.aws.protocol import AwsError
from sandbox.clazar.manual_offers import create_manual_offer
from sandbox.marketplace.offer_terms import Installment
from sandbox.tests.support.aws_seller import BUYER, Seller

TODAY = date(2026, 3, 2)


def create(seller: Seller, **values: Any) -> dict[str, Any]:
    """Create an offer and wait until AWS has processed it; the offer's terms by type."""
    given: dict[str, Any] = {
        "name": "Example Corp - 12 months",
        "buyer_accounts": [BUYER],
        "price": Decimal(120000),
        "availability_end": date(2026, 4, 1),
        **values,
    }
    change_set = create_manual_offer(seller.world, **given)
    seller.clock.advance(minutes=46)
    seller.world.advance()
    assert change_set.status == "SUCCEEDED", [each.errors for each in change_set.changes]
    offer = seller.world.aws.offers[str(change_set.changes[0].entity_id).removesuffix("@1")]
    return {"offer": offer, **{term["Type"]: term for term in offer.terms}}


def test_one_dimension_becomes_a_rate_card(seller: Seller) -> None:
    terms = create(seller)
    (card,) = terms["ConfigurableUpfrontPricingTerm"]["RateCards"]
    assert card["Selector"]["Value"] == "P12M"
    assert card["RateCard"] == [{"DimensionKey": "platform", "Price": "120000"}]
    assert "PaymentScheduleTerm" not in terms


@pytest.mark.parametrize(
    "values",
    [
        {"dimensions": {"platform": 2}},
        {"schedule": [Installment(TODAY, Decimal(120000))]},
    ],
)
def test_other_offers_have_a_payment_schedule(seller: Seller, values: Any) -> None:
    terms = create(seller, **values)
    charge = {"ChargeDate": "2026-03-02", "ChargeAmount": "120000"}
    assert terms["PaymentScheduleTerm"]["Schedule"] == [charge]
    assert terms["FixedUpfrontPricingTerm"]["Price"] == "0.0"


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"months": 145}, ValueError),
        ({"schedule": [Installment(TODAY, Decimal(1))]}, ValueError),
        ({"buyer_accounts": ["1234"]}, AwsError),
    ],
)
def test_values_that_are_rejected_at_once(
    seller: Seller, values: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        create(seller, **values)
