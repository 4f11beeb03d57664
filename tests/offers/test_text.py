"""Invisible and typographic characters do not decide about a deal."""

import unicodedata
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from offers.ids import InvalidOpportunityId, parse_opportunity_id
from offers.terms.parsing import parse_day
from offers.text import (
    clean_code,
    clean_name,
    day_text,
    instant_text,
    is_one_line,
    is_same_name,
    shorten,
)
from tests.support.builders import BUYER, terms
from tests.support.deals import preflight_report


@pytest.mark.parametrize(
    "account",
    [
        "1111\u00a02222\u00a03333",
        "\u200b1111222233\u200b33\ufeff",
        "1111\u20132222\u20133333",
        "1111\u22122222\u20103333",
        "\u202d111122223333\u202c",
        "\uff11\uff11\uff11\uff11\uff12\uff12\uff12\uff12\uff13\uff13\uff13\uff13",
        "1111\u20092222\u202f3333\r\n",
        "1111\u00ad2222\u200d3333",
    ],
)
def test_account_id_with_twelve_visible_digits(account: str) -> None:
    assert terms(buyer_accounts=account).buyer_accounts == (BUYER,)
    assert terms(buyer_accounts=f"{account}\uff0c\u2028{account}").buyer_accounts == (BUYER,)


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("Example\u00a0Corp\u200b", "Example Corp"),
        ("Example\u202fCorp \u200e", "Example Corp"),
        ("Ex\u00adample Corp", "Example Corp"),
        ("Soci\u0065\u0301t\u00e9", "Soci\u00e9t\u00e9"),
        ("A\u2013B \u2018Corp\u2019", "A\u2013B \u2018Corp\u2019"),
        # Persian and Hindi names are misspelled without their joiners.
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
        ("\u0915\u094d\u200d\u0937\u200d", "\u0915\u094d\u200d\u0937"),
        ("\uff21\uff22\u3000\u682a\u5f0f\u4f1a\u793e", "\uff21\uff22 \u682a\u5f0f\u4f1a\u793e"),
    ],
)
def test_company_keeps_what_can_be_seen(given_name: str, kept: str) -> None:
    assert terms(company=given_name).company == kept
    assert terms(offer_name=given_name).offer_name == kept
    assert terms(description=given_name).description == kept


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Soci\u00e9t\u00e9", "Socie\u0301te\u0301", True),
        ("EXAMPLE  CORP.", "Example Corp", True),
        ("Stra\u00dfe", "STRASSE", True),
        ("\uff21\uff22", "AB", True),
        ("Soci\u00e9t\u00e9", "Societe", False),
        ("\u0915\u093f", "\u0915\u093e", False),
        ("!!!", "???", False),
        ("", "x", False),
    ],
)
def test_same_names(one: str, other: str, same: bool) -> None:
    assert is_same_name(one, other) is same
    findings = preflight_report({"company": one or "x y"}, form={"company": other}).findings
    assert [finding.code for finding in findings] == ([] if same else ["order-form-company"])


@given(st.text(max_size=50))
def test_forms_of_unicode_are_one_name(text: str) -> None:
    for form in ("NFC", "NFD"):
        other = unicodedata.normalize(form, text)
        assert is_same_name(text, other)
        assert clean_name(clean_name(other)) == clean_name(other)
        assert clean_code(clean_code(other)) == clean_code(other)


@given(st.text(max_size=50), st.integers(0, 60))
def test_shortened_text_begins_as_before(text: str, length: int) -> None:
    short = shorten(text, length)
    assert len(short) <= length or len(text) <= length
    assert text.startswith(short)


INVISIBLE = [
    *"\u00ad\u061c\u180e\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff",
    *map(chr, range(0x2060, 0x2070)),
]


@pytest.mark.parametrize("invisible", INVISIBLE)
def test_invisible_character_is_no_part_of_a_name_or_a_code(invisible: str) -> None:
    assert clean_name(f"{invisible}\u00e9{invisible}b{invisible}") == "\u00e9b"
    assert clean_code(f"{invisible}1{invisible}2{invisible}") == "12"


@pytest.mark.parametrize("seen", "\u00ac\u00ae\u2027\u2030\u205e\u2070\ufdff\ufe70")
def test_what_is_seen_beside_the_invisible_stays(seen: str) -> None:
    assert clean_name(f"a{seen}b") == f"a{seen}b"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *((each, "-") for each in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"),
        *((each, "'") for each in "\u2018\u2019\u02bc"),
        *((each, "\n") for each in "\u0085\u2028\u2029"),
        *((each, " ") for each in "\u00a0\u1680\u2000\u200a\u202f\u205f\u3000"),
        *((each, "") for each in "\u200c\u200d"),
        ("\u3001", ","),
        *((chr(0xFEE0 + ord(each)), each) for each in "!,09AZaz~"),
    ],
)
def test_character_of_a_code_is_read_as_the_one_of_ascii(written: str, read: str) -> None:
    assert clean_code(f"a{written}b") == f"a{read}b"


def test_no_letter_is_cut_in_two() -> None:
    assert shorten("cafe\u0301", 4) == "caf"
    assert shorten("x\u0915\u093f", 2) == "x"
    assert shorten("\U0001f469\u200d\U0001f4bb!", 2) == ""


def test_line_breaks_are_seen() -> None:
    assert is_one_line("\u0645\u06cc\u200c\u062e")
    assert not any(map(is_one_line, ["a\nb", "a\u2028b", "a\x00b", "a\x85b"]))


def test_copied_opportunity_id() -> None:
    assert parse_opportunity_id("\u200b0065g00000AbCdE\u00a0") == parse_opportunity_id(
        "0065g00000AbCdE"
    )


def test_nothing_behind_an_id_is_cut_off() -> None:
    with pytest.raises(InvalidOpportunityId):
        parse_opportunity_id("0065g00000AbCdE" + " " * 200 + "x")


@given(st.dates(date(1000, 1, 1), date(2199, 12, 31)))
def test_day_is_read_as_it_is_printed(day: date) -> None:
    assert parse_day(day_text(day)) == day


def test_day_and_instant_as_people_write_them() -> None:
    eastern = timezone(timedelta(hours=-5))
    assert day_text(date(2026, 12, 5)) == "5 Dec 2026"
    assert instant_text(datetime(2026, 12, 5, 22, 7, tzinfo=eastern)) == "6 Dec 2026 03:07 UTC"


@pytest.mark.parametrize("text", ["31 Feb 2027", "5 Dez 2026", "5 December 26", "0 Jan 2027"])
def test_day_with_a_name_of_a_month_that_does_not_exist(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        parse_day(text)
