"""What an amendment says by itself, from what is wished for and how the agreement stands."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from offers.findings import Severity
from offers.terms.terms import OfferTerms
from tests.support.agreements import (
    AFTER_FIRST_INSTALLMENT,
    accepted_offer,
    agreement_snapshot,
    amendment_terms,
    draft_amendment,
    propose_amendment,
)
from tests.support.builders import BUYER

CUPT = {"payment_schedule": ()}
TWO_SEATS = {"payment_schedule": (), "dimensions": "seats x 2"}
CARRY = {"unpaid_installments": "carry"}
DROP = {"unpaid_installments": "drop"}


def added(amount: str, currency: str = "USD", **more: Any) -> dict[str, Any]:
    return {"additional_amount": f"{amount} {currency}", **more}


def schedule(terms: OfferTerms) -> list[tuple[str, str]]:
    return [(each.on.isoformat(), str(each.amount)) for each in terms.payment_schedule]


# The sums --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "total", "charges"),
    [
        (
            added("30000", **CARRY),
            "110000.00",
            [("2026-06-01", "30000.00"), ("2026-09-02", "40000.00"), ("2027-01-02", "40000.00")],
        ),
        (added("30000", **DROP), "30000.00", [("2026-06-01", "30000.00")]),
        (CARRY, "80000.00", [("2026-09-02", "40000.00"), ("2027-01-02", "40000.00")]),
        (DROP, "0.00", [("2026-06-01", "0.00")]),
        (
            added("0.01", **CARRY),
            "80000.01",
            [("2026-06-01", "0.01"), ("2026-09-02", "40000.00"), ("2027-01-02", "40000.00")],
        ),
    ],
)
def test_the_price_is_what_is_added_and_what_is_carried(
    wish: dict[str, Any], total: str, charges: list[tuple[str, str]]
) -> None:
    proposal = propose_amendment(wish)
    assert proposal.findings == ()
    made = amendment_terms(proposal)
    assert str(made.price.amount) == str(proposal.pricing.total.amount) == total
    assert schedule(made) == charges


@pytest.mark.parametrize(
    ("sold", "wish", "charges"),
    [
        (CUPT, added("30000"), []),
        (CUPT, {}, []),
        (TWO_SEATS, added("30000"), [("2026-06-01", "30000.00")]),
        (TWO_SEATS, {}, [("2026-06-01", "0.00")]),
    ],
)
def test_what_was_paid_up_front_is_amended_by_what_is_added_alone(
    sold: dict[str, Any], wish: dict[str, Any], charges: list[tuple[str, str]]
) -> None:
    amended = accepted_offer(**sold)
    proposal = propose_amendment(wish, amended, agreement_snapshot("120000"))
    assert proposal.findings == ()
    made = amendment_terms(proposal)
    assert made.price.amount == (30000 if wish else 0)
    assert schedule(made) == charges
    assert made.is_fixed == amended.terms.is_fixed


def test_where_nothing_is_unpaid_nobody_need_say_what_becomes_of_it() -> None:
    day = date(2027, 1, 2)
    proposal = propose_amendment(added("5"), snapshot=agreement_snapshot("120000"), today=day)
    assert (proposal.findings, proposal.pricing.unpaid_action, proposal.pricing.unpaid) == (
        (),
        None,
        (),
    )


def test_an_instalment_of_nothing_is_not_carried() -> None:
    amended = accepted_offer(payment_schedule="2026-03-02 120000; 2026-06-02 0")
    proposal = propose_amendment(added("5"), amended, agreement_snapshot("120000"))
    assert proposal.findings == ()
    assert schedule(amendment_terms(proposal)) == [("2026-06-01", "5.00")]
    assert amendment_terms(proposal).availability_end == AFTER_FIRST_INSTALLMENT + timedelta(
        days=30
    )


@pytest.mark.parametrize(
    ("currency", "amounts", "wish", "total"),
    [
        ("EUR", ("99.99", "0.01"), "12.34 EUR", "EUR 12.35"),
        ("JPY", ("5000000", "7000001"), "1 JPY", "JPY 7,000,002"),
        ("GBP", ("1", "2"), "GBP 1,000.5", "GBP 1,002.50"),
    ],
)
def test_any_currency_is_added_exactly(
    currency: str, amounts: tuple[str, str], wish: str, total: str
) -> None:
    first, second = amounts
    amended = accepted_offer(
        price={"amount": str(Decimal(first) + Decimal(second)), "currency": currency},
        payment_schedule=f"2026-03-02 {first}; 2026-09-02 {second}",
    )
    proposal = propose_amendment(
        {"additional_amount": wish, **CARRY}, amended, agreement_snapshot(f"{first}")
    )
    assert proposal.findings == ()
    assert str(amendment_terms(proposal).price) == total


def test_the_steps_of_the_sum_are_shown() -> None:
    assert propose_amendment(added("30000", **CARRY)).pricing.lines == (
        ("Agreed so far", "USD 120,000.00"),
        ("Invoiced so far", "USD 40,000.00, stays"),
        ("Unpaid on 2026-09-02", "USD 40,000.00, carried forward"),
        ("Unpaid on 2027-01-02", "USD 40,000.00, carried forward"),
        ("Added", "USD 30,000.00"),
        ("Price of the amendment", "USD 110,000.00"),
    )
    assert propose_amendment(DROP).pricing.lines[2][1] == "USD 40,000.00, given up"
    assert propose_amendment().pricing.lines[2][1] == "USD 40,000.00, undecided"


# The days and the rest -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "ends", "last_day"),
    [
        (date(2026, 6, 1), date(2027, 3, 5), date(2026, 7, 1)),
        (date(2026, 8, 20), date(2027, 3, 5), date(2026, 9, 1)),
        (date(2026, 8, 31), date(2027, 3, 5), date(2026, 9, 1)),
        (date(2026, 9, 2), date(2027, 3, 5), date(2026, 10, 2)),
        (date(2027, 1, 2), date(2027, 1, 20), date(2027, 1, 19)),
        (date(2027, 1, 2), date(2027, 1, 4), date(2027, 1, 3)),
    ],
)
def test_the_last_day_lies_before_the_next_instalment_and_before_the_end(
    today: date, ends: date, last_day: date
) -> None:
    stands = agreement_snapshot(ends_at=datetime(ends.year, ends.month, ends.day, 14, tzinfo=UTC))
    made = amendment_terms(propose_amendment(CARRY, snapshot=stands, today=today), today)
    assert (made.availability_end, made.agreement_end) == (last_day, ends)


@pytest.mark.parametrize(
    ("sold", "end"),
    [
        ({}, None),
        ({"starts_on": "2026-05-01", "duration_months": 12}, date(2027, 4, 30)),
        ({"agreement_end": "2027-02-28"}, date(2027, 2, 28)),
    ],
)
def test_where_aws_shows_no_end_the_terms_say_it(sold: dict[str, Any], end: date | None) -> None:
    proposal = propose_amendment(CARRY, accepted_offer(**sold), agreement_snapshot(ends_at=None))
    assert proposal.facts["agreement_end"] == end


@pytest.mark.parametrize(
    ("number", "name", "expected"),
    [
        (0, "Example - 03/2026", "Example - 03/2026 - amendment 1"),
        (1, "Example - amendment 1", "Example - amendment 2"),
        (0, "x" * 150, "x" * 130 + " - amendment 1"),
        (9, "x" * 130 + " - amendment 9", "x" * 130 + " - amendment 10"),
        (0, "x" * 129 + " " + "y" * 20, "x" * 129 + " - amendment 1"),
    ],
)
def test_the_name_says_which_amendment_it_is(number: int, name: str, expected: str) -> None:
    made = amendment_terms(propose_amendment(CARRY, accepted_offer(number, offer_name=name)))
    assert made.offer_name == expected


def test_the_number_is_the_amendment_s_own_even_after_some_that_came_to_nothing() -> None:
    third = accepted_offer().model_copy(update={"next_number": 3})
    assert amendment_terms(propose_amendment(CARRY, third)).offer_name.endswith(" - amendment 3")


def test_the_rest_is_kept_and_nothing_comes_from_the_opportunity() -> None:
    sold = accepted_offer(
        net_payment_days=45, dimensions="seats x 3", eula="https://example.com/c.pdf", company="Old"
    )
    opportunity = {"starts_on": "2026-09-01", "renewal": "External", "company": "New"}
    made = draft_amendment(
        propose_amendment(CARRY, sold), **{**opportunity, **propose_amendment(CARRY, sold).facts}
    ).terms
    assert made is not None
    assert (made.starts_on, made.renewal, made.company) == (None, None, "Old")
    assert (made.net_payment_days, made.eula) == (45, sold.terms.eula)
    assert (made.dimensions, made.buyer_accounts) == (sold.terms.dimensions, (BUYER,))


# What cannot be wished ---------------------------------------------------------------------------


def test_amendment_must_say_what_happens_to_unpaid_instalments() -> None:
    (finding,) = propose_amendment(added("30000")).findings
    assert (finding.code, finding.field) == ("unpaid-instalments", "unpaid_installments")
    assert finding.severity is Severity.REFUSE
    assert "40,000.00 on 2026-09-02, 40,000.00 on 2027-01-02" in str(finding.seen)
    assert "(unpaid_installments): carry charges them" in finding.remedy
    assert "drop waives them" in finding.remedy


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        (added("-1"), "additional_amount", "unpaid_installments: drop"),
        (added("30000", "EUR"), "additional_amount", "in USD"),
        (added("100000000.01"), "additional_amount", "100,000,000"),
        (added("1.005"), "additional_amount", "at most 2 decimals"),
        ({"additional_amount": "30000"}, "additional_amount", "Write it as 30000.00 USD"),
        ({"additional_amount": 30000.0}, "additional_amount", ""),
        (
            {"additional_amount": {"amount": "1", "currency": "CHF"}},
            "additional_amount.currency",
            "",
        ),
        ({"unpaid_installments": "keep"}, "unpaid_installments", "'carry' or 'drop'"),
    ],
)
def test_an_illegal_wish_is_one_finding_that_names_its_field(
    given: dict[str, Any], field: str, said: str
) -> None:
    (finding,) = propose_amendment(CARRY | given).findings
    assert (finding.field, finding.severity) == (field, Severity.REFUSE)
    assert said in str(finding)


def test_what_is_legal_of_a_wish_holds_beside_what_is_not() -> None:
    proposal = propose_amendment({"additional_amount": "30000 USD", "unpaid_installments": "keep"})
    assert str(proposal.pricing.added) == "USD 30,000.00"
    assert (
        propose_amendment(
            {"additional_amount": "x", "unpaid_installments": "drop"}
        ).pricing.unpaid_action
        == "drop"
    )


@pytest.mark.parametrize(
    ("invoiced", "codes"),
    [("40000", []), ("0", ["invoiced-otherwise"]), ("80000", ["invoiced-otherwise"])],
)
def test_invoices_that_do_not_fit_are_pointed_out(invoiced: str, codes: list[str]) -> None:
    findings = propose_amendment(CARRY, snapshot=agreement_snapshot(invoiced)).findings
    assert [finding.code for finding in findings] == codes
    assert all(finding.severity is Severity.WARN for finding in findings)
