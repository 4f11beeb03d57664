"""Invoices and payouts, as rows of the disbursement report."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from sandbox.billing.invoicing import listing_fee_percentage
from sandbox.billing.money import Disbursement, PayoutSettings
from sandbox.marketplace import buyers
from sandbox.tests.support.aws_seller import BUYER, Seller, schedule

TWO = schedule(("2026-03-02", "60000.00"), ("2026-09-02", "60000.00"))


def rows(seller: Seller) -> list[Disbursement]:
    seller.world.advance()
    return seller.world.money.disbursements


def statuses(seller: Seller) -> list[str]:
    return [row.status for row in rows(seller)]


@pytest.fixture
def accepted(seller: Seller) -> Iterator[Any]:
    """Create an offer and accept it at 9:46 UTC on March 2nd."""

    def accept(**details: Any) -> Any:
        return buyers.accept(seller.world, seller.create_offer(**details), BUYER)

    return accept  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("value", "renewal", "percentage"),
    [
        ("999999.99", False, "3"),
        ("1000000", False, "2"),
        ("9999999.99", False, "2"),
        ("10000000", False, "1.5"),
        ("100", True, "1.5"),
    ],
)
def test_the_listing_fee(value: str, renewal: bool, percentage: str) -> None:
    assert listing_fee_percentage(Decimal(value), renewal=renewal) == Decimal(percentage)


def test_no_payout_before_the_collection(seller: Seller, accepted: Any) -> None:
    seller.world.money.payout_settings = PayoutSettings(collected_after_days=60)
    accepted()
    seller.clock.advance(days=59)
    assert statuses(seller) == ["Not disbursed"]
    seller.clock.advance(days=1)
    assert statuses(seller) == ["Disbursed"]


def test_a_renewal_has_the_lower_fee(seller: Seller, accepted: Any) -> None:
    earlier = {"AcquisitionChannel": "External", "PricingModel": "Contract"}
    accepted(UpdateInformation={"Name": "n", "Description": "d", "PreExistingAgreement": earlier})
    assert rows(seller)[0].listing_fee == Decimal("-1800.00")


def test_parts_add_up_to_the_cent(seller: Seller, accepted: Any) -> None:
    third = Decimal(1) / 3
    seller.world.money.payout_settings = PayoutSettings(parts=[third, third, 1 - 2 * third])
    accepted(UpdatePaymentScheduleTerms=schedule(("2026-03-02", "100.01")))
    seller.clock.advance(days=60)
    assert [row.gross for row in rows(seller)] == [
        Decimal("33.34"),
        Decimal("33.34"),
        Decimal("33.33"),
    ]
    assert sum(row.listing_fee for row in rows(seller)) == Decimal("-3.00")
    assert statuses(seller) == ["Disbursed"] * 3
