"""What a deal says that it renews, and which of several renewals counts."""

from datetime import UTC, date, datetime

import pytest
from pydantic_core import PydanticCustomError

from offers.agreements.renewal import (
    RenewalOffer,
    RenewedReference,
    day_after,
    first_agreement,
    most_advanced,
    parse_renewed,
)
from offers.stage import Stage
from tests.support.agreements import agreement

OPPORTUNITY = "0065g00000AbCdEAAV"
AGREEMENT = "agmt-4mwg1nevbokzw95eca5797ixs"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (OPPORTUNITY, RenewedReference(opportunity_id=OPPORTUNITY)),
        (OPPORTUNITY[:15], RenewedReference(opportunity_id=OPPORTUNITY)),
        (f" {AGREEMENT}\n", RenewedReference(agreement_id=AGREEMENT)),
        ("agmt\u20114mwg1nevbokzw95eca5797ixs", RenewedReference(agreement_id=AGREEMENT)),
    ],
)
def test_ids_as_people_write_them(text: str, meant: RenewedReference) -> None:
    assert parse_renewed(text) == meant


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("yes", "neither"),
        ("", "neither"),
        ("offer-vlr3gkgtpcway", "neither"),
        ("agmt-", "neither"),
        ("agmt-" + "x" * 60, "neither"),
        (OPPORTUNITY[:14], "neither"),
        (OPPORTUNITY[:17] + "B", "neither"),
        ("A" * 10_000, "neither"),
        (5, "neither"),
        (f"{OPPORTUNITY}, {AGREEMENT}", "several"),
        (f"{AGREEMENT}\n{AGREEMENT}", "several"),
    ],
)
def test_other_text_is_refused(text: str, problem: str) -> None:
    with pytest.raises(PydanticCustomError, match=problem):
        parse_renewed(text)


@pytest.mark.parametrize(
    ("ends_at", "following"),
    [
        (datetime(2027, 3, 5, 23, 59, 59, 999000, UTC), date(2027, 3, 6)),
        (datetime(2027, 3, 5, 14, tzinfo=UTC), date(2027, 3, 6)),
        (datetime(2027, 3, 6, tzinfo=UTC), date(2027, 3, 6)),
    ],
)
def test_day_after_the_end(ends_at: datetime, following: date) -> None:
    assert day_after(ends_at) == following


def test_amendments_are_of_one_chain() -> None:
    assert first_agreement(agreement()) == "agmt-1"
    assert first_agreement(agreement(initial_agreement_id="agmt-0")) == "agmt-0"


def test_renewal_that_counts() -> None:
    offers = [
        RenewalOffer(path=path, stage=stage)
        for path, stage in [
            ("0061", Stage.CANCELLED),
            ("0062", Stage.DISBURSED),
            ("0063", Stage.SHARED),
            ("0064", Stage.EXPIRED),
        ]
    ]
    assert most_advanced(offers) == offers[1]
    assert most_advanced([offers[0], *offers[2:]]) == offers[2]
    assert most_advanced([offers[0]]) == offers[0]
    assert most_advanced([]) is None
