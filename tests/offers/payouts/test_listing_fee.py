"""The listing fee: AWS's rates, and fees that differ from them."""

from decimal import Decimal
from typing import Any

import pytest

from offers.money import Money
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.payouts.listing_fee import expected_fee, listing_fee, unexpected_fee_rates
from tests.support.builders import terms


def usd(amount: str | int) -> Money:
    return Money.of(amount, "USD")


@pytest.mark.parametrize(
    ("price", "currency", "renewal", "fee"),
    [
        ("999999.99", "USD", False, "30000.00"),
        ("1000000.00", "USD", False, "20000.00"),
        ("9999999.99", "USD", False, "200000.00"),
        ("10000000.00", "USD", False, "150000.00"),
        ("100000.00", "USD", True, "1500.00"),
        ("20000000.00", "USD", True, "300000.00"),
        ("2000000.00", "EUR", False, "60000.00"),
        ("15000001", "JPY", False, "450000"),
    ],
)
def test_listing_fee_by_tier(price: str, currency: str, renewal: bool, fee: str) -> None:
    expected = listing_fee(Money.of(price, currency), renewal=renewal)
    assert expected.fee == Money.of(fee, currency)
    assert expected.fee + expected.net == Money.of(price, currency)


def row(**changes: Any) -> ReportRow:
    known = {
        "offer_id": "offer-1",
        "invoice_id": "INV-1",
        "currency": "USD",
        "gross": "120000",
        "listing_fee": "-3600",
        "disbursed": "116400",
        "undisbursed": "0",
        "disbursed_on": "2026-04-10",
    }
    return ReportRow.model_validate(known | changes)


@pytest.mark.parametrize(
    ("charged", "renewal", "differs"),
    [
        ("3600", False, False),
        ("3600.01", False, False),
        ("3600.03", False, True),
        ("1800", False, True),
        ("3600", True, True),
        ("1800", True, False),
    ],
)
def test_unexpected_listing_fee_is_a_finding(charged: str, renewal: bool, differs: bool) -> None:
    net = 120000 - float(charged)
    payout = payout_from_report([row(listing_fee=f"-{charged}", disbursed=f"{net:.2f}")])
    found = unexpected_fee_rates(payout, listing_fee(usd(120000), renewal=renewal))
    assert bool(found) is differs
    if found:
        assert f"USD {float(charged):,.2f} of invoice INV-1" in found[0].problem


def test_listing_fee_is_due_on_the_amount_not_refunded() -> None:
    half = row(refund="-60000", listing_fee="-1800", disbursed="58200")
    assert unexpected_fee_rates(payout_from_report([half]), listing_fee(usd(120000))) == ()


@pytest.mark.parametrize(
    ("charged", "differs"), [("3600", False), ("2400", False), ("1800", False), ("6000", True)]
)
def test_any_tier_may_hold_in_another_currency(charged: str, differs: bool) -> None:
    net = 120000 - int(charged)
    payout = payout_from_report([row(currency="EUR", listing_fee=f"-{charged}", disbursed=net)])
    found = unexpected_fee_rates(payout, listing_fee(Money.of(120000, "EUR")))
    assert bool(found) is differs


def test_estimated_fee_is_no_finding() -> None:
    paid = row(gross="40000", listing_fee="-600", disbursed="39400", undisbursed="78800")
    payout = payout_from_report([paid])
    (invoice,) = payout.invoices
    assert invoice.estimated
    assert invoice.listing_fee == usd(1800), "the fee is as expected, and the test shows nothing"
    assert unexpected_fee_rates(payout, listing_fee(usd(120000))) == ()


def test_each_payout_and_each_line_may_be_rounded() -> None:
    parts = [
        row(
            gross="40000", listing_fee="-1200.01", disbursed="38799.99", disbursed_on=f"2026-04-{n}"
        )
        for n in (10, 11, 12)
    ]
    assert unexpected_fee_rates(payout_from_report(parts), listing_fee(usd(120000))) == ()
    large = Money.of("900000000", "USD")
    charged = large.amount * Decimal("0.015") + 90
    one = row(gross=large.amount, listing_fee=-charged, disbursed=large.amount - charged)
    assert unexpected_fee_rates(payout_from_report([one]), listing_fee(large)) == ()


@pytest.mark.parametrize(
    ("changes", "rate"),
    [
        ({}, "0.03"),
        ({"renewal": {"channel": "AwsMarketplace", "pricing_model": "Contract"}}, "0.015"),
        ({"renewal": {"channel": "External", "pricing_model": "Contract"}}, "0.03"),
        ({"agreement_end": "2027-03-01"}, "0.015"),
    ],
)
def test_expected_fee_of_renewals_and_amendments(changes: dict[str, Any], rate: str) -> None:
    assert expected_fee(terms(**changes)).rate == Decimal(rate)
