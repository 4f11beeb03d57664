"""Invalid terms cannot be constructed; each error names the field, the value and the remedy."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from offers.findings import findings_in
from offers.terms.terms import CustomEula, StandardEula
from tests.support.builders import terms


def test_valid_terms_keep_the_given_values() -> None:
    valid = terms()
    assert valid.buyer_accounts == ("111122223333",)
    assert valid.duration == "P12M"
    assert valid.eula == StandardEula()
    assert str(valid.price) == "USD 120,000.00"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1111-2222-3333", ["111122223333"]),
        (" 1111 2222 3333 ", ["111122223333"]),
        ("000000000012", ["000000000012"]),
        ("1111-2222-3333, 0000 0000 0012", ["111122223333", "000000000012"]),
        ("111122223333;000000000012\n", ["111122223333", "000000000012"]),
        (["111122223333", "1111 2222 3333"], ["111122223333"]),
    ],
)
def test_accepted_forms_of_account_ids(given: Any, expected: list[str]) -> None:
    assert list(terms(buyer_accounts=given).buyer_accounts) == expected


@pytest.mark.parametrize(
    ("field", "given", "expected"),
    [
        ("dimensions", "platform; seats x 100", "platform seats x 100"),
        ("payment_schedule", "2026-03-02 60000\n2026-09-02 60000.00", "60000.00 60000.00"),
        ("net_payment_days", "Net 30", "30"),
        ("net_payment_days", 45, "45"),
        ("eula", "Standard", "type='standard' version='2022-07-14'"),
        ("eula", "https://example.com/a.pdf s3://example/b.pdf", "a.pdf b.pdf"),
        ("renewal", "AWS Marketplace", "channel='AwsMarketplace' pricing_model='Contract'"),
        ("starts_on", "2026-05-01", "2026-05-01"),
    ],
)
def test_accepted_forms_of_terms(field: str, given: Any, expected: str) -> None:
    value = getattr(terms(**{field: given}), field)
    shown = {
        "dimensions": lambda: " ".join(map(str, value)),
        "payment_schedule": lambda: " ".join(str(each.amount) for each in value),
        "eula": lambda: (
            " ".join(each.rpartition("/")[2] for each in value.documents)
            if value.type == "custom"
            else str(value)
        ),
    }.get(field, lambda: str(value))()
    assert shown == expected


def test_contract_with_a_start_date_ends_a_day_before_its_anniversary() -> None:
    assert str(terms(starts_on="2028-02-29").ends_on) == "2029-02-27"
    assert str(terms(starts_on="2026-05-01", duration_months=24).ends_on) == "2028-04-30"
    assert terms().ends_on is None


@pytest.mark.parametrize(
    ("first", "months", "last"),
    [
        ("2026-08-31", 6, "2027-02-27"),
        ("2027-08-31", 6, "2028-02-28"),
        ("2026-08-29", 6, "2027-02-27"),
        ("2026-08-28", 6, "2027-02-27"),
        ("2026-08-30", 1, "2026-09-29"),
        ("2026-08-31", 1, "2026-09-29"),
        ("2026-09-01", 6, "2027-02-28"),
        ("2026-12-31", 12, "2027-12-30"),
        ("2026-01-31", 60, "2031-01-30"),
    ],
)
def test_last_day_of_a_contract_that_starts_at_the_end_of_a_month(
    first: str, months: int, last: str
) -> None:
    assert str(terms(starts_on=first, duration_months=months).ends_on) == last


@pytest.mark.parametrize(
    ("field", "value", "problem", "remedy"),
    [
        ("buyer_accounts", "11112222333", "exactly 12 digits", "Ask the buyer"),
        ("buyer_accounts", "1111222233334", "exactly 12 digits", "Ask the buyer"),
        ("buyer_accounts", "11112222333x", "exactly 12 digits", "Ask the buyer"),
        ("buyer_accounts", "١١١١٢٢٢٢٣٣٣٣", "exactly 12 digits", "Ask the buyer"),
        ("buyer_accounts", 111122223333, "leading zeros", "Put it in quotes"),
        ("offer_name", "x" * 151, "151 characters", "1 to 150"),
        ("offer_name", "  ", "0 characters", "1 to 150"),
        ("offer_name", "A <b> name", "AWS forbids < >", "Leave these out"),
        ("offer_name", "Two\nlines", "line break", "one line"),
        ("company", " ", "it is empty", "Give the buyer's company name"),
        ("company", "Two\r\nlines", "line break", "one line"),
        ("duration_months", 0, "greater than or equal to 1", "Correct it"),
        ("duration_months", 61, "less than or equal to 60", "Correct it"),
        ("duration_months", 12.5, "not a whole number", "Write it as 12"),
        ("dimensions", [], "at least 1 item", "Correct it"),
        ("buyer_accounts", "", "it is empty", "Ask the buyer"),
        ("buyer_accounts", " ,\u200b;\n", "it is empty", "Ask the buyer"),
        ("description", "x" * 201, "201 characters", "at most 200"),
        ("description", "Two\nlines", "line break", "one line"),
        ("payment_schedule", "2026-03-02 60000.005", "finer than the smallest", "at most 2"),
        ("payment_schedule", "60000 in June", "not a day and an amount", "on a line of its own"),
        ("net_payment_days", 31, "does not take this payment term", "Choose one of 15, 30, 45"),
        ("buyer_accounts", ["111122223333"] * 0, "at least 1 item", "Correct it"),
        ("product_id", "prod <1>", "should match pattern", "Correct it"),
        ("availability_end", "next week", "not a date", "Write it as 2027-01-31"),
        ("price", 12, "not of the form", "Write an amount as"),
        ("discount", 5, "there is no such field", "Remove it"),
    ],
)
def test_validation_errors_name_field_value_and_remedy(
    field: str, value: Any, problem: str, remedy: str
) -> None:
    with pytest.raises(ValidationError) as rejected:
        terms(**{field: value})
    (finding,) = findings_in(rejected.value, {field: "Some_Field__c"})
    assert finding.field == field
    assert finding.seen == (None if field == "discount" or value == [] else str(value))
    assert problem in finding.problem
    assert remedy in finding.remedy
    assert finding.source == "Some_Field__c"
    assert f"{field} (Some_Field__c)" in str(finding)


@pytest.mark.parametrize("amount", ["0", "-1", "100000000.01"])
def test_price_is_positive_and_within_the_aws_limit(amount: str) -> None:
    with pytest.raises(ValidationError, match="out of range"):
        terms(price={"amount": amount, "currency": "USD"})


def test_highest_price_is_legal() -> None:
    assert terms(price="100,000,000.00 USD").price.amount == 100_000_000
    assert terms(price="0.01 USD").price.amount == Decimal("0.01")


def test_sixty_instalments_at_most() -> None:
    days = [date(2026, 3, 2) + timedelta(days=each) for each in range(61)]
    lines = [f"{day} 2000.00" for day in days]
    assert len(terms(payment_schedule="\n".join(lines[:60])).payment_schedule) == 60
    with pytest.raises(ValidationError) as refused:
        terms(payment_schedule="\n".join(lines))
    (finding,) = findings_in(refused.value)
    assert finding.field == "payment_schedule"
    assert "at most 60 items" in finding.problem


@pytest.mark.parametrize(
    "schedule",
    [
        [{"on": "2026-03-02", "amount": "60000.005"}],
        [{"on": "2026-03-02", "amount": Decimal("60000.005")}],
        "60000.005 on 2026-03-02",
    ],
)
def test_instalment_is_not_finer_than_the_cent(schedule: Any) -> None:
    with pytest.raises(ValidationError, match="finer than the smallest unit"):
        terms(payment_schedule=schedule)
    with pytest.raises(ValidationError, match="at most 0 decimals for JPY"):
        terms(price="120000 JPY", payment_schedule="2026-03-02 60000.0")


def test_empty_note_is_no_note() -> None:
    assert terms(description=" \u200b").description == ""
    assert len(terms(description="x" * 200).description) == 200


def test_custom_eula_needs_https_or_s3() -> None:
    custom = terms(eula={"type": "custom", "documents": ["https://example.com/eula.pdf"]}).eula
    assert custom == CustomEula(documents=("https://example.com/eula.pdf",))
    with pytest.raises(ValidationError, match="https:// or s3://"):
        terms(eula={"type": "custom", "documents": ["http://example.com/eula.pdf"]})


def test_custom_eula_has_at_most_five_documents() -> None:
    with pytest.raises(ValidationError, match="at most 5"):
        terms(eula=" ".join(f"https://example.com/{number}.pdf" for number in range(6)))


def test_only_the_newest_standard_eula_is_accepted() -> None:
    with pytest.raises(ValidationError, match="2022-07-14"):
        terms(eula={"type": "standard", "version": "2019-04-24"})
