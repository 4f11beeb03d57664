"""What an approval is bound to: what is worse for the seller ends it, and nothing else does."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.lifecycle.deal import Deal
from offers.terms.contacts import Contacts
from tests.support.builders import TODAY, terms

CONTACTS = Contacts(owner_email="owner@example.com", buyer_email="buyer@example.com")
DOCUMENT = {"type": "custom", "documents": ["https://example.com/eula.pdf"]}
IN = [TODAY + timedelta(days=days) for days in (100, 200, 300)]


def schedule(*amounts: int) -> str:
    return "; ".join(f"{on} {amount}" for on, amount in zip(IN, amounts, strict=False))


def deal(buyer_email: str = "buyer@example.com", sha256: str | None = None, **changes: Any) -> Deal:
    contacts = CONTACTS.model_copy(update={"buyer_email": buyer_email})
    return Deal.of(terms(**changes), contacts, sha256)


@pytest.mark.parametrize(
    ("approved", "now", "worse"),
    [
        ({}, {"price": "119999.99 USD"}, {"price"}),
        ({}, {"price": "120000.00 EUR"}, {"price"}),
        ({}, {"price": "200000.00 EUR"}, {"price"}),
        ({}, {"duration_months": 13}, {"duration_months"}),
        ({}, {"company": "Another Corp"}, {"company"}),
        ({}, {"product_id": "prod-another"}, {"product_id"}),
        ({}, {"buyer_accounts": ["444455556666"]}, {"buyer_accounts"}),
        ({}, {"buyer_accounts": ["111122223333", "444455556666"]}, {"buyer_accounts"}),
        ({}, {"dimensions": "platform x 2"}, {"dimensions"}),
        ({}, {"dimensions": "another"}, {"dimensions"}),
        ({}, {"payment_schedule": schedule(120000)}, {"payment_schedule"}),
        ({"payment_schedule": schedule(60000, 60000)},
         {"payment_schedule": schedule(59999, 60001)}, {"payment_schedule"}),
        ({"payment_schedule": schedule(60000, 60000)},
         {"payment_schedule": schedule(60000, 30000, 30000)}, {"payment_schedule"}),
        ({}, {"net_payment_days": 30}, {"net_payment_days"}),
        ({"net_payment_days": 30}, {}, {"net_payment_days"}),
        ({"net_payment_days": 30}, {"net_payment_days": 45}, {"net_payment_days"}),
        ({}, {"starts_on": IN[0]}, {"starts_on"}),
        ({}, {"eula": DOCUMENT, "sha256": "ab"}, {"eula", "eula_sha256"}),
        ({"eula": DOCUMENT, "sha256": "ab"}, {"eula": DOCUMENT, "sha256": "cd"}, {"eula_sha256"}),
        ({}, {"renewal": {"channel": "External"}}, {"renewal"}),
        ({}, {"buyer_email": "another@example.com"}, {"buyer_email"}),
    ],
)  # fmt: skip
def test_worse_for_the_seller(
    approved: dict[str, Any], now: dict[str, Any], worse: set[str]
) -> None:
    assert set(deal(**now).worse_than(deal(**approved))) == worse
    assert deal(**now).digest != deal(**approved).digest


@pytest.mark.parametrize(
    ("approved", "now"),
    [
        ({}, {"price": "120000.01 USD"}),
        ({"duration_months": 24}, {"duration_months": 12}),
        ({"buyer_accounts": ["111122223333", "444455556666"]}, {}),
        ({"dimensions": "platform x 2; support"}, {"dimensions": "platform"}),
        ({"dimensions": "platform x 2; support"}, {"dimensions": "platform x 2"}),
        ({"buyer_accounts": ["111122223333", "444455556666"]},
         {"buyer_accounts": ["444455556666"]}),
        ({"net_payment_days": 45}, {"net_payment_days": 45}),
        ({"payment_schedule": schedule(60000, 60000)},
         {"payment_schedule": f"{TODAY} 60000; {IN[1]} 60000"}),
        ({"payment_schedule": schedule(60000, 60000)}, {}),
        ({"payment_schedule": schedule(60000, 60000)},
         {"payment_schedule": schedule(90000, 30000)}),
        ({"net_payment_days": 45}, {"net_payment_days": 30}),
        ({"eula": DOCUMENT, "sha256": "ab"}, {}),
        # Neither is part of the deal.
        ({}, {"offer_name": "Another name"}),
        ({}, {"availability_end": "2026-05-01"}),
    ],
)  # fmt: skip
def test_no_worse_for_the_seller(approved: dict[str, Any], now: dict[str, Any]) -> None:
    assert deal(**now).worse_than(deal(**approved)) == ()


amounts = st.integers(min_value=1, max_value=10**9).map(lambda cents: Decimal(cents) / 100)
facts = st.fixed_dictionaries(
    {
        "price": amounts.map(lambda amount: {"amount": amount, "currency": "USD"}),
        "duration_months": st.integers(1, 60),
        "net_payment_days": st.sampled_from([None, 30, 45, 60]),
        "buyer_accounts": st.lists(
            st.sampled_from(["111122223333", "444455556666", "777788889999"]),
            min_size=1,
            unique=True,
        ),
        "dimensions": st.integers(1, 3).map(lambda quantity: f"platform x {quantity}"),
        "company": st.sampled_from(["Example Corp", "Another Corp"]),
    }
)


@given(facts, facts, facts)
def test_no_worse_is_an_order(first: Any, second: Any, third: Any) -> None:
    """Whatever is approved holds for itself, and small steps never add up to a worse deal."""
    a, b, c = deal(**first), deal(**second), deal(**third)
    assert a.worse_than(a) == ()
    if not b.worse_than(a) and not c.worse_than(b):
        assert not c.worse_than(a)
    if not a.worse_than(b) and not b.worse_than(a):
        assert a.digest == b.digest


@given(facts, facts)
def test_a_lower_price_or_more_for_it_is_always_worse(approved: Any, now: Any) -> None:
    before, after = deal(**approved), deal(**now)
    is_worse = (
        after.price.amount < before.price.amount
        or after.duration_months > before.duration_months
        or after.dimensions[0].quantity > before.dimensions[0].quantity
        or not set(after.buyer_accounts) <= set(before.buyer_accounts)
        or after.company != before.company
    )
    assert bool(set(after.worse_than(before)) - {"net_payment_days"}) is is_worse
