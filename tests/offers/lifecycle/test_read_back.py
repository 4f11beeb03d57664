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
from offers.money import Money
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
    assert finding.seen == "2 Mar 2026 USD 60,000"


def test_start_date_is_compared_by_start_and_end() -> None:
    requested = terms(starts_on="2026-05-01")
    days = {"starts_on": date(2026, 5, 1), "ends_on": date(2027, 4, 30)}
    assert differences(requested, PublishedOffer(**AS_REQUESTED | days)) == ()
    (finding,) = differences(
        requested, PublishedOffer(**AS_REQUESTED | days | {"ends_on": date(2027, 5, 1)})
    )
    assert (finding.field, finding.seen) == ("duration_months", "1 May 2027")
    (finding,) = differences(
        requested, PublishedOffer(**AS_REQUESTED | days | {"starts_on": date(2026, 5, 2)})
    )
    assert (finding.field, finding.seen) == ("starts_on", "2 May 2026")


def test_terms_from_a_published_offer() -> None:
    change = {"buyer_accounts": ("999999999999",), "price": Decimal(99000), "name": "Other"}
    accepted = terms_from_published(terms(), PublishedOffer(**AS_REQUESTED | change))
    assert (accepted.buyer_accounts, accepted.offer_name) == (("999999999999",), "Other")
    assert str(accepted.price) == "USD 99,000.00"
    assert differences(accepted, PublishedOffer(**AS_REQUESTED | change)) == ()


SEPTEMBER = (Instalment(on=date(2026, 9, 2), amount=Decimal(120000)),)
AT_ACCEPTANCE = (Instalment(on=date(2026, 4, 1), amount=Decimal(120000)),)


@pytest.mark.parametrize("asked", [(), INSTALMENTS, SEPTEMBER, AT_ACCEPTANCE])
@pytest.mark.parametrize(
    ("published", "taken"),
    [((), ()), (INSTALMENTS, INSTALMENTS), (SEPTEMBER, SEPTEMBER), (AT_ACCEPTANCE, ())],
)
def test_published_schedule_is_taken(
    asked: tuple[Instalment, ...],
    published: tuple[Instalment, ...],
    taken: tuple[Instalment, ...],
) -> None:
    """One charge by the last day is paid up front, unless it was asked for as an instalment."""
    offer = PublishedOffer(**AS_REQUESTED | {"schedule": published})
    accepted = terms_from_published(terms(payment_schedule=asked), offer)
    assert accepted.payment_schedule == (published if asked == published else taken)


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"product_id": "prod-other"}, "product_id", "prod-other"),
        ({"name": "Other"}, "offer_name", "Other"),
        ({"dimensions": (Dimension(key="seats", quantity=5),)}, "dimensions",
         (Dimension(key="seats", quantity=5),)),
        ({"availability_end": date(2026, 4, 9)}, "availability_end", date(2026, 4, 9)),
        ({"net_payment_days": 45}, "net_payment_days", 45),
        ({"duration": "P24M"}, "duration_months", 24),
        ({"currency": "EUR"}, "price", Money.of(120000, "EUR")),
        ({"starts_on": date(2026, 5, 1), "ends_on": date(2027, 4, 30), "duration": None},
         "starts_on", date(2026, 5, 1)),
    ],
)  # fmt: skip
def test_each_published_term_is_taken(change: dict[str, Any], field: str, value: Any) -> None:
    accepted = terms_from_published(terms(), PublishedOffer(**AS_REQUESTED | change))
    assert getattr(accepted, field) == value
    others = {name: each for name, each in terms().model_dump().items() if name != field}
    assert accepted.model_dump(exclude={field}) == others


@pytest.mark.parametrize(
    "change",
    [{"eula": "custom"}, {"eula_version": "2019-04-24"}, {"renewal_channel": "External"}],
)
def test_what_no_letter_mentions_is_not_taken(change: dict[str, Any]) -> None:
    assert terms_from_published(terms(), PublishedOffer(**AS_REQUESTED | change)) == terms()


def test_what_aws_does_not_show_stays_as_it_was_asked() -> None:
    shown: dict[str, Any] = {"offer_id": "offer-1", "released": True}
    with pytest.raises(UnsupportedTerms) as refused:
        terms_from_published(terms(net_payment_days=30), PublishedOffer(**shown))
    assert {each.field for each in refused.value.findings} >= {"product_id", "price.amount"}


def test_amendment_has_the_buyers_of_its_agreement() -> None:
    asked = terms(agreement_end="2027-03-05")
    amended: dict[str, Any] = {"ends_on": date(2027, 3, 5), "buyer_accounts": (), "duration": None}
    assert differences(asked, PublishedOffer(**AS_REQUESTED | amended)) == ()
    others = PublishedOffer(**AS_REQUESTED | amended | {"buyer_accounts": ("999999999999",)})
    assert [each.field for each in differences(asked, others)] == ["buyer_accounts"]
    ends = PublishedOffer(**AS_REQUESTED | amended | {"ends_on": date(2027, 3, 6)})
    (finding,) = differences(asked, ends)
    assert (finding.field, finding.seen) == ("agreement_end", "6 Mar 2027")


def test_differences_in_words() -> None:
    (finding,) = differences(terms(), PublishedOffer(**AS_REQUESTED | {"price": None}), "Do this")
    assert (finding.code, finding.seen, finding.remedy) == ("difference", "nothing", "Do this")
    assert finding.problem == "offer-abcdefghijklm is not as it was asked for (USD 120,000.00)"
    extras = PublishedOffer(**AS_REQUESTED | {"extras": ("RenewalTerm", "buyers by country")})
    (finding,) = differences(terms(), extras)
    assert (finding.field, finding.seen) == ("terms", "RenewalTerm, buyers by country")
    assert finding.problem.endswith("(nothing)")
    noted = terms(description="PO 4711")
    (finding,) = differences(noted, PublishedOffer(**AS_REQUESTED | {"description": "PO 1"}))
    assert (finding.field, finding.seen) == ("description", "PO 1")
    assert differences(terms(), PublishedOffer(**AS_REQUESTED | {"description": "PO 1"})) == ()


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
