"""What is held against the terms of an amendment."""

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

CUPT = {"payment_schedule": ()}
TWO_SEATS = {"payment_schedule": (), "dimensions": "seats x 2"}
CARRY = {"unpaid_installments": "carry"}
DROP = {"unpaid_installments": "drop"}


def added(amount: str, currency: str = "USD", **more: Any) -> dict[str, Any]:
    return {"additional_amount": f"{amount} {currency}", **more}


def held_against(
    given: dict[str, Any] | None = None,
    *,
    sold: dict[str, Any] | None = None,
    stands: dict[str, Any] | None = None,
    wish: dict[str, Any] | None = None,
    policy: Policy | None = None,
    today: date = AFTER_FIRST_INSTALLMENT,
) -> dict[str, Finding]:
    """What both lists of checks find, but for what every amendment meets."""
    amended, shown = accepted_offer(**(sold or {})), agreement_snapshot(**(stands or {}))
    made = draft_amendment(
        propose_amendment(wish or CARRY, amended, shown, today), today, **(given or {})
    )
    terms = made.checkable_terms
    assert terms is not None
    against = (amended, shown, policy or Policy(), today)
    found = findings_of(amendment.CHECKS, terms, made.valid_fields, *against) + findings_of(
        consistency.CHECKS, terms, made.valid_fields, today
    )
    return {each.code: each for each in found if each.code != "needs-invoicing"}


def test_an_amendment_waits_for_somebody_who_knows_what_was_agreed() -> None:
    found = held_against()
    assert set(found) == {"amendment"}
    assert found["amendment"].severity is Severity.APPROVAL
    assert found["amendment"].seen == "USD 80,000.00 until 2027-03-05, in 2 instalments"
    assert "agmt-1" in found["amendment"].problem
    off = Policy(rules=Rules(amendment=Rule(action="off", text="Nobody minds")))
    assert held_against(policy=off) == {}


def test_every_amendment_tells_that_the_buyer_must_pay_by_invoice() -> None:
    found = findings_of(
        amendment.CHECKS[-1:], accepted_offer().terms, (), accepted_offer(), agreement_snapshot()
    )
    assert [each.code for each in found] == ["needs-invoicing"]
    assert found[0].severity is Severity.WARN


@pytest.mark.parametrize("status", ["CANCELLED", "TERMINATED", "EXPIRED", "REPLACED", "RENEWED"])
def test_only_an_agreement_in_force_is_amended(status: str) -> None:
    found = held_against(stands={"status": status})
    assert found["agreement-not-active"].severity is Severity.REFUSE
    assert status in found["agreement-not-active"].problem


def test_an_agreement_without_an_end_needs_one() -> None:
    assert held_against(stands={"ends_at": None})["no-agreement-end"].field == "agreement_end"
    given = {"agreement_end": "2027-12-31"}
    assert set(held_against(given, stands={"ends_at": None})) == {"amendment"}


def test_what_was_to_start_later_starts_at_once() -> None:
    found = held_against(stands={"starts_at": datetime(2026, 6, 2, tzinfo=UTC)})
    assert found["starts-at-acceptance"].severity is Severity.WARN
    assert set(held_against(stands={"starts_at": datetime(2026, 6, 1, tzinfo=UTC)})) == {
        "amendment"
    }


@pytest.mark.parametrize(
    ("sold", "given"),
    [
        (CUPT, {"dimensions": "platform x 2"}),
        (CUPT, {"dimensions": "platform; seats"}),
        (CUPT, {"payment_schedule": "2026-06-01 0"}),
        ({"payment_schedule": THREE_INSTALLMENTS}, {"payment_schedule": "upfront"}),
    ],
)
def test_the_kind_of_price_is_kept(sold: dict[str, Any], given: dict[str, Any]) -> None:
    found = held_against(given, sold=sold)
    assert found["other-kind-of-price"].field == "dimensions"


