"""An offer is live if AWS shows every requested term."""

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

AS_REQUESTED: dict[str, Any] = {
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


def test_schedule_is_compared_by_instalment() -> None:
    requested = terms(payment_schedule=INSTALMENTS)
    assert (
        differences(requested, PublishedOffer(**AS_REQUESTED | {"schedule": INSTALMENTS[::-1]}))
        == ()
    )
    (finding,) = differences(
        requested, PublishedOffer(**AS_REQUESTED | {"schedule": INSTALMENTS[:1]})
    )
    assert finding.field == "payment_schedule"
    assert finding.seen == "2026-03-02 60000"


def test_start_date_is_compared_by_start_and_end() -> None:
    requested = terms(starts_on="2026-05-01")
    days = {"starts_on": date(2026, 5, 1), "ends_on": date(2027, 4, 30)}
    assert differences(requested, PublishedOffer(**AS_REQUESTED | days)) == ()
    (finding,) = differences(
        requested, PublishedOffer(**AS_REQUESTED | days | {"ends_on": date(2027, 5, 1)})
    )
    assert (finding.field, finding.seen) == ("duration_months", "2027-05-01")
    (finding,) = differences(
        requested, PublishedOffer(**AS_REQUESTED | days | {"starts_on": date(2026, 5, 2)})
    )
    assert (finding.field, finding.seen) == ("starts_on", "2026-05-02")


def test_terms_from_a_published_offer() -> None:
    change = {"buyer_accounts": ("999999999999",), "price": Decimal(99000), "name": "Other"}
    accepted = terms_from_published(terms(), PublishedOffer(**AS_REQUESTED | change))
    assert (accepted.buyer_accounts, accepted.offer_name) == (("999999999999",), "Other")
    assert str(accepted.price) == "USD 99,000.00"
    assert differences(accepted, PublishedOffer(**AS_REQUESTED | change)) == ()


def test_unsupported_published_terms() -> None:
    with pytest.raises(UnsupportedTerms, match="duration_months"):
        terms_from_published(terms(), PublishedOffer(**AS_REQUESTED | {"duration": "P400D"}))
    with pytest.raises(UnsupportedTerms, match="price"):
        terms_from_published(terms(), PublishedOffer(**AS_REQUESTED | {"price": Decimal(0)}))


def test_requested_offer_has_no_differences() -> None:
    assert differences(terms(), PublishedOffer(**AS_REQUESTED)) == ()


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
def test_each_differing_term_is_a_finding(change: dict[str, Any], field: str) -> None:
    (finding,) = differences(terms(), PublishedOffer(**AS_REQUESTED | change))
    assert finding.field == field
    assert finding.seen
    assert finding.remedy


@pytest.mark.parametrize(
    ("last_day", "void"),
    [(date(2026, 3, 1), True), (date(2026, 3, 2), False), (date(2026, 3, 3), False), (None, False)],
)
def test_offer_is_void_after_its_last_day(last_day: date | None, void: bool) -> None:
    offer = PublishedOffer(**AS_REQUESTED | {"availability_end": last_day})
    assert offer.is_void(date(2026, 3, 2)) is void
