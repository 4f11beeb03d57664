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
        ("2026-01-31", 144, "2038-01-30"),
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
        ("duration_months", 0, "out of range", "Choose 1 or more"),
        ("duration_months", 145, "out of range", "Choose 144 or less"),
        ("duration_months", 12.5, "not a whole number", "Write it as 12"),
        ("dimensions", [], "too few entries", "Give at least 1"),
        ("buyer_accounts", "", "it is empty", "Ask the buyer"),
        ("buyer_accounts", " ,\u200b;\n", "it is empty", "Ask the buyer"),
        ("description", "x" * 201, "201 characters", "at most 200"),
        ("description", "Two\nlines", "line break", "one line"),
        ("payment_schedule", "2026-03-02 60000.005", "finer than the smallest", "at most 2"),
        ("payment_schedule", "60000 in June", "not a day and an amount", "on a line of its own"),
        ("net_payment_days", 31, "does not take this payment term", "Choose one of 15, 30, 45"),
        ("buyer_accounts", ["111122223333"] * 0, "too few entries", "Give at least 1"),
        ("product_id", "prod <1>", "not the id of a product", "Copy it from AWS"),
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


def test_86_instalments_at_most() -> None:
    days = [date(2026, 3, 2) + timedelta(days=each) for each in range(87)]
    lines = [f"{day} 2000.00" for day in days]
    assert len(terms(payment_schedule="\n".join(lines[:86])).payment_schedule) == 86
    with pytest.raises(ValidationError) as refused:
        terms(payment_schedule="\n".join(lines))
    (finding,) = findings_in(refused.value)
    assert finding.field == "payment_schedule"
    assert finding.remedy == "Give at most 86"


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


def accounts(number: int) -> list[str]:
    return [f"{each:012}" for each in range(number)]


def padded(text: str, length: int) -> str:
    """The text with the blanks behind it that people put there."""
    return text + " " * (length - len(text))


def instalments(amount: str) -> dict[str, Any]:
    return {"payment_schedule": f"2026-03-02 {amount}"}


LARGEST: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "name": ({"offer_name": "x" * 150}, {"offer_name": "x" * 151}),
    "name as written": (
        {"offer_name": padded("x", 1000)},
        {"offer_name": padded("x", 1001)},
    ),
    "note": ({"description": "x" * 200}, {"description": "x" * 201}),
    "note as written": ({"description": " " * 1000}, {"description": " " * 1001}),
    "company": ({"company": "x" * 255}, {"company": "x" * 256}),
    "company as written": ({"company": padded("x", 1000)}, {"company": padded("x", 1001)}),
    "product": ({"product_id": "x" * 50}, {"product_id": "x" * 51}),
    "product as written": (
        {"product_id": padded("prod-1", 200)},
        {"product_id": padded("prod-1", 201)},
    ),
    "accounts": ({"buyer_accounts": accounts(26)}, {"buyer_accounts": accounts(27)}),
    "account as written": (
        {"buyer_accounts": [padded("111122223333", 50)]},
        {"buyer_accounts": [padded("111122223333", 51)]},
    ),
    "accounts as written": (
        {"buyer_accounts": padded("111122223333", 30_000)},
        {"buyer_accounts": padded("111122223333", 30_001)},
    ),
    "dimensions": (
        {"dimensions": ";".join(f"d{n}" for n in range(200))},
        {"dimensions": ";".join(f"d{n}" for n in range(201))},
    ),
    "dimension": ({"dimensions": "x" * 100}, {"dimensions": "x" * 101}),
    "dimension as written": (
        {"dimensions": padded("a", 196) + " x 2"},
        {"dimensions": padded("a", 197) + " x 2"},
    ),
    "dimensions as written": (
        {"dimensions": padded("platform", 30_000)},
        {"dimensions": padded("platform", 30_001)},
    ),
    "quantity": ({"dimensions": "seats x 2147483647"}, {"dimensions": "seats x 2147483648"}),
    "least quantity": ({"dimensions": "seats x 1"}, {"dimensions": "seats x 0"}),
    "months": ({"duration_months": 144}, {"duration_months": 145}),
    "least months": ({"duration_months": 1}, {"duration_months": 0}),
    "months as written": (
        {"duration_months": padded("12", 50)},
        {"duration_months": padded("12", 51)},
    ),
    "net days as written": (
        {"net_payment_days": padded("Net 30", 50)},
        {"net_payment_days": padded("Net 30", 51)},
    ),
    "day": ({"availability_end": "2199-12-31"}, {"availability_end": "2200-01-01"}),
    "day as written": (
        {"availability_end": padded("2026-04-01", 50)},
        {"availability_end": padded("2026-04-01", 51)},
    ),
    "price": ({"price": "100000000.00 USD"}, {"price": "100000000.01 USD"}),
    "least price": ({"price": "0.01 USD"}, {"price": "0.00 USD"}),
    "instalment": (instalments("100000000.00"), instalments("100000000.01")),
    "least instalment": (instalments("0"), instalments("-0.01")),
    "documents": (
        {"eula": " ".join(f"https://example.com/{n}.pdf" for n in range(5))},
        {"eula": " ".join(f"https://example.com/{n}.pdf" for n in range(6))},
    ),
    "address": (
        {"eula": "https://example.com/" + "x" * 1980},
        {"eula": "https://example.com/" + "x" * 1981},
    ),
    "addresses as written": (
        {"eula": padded("https://example.com/a.pdf", 30_000)},
        {"eula": padded("https://example.com/a.pdf", 30_001)},
    ),
}


