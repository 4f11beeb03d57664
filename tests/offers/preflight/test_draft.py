"""Drafts: from an opportunity's fields to terms, or to findings."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.lifecycle.clazar_field_sheet import opportunities_named_in, with_reference
from offers.policy.policy import Policy
from offers.preflight.draft import draft
from offers.terms.terms import TERM_FIELDS
from tests.support.builders import TODAY, facts, terms


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
    "company",
    [
        "x" * 120,
        "Example " * 15,
        "x" * 255,
        "A <B> & \\C",
        "Soci\u00e9te\u0301 " * 20,
        "\u0915\u093f" * 120,
    ],
)
def test_name_that_we_build_does_not_refuse_the_deal(company: str) -> None:
    drafted = draft(facts(company=company), Policy(product_name="Example Product"), TODAY)
    assert drafted.findings == ()
    assert drafted.terms is not None
    name = drafted.terms.offer_name
    assert name.startswith("Example Product Annual - ")
    assert name.endswith(" - 03/2026"), "the date is cut off"


@given(
    st.text(max_size=300) | st.text("<>\\\n\u200d\u0301 a", max_size=300),
    st.sampled_from(
        ["{company}", "{product} - {company} - {month}/{year}", "{company} {company:>200}"]
    ),
    st.text(max_size=200),
)
def test_any_company_leads_to_a_legal_name(company: str, pattern: str, product: str) -> None:
    policy = Policy(product_name=product, offer_name=pattern)
    found = draft(facts(company=company), policy, TODAY).findings
    assert {finding.field for finding in found} <= {"company"}
    built = terms(offer_name=policy.offer_name_for(company, TODAY)).offer_name
    assert built == policy.offer_name_for(company, TODAY), "it is not in the form that is kept"
    for named in (
        with_reference(terms(offer_name=built), "0065g00000AbCdEAAV-999999"),
        with_reference(terms(offer_name=built + "x" * (150 - len(built))), "0065g00000AbCdEAAV-1"),
    ):
        assert terms(offer_name=named.offer_name) == named
        assert opportunities_named_in(named.offer_name) == ("0065g00000AbCdEAAV",)


@pytest.mark.parametrize("company", ["", " \u200b", "x" * 256, "a\nb", 12, True])
def test_illegal_company_is_one_finding(company: Any) -> None:
    found = draft(facts(company=company), Policy(), TODAY).findings
    assert [finding.field for finding in found] == ["company"]


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
        ({"buyer_country": "South Korea"}, ["buyer_country"]),
        ({"buyer_country": 82}, ["buyer_country"]),
        ({"buyer_country": " kr "}, []),
        ({"buyer_accounts": "1", "buyer_email": None}, ["buyer_accounts", "buyer_email"]),
    ],
)
def test_each_invalid_field_is_one_finding(changes: dict[str, Any], fields: list[str]) -> None:
    drafted = draft(facts(**changes), Policy(), TODAY)
    assert [finding.field for finding in drafted.findings] == fields
    assert all(finding.remedy for finding in drafted.findings)


ILLEGAL: dict[str, Any] = {
    "buyer_accounts": "1",
    "company": "",
    "offer_name": "<",
    "product_id": "<",
    "dimensions": "",
    "price": "much",
    "availability_end": "soon",
    "duration_months": 0,
    "net_payment_days": 31,
    "starts_on": "soon",
    "payment_schedule": "soon",
    "eula": "soon",
    "renewal": "maybe",
    "description": "x" * 1000,
    "agreement_end": "soon",
}


@pytest.mark.parametrize("field", ILLEGAL)
@pytest.mark.parametrize("missing", [True, False])
def test_other_terms_are_checked_beside_an_illegal_one(field: str, missing: bool) -> None:
    given = facts(offer_name="Example", availability_end="2026-03-09", duration_months=24)
    given["price"] = {"amount": "5", "currency": "EUR"}
    drafted = draft(given | {field: None if missing else ILLEGAL[field]}, Policy(), TODAY)
    checked = drafted.checkable_terms
    assert checked is not None
    assert (field in drafted.valid_fields) is (drafted.terms is not None)
    expected = terms(**{name: value for name, value in given.items() if name in TERM_FIELDS})
    assert checked.model_dump(exclude={field}) == expected.model_dump(exclude={field})


def test_illegal_terms_do_not_hide_each_other() -> None:
    drafted = draft(facts(**ILLEGAL), Policy(), TODAY)
    assert {each.field.partition(".")[0] for each in drafted.findings} == ILLEGAL.keys()
    assert drafted.checkable_terms is not None
    assert drafted.valid_fields == TERM_FIELDS - ILLEGAL.keys()


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "europe/nowhere"])
def test_unknown_time_zone_is_shown_with_its_source(zone: str) -> None:
    sources = {"buyer_time_zone": "Zone__c"}
    found = draft(facts(buyer_time_zone=zone), Policy(), TODAY, sources).findings
    assert [(each.field, each.source) for each in found] == [("buyer_time_zone", "Zone__c")]


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


def test_owner_is_known_without_a_buyer() -> None:
    drafted = draft(facts(buyer_email="nobody"), Policy(), TODAY)
    assert drafted.contacts is None
    assert drafted.owner is not None
    assert drafted.owner.owner_email == "owner@example.com"
    assert draft(facts(), Policy(), TODAY).owner == draft(facts(), Policy(), TODAY).contacts
