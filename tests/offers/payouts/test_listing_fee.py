"""The listing fee: AWS's rates, and fees that differ from them."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.money import Money
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.payouts.listing_fee import ListingFee, expected_fee, unexpected_fee_rates
from offers.policy.listing_fees import ListingFees
from tests.support.builders import terms


def usd(amount: str | int) -> Money:
    return Money.of(amount, "USD")


def fee_for(price: Money, country: str | None = "US", **changes: Any) -> ListingFee:
    """The fee of an offer that is accepted on its last day, 1 April 2026."""
    return expected_fee(terms(price=price, **changes), ListingFees(), buyer_country=country)


RENEWED: dict[str, Any] = {"renewal": "AwsMarketplace"}


@pytest.mark.parametrize(
    ("price", "currency", "changes", "fee"),
    [
        ("999999.99", "USD", {}, "30000.00"),
        ("1000000.00", "USD", {}, "20000.00"),
        ("9999999.99", "USD", {}, "200000.00"),
        ("10000000.00", "USD", {}, "150000.00"),
        ("100000.00", "USD", RENEWED, "1500.00"),
        ("20000000.00", "USD", RENEWED, "300000.00"),
        ("2000000.00", "EUR", {}, "60000.00"),
        ("2000000.00", "EUR", RENEWED, "30000.00"),
        ("15000001", "JPY", {}, "450000"),
    ],
)
def test_listing_fee_by_tier(price: str, currency: str, changes: dict[str, Any], fee: str) -> None:
    expected = fee_for(Money.of(price, currency), **changes)
    assert expected.fee == Money.of(fee, currency)
    assert expected.fee + expected.net == Money.of(price, currency)


@pytest.mark.parametrize(
    ("changes", "rates"),
    [
        ({}, "3%"),
        ({"renewal": "AwsMarketplace"}, "1.5%"),
        ({"renewal": "External"}, "1.5% or 3%"),
        ({"renewal": "External", "price": usd(2_000_000)}, "1.5% or 2%"),
        ({"agreement_end": "2027-03-01"}, "1.5%"),
        ({"country": "KR"}, "4%"),
        ({"country": None}, "3% or 4%"),
        ({"country": None, "renewal": "External"}, "1.5% or 2.5% or 3% or 4%"),
        ({"price": Money.of(120000, "EUR")}, "1.5% or 2% or 3%"),
        ({"product_id": "prod-services", "availability_end": "2026-06-16"}, "0.5%"),
        # What is invoiced later may be charged by the newer list.
        ({"product_id": "prod-services", "availability_end": "2026-06-15"}, "0.5% or 2.5%"),
        ({"product_id": "prod-services", "availability_end": "2026-07-01"} | RENEWED, "0.5%"),
    ],
)
def test_rates_that_may_be_right(changes: dict[str, Any], rates: str) -> None:
    known: dict[str, Any] = {"price": usd(120000), "country": "US"} | changes
    country = known.pop("country")
    fees = ListingFees(professional_services=("prod-services",))
    expected = expected_fee(terms(**known), fees, buyer_country=country)
    assert expected.rates_text == rates
    assert expected.is_certain is ("or" not in rates)
    assert expected.rate == max(expected.rates)


def test_day_of_the_acceptance_decides_the_list() -> None:
    fees = ListingFees(professional_services=("prod-services",))
    sold = terms(product_id="prod-services", availability_end="2026-07-01")
    assert expected_fee(sold, fees, buyer_country="US").rates_text == "0.5%"
    early = expected_fee(sold, fees, buyer_country="US", accepted_on=date(2026, 6, 15))
    assert early.rates_text == "0.5% or 2.5%"


def test_surcharge_of_the_policy_may_begin_later() -> None:
    added = {"buyer_country": "br", "rate": "0.02", "since": "2026-05-01", "source": "AWS"}
    fees = ListingFees.model_validate({"surcharges": [added]})
    for country, accepted_on, rates in (
        ("BR", date(2026, 4, 30), "3% or 5%"),
        ("BR", date(2026, 5, 1), "5%"),
        ("KR", date(2026, 5, 1), "3%"),
    ):
        found = expected_fee(terms(), fees, buyer_country=country, accepted_on=accepted_on)
        assert found.rates_text == rates


HALVES_OF_A_PERCENT = range(13)
KINDS: dict[str, tuple[dict[str, Any], frozenset[int] | None]] = {
    "new": ({}, None),
    "renewal": (RENEWED, frozenset({3})),
    "amendment": ({"agreement_end": "2027-03-01"}, frozenset({3})),
    "from outside": ({"renewal": "External"}, None),
    "services": (
        {"product_id": "prod-services", "availability_end": "2026-07-01"},
        frozenset({1}),
    ),
}
"""By kind of sale: its terms, and AWS's rate in halves of a percent where it has no tiers."""


