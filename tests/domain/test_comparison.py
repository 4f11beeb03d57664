"""Live means: AWS shows, term by term, what was asked."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from offers.comparison import BuiltOffer, differences
from tests.builders import BUYER, terms

AS_ASKED: dict[str, Any] = {
    "offer_id": "offer-abcdefghijklm",
    "released": True,
    "product_id": "prod-examplesaas01",
    "name": "Example Product Annual - Example Corp - 03/2026",
    "buyer_accounts": (BUYER,),
    "price": Decimal("120000.0"),
    "currency": "USD",
    "dimensions": ("platform",),
    "duration": "P12M",
    "availability_end": date(2026, 4, 1),
    "eula": "standard",
    "eula_version": "2022-07-14",
}


def test_what_was_asked_has_no_differences() -> None:
    assert differences(terms(), BuiltOffer(**AS_ASKED)) == ()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"released": False}, "state"),
        ({"product_id": "prod-other"}, "product_id"),
        ({"name": "Other"}, "offer_name"),
        ({"buyer_accounts": ("999999999999",)}, "buyer_account"),
        ({"buyer_accounts": (BUYER, "999999999999")}, "buyer_account"),
        ({"buyer_accounts": ()}, "buyer_account"),
        ({"price": Decimal("12000")}, "price.amount"),
        ({"price": None}, "price.amount"),
        ({"currency": "EUR"}, "price.currency"),
        ({"dimensions": ("platform", "extra")}, "dimension"),
        ({"duration": "P24M"}, "duration_months"),
        ({"availability_end": date(2026, 4, 2)}, "availability_end"),
        ({"eula": "custom"}, "eula.type"),
        ({"eula_version": "2019-04-24"}, "eula.version"),
    ],
)
def test_each_term_that_differs_is_a_finding(change: dict[str, Any], field: str) -> None:
    (finding,) = differences(terms(), BuiltOffer(**AS_ASKED | change))
    assert finding.field == field
    assert finding.seen
    assert finding.remedy


@pytest.mark.parametrize(
    ("last_day", "void"),
    [(date(2026, 3, 1), True), (date(2026, 3, 2), False), (date(2026, 3, 3), False), (None, False)],
)
def test_void_means_the_last_day_is_over(last_day: date | None, void: bool) -> None:
    offer = BuiltOffer(**AS_ASKED | {"availability_end": last_day})
    assert offer.is_void(date(2026, 3, 2)) is void