def test_fixed_quantities_may_grow() -> None:
    assert set(held_against({"dimensions": "seats x 9"}, sold=TWO_SEATS)) == {"amendment"}


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
def test_what_an_amendment_keeps_is_refused(field: str, given: dict[str, Any]) -> None:
    found = held_against(given)["not-amendable"]
    assert (found.field, found.severity) == (field, Severity.REFUSE)


# Days that leave no room -----------------------------------------------------------------------


@pytest.mark.parametrize("wish", [CARRY, DROP, added("5", **CARRY), added("5", **DROP)])
def test_an_instalment_of_tomorrow_is_waited_for(wish: dict[str, Any]) -> None:
    found = held_against(wish=wish, today=date(2026, 9, 1))
    finding = found["charged-twice"]
    assert finding.remedy == "Wait, and resume from 2026-09-02 on, once AWS has invoiced it"
    assert finding.field == "availability_end"
    assert not [each for each in found.values() if "earlier" in each.remedy]
    assert "last-day-over" not in found
    assert "charged-twice" not in held_against(wish=wish, today=date(2026, 9, 2))


@pytest.mark.parametrize("wish", [CARRY, DROP])
def test_a_later_last_day_may_not_reach_the_next_instalment(wish: dict[str, Any]) -> None:
    found = held_against({"availability_end": "2026-09-02"}, wish=wish)["charged-twice"]
    assert found.remedy == "Let the buyer accept until 2026-09-01 at the latest"
    assert ("the amendment again" in found.problem) == (wish is CARRY)
    assert "charged-twice" not in held_against({"availability_end": "2026-09-01"}, wish=wish)


def test_on_the_day_of_an_instalment_something_can_be_added() -> None:
    assert set(held_against(wish=added("5", **CARRY), today=date(2026, 9, 2))) == {
        "amendment",
    }


TOMORROW: dict[str, Any] = {"sold": CUPT, "today": date(2027, 2, 1)}


def test_an_agreement_that_ends_tomorrow_must_end_later() -> None:
    stands = {"ends_at": datetime(2027, 2, 2, 23, 59, 59, 999000, tzinfo=UTC)}
    found = held_against(stands=stands, **TOMORROW)
    assert set(found) == {"amendment", "end-before-expiry"}
    finding = found["end-before-expiry"]
    assert (finding.field, finding.seen) == ("agreement_end", "2027-02-02")
    assert "2027-02-03 or later" in finding.remedy
    later = {"agreement_end": "2027-02-03"}
    assert set(held_against(later, stands=stands, **TOMORROW)) == {"amendment"}


@pytest.mark.parametrize("day", [1, 2])
def test_what_ends_before_a_buyer_has_had_a_day_is_not_amended(day: int) -> None:
    stands = {"ends_at": datetime(2027, 2, day, 14, tzinfo=UTC)}
    found = held_against({"agreement_end": "2028-02-02"}, stands=stands, **TOMORROW)
    assert set(found) == {"amendment", "agreement-over-first"}
    assert "make a new offer" in found["agreement-over-first"].remedy


def test_a_longer_agreement_is_accepted_before_the_shorter_one_ends() -> None:
    given = {"agreement_end": "2028-03-05", "availability_end": "2027-03-05"}
    sold = {"payment_schedule": "2026-03-02 120000"}
    found = held_against(given, sold=sold)["agreement-over-first"]
    assert (found.field, found.severity) == ("availability_end", Severity.REFUSE)
    assert found.remedy == "Let the buyer accept until 2027-03-04 at the latest"
    assert set(held_against(given | {"availability_end": "2027-03-04"}, sold=sold)) == {"amendment"}


def test_instalments_past_an_earlier_end_are_refused() -> None:
    found = held_against({"agreement_end": "2027-01-02"})["charge-after-end"]
    assert (found.field, found.severity) == ("payment_schedule", Severity.REFUSE)
    assert "2027-01-01" in found.remedy
