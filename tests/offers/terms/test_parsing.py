"""Terms as people write them: what each text means, or why it is refused."""

import time
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from offers.findings import findings_in
from offers.policy.policy import Policy
from offers.terms.terms import Day
from tests.support.builders import term_finding as finding
from tests.support.builders import terms

DAYS = TypeAdapter(Day)


@pytest.mark.parametrize(
    "value",
    [
        1798675200,
        1798675200.0,
        "1798675200",
        True,
        datetime(2026, 5, 1),  # noqa: DTZ001
        "2026-05-01T13:00:00Z",
        "2026-5-1",
        "1" * 100_000,
    ],
)
@pytest.mark.parametrize("field", ["starts_on", "availability_end", "agreement_end"])
def test_only_a_day_is_a_day(field: str, value: Any) -> None:
    found = finding(**{field: value})
    assert (found.field, found.problem) == (field, "it is not a date")


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("03/04/2027", "Write it as 2027-04-03 or 2027-03-04"),
        ("31.01.2027", "Write it as 2027-01-31"),
        ("2027-02-30", "Correct it"),
    ],
)
def test_other_days_are_refused_with_their_readings(text: str, remedy: str) -> None:
    assert finding(starts_on=text).remedy == remedy


@pytest.mark.parametrize(
    "text",
    [
        "2027\u201301\u201331",
        "\u200b2027-01-31\u00a0",
        "2027-01-31T00:00:00.000+0000",
        "\uff12\uff10\uff12\uff17-01-31",
    ],
)
def test_accepted_forms_of_days(text: str) -> None:
    assert DAYS.validate_python(text) == date(2027, 1, 31)


@given(st.dates(date(2000, 1, 1), date(2199, 12, 31)))
def test_days_read_back(day: date) -> None:
    assert DAYS.validate_python(day.isoformat()) == day
    assert DAYS.validate_json(DAYS.dump_json(day)) == day


@pytest.mark.parametrize("value", [True, False, 12.5, "12.50", "twelve", "12 years", "\u0661", ""])
def test_only_a_number_of_months_is_a_duration(value: Any) -> None:
    found = finding(duration_months=value)
    assert (found.field, found.problem) == ("duration_months", "it is not a whole number")


@pytest.mark.parametrize(
    "value", [24, 24.0, "24", "24 months", "for 24 months", "P24M", "24\u00a0months"]
)
def test_accepted_forms_of_durations(value: Any) -> None:
    assert terms(duration_months=value).duration_months == 24


@pytest.mark.parametrize("field", ["company", "offer_name", "description", "product_id"])
@pytest.mark.parametrize("value", [12, True, 1.5])
def test_a_number_is_no_text(field: str, value: Any) -> None:
    found = finding(**{field: value})
    assert (found.field, found.problem) == (field, "it is not text")


@pytest.mark.parametrize("value", [True, "soon", 12.5, "Net", "30 months"])
def test_remedy_for_payment_terms_is_legal(value: Any) -> None:
    found = finding(net_payment_days=value)
    assert found.field == "net_payment_days"
    assert found.remedy == "Write it as 30 or as Net 30"
    assert terms(net_payment_days="Net 30").net_payment_days == 30
    assert terms(net_payment_days="30").net_payment_days == 30


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("expiry_grace", 3600),
        ("expiry_grace", "3600"),
        ("intake_every", True),
        ("duration_months", True),
        ("days_to_accept", True),
        ("digest", {"at": 8}),
        ("payouts", {"bank_holidays": [20270101]}),
        ("reminder_days", "7"),
    ],
)
def test_policy_converts_no_number(name: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate({name: value})


FIELDS = (
    "buyer_accounts",
    "company",
    "offer_name",
    "description",
    "product_id",
    "dimensions",
    "price",
    "payment_schedule",
    "net_payment_days",
    "duration_months",
    "starts_on",
    "availability_end",
    "eula",
    "renewal",
)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "text",
    [
        "x",
        "1",
        " ",
        "1,",
        "a on ",
        "1 x ",
        "\u00a0",
        "\u200d",
        "net ",
        "2026-03-02 ",
        "e\u0301",
        ";",
    ],
)
def test_long_text_takes_no_time(field: str, text: str) -> None:
    long = (text * 100_000)[:100_000] + "!"
    began = time.perf_counter()
    with pytest.raises(ValidationError) as refused:
        terms(**{field: long})
    (found,) = findings_in(refused.value)
    assert time.perf_counter() - began < 0.5
    assert found.field.partition(".")[0] == field
    assert len(str(found)) < 1500


@given(st.sampled_from(FIELDS), st.text(max_size=60))
def test_any_text_is_read_or_refused(field: str, text: str) -> None:
    try:
        read = terms(**{field: text})
    except ValidationError:
        return
    assert type(read).model_validate_json(read.model_dump_json()) == read
