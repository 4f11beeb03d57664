"""The additional rules for offers that replace an agreement."""

from datetime import UTC, datetime

import pytest

from sandbox.marketplace import agreements, buyers
from sandbox.tests.support.aws_seller import (
    BUYER,
    Details,
    Seller,
    change,
    error_codes,
    pricing,
    upfront,
    validity,
)

USAGE = {
    "Type": "UsageBasedPricingTerm",
    "CurrencyCode": "USD",
    "RateCards": [{"RateCard": [{"DimensionKey": "platform", "Price": "0.125"}]}],
}
BY_CARD: Details = {
    "UpdatePricingTerms": upfront(("platform", "99000.00"), ("seats", "1000.00")),
    "UpdatePaymentScheduleTerms": None,
}
BY_USAGE: Details = {
    "UpdatePricingTerms": {"PricingModel": "Usage", "Terms": [USAGE]},
    "UpdatePaymentScheduleTerms": None,
}


def replaced(seller: Seller, before: Details, after: Details) -> dict[str, list[str]]:
    """The errors of a replacement offer with terms `after` for an agreement with terms `before`."""
    old = buyers.accept(seller.world, seller.create_offer(**before), BUYER)
    return error_codes(seller.run(seller.replacement_changes(old.id, **after)))


def with_usage(details: Details) -> Details:
    return {**details, "Terms": [*details["Terms"], USAGE]}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"UpdatePricingTerms": with_usage(pricing())}),
        ({"UpdatePricingTerms": with_usage(pricing())}, {}),
    ],
)
def test_term_types_cannot_be_added_or_removed(
    seller: Seller, before: Details, after: Details
) -> None:
    assert replaced(seller, before, after) == {"ReleaseOffer": ["INCOMPATIBLE_AGREEMENT"]}


def test_an_agreement_with_usage_pricing_only_cannot_be_amended(seller: Seller) -> None:
    found = replaced(seller, BY_USAGE, BY_USAGE)
    assert found == {"CreateReplacementOffer": ["INCOMPATIBLE_AGREEMENT"]}


@pytest.mark.parametrize("status", ["CANCELLED", "TERMINATED", "EXPIRED", "ROLLED_BACK", "RENEWED"])
def test_an_ended_agreement_cannot_be_amended(seller: Seller, status: str) -> None:
    old = buyers.accept(seller.world, seller.create_offer(), BUYER)
    agreements.end(seller.world, old, status)
    found = error_codes(seller.run(seller.replacement_changes(old.id)))
    assert "INCOMPATIBLE_AGREEMENT" in found["CreateReplacementOffer"]


@pytest.mark.parametrize(
    ("kind", "details", "expected_error"),
    [
        (
            "UpdateTargeting",
            {"PositiveTargeting": {"BuyerAccounts": [BUYER]}},
            "INCOMPATIBLE_TARGETING",
        ),
        ("UpdateValidityTerms", validity(AgreementDuration="P12M"), "INVALID_UPDATE_REQUEST"),
        (
            "UpdateValidityTerms",
            validity(AgreementEndDate="2027-12-31"),
            "INVALID_UPDATE_REQUEST",
        ),
        (
            "UpdateAvailability",
            {"AvailabilityEndDate": "2027-06-30"},
            "INVALID_AVAILABILITY_END_DATE",
        ),
    ],
)
def test_rejected_changes_of_a_released_replacement_offer(
    seller: Seller, kind: str, details: Details, expected_error: str
) -> None:
    old = buyers.accept(seller.world, seller.create_offer(), BUYER)
    offer_id = seller.create(seller.replacement_changes(old.id))
    assert error_codes(seller.run([change(kind, details, offer_id)])) == {kind: [expected_error]}


def test_a_rate_card_amendment_ends_on_its_agreement_end_date(seller: Seller) -> None:
    seller.world.aws.dimensions = ("platform", "seats")
    old = buyers.accept(
        seller.world, seller.create_offer(**BY_CARD, UpdateValidityTerms=None), BUYER
    )
    offer_id = seller.create(seller.replacement_changes(old.id, **BY_CARD))
    seller.clock.advance(days=10)
    new = buyers.accept(seller.world, offer_id, BUYER)
    assert old.status == "REPLACED"
    # The end date applies, not the 12 months of the rate card.
    assert new.end == datetime(2027, 6, 30, 23, 59, 59, 999000, tzinfo=UTC)
    assert str(new.value) == "100000.00"
    seller.world.advance()
    assert seller.world.money.invoices[-1].issued_at == seller.clock.now