def right_rates(kind: str, price: Money, country: str | None) -> set[int]:
    """AWS's rates in halves of a percent, written down once more, for what is known."""
    rates = set(KINDS[kind][1] or ())
    if not rates:
        in_dollars = 6 if price.amount < 10**6 else 4 if price.amount < 10**7 else 3
        rates = {in_dollars} if price.currency == "USD" else {6, 4, 3}
        rates |= {3} if kind == "from outside" else set()
    added = {"KR": (2,), None: (0, 2)}.get(country, (0,))
    return {rate + more for rate in rates for more in added}


@given(
    kind=st.sampled_from(list(KINDS)),
    price=st.one_of(
        st.integers(1000, 99_999_999),
        st.sampled_from([999_999, 1_000_000, 9_999_999, 10_000_000]),
    ),
    currency=st.sampled_from(["USD", "EUR", "JPY"]),
    country=st.sampled_from(["US", "KR", None]),
    charged=st.sampled_from(HALVES_OF_A_PERCENT),
)
def test_right_rate_is_no_finding_and_leaves_what_was_estimated_and_any_other_rate_is_one(
    kind: str, price: int, currency: str, country: str | None, charged: int
) -> None:
    gross = Money.of(price, currency)
    fees = ListingFees(professional_services=("prod-services",))
    sold = terms(price=gross, **KINDS[kind][0])
    expected = expected_fee(sold, fees, buyer_country=country)
    kept = Money.nearest(gross.amount * charged / 200, gross.currency)
    net = gross - kept
    paid = row(
        currency=currency, gross=gross.amount, listing_fee=-kept.amount, disbursed=net.amount
    )
    found = unexpected_fee_rates(payout_from_report([paid]), expected)
    is_right = charged in right_rates(kind, gross, country)
    assert bool(found) is not is_right
    if is_right:
        assert net.amount >= expected.net.amount


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
    found = unexpected_fee_rates(payout, fee_for(usd(120000), **(RENEWED if renewal else {})))
    assert bool(found) is differs
    if found:
        assert f"USD {float(charged):,.2f} of invoice INV-1" in found[0].problem


def test_listing_fee_is_due_on_the_amount_not_refunded() -> None:
    half = row(refund="-60000", listing_fee="-1800", disbursed="58200")
    assert unexpected_fee_rates(payout_from_report([half]), fee_for(usd(120000))) == ()


@pytest.mark.parametrize(
    ("charged", "differs"), [("3600", False), ("2400", False), ("1800", False), ("6000", True)]
)
def test_any_tier_may_hold_in_another_currency(charged: str, differs: bool) -> None:
    net = 120000 - int(charged)
    payout = payout_from_report([row(currency="EUR", listing_fee=f"-{charged}", disbursed=net)])
    found = unexpected_fee_rates(payout, fee_for(Money.of(120000, "EUR")))
    assert bool(found) is differs


def test_estimated_fee_is_no_finding() -> None:
    paid = row(gross="40000", listing_fee="-600", disbursed="39400", undisbursed="78800")
    payout = payout_from_report([paid])
    (invoice,) = payout.invoices
    assert invoice.estimated
    assert invoice.listing_fee == usd(1800), "the fee is as expected, and the test shows nothing"
    assert unexpected_fee_rates(payout, fee_for(usd(120000))) == ()


def test_each_payout_and_each_line_may_be_rounded() -> None:
    parts = [
        row(
            gross="40000", listing_fee="-1200.01", disbursed="38799.99", disbursed_on=f"2026-04-{n}"
        )
        for n in (10, 11, 12)
    ]
    assert unexpected_fee_rates(payout_from_report(parts), fee_for(usd(120000))) == ()
    large = Money.of("90000000", "USD")
    charged = large.amount * Decimal("0.015") + 9
    one = row(gross=large.amount, listing_fee=-charged, disbursed=large.amount - charged)
    assert unexpected_fee_rates(payout_from_report([one]), fee_for(large)) == ()
