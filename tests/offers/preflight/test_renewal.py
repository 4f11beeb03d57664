"""A renewal held against the agreement that it renews."""

from datetime import date
from typing import Any

import pytest

from offers.agreements.agreement import AgreementStatus
from offers.findings import Finding, Severity
from offers.policy.policy import Policy
from offers.preflight import renewal
from offers.preflight.check import findings_of
from offers.terms.terms import TERM_FIELDS
from tests.support.agreements import agreement
from tests.support.builders import terms

TODAY = date(2027, 2, 1)
GOOD = {"starts_on": "2027-03-06", "availability_end": "2027-02-20"}
VALUE = {"amount": "120000", "currency": "USD"}


def findings(
    given: dict[str, Any] | None = None, today: date = TODAY, **earlier: Any
) -> dict[str, Finding]:
    """The findings of a renewal of an agreement that ends on 5 March 2027, by their codes."""
    found = findings_of(
        renewal.CHECKS,
        terms(**GOOD | (given or {})),
        TERM_FIELDS,
        agreement(**{"value": VALUE} | earlier),
        Policy(),
        today,
    )
    return {each.code: each for each in found}


def test_renewal_as_it_should_be() -> None:
    assert findings() == {}


def test_other_account() -> None:
    (found,) = findings({"buyer_accounts": ["444455556666"]}).values()
    assert (found.code, found.severity) == ("renewal-account", Severity.APPROVAL)
    assert "111122223333" in found.problem
    both = {"buyer_accounts": ["444455556666", "111122223333"]}
    assert findings(both) == {}


@pytest.mark.parametrize(
    ("starts_on", "code", "severity"),
    [
        ("2027-03-05", "renewal-overlap", Severity.REFUSE),
        (None, "renewal-overlap", Severity.REFUSE),
        ("2027-03-07", "renewal-gap", Severity.APPROVAL),
    ],
)
def test_start_that_is_not_the_day_after_the_end(
    starts_on: str | None, code: str, severity: Severity
) -> None:
    (found,) = findings({"starts_on": starts_on}).values()
    assert (found.code, found.severity, found.field) == (code, severity, "starts_on")
    assert found.remedy == "Let it start on 6 Mar 2027"


def test_agreement_without_an_end_can_not_be_overlapped() -> None:
    assert findings({"starts_on": None}, ends_at=None) == {}


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (AgreementStatus.REPLACED, "Name the agreement that took its place"),
        (AgreementStatus.RENEWED, "Name the agreement that took its place"),
        (AgreementStatus.CANCELLED, "Ask the buyer whether this is a renewal or a new sale"),
    ],
)
def test_agreement_that_has_ended(status: AgreementStatus, remedy: str) -> None:
    (found,) = findings(status=status).values()
    assert (found.code, found.severity, found.remedy) == (
        "renewal-ended",
        Severity.APPROVAL,
        remedy,
    )
    assert status in found.problem


def test_agreement_that_ended_early_is_not_overlapped() -> None:
    assert list(findings({"starts_on": "2027-03-01"}, status="CANCELLED")) == ["renewal-ended"]


def test_late_renewal_has_a_gap_that_cannot_be_closed() -> None:
    late = {"starts_on": None, "availability_end": "2027-04-20"}
    found = findings(late, date(2027, 4, 1), status="EXPIRED")
    assert sorted(found) == ["renewal-ended", "renewal-gap"]
    assert found["renewal-gap"].remedy.startswith("Ask the buyer")


def test_change_of_price_is_shown() -> None:
    (found,) = findings({"price": {"amount": "129000", "currency": "USD"}}).values()
    assert (found.code, found.severity) == ("renewal-price", Severity.WARN)
    assert "(+7.5%)" in found.problem
    assert "USD 120,000.00 (5 Mar 2026 to 5 Mar 2027)" in found.problem
    assert "USD 129,000.00 for 12 months" in found.problem
    (other,) = findings({"price": {"amount": "120000", "currency": "EUR"}}).values()
    assert "%" not in other.problem
    assert findings(value=None) == {}
