"""Preflight and AWS agree: what passes preflight is valid in AWS, and the other way round.

AWS is the sandbox's change sets, which share no code with preflight.
"""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.aws.documents import create_offer
from offers.findings import Severity
from offers.money import CURRENCIES
from offers.policy.policy import Policy
from offers.preflight.draft import draft
from offers.preflight.marketplace import Marketplace
from offers.preflight.order_form import OrderForm
from offers.preflight.report import Deal, PreflightReport, preflight
from offers.terms.terms import OfferTerms
from sandbox.aws.marketplace_state import Aws
from sandbox.world import World
from tests.support.aws_rules import DIMENSIONS, PRODUCT, SELLER, TODAY, aws_errors, unchecked_terms
from tests.support.builders import facts

# Values at and beyond every limit, and usual ones.
days = st.integers(-2, 400).map(lambda number: TODAY + timedelta(days=number))
amounts = st.one_of(
    st.sampled_from(["0", "1", "0.01", "120000", "120000.00", "100000000", "100000001", "1.005"]),
    st.decimals(0, 200_000, places=2).map(str),
)
accounts = st.one_of(
    st.sampled_from(["111122223333", "000000000012", SELLER, "1", "11112222333x"]),
    st.integers(0, 10**12 - 1).map("{:012}".format),
)
instalments = st.lists(st.fixed_dictionaries({"on": days.map(str), "amount": amounts}), max_size=4)
deals = st.fixed_dictionaries(
    {
        "buyer_accounts": st.lists(accounts, max_size=3) | st.just(["111122223333"] * 1),
        "price": st.fixed_dictionaries(
            {
                "amount": amounts,
                "currency": st.sampled_from(["USD", "EUR", "JPY", "INR", "CHF", "usd"]),
            }
        ),
        "availability_end": days.map(str),
    },
    optional={
        "offer_name": st.sampled_from(["Example", "", "x" * 151, "a <b>", "a\\b", "Ünïcödé - 1"]),
        "dimensions": st.lists(
            st.fixed_dictionaries(
                {
                    "key": st.sampled_from([*DIMENSIONS, "other", ""]),
                    "quantity": st.integers(-1, 3),
                }
            ),
            max_size=3,
        ),
        "duration_months": st.sampled_from([0, 1, 11, 12, 13, 36, 60, 61, 144, 145]),
        "starts_on": days.map(str),
        "payment_schedule": instalments,
        "net_payment_days": st.sampled_from([0, 15, 30, 31, 120, 121]),
        "renewal": st.sampled_from(["External", "AwsMarketplace"]),
    },
)


@st.composite
def likely_deals(draw: st.DrawFn) -> dict[str, Any]:
    """Deals of which many are valid: instalments that add up, dates in order."""
    deal = draw(deals)
    if draw(st.booleans()):
        deal["buyer_accounts"] = ["111122223333"]
        deal["price"] = {"amount": "120000.00", "currency": "USD"}
        deal["duration_months"] = draw(st.sampled_from([1, 12, 24]))
        count = draw(st.integers(1, 3))
        deal["payment_schedule"] = [
            {"on": str(draw(days)), "amount": str(Decimal(120000) / count)} for _ in range(count)
        ]
    if draw(st.booleans()):
        keys = draw(st.lists(st.sampled_from(DIMENSIONS), min_size=1, max_size=3))
        deal["dimensions"] = [{"key": key, "quantity": 1} for key in keys]
    if draw(st.booleans()):
        last = TODAY + timedelta(days=draw(st.integers(-2, 1) | st.integers(0, 60)))
        deal["availability_end"] = str(last)
        if "starts_on" in deal:
            deal["starts_on"] = str(last + timedelta(days=draw(st.integers(-1, 60))))
    return deal


def report(deal: dict[str, Any]) -> PreflightReport:
    """Preflight's report on a deal that is valid otherwise."""
    drafted = draft(facts(**deal), Policy(), TODAY)
    known = Deal(
        order_form=OrderForm(
            values={"signed": True, "billing_method": "AWS Marketplace"},
            sources={"signed": "Signed__c", "billing_method": "Billing__c"},
        ),
        marketplace=Marketplace(product=PRODUCT),
    )
    return preflight(drafted, known, Policy(), TODAY, {})


def offer_errors(terms: OfferTerms) -> list[str]:
    """AWS's error codes for an offer with these terms; none if the offer is created."""
    now = datetime.combine(TODAY, time(9), UTC)
    world = World(lambda: now, Aws(lambda: now, seller_account=SELLER, dimensions=DIMENSIONS))
    # Which the seller is paid in is a setting in AWS that preflight cannot see.
    world.money.payout_currencies = CURRENCIES
    return aws_errors(world, create_offer(terms, "reference", TODAY))


def unchecked(deal: dict[str, Any]) -> OfferTerms:
    """A deal as terms without validation."""
    return unchecked_terms(facts(**deal))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(likely_deals())
def test_aws_accepts_what_passes_preflight(deal: dict[str, Any]) -> None:
    found = report(deal)
    if found.has_refusal:
        return
    assert found.terms is not None
    assert offer_errors(found.terms) == []


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(likely_deals())
def test_preflight_rejects_what_aws_rejects(deal: dict[str, Any]) -> None:
    if not deal["buyer_accounts"] or deal.get("dimensions") == []:
        assert report(deal).has_refusal
        return
    try:
        codes = offer_errors(unchecked(deal))
    except (ValueError, IndexError):
        codes = ["the product cannot build the request"]
    if codes:
        found = report(deal)
        assert found.has_refusal, f"AWS rejects with {codes}"
        assert any(finding.severity is Severity.REFUSE for finding in found.findings)


def test_both_results_occur() -> None:
    valid = {"availability_end": "2026-04-01"}
    assert not report(valid).has_refusal
    assert offer_errors(unchecked(valid)) == []
    invalid = valid | {"payment_schedule": [{"on": "2026-03-01", "amount": "120000"}]}
    assert report(invalid).has_refusal
    assert "INVALID_CHARGE_DATES" in offer_errors(unchecked(invalid))
