"""Live means: AWS shows, term by term, what was asked."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from offers.lifecycle.read_back import (
    PublishedOffer,
    UnsupportedTerms,
    differences,
    terms_from_published,
)
from offers.terms.terms import Dimension, Instalment
from tests.support.builders import BUYER, terms

AS_ASKED: dict[str, Any] = {
    "offer_id": "offer-abcdefghijklm",
    "released": True,
    "product_id": "prod-examplesaas01",
    "name": "Example Product Annual - Example Corp - 03/2026",
    "buyer_accounts": (BUYER,),
    "price": Decimal("120000.0"),
    "currency": "USD",
    "dimensions": (Dimension(key="platform"),),
    "duration": "P12M",
    "availability_end": date(2026, 4, 1),
    "eula": "standard",
    "eula_version": "2022-07-14",
}


INSTALMENTS = (
    Instalment(on=date(2026, 3, 2), amount=Decimal(60000)),
    Instalment(on=date(2026, 9, 2), amount=Decimal(60000)),
)


def test_a_schedule_is_compared_charge_by_charge() -> None:
    asked = terms(payment_schedule=INSTALMENTS)
    assert differences(asked, PublishedOffer(**AS_ASKED | {"schedule": INSTALMENTS[::-1]})) == ()
    (finding,) = differences(asked, PublishedOffer(**AS_ASKED | {"schedule": INSTALMENTS[:1]}))
    assert finding.field == "payment_schedule"
    assert finding.seen == "2026-03-02 60000"


def test_a_set_start_is_compared_by_its_days() -> None:
    asked = terms(starts_on="2026-05-01")
    days = {"starts_on": date(2026, 5, 1), "ends_on": date(2027, 4, 30)}
    assert differences(asked, PublishedOffer(**AS_ASKED | days)) == ()
    (finding,) = differences(
        asked, PublishedOffer(**AS_ASKED | days | {"ends_on": date(2027, 5, 1)})
    )
    assert (finding.field, finding.seen) == ("duration_months", "2027-05-01")


def test_what_was_built_can_be_taken_as_it_is() -> None:
    change = {"buyer_accounts": ("999999999999",), "price": Decimal(99000), "name": "Other"}
    taken = terms_from_published(terms(), PublishedOffer(**AS_ASKED | change))
    assert (taken.buyer_accounts, taken.offer_name) == (("999999999999",), "Other")
    assert str(taken.price) == "USD 99,000.00"
    assert differences(taken, PublishedOffer(**AS_ASKED | change)) == ()


def test_what_cannot_be_terms_of_ours_is_not_taken() -> None:
    with pytest.raises(UnsupportedTerms, match="duration_months"):
        terms_from_published(terms(), PublishedOffer(**AS_ASKED | {"duration": "P400D"}))
    with pytest.raises(UnsupportedTerms, match="price"):
        terms_from_published(terms(), PublishedOffer(**AS_ASKED | {"price": Decimal(0)}))


def test_what_was_asked_has_no_differences() -> None:
    assert differences(terms(), PublishedOffer(**AS_ASKED)) == ()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"released": False}, "state"),
        ({"product_id": "prod-other"}, "product_id"),
        ({"name": "Other"}, "offer_name"),
        ({"buyer_accounts": ("999999999999",)}, "buyer_accounts"),
        ({"buyer_accounts": (BUYER, "999999999999")}, "buyer_accounts"),
        ({"buyer_accounts": ()}, "buyer_accounts"),
        ({"price": Decimal("12000")}, "price.amount"),
        ({"price": None}, "price.amount"),
        ({"currency": "EUR"}, "price.currency"),
        ({"dimensions": (Dimension(key="platform", quantity=2),)}, "dimensions"),
        ({"duration": "P24M"}, "duration_months"),
        ({"availability_end": date(2026, 4, 2)}, "availability_end"),
        ({"eula": "custom"}, "eula.type"),
        ({"net_payment_days": 30}, "net_payment_days"),
        ({"renewal_channel": "External"}, "renewal"),
        ({"starts_on": date(2026, 5, 1)}, "starts_on"),
        ({"schedule": INSTALMENTS}, "payment_schedule"),
        ({"eula_version": "2019-04-24"}, "eula.version"),
    ],
)
def test_each_term_that_differs_is_a_finding(change: dict[str, Any], field: str) -> None:
    (finding,) = differences(terms(), PublishedOffer(**AS_ASKED | change))
    assert finding.field == field
    assert finding.seen
    assert finding.remedy


@pytest.mark.parametrize(
    ("last_day", "void"),
    [(date(2026, 3, 1), True), (date(2026, 3, 2), False), (date(2026, 3, 3), False), (None, False)],
)
def test_void_means_the_last_day_is_over(last_day: date | None, void: bool) -> None:
    offer = PublishedOffer(**AS_ASKED | {"availability_end": last_day})
    assert offer.is_void(date(2026, 3, 2)) is void
