"""Findings are written to logs, search and errors: they never contain a mail address."""

import re
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)
from pydantic_core._pydantic_core import list_all_errors

from offers.findings import ADDRESS, LONGEST_TEXT, Finding, explained, findings_in
from offers.money import Money
from tests.support.builders import terms


def shown_value(text: str) -> str:
    finding = Finding(field="company", problem="p", remedy="r", seen=text)
    assert finding.seen is not None
    return finding.seen


@given(st.text(alphabet="ab@ ,;<>.\n[]()", max_size=30))
def test_finding_shows_no_mail_address(text: str) -> None:
    shown = shown_value(text).replace("(a mail address)", "")
    assert not re.search(r"[ab.]@[ab.]", shown)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["x" * 300_000, "a@" * 150_000, "1," * 150_000, "a@b " * 75_000])
def test_long_text_is_cut_in_linear_time(text: str) -> None:
    assert len(shown_value(text)) <= LONGEST_TEXT + 1
    assert ADDRESS.sub("", "owner@example.com") == ""


@pytest.mark.parametrize("unit", ["x", "é", "x@", "@x", "a://", "w:", ",x", "x-", "://@", "1"])
def test_long_value_keeps_nobody_busy(unit: str) -> None:
    began = time.perf_counter()
    shown = shown_value((unit * 300_000)[:300_000])
    with pytest.raises(ValidationError) as refused:
        terms(product_id=(unit * 300_000)[:300_000])
    (finding,) = findings_in(refused.value)
    assert time.perf_counter() - began < 0.1
    assert max(len(shown), len(str(finding.seen))) <= LONGEST_TEXT + 1


def test_text_up_to_the_limit_is_shown_whole() -> None:
    assert shown_value("x" * 500) == "x" * 500
    assert shown_value("x" * 501) == "x" * 500 + "…"