@pytest.mark.parametrize("limit", LARGEST)
def test_last_legal_value_and_the_next(limit: str) -> None:
    legal, illegal = LARGEST[limit]
    terms(**legal)
    with pytest.raises(ValidationError) as refused:
        terms(**illegal)
    assert len(findings_in(refused.value)) == 1


@pytest.mark.parametrize("days", [15, 30, 45, 60, 90, 120])
def test_payment_terms_of_aws(days: int) -> None:
    assert terms(net_payment_days=days).net_payment_days == days
    for other in (days - 1, days + 1):
        with pytest.raises(ValidationError, match="Choose one of 15, 30, 45, 60, 90, 120 days"):
            terms(net_payment_days=other)


@pytest.mark.parametrize(
    ("field", "words", "read"),
    [
        (
            "payment_schedule",
            ["Upfront", "up-front", "none", "Upfront payment",
             "Contract upfront payment (non-FPS)"],
            [],
        ),
        (
            "eula",
            ["standard", "Standard Contract", "Standard EULA",
             "Standard contract for AWS Marketplace"],
            {"type": "standard", "version": "2022-07-14"},
        ),
        (
            "renewal",
            ["external", "Yes, an existing customer moving to AWS Marketplace"],
            {"channel": "External", "pricing_model": "Contract"},
        ),
        (
            "renewal",
            ["AWS Marketplace", "Yes, an existing customer already on AWS Marketplace"],
            {"channel": "AwsMarketplace", "pricing_model": "Contract"},
        ),
    ],
)  # fmt: skip
def test_words_of_the_field_sheet_and_of_people(field: str, words: list[str], read: Any) -> None:
    for each in words:
        assert terms(**{field: each}).model_dump(mode="json")[field] == read


@pytest.mark.parametrize("model", ["Contract", "Usage", "Byol", "Free"])
@pytest.mark.parametrize("channel", ["External", "AwsMarketplace"])
def test_what_the_buyer_had_before(channel: str, model: str) -> None:
    before = {"channel": channel, "pricing_model": model}
    assert terms(renewal=before).model_dump()["renewal"] == before


@pytest.mark.parametrize(
    ("changes", "fixed"),
    [
        ({}, False),
        ({"dimensions": "platform x 2"}, True),
        ({"dimensions": "platform; seats"}, True),
        ({"payment_schedule": "2026-03-02 120000"}, True),
    ],
)
def test_what_is_sold_in_fixed_quantities(changes: dict[str, Any], fixed: bool) -> None:
    assert terms(**changes).is_fixed is fixed


def test_terms_in_words() -> None:
    assert terms().term == "for 12 months"
    assert terms(agreement_end="2027-03-05").term == "until 5 Mar 2027"
    assert terms().payment == "up front"
    twice = "2026-03-02 60000; 2026-09-02 60000"
    assert terms(payment_schedule=twice).payment == "in 2 instalments"
    assert terms(net_payment_days=45).payment == "up front, net 45 days"
    assert terms(buyer_accounts=accounts(2)).accounts == "000000000000, 000000000001"
    assert [str(each) for each in terms(dimensions="a x 2; b; c x 5 x 1").dimensions] == [
        "a x 2",
        "b",
        "c x 5 x 1",
    ]


def test_amendment_that_adds_nothing_is_free() -> None:
    free = {"amount": "0", "currency": "USD"}
    assert terms(price=free, agreement_end="2027-03-05").price.amount == 0
    for price in ("-0.01 USD", "100000000.01 USD"):
        with pytest.raises(ValidationError, match="out of range"):
            terms(price=price, agreement_end="2027-03-05")
