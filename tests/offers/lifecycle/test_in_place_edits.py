"""Edits of a released offer in place, and their findings."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from offers.findings import Finding, Severity
from offers.lifecycle.in_place_edits import (
    EDITABLE,
    apply_edit,
    edit_findings,
    has_own_duration,
    is_in_place,
)
from offers.policy.policy import Policy
from offers.policy.rules import Rule, Rules
from offers.terms.contacts import Contacts
from offers.terms.terms import TERM_FIELDS, OfferTerms
from tests.support.agreements import accepted_offer
from tests.support.builders import TODAY, terms

CONTACTS = Contacts(owner_email="owner@example.com", buyer_email="buyer@example.com")
VALUES: dict[str, Any] = {
    "offer_name": "Another name",
    "description": "PO 4711",
    "availability_end": "2026-03-30",
    "buyer_email": "other@example.com",
    "buyer_time_zone": "Europe/Berlin",
    "buyer_country": "KR",
}
UPFRONT = terms()
FIXED = terms(dimensions="platform x 2")
INSTALMENTS = terms(payment_schedule="2026-03-02 60000; 2026-09-02 60000")
WITH_START_DATE = terms(dimensions="platform x 2", starts_on="2026-05-01")
AMENDMENT = terms(dimensions="platform x 2", agreement_end="2027-03-05")


def found(
    offer: OfferTerms, today: date = TODAY, policy: Policy | None = None, **changes: Any
) -> dict[str, Finding]:
    """The findings of an edit, by field."""
    findings = edit_findings(offer, CONTACTS, changes, policy or Policy(), today)
    return {each.field: each for each in findings}


@pytest.mark.parametrize("name", sorted(TERM_FIELDS | EDITABLE))
@pytest.mark.parametrize("offer", [UPFRONT, FIXED, INSTALMENTS, WITH_START_DATE, AMENDMENT])
def test_fields_that_can_be_edited_in_place(name: str, offer: OfferTerms) -> None:
    expected = name in EDITABLE or (name == "duration_months" and offer in (FIXED, INSTALMENTS))
    assert is_in_place(offer, {name: 1}) == expected
    assert is_in_place(offer, {"offer_name": "Another", name: 1}) == expected
    assert is_in_place(offer, dict.fromkeys(EDITABLE | {name}, 1)) == expected


@pytest.mark.parametrize("changes", [{}, {"offer_name": None}, {"additional_amount": "1 USD"}])
def test_empty_or_removed_fields_are_no_edit(changes: dict[str, Any]) -> None:
    assert not is_in_place(FIXED, changes)


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        (UPFRONT, False),
        (FIXED, True),
        (INSTALMENTS, True),
        (WITH_START_DATE, False),
        (AMENDMENT, False),
    ],
)
def test_offers_with_their_own_duration_term(offer: OfferTerms, expected: bool) -> None:
    assert has_own_duration(offer) == expected


def test_edit_is_applied_to_terms_and_contacts() -> None:
    after = apply_edit(UPFRONT, CONTACTS, VALUES)
    assert after.terms == terms(**{n: v for n, v in VALUES.items() if n in TERM_FIELDS})
    assert after.contacts.buyer_email == "other@example.com"
    assert after.contacts.owner_email == "owner@example.com"
    assert apply_edit(UPFRONT, CONTACTS, {}).terms == UPFRONT
    with pytest.raises(ValidationError):
        apply_edit(UPFRONT, CONTACTS, {"offer_name": ""})


@pytest.mark.parametrize("offer", [UPFRONT, FIXED, INSTALMENTS, WITH_START_DATE, AMENDMENT])
def test_valid_edit_has_no_findings(offer: OfferTerms) -> None:
    assert found(offer, **VALUES) == {}


@pytest.mark.parametrize(
    ("offer", "changes", "field", "message"),
    [
        (UPFRONT, {"offer_name": "a <b>"}, "offer_name", "AWS forbids"),
        (UPFRONT, {"buyer_email": "nobody"}, "buyer_email", "no mail address"),
        (UPFRONT, {"buyer_time_zone": "Mars/Olympus"}, "buyer_time_zone", "no such time zone"),
        (UPFRONT, {"availability_end": "2026-03-02"}, "availability_end", "Choose a later day"),
        (INSTALMENTS, {"availability_end": "2026-09-02"}, "payment_schedule", "Move the second"),
        (WITH_START_DATE, {"availability_end": "2026-05-01"}, "starts_on", "starts before"),
        (AMENDMENT, {"availability_end": "2027-03-05"}, "availability_end", "End the offer"),
        (FIXED, {"availability_end": "2027-03-01"}, "availability_end", "(duration_months)"),
        (
            UPFRONT,
            {"availability_end": "2027-03-01"},
            "availability_end",
            "a longer contract needs a new offer",
        ),
        (FIXED, {"duration_months": 145}, "duration_months", "144"),
        (INSTALMENTS, {"duration_months": 6}, "payment_schedule", "after the contract's end"),
    ],
)
def test_invalid_edit_is_a_finding_of_its_field(
    offer: OfferTerms, changes: dict[str, Any], field: str, message: str
) -> None:
    finding = found(offer, **changes)[field]
    assert message in str(finding)
    assert finding.severity is Severity.REFUSE


def test_last_day_is_before_the_earliest_contract_end() -> None:
    assert "duration-too-short" not in {f.code for f in found(FIXED, **until(2027, 2, 28)).values()}
    assert "duration-too-short" in {f.code for f in found(FIXED, **until(2027, 3, 1)).values()}
    longer = until(2027, 3, 1) | {"duration_months": 24}
    assert "duration-too-short" not in {f.code for f in found(FIXED, **longer).values()}


def until(*day: int) -> dict[str, Any]:
    return {"availability_end": date(*day)}


def test_new_exceptions_are_findings_and_old_ones_are_not() -> None:
    finding = found(FIXED, duration_months=24)["duration_months"]
    assert (finding.code, finding.severity) == ("not-annual", Severity.APPROVAL)
    approved = terms(dimensions="platform x 2", duration_months=24)
    assert found(approved, offer_name="Another") == {}
    assert found(terms(price={"amount": "5", "currency": "USD"}), offer_name="Another") == {}
    assert "duration_months" in found(approved, duration_months=36)


def test_warnings_do_not_block_an_edit() -> None:
    long = Policy(days_to_accept=5)
    assert found(UPFRONT, policy=long, availability_end="2026-03-30") == {}


def test_selling_rules_of_amendments() -> None:
    cheap = terms(
        price={"amount": "0", "currency": "USD"},
        dimensions="platform x 2",
        agreement_end="2027-03-05",
        duration_months=7,
    )
    assert found(cheap, availability_end="2026-03-30", offer_name="Another") == {}
    strict = Policy(
        rules=Rules(
            days_to_accept=Rule(action="approval", approver_role="deal-desk", text="Thirty days")
        )
    )
    assert found(cheap, policy=strict, availability_end="2026-06-30") == {}
    assert "availability_end" in found(FIXED, policy=strict, availability_end="2026-06-30")


@pytest.mark.parametrize(
    ("last_day", "is_free"),
    [("2026-09-01", True), ("2026-09-02", False), ("2027-01-15", False), ("2026-06-01", True)],
)
def test_amendment_last_day_is_before_the_next_instalment(last_day: str, is_free: bool) -> None:
    offer = terms(
        price={"amount": "40000", "currency": "USD"},
        payment_schedule="2027-01-02 40000",
        agreement_end="2027-03-05",
        availability_end="2026-08-01",
    )
    findings = edit_findings(
        offer, CONTACTS, {"availability_end": last_day}, Policy(), TODAY, amends=accepted_offer()
    )
    assert [each.code for each in findings] == ([] if is_free else ["charged-twice"])
    assert all("Choose a day before 2 Sep 2026" in each.remedy for each in findings)
    assert not edit_findings(
        offer, CONTACTS, {"offer_name": "X"}, Policy(), TODAY, amends=accepted_offer()
    )


@pytest.mark.parametrize(("until", "has_room"), [("2026-08-31", True), ("2026-09-01", False)])
def test_day_before_the_next_instalment_is_named_if_there_is_one(
    until: str, has_room: bool
) -> None:
    offer = terms(agreement_end="2027-03-05", availability_end=until)
    (finding,) = edit_findings(
        offer,
        CONTACTS,
        {"availability_end": "2026-09-02"},
        Policy(),
        TODAY,
        amends=accepted_offer(),
    )
    assert finding.remedy.startswith("Choose a day" if has_room else "No later day")


@pytest.mark.parametrize(("last_day", "codes"), [(4, []), (5, ["agreement-over-first"])])
def test_amendment_last_day_is_before_the_agreement_end(last_day: int, codes: list[str]) -> None:
    offer = terms(dimensions="platform x 2", agreement_end="2028-03-05")
    original = accepted_offer(payment_schedule=(), dimensions="platform x 2")
    changes = {"availability_end": date(2027, 3, last_day)}
    findings = edit_findings(offer, CONTACTS, changes, Policy(), TODAY, amends=original)
    assert [each.code for each in findings] == codes
    assert all("4 Mar 2027 or an earlier" in each.remedy for each in findings)
