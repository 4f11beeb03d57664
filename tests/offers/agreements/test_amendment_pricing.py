"""Amendments as they are proposed from a request and the agreement's state."""

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

UPFRONT = {"payment_schedule": ()}
TWO_SEATS = {"payment_schedule": (), "dimensions": "seats x 2"}
CARRY = {"unpaid_installments": "carry"}
DROP = {"unpaid_installments": "drop"}


def added(amount: str, currency: str = "USD", **more: Any) -> dict[str, Any]:
    return {"additional_amount": f"{amount} {currency}", **more}


def schedule(terms: OfferTerms) -> list[tuple[str, str]]:
    return [(each.on.isoformat(), str(each.amount)) for each in terms.payment_schedule]


# Prices ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requested", "total", "charges"),
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
def test_price_is_the_additional_amount_plus_carried_instalments(
    requested: dict[str, Any], total: str, charges: list[tuple[str, str]]
) -> None:
    proposal = propose_amendment(requested)
    assert proposal.findings == ()
    amendment = amendment_terms(proposal)
    assert str(amendment.price.amount) == str(proposal.pricing.total.amount) == total
    assert schedule(amendment) == charges


@pytest.mark.parametrize(
    ("original_terms", "requested", "charges"),
    [
        (UPFRONT, added("30000"), []),
        (UPFRONT, {}, []),
        (TWO_SEATS, added("30000"), [("2026-06-01", "30000.00")]),
        (TWO_SEATS, {}, [("2026-06-01", "0.00")]),
    ],
)
def test_amendment_of_an_upfront_offer_costs_the_additional_amount(
    original_terms: dict[str, Any], requested: dict[str, Any], charges: list[tuple[str, str]]
) -> None:
    original = accepted_offer(**original_terms)
    proposal = propose_amendment(requested, original, agreement_snapshot("120000"))
    assert proposal.findings == ()
    amendment = amendment_terms(proposal)
    assert amendment.price.amount == (30000 if requested else 0)
    assert schedule(amendment) == charges
    assert amendment.is_fixed == original.terms.is_fixed


def test_unpaid_action_is_not_needed_without_unpaid_instalments() -> None:
    day = date(2027, 1, 2)
    proposal = propose_amendment(added("5"), snapshot=agreement_snapshot("120000"), today=day)
    assert (proposal.findings, proposal.pricing.unpaid_action, proposal.pricing.unpaid) == (
        (),
        None,
        (),
    )


def test_instalment_of_zero_is_not_carried() -> None:
    original = accepted_offer(payment_schedule="2026-03-02 120000; 2026-06-02 0")
    proposal = propose_amendment(added("5"), original, agreement_snapshot("120000"))
    assert proposal.findings == ()
    assert schedule(amendment_terms(proposal)) == [("2026-06-01", "5.00")]
    assert amendment_terms(proposal).availability_end == AFTER_FIRST_INSTALLMENT + timedelta(
        days=30
    )


@pytest.mark.parametrize(
    ("currency", "amounts", "additional_amount", "total"),
    [
        ("EUR", ("99.99", "0.01"), "12.34 EUR", "EUR 12.35"),
        ("JPY", ("5000000", "7000001"), "1 JPY", "JPY 7,000,002"),
        ("GBP", ("1", "2"), "GBP 1,000.5", "GBP 1,002.50"),
    ],
)
def test_addition_is_exact_in_any_currency(
    currency: str, amounts: tuple[str, str], additional_amount: str, total: str
) -> None:
    first, second = amounts
    original = accepted_offer(
        price={"amount": str(Decimal(first) + Decimal(second)), "currency": currency},
        payment_schedule=f"2026-03-02 {first}; 2026-09-02 {second}",
    )
    proposal = propose_amendment(
        {"additional_amount": additional_amount, **CARRY}, original, agreement_snapshot(f"{first}")
    )
    assert proposal.findings == ()
    assert str(amendment_terms(proposal).price) == total


