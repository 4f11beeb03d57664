"""The findings of an amendment's terms."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from offers.findings import Finding, Severity
from offers.policy.policy import Policy
from offers.policy.rules import Rule, Rules
from offers.preflight import amendment, consistency
from offers.preflight.check import findings_of
from tests.support.agreements import (
    AFTER_FIRST_INSTALLMENT,
    THREE_INSTALLMENTS,
    accepted_offer,
    agreement_snapshot,
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


def findings_by_code(
    given: dict[str, Any] | None = None,
    *,
    original_terms: dict[str, Any] | None = None,
    agreement_changes: dict[str, Any] | None = None,
    requested: dict[str, Any] | None = None,
    policy: Policy | None = None,
    today: date = AFTER_FIRST_INSTALLMENT,
) -> dict[str, Finding]:
    """The findings of both lists of checks, without the one of every amendment."""
    original = accepted_offer(**(original_terms or {}))
    snapshot = agreement_snapshot(**(agreement_changes or {}))
    drafted = draft_amendment(
        propose_amendment(requested or CARRY, original, snapshot, today), today, **(given or {})
    )
    terms = drafted.checkable_terms
    assert terms is not None
    against = (original, snapshot, policy or Policy(), today)
    found = findings_of(amendment.CHECKS, terms, drafted.valid_fields, *against) + findings_of(
        consistency.CHECKS, terms, drafted.valid_fields, today
    )
    return {each.code: each for each in found if each.code != "needs-invoicing"}


def test_amendment_needs_approval() -> None:
    found = findings_by_code()
    assert set(found) == {"amendment"}
    assert found["amendment"].severity is Severity.APPROVAL
    assert found["amendment"].seen == "USD 80,000.00 until 5 Mar 2027, in 2 instalments"
    assert "agmt-1" in found["amendment"].problem
    off = Policy(rules=Rules(amendment=Rule(action="off", text="Not needed")))
    assert findings_by_code(policy=off) == {}


def test_amendment_warns_that_the_buyer_pays_by_invoice() -> None:
    found = findings_of(
        amendment.CHECKS[-1:], accepted_offer().terms, (), accepted_offer(), agreement_snapshot()
    )
    assert [(each.code, each.field) for each in found] == [("needs-invoicing", "agreement")]
    assert found[0].severity is Severity.WARN


@pytest.mark.parametrize("status", ["CANCELLED", "TERMINATED", "EXPIRED", "REPLACED", "RENEWED"])
def test_only_an_active_agreement_is_amended(status: str) -> None:
    found = findings_by_code(agreement_changes={"status": status})
    assert found["agreement-not-active"].severity is Severity.REFUSE
    assert status in found["agreement-not-active"].problem


def test_agreement_without_an_end_needs_one() -> None:
    assert (
        findings_by_code(agreement_changes={"ends_at": None})["no-agreement-end"].field
        == "agreement_end"
    )
    given = {"agreement_end": "2027-12-31"}
    assert set(findings_by_code(given, agreement_changes={"ends_at": None})) == {"amendment"}


def test_later_start_is_replaced_by_acceptance() -> None:
    found = findings_by_code(agreement_changes={"starts_at": datetime(2026, 6, 2, tzinfo=UTC)})
    assert found["starts-at-acceptance"].severity is Severity.WARN
    assert set(
        findings_by_code(agreement_changes={"starts_at": datetime(2026, 6, 1, tzinfo=UTC)})
    ) == {"amendment"}


@pytest.mark.parametrize(
    ("original_terms", "given"),
    [
        (UPFRONT, {"dimensions": "platform x 2"}),
        (UPFRONT, {"dimensions": "platform; seats"}),
        (UPFRONT, {"payment_schedule": "2026-06-01 0"}),
        ({"payment_schedule": THREE_INSTALLMENTS}, {"payment_schedule": "upfront"}),
    ],
)
def test_pricing_model_cannot_change(original_terms: dict[str, Any], given: dict[str, Any]) -> None:
    found = findings_by_code(given, original_terms=original_terms)
    finding = found["other-kind-of-price"]
    assert finding.field == "dimensions"
    was = "one dimension" if original_terms == UPFRONT else "fixed quantities"
    assert f"was sold as {was}" in finding.problem


def test_fixed_quantities_can_grow() -> None:
    assert set(findings_by_code({"dimensions": "seats x 9"}, original_terms=TWO_SEATS)) == {
        "amendment"
    }


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("buyer_accounts", {"buyer_accounts": "000000000012"}),
        ("buyer_accounts", {"buyer_accounts": f"{BUYER}, 000000000012"}),
        ("price", {"price": {"amount": "80000", "currency": "EUR"}}),
        ("product_id", {"product_id": "prod-other"}),
        ("starts_on", {"starts_on": "2026-12-01"}),
    ],
)
def test_fields_that_an_amendment_cannot_change(field: str, given: dict[str, Any]) -> None:
    found = findings_by_code(given)["not-amendable"]
    assert (found.field, found.severity) == (field, Severity.REFUSE)


@pytest.mark.parametrize(
    ("code", "field", "seen", "changes"),
    [
        ("agreement-not-active", "agreement", "agmt-1",
         {"agreement_changes": {"status": "EXPIRED"}}),
        ("starts-at-acceptance", "agreement", "2026-06-02",
         {"agreement_changes": {"starts_at": datetime(2026, 6, 2, tzinfo=UTC)}}),
        ("no-agreement-end", "agreement_end", None, {"agreement_changes": {"ends_at": None}}),
        ("other-kind-of-price", "dimensions", "platform x 2",
         {"original_terms": UPFRONT, "given": {"dimensions": "platform x 2"}}),
        ("not-amendable", "starts_on", "2026-12-01", {"given": {"starts_on": "2026-12-01"}}),
        ("not-amendable", "product_id", "prod-other", {"given": {"product_id": "prod-other"}}),
        ("charged-twice", "availability_end", "2026-09-02",
         {"given": {"availability_end": "2026-09-02"}}),
        ("amendment", "price", "USD 80,000.00 until 5 Mar 2027, in 2 instalments", {}),
    ],
)  # fmt: skip
def test_finding_names_the_field_and_its_value(
    code: str, field: str, seen: str | None, changes: dict[str, Any]
) -> None:
    found = findings_by_code(**changes)[code]
    assert (found.field, found.seen) == (field, seen)


# Dates -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("requested", [CARRY, DROP, added("5", **CARRY), added("5", **DROP)])
def test_instalment_due_tomorrow_blocks_until_it_is_invoiced(requested: dict[str, Any]) -> None:
    found = findings_by_code(requested=requested, today=date(2026, 9, 1))
    finding = found["charged-twice"]
    assert finding.remedy == "Wait, and resume from 2 Sep 2026 on, once AWS has invoiced it"
    assert finding.field == "availability_end"
    assert not [each for each in found.values() if "earlier" in each.remedy]
    assert "last-day-over" not in found
    assert "charged-twice" not in findings_by_code(requested=requested, today=date(2026, 9, 2))


@pytest.mark.parametrize("requested", [CARRY, DROP])
def test_last_day_cannot_reach_the_next_instalment(requested: dict[str, Any]) -> None:
    found = findings_by_code({"availability_end": "2026-09-02"}, requested=requested)[
        "charged-twice"
    ]
    assert found.remedy == "Let the buyer accept until 1 Sep 2026 at the latest"
    assert ("the amendment again" in found.problem) == (requested is CARRY)
    assert "charged-twice" not in findings_by_code(
        {"availability_end": "2026-09-01"}, requested=requested
    )


def test_amendment_on_the_day_of_an_instalment() -> None:
    assert set(findings_by_code(requested=added("5", **CARRY), today=date(2026, 9, 2))) == {
        "amendment",
    }


TOMORROW: dict[str, Any] = {"original_terms": UPFRONT, "today": date(2027, 2, 1)}


def test_agreement_that_ends_tomorrow_needs_a_later_end() -> None:
    agreement_changes = {"ends_at": datetime(2027, 2, 2, 23, 59, 59, 999000, tzinfo=UTC)}
    found = findings_by_code(agreement_changes=agreement_changes, **TOMORROW)
    assert set(found) == {"amendment", "end-before-expiry"}
    finding = found["end-before-expiry"]
    assert (finding.field, finding.seen) == ("agreement_end", "2027-02-02")
    assert "3 Feb 2027 or later" in finding.remedy
    later = {"agreement_end": "2027-02-03"}
    assert set(findings_by_code(later, agreement_changes=agreement_changes, **TOMORROW)) == {
        "amendment"
    }


@pytest.mark.parametrize("day", [1, 2])
def test_agreement_that_ends_within_a_day_cannot_be_amended(day: int) -> None:
    agreement_changes = {"ends_at": datetime(2027, 2, day, 14, tzinfo=UTC)}
    found = findings_by_code(
        {"agreement_end": "2028-02-02"}, agreement_changes=agreement_changes, **TOMORROW
    )
    assert set(found) == {"amendment", "agreement-over-first"}
    assert "make a new offer" in found["agreement-over-first"].remedy


def test_last_day_is_before_the_present_agreement_end() -> None:
    given = {"agreement_end": "2028-03-05", "availability_end": "2027-03-05"}
    original_terms = {"payment_schedule": "2026-03-02 120000"}
    found = findings_by_code(given, original_terms=original_terms)["agreement-over-first"]
    assert (found.field, found.severity) == ("availability_end", Severity.REFUSE)
    assert found.remedy == "Let the buyer accept until 4 Mar 2027 at the latest"
    assert set(
        findings_by_code(given | {"availability_end": "2027-03-04"}, original_terms=original_terms)
    ) == {"amendment"}


def test_instalments_after_an_earlier_end_are_rejected() -> None:
    found = findings_by_code({"agreement_end": "2027-01-02"})["charge-after-end"]
    assert (found.field, found.severity) == ("payment_schedule", Severity.REFUSE)
    assert "1 Jan 2027" in found.remedy


def test_agreement_may_not_end_before_the_last_day_to_accept() -> None:
    agreement_changes = {"ends_at": datetime(2027, 2, 20, 23, 59, 59, 999000, tzinfo=UTC)}
    given = {"agreement_end": "2027-02-10", "availability_end": "2027-02-10"}
    found = findings_by_code(given, agreement_changes=agreement_changes, **TOMORROW)
    assert (found["end-before-expiry"].field, found["end-before-expiry"].seen) == (
        "availability_end",
        "2027-02-10",
    )