@given(st.integers(0, 1200), st.integers(1, 64))
def test_cut_shows_no_part_of_a_mail_address(before: int, length: int) -> None:
    shown = shown_value(" " * before + "jane" * (length // 4 + 1) + "@example.com" + " x" * 500)
    assert "jane" not in shown


@given(
    st.text("ab@ ,\ud800", max_size=30) | st.sampled_from(["x" * 2000, "a@b " * 600, "é " * 900])
)
def test_finding_reads_back_as_it_is(text: str) -> None:
    finding = Finding(field="company", problem="p", remedy="r", seen=text)
    assert Finding.model_validate_json(finding.model_dump_json()) == finding


def test_cut_shows_no_part_of_a_password() -> None:
    for secret in ("secret" * 300, " " * 980 + "https://user:secret" + "x" * 100 + "@example.com"):
        with pytest.raises(ValidationError) as refused:
            terms(product_id=f"https://user:{secret}@example.com" if secret[0] == "s" else secret)
        assert "secret" not in str(findings_in(refused.value))


class Example(BaseModel):
    """A field of each type."""

    model_config = ConfigDict(extra="forbid")
    day: date = date(2026, 3, 2)
    at: time_of_day = time_of_day(8)
    wait: timedelta = timedelta()
    count: int = 1
    amount: Decimal = Decimal(1)
    yes: bool = True
    text: str = ""
    price: Money | None = None
    inner: "Example | None" = None
    kind: Literal["a", "b"] = "a"
    kinds: tuple[str, ...] = Field(default=("a",), min_length=1, max_length=2)
    low: int = Field(default=1, gt=0, le=4)
    name: str = Field(default="a", min_length=1, max_length=3, pattern="^[a-z]*$")
    since: AwareDatetime = datetime(2026, 3, 2, tzinfo=UTC)
    odd: int = 1

    @field_validator("odd")
    @classmethod
    def _odd(cls, number: int) -> int:
        if number % 2 == 0:
            raise ValueError("two is odd")
        return number


@pytest.mark.parametrize(
    ("field", "values", "problem", "remedy"),
    [
        ("day", ["soon", [], 1.5, datetime(2026, 3, 2, 8, tzinfo=UTC), "2026-03-02T08:00"],
         "it is not a date", "Write it as 2027-01-31"),
        ("at", ["soon", []], "it is not a time of day", 'Write it as "08:00"'),
        ("wait", ["soon", []], "it is not a duration", "Write it as PT5M, PT2H or P30D"),
        ("count", ["soon", [], 1.5], "it is not a whole number", "Write it as 12"),
        ("amount", ["soon"], "it is not a number", 'Write it as "120000.00"'),
        ("yes", [[]], "it is not yes or no", "Write true or false"),
        ("text", [5], "it is not text", "Write it as text, in quotes"),
        ("unknown", [1], "there is no such field", "Remove it or correct its name"),
        ("price", [5], "it is not of the form it should be",
         'Write an amount as {"amount": "120000.00", "currency": "USD"}'),
        ("inner", [5], "it is not of the form it should be",
         "Write it as the README, or the example of the file, shows"),
        ("price", [{"amount": "1"}], "it is missing", "Give it a value"),
        ("amount", [[]], "it is not a number", 'Write it as "120000.00"'),
        ("kind", ["c", 1], "it is none of the values it can have", "Choose 'a' or 'b'"),
        ("kinds", [5], "it is not a list", "Write it as a list, in square brackets"),
        ("kinds", [["x"] * 3], "it has too many entries", "Give at most 2"),
        ("kinds", [[]], "it has too few entries", "Give at least 1"),
        ("low", [5], "it is out of range", "Choose 4 or less"),
        ("low", [0], "it is out of range", "Choose more than 0"),
        ("name", [""], "it is empty", "Give it a value"),
        ("name", ["abcd"], "it is too long", "Use at most 3 characters"),
        ("name", ["?"], "it is not of the form it should be",
         "Write it as the README, or the example of the file, shows"),
        ("since", ["2026-03-02"], "it has no time zone", "Write it as 2027-01-31T08:00:00Z"),
        ("odd", [2], "two is odd", "Correct it"),
    ],
)  # fmt: skip
def test_value_of_a_wrong_type(field: str, values: list[Any], problem: str, remedy: str) -> None:
    for value in values:
        with pytest.raises(ValidationError) as refused:
            Example.model_validate({field: value})
        (finding,) = findings_in(refused.value, {field: "Source__c"})
        assert finding.problem.startswith(problem)
        assert (finding.remedy, finding.source) == (remedy, "Source__c")
        assert finding.field.partition(".")[0] == field
        is_shown = isinstance(value, str | int | float) and field != "unknown"
        assert finding.seen == (str(value) if is_shown else None)


@pytest.mark.parametrize("error", list_all_errors(), ids=lambda each: each["type"])
def test_no_error_is_told_in_the_words_of_pydantic(error: Any) -> None:
    if error["type"] in ("value_error", "assertion_error"):  # raised by a validator of ours
        return
    context = error["example_context"] or {}
    template = error["message_template_python"]
    details: Any = {"type": error["type"], "ctx": context, "msg": template, "loc": (), "input": 1}
    told = " ".join(explained(details))
    assert not re.search("input|valid|should have|pars|Decimal|pattern|str", told, re.IGNORECASE)


class Person(BaseModel):
    buyer_email: int = 1
    buyer_name: int = 1
    owner_email: int = 1
    owner_name: int = 1
    roles: int = 1


@pytest.mark.parametrize("field", Person.model_fields)
def test_personal_value_is_not_shown(field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Person.model_validate({field: "Jane"})
    (finding,) = findings_in(refused.value)
    assert (finding.field, finding.seen) == (field, None)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"source": "Amount__c"}, True),
        ({"severity": "warn"}, True),
        ({"remedy": "another"}, True),
        ({"rule": "another"}, True),
        ({"code": "another"}, False),
        ({"field": "another"}, False),
        ({"seen": "another"}, False),
        ({"problem": "another"}, False),
        ({"role": "another"}, False),
    ],
)
def test_what_makes_two_findings_the_same(changes: dict[str, Any], same: bool) -> None:
    one = Finding(code="c", field="f", problem="p", remedy="r", seen="s", role="legal")
    other = Finding.model_validate(one.model_dump() | changes)
    assert one.is_same(other) is same
    assert (one.reference == other.reference) is same


def test_text_of_a_finding() -> None:
    bare = Finding(field="f", problem="p", remedy="r")
    assert str(bare) == "f: p. r."
    whole = Finding(field="f", problem="p", remedy="r", seen="", source="F__c", rule="No")
    assert str(whole) == 'f (F__c) []: p. r. Rule: "No".'