def test_pricing_lines() -> None:
    assert propose_amendment(added("30000", **CARRY)).pricing.lines == (
        ("Agreed so far", "USD 120,000.00"),
        ("Invoiced so far", "USD 40,000.00, stays"),
        ("Unpaid on 2 Sep 2026", "USD 40,000.00, carried forward"),
        ("Unpaid on 2 Jan 2027", "USD 40,000.00, carried forward"),
        ("Added", "USD 30,000.00"),
        ("Price of the amendment", "USD 110,000.00"),
    )
    assert propose_amendment(DROP).pricing.lines[2][1] == "USD 40,000.00, given up"
    assert propose_amendment().pricing.lines[2][1] == "USD 40,000.00, undecided"


# Dates and other terms -------------------------------------------------------------------------


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
def test_last_day_is_before_the_next_instalment_and_the_end(
    today: date, ends: date, last_day: date
) -> None:
    snapshot = agreement_snapshot(ends_at=datetime(ends.year, ends.month, ends.day, 14, tzinfo=UTC))
    amendment = amendment_terms(propose_amendment(CARRY, snapshot=snapshot, today=today), today)
    assert (amendment.availability_end, amendment.agreement_end) == (last_day, ends)


@pytest.mark.parametrize(
    ("original_terms", "end"),
    [
        ({}, None),
        ({"starts_on": "2026-05-01", "duration_months": 12}, date(2027, 4, 30)),
        ({"agreement_end": "2027-02-28"}, date(2027, 2, 28)),
    ],
)
def test_agreement_end_comes_from_the_terms_if_aws_has_none(
    original_terms: dict[str, Any], end: date | None
) -> None:
    proposal = propose_amendment(
        CARRY, accepted_offer(**original_terms), agreement_snapshot(ends_at=None)
    )
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
def test_offer_name_has_the_amendment_number(number: int, name: str, expected: str) -> None:
    amendment = amendment_terms(propose_amendment(CARRY, accepted_offer(number, offer_name=name)))
    assert amendment.offer_name == expected


def test_amendment_number_counts_cancelled_amendments() -> None:
    third = accepted_offer().model_copy(update={"next_number": 3})
    assert amendment_terms(propose_amendment(CARRY, third)).offer_name.endswith(" - amendment 3")


def test_other_terms_come_from_the_original_offer() -> None:
    original = accepted_offer(
        net_payment_days=45, dimensions="seats x 3", eula="https://example.com/c.pdf", company="Old"
    )
    opportunity = {"starts_on": "2026-09-01", "renewal": "External", "company": "New"}
    amendment = draft_amendment(
        propose_amendment(CARRY, original),
        **{**opportunity, **propose_amendment(CARRY, original).facts},
    ).terms
    assert amendment is not None
    assert (amendment.starts_on, amendment.renewal, amendment.company) == (None, None, "Old")
    assert (amendment.net_payment_days, amendment.eula) == (45, original.terms.eula)
    assert (amendment.dimensions, amendment.buyer_accounts) == (original.terms.dimensions, (BUYER,))


# Invalid requests --------------------------------------------------------------------------------


def test_amendment_must_say_what_happens_to_unpaid_instalments() -> None:
    (finding,) = propose_amendment(added("30000")).findings
    assert (finding.code, finding.field) == ("unpaid-instalments", "unpaid_installments")
    assert finding.severity is Severity.REFUSE
    assert "40,000.00 on 2 Sep 2026, 40,000.00 on 2 Jan 2027" in str(finding.seen)
    assert "(unpaid_installments): carry charges them" in finding.remedy
    assert "drop waives them" in finding.remedy


@pytest.mark.parametrize(
    ("given", "field", "message"),
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
def test_invalid_amendment_field_is_one_finding(
    given: dict[str, Any], field: str, message: str
) -> None:
    (finding,) = propose_amendment(CARRY | given).findings
    assert (finding.field, finding.severity) == (field, Severity.REFUSE)
    assert message in str(finding)


def test_valid_fields_are_used_beside_invalid_ones() -> None:
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
def test_unexpected_invoiced_amount_is_a_warning(invoiced: str, codes: list[str]) -> None:
    findings = propose_amendment(CARRY, snapshot=agreement_snapshot(invoiced)).findings
    assert [finding.code for finding in findings] == codes
    assert all(finding.severity is Severity.WARN for finding in findings)
