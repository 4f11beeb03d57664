"""Drafts: from an opportunity's fields to terms, or to findings."""

from datetime import date
from typing import Any

import pytest

from offers.policy.policy import Policy
from offers.preflight.draft import draft
from tests.support.builders import TODAY, facts


def test_policy_defaults_fill_missing_terms() -> None:
    drafted = draft(facts(), Policy(product_name="Example Product"), TODAY)
    assert drafted.findings == ()
    assert drafted.terms is not None
    assert drafted.terms.offer_name == "Example Product Annual - Example Corp - 03/2026"
    assert drafted.terms.duration_months == 12
    assert drafted.terms.availability_end == date(2026, 4, 1), "not thirty days after today"


def test_given_values_override_defaults() -> None:
    drafted = draft(
        facts(offer_name="Another", duration_months=24, availability_end="2026-03-09"),
        Policy(),
        TODAY,
    )
    assert drafted.terms is not None
    assert drafted.terms.offer_name == "Another"
    assert drafted.terms.duration_months == 24
    assert drafted.terms.availability_end == date(2026, 3, 9)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"buyer_accounts": ...}, ["buyer_accounts"]),
        ({"price": None}, ["price"]),
        ({"price": {"amount": "1", "currency": "CHF"}}, ["price.currency"]),
        ({"company": ...}, ["company"]),
        ({"buyer_email": ...}, ["buyer_email"]),
        ({"buyer_email": "not an address"}, ["buyer_email"]),
        ({"buyer_email": "jürgen@example.com"}, ["buyer_email"]),
        ({"buyer_email": "a@example.com,b@example.com"}, ["buyer_email"]),
        ({"owner_email": "a@b@c"}, ["owner_email"]),
        ({"buyer_time_zone": "Mars/Olympus"}, ["buyer_time_zone"]),
        ({"buyer_accounts": "1", "buyer_email": None}, ["buyer_accounts", "buyer_email"]),
    ],
)
def test_each_invalid_field_is_one_finding(changes: dict[str, Any], fields: list[str]) -> None:
    drafted = draft(facts(**changes), Policy(), TODAY)
    assert [finding.field for finding in drafted.findings] == fields
    assert all(finding.remedy for finding in drafted.findings)


def test_findings_have_no_personal_data() -> None:
    drafted = draft(facts(buyer_email="Jane Example at example.com"), Policy(), TODAY)
    (finding,) = drafted.findings
    assert finding.seen is None
    assert "Jane" not in str(finding)


def test_unknown_field_finding_has_no_personal_data() -> None:
    (finding,) = draft(facts(buyer_mail="jane@example.com"), Policy(), TODAY).findings
    assert finding.field == "buyer_mail"
    assert "jane" not in str(finding)


def test_mail_address_in_another_field_is_not_shown() -> None:
    (finding,) = draft(facts(offer_name="<jane@example.com>"), Policy(), TODAY).findings
    assert finding.field == "offer_name"
    assert "jane" not in str(finding)


def test_findings_name_the_salesforce_field() -> None:
    drafted = draft(facts(buyer_accounts="12"), Policy(), TODAY, {"buyer_accounts": "Aws__c"})
    assert "buyer_accounts (Aws__c) [12]" in str(drafted.findings[0])
