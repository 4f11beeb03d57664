"""Salesforce ids, offer paths and references, in all their forms."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.ids import (
    InvalidOpportunityId,
    offer_path,
    parse_offer_path,
    parse_opportunity_id,
    parse_reference,
    revision_reference,
)

numbers = st.integers(0, 3) | st.integers(0, 10**6 - 1)

# Published by Salesforce in its help on record ids: 15 characters and their 18-character form.
PUBLISHED = [("001A0000006Vm9r", "001A0000006Vm9rIAC"), ("00530000003VDlH", "00530000003VDlHAAW")]


@pytest.mark.parametrize(("short", "long"), PUBLISHED)
def test_short_id_becomes_long(short: str, long: str) -> None:
    assert parse_opportunity_id(short) == long
    assert parse_opportunity_id(f" {long} ") == long


@given(st.text(string.ascii_letters + string.digits, min_size=15, max_size=15))
def test_long_id_is_unchanged(short: str) -> None:
    assert parse_opportunity_id(parse_opportunity_id(short)) == parse_opportunity_id(short)


@pytest.mark.parametrize(
    "text", ["", "006", "0" * 16, "001A0000006Vm9r!!!", "001A0000006Vm9rAAA", "00٣A0000006Vm9r"]
)
def test_invalid_id_is_rejected_with_the_remedy(text: str) -> None:
    with pytest.raises(InvalidOpportunityId, match="copy"):
        parse_opportunity_id(text)


LONG = "001A0000006Vm9rIAC"


@given(st.text(string.ascii_letters + string.digits, min_size=15, max_size=15), numbers)
def test_path_round_trip(short: str, number: int) -> None:
    path = offer_path(parse_opportunity_id(short), number)
    assert parse_offer_path(path) == path
    assert parse_offer_path(offer_path(short, number)) == path, "the short form gives another path"
    assert parse_offer_path(f"  {path}\n") == path
    assert path.endswith(f"/amendment/{number}") == bool(number)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("001A0000006Vm9r", LONG),
        ("001A0000006Vm9r/1", f"{LONG}/amendment/1"),
        ("001A0000006Vm9r/amendment/12", f"{LONG}/amendment/12"),
        ("001A0000006Vm9r/amendment/007", f"{LONG}/amendment/7"),
    ],
)
def test_accepted_forms_of_a_path(text: str, path: str) -> None:
    assert parse_offer_path(text) == path


@pytest.mark.parametrize(
    "rest",
    [
        *("", "0", "00", "-1", "+1", "1.0", "x", "²", "٣", "1_0", "/1", "9" * 5000),
        *("amendment", "amendment/", "amendment/0", "amendment/1/2", "amendment/amendment/1"),
        *("Amendment/1", "revision/1"),
    ],
)
def test_invalid_amendment_number_is_rejected_with_the_form(rest: str) -> None:
    with pytest.raises(InvalidOpportunityId, match=f"write it as {LONG}/amendment/1"):
        parse_offer_path(f"{LONG}/{rest}")


@pytest.mark.parametrize(
    "text", ["", "/", "/amendment/1", "006/amendment/1", f"x{LONG}/1", "0" * 18]
)
def test_path_without_an_opportunity_is_rejected(text: str) -> None:
    with pytest.raises(InvalidOpportunityId, match="copy"):
        parse_offer_path(text)


@given(
    st.text(string.ascii_letters + string.digits, min_size=15, max_size=15),
    numbers,
    st.integers(1, 10**6 - 1),
)
def test_reference_round_trip(short: str, amendment: int, revision: int) -> None:
    record_id = parse_opportunity_id(short)
    reference = revision_reference(record_id, amendment, revision)
    assert parse_reference(reference) == offer_path(record_id, amendment)


@pytest.mark.parametrize(
    "name",
    [
        *("", "Create my product", LONG, f"offer-{LONG}", f"offer-{LONG}-rev", "offer--rev1"),
        *(f"offer-{LONG}-rev0", f"offer-{LONG}-amd0-rev1", f" offer-{LONG}-rev1"),
        *(f"offer-{LONG}-rev1\n", f"offer-{LONG}-rev²", f"offer-{LONG}-rev1: PO 4711"),
        *("offer-001A0000006Vm9r-rev1", "offer-001A0000006Vm9rAAA-rev1"),
        *("offer-1234567890123-edit-1", "offer-1234567890123-withdraw-1"),
    ],
)
def test_other_change_set_names_are_no_references(name: str) -> None:
    assert parse_reference(name) is None
