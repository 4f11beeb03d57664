"""Illegal terms cannot be constructed; each refusal names the field, the value and the remedy."""

from typing import Any

import pytest
from pydantic import ValidationError

from offers.findings import findings_in
from offers.terms import CustomEula, StandardEula
from tests.builders import terms


def test_legal_terms_keep_what_was_given() -> None:
    legal = terms()
    assert legal.buyer_account == "111122223333"
    assert legal.duration == "P12M"
    assert legal.eula == StandardEula()
    assert str(legal.price) == "USD 120,000.00"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("1111-2222-3333", "111122223333"),
        (" 1111 2222 3333 ", "111122223333"),
        ("000000000012", "000000000012"),
    ],
)
def test_account_ids_are_taken_as_people_write_them(written: str, kept: str) -> None:
    assert terms(buyer_account=written).buyer_account == kept


@pytest.mark.parametrize(
    ("field", "value", "problem", "remedy"),
    [
        ("buyer_account", "11112222333", "exactly 12 digits", "Ask the buyer"),
        ("buyer_account", "1111222233334", "exactly 12 digits", "Ask the buyer"),
        ("buyer_account", "11112222333x", "exactly 12 digits", "Ask the buyer"),
        ("buyer_account", "١١١١٢٢٢٢٣٣٣٣", "exactly 12 digits", "Ask the buyer"),
        ("buyer_account", 111122223333, "leading zeros", "Put it in quotes"),
        ("offer_name", "x" * 151, "151 characters", "1 to 150"),
        ("offer_name", "  ", "0 characters", "1 to 150"),
        ("offer_name", "A <b> name", "AWS forbids < >", "Leave these out"),
        ("offer_name", "Two\nlines", "line break", "one line"),
        ("company", " ", "it is empty", "Give the buyer's company name"),
        ("company", "Two\r\nlines", "line break", "one line"),
        ("duration_months", 0, "greater than or equal to 1", "Correct it"),
        ("duration_months", 61, "less than or equal to 60", "Correct it"),
        ("duration_months", 12.5, "not a whole number", "Write it as 12"),
        ("dimension", "", "at least 1 character", "Correct it"),
        ("product_id", "prod <1>", "should match pattern", "Correct it"),
        ("availability_end", "next week", "not a date", "Write it as 2027-01-31"),
        ("price", 12, "not of the form", "Write an amount as"),
        ("payment", "monthly", "'upfront'", "Correct it"),
        ("discount", 5, "there is no such field", "Remove it"),
    ],
)
def test_refusals_name_field_value_and_remedy(
    field: str, value: Any, problem: str, remedy: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        terms(**{field: value})
    (finding,) = findings_in(refusal.value, {field: "Some_Field__c"})
    assert finding.field == field
    assert finding.seen == (None if field == "discount" else str(value))
    assert problem in finding.problem
    assert remedy in finding.remedy
    assert finding.source == "Some_Field__c"
    assert f"{field} (Some_Field__c)" in str(finding)


@pytest.mark.parametrize("amount", ["0", "-1", "100000000.01"])
def test_the_price_is_positive_and_within_aws_s_limit(amount: str) -> None:
    with pytest.raises(ValidationError, match="out of range"):
        terms(price={"amount": amount, "currency": "USD"})


def test_a_custom_contract_needs_a_secure_address() -> None:
    custom = terms(eula={"type": "custom", "url": "https://example.com/eula.pdf"}).eula
    assert custom == CustomEula(url="https://example.com/eula.pdf")
    with pytest.raises(ValidationError, match="pattern"):
        terms(eula={"type": "custom", "url": "http://example.com/eula.pdf"})


def test_only_the_newest_standard_contract_is_offered() -> None:
    with pytest.raises(ValidationError, match="2022-07-14"):
        terms(eula={"type": "standard", "version": "2019-04-24"})
