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
    parse_pasted_path,
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


OPPORTUNITY = "0065g00000AbCdEAAV"
SHORT = OPPORTUNITY[:15]
ORG = "https://example.lightning.force.com"


@pytest.mark.parametrize(
    "pasted",
    [
        *(OPPORTUNITY, SHORT, f" {OPPORTUNITY}\n", f"offer/{OPPORTUNITY}", f"offer/{SHORT}"),
        f"{ORG}/lightning/r/Opportunity/{OPPORTUNITY}/view",
        f"{ORG}/lightning/r/Opportunity/{OPPORTUNITY}/edit?count=1",
        f"{ORG}/lightning/r/Opportunity/{OPPORTUNITY}/related/OpportunityLineItems/view",
        f"{ORG}/lightning/r/{OPPORTUNITY}/view",
        f"{ORG}/lightning/r/Opportunity/{OPPORTUNITY}/view?ws=%2Flightning%2Fr%2FAccount%2F"
        "001A0000006Vm9rIAC%2Fview",
        f"{ORG}/lightning/r/Account/001A0000006Vm9rIAC/view?ws=%2Flightning%2Fr%2F"
        f"Opportunity%2F{OPPORTUNITY}%2Fview",
        f"{ORG}/one/one.app#/sObject/{OPPORTUNITY}/view",
        f"https://example--full.sandbox.lightning.force.com/lightning/r/Opportunity/{SHORT}/view",
        f"example.lightning.force.com/lightning/r/Opportunity/{OPPORTUNITY}/view",
        f"https://na1.salesforce.com/{SHORT}",
        f"https://example.my.salesforce.com/{OPPORTUNITY}?srPos=0&srKp=006",
        f"https://example.my.salesforce.com/{SHORT}/e?retURL=%2F{SHORT}",
        f"https://example.my.salesforce.com/apex/Quote?id={SHORT}",
        f"salesforce1://sObject/{OPPORTUNITY}/view",
        f"http://localhost:8233/namespaces/default/workflows/offer%2F{OPPORTUNITY}/"
        "0195aaaa-0000-7000-8000-000000000000/history",
    ],
)
def test_pasted_opportunity(pasted: str) -> None:
    assert parse_pasted_path(pasted) == OPPORTUNITY


@pytest.mark.parametrize(
    "pasted",
    [
        f"offer/{OPPORTUNITY}/amendment/2",
        f"{SHORT}/2",
        f"https://ui.example.com/namespaces/a.b/workflows/offer%2F{OPPORTUNITY}%2Famendment%2F2/x",
    ],
)
def test_pasted_amendment(pasted: str) -> None:
    assert parse_pasted_path(pasted) == f"{OPPORTUNITY}/amendment/2"


@pytest.mark.parametrize(
    ("pasted", "problem"),
    [
        ("001A0000006Vm9r", "001A0000006Vm9rIAC is the id of an account, and an opportunity's"),
        (f"{ORG}/lightning/r/Account/001A0000006Vm9rIAC/view", "is the id of an account"),
        ("00530000003VDlH", "is the id of a user"),
        ("a0B5g00000AbCdE", "is the id of another kind of record"),
        (f"{ORG}/lightning/o/Opportunity/list?filterName=AllOpportunities", "names no opportunity"),
        (f"{ORG}/lightning/page/opportunityedit", "names no opportunity"),
        (f"{ORG}/lightning/r/Opportunity/{SHORT}AAA/view", "last three letters do not fit"),
        (f"{OPPORTUNITY}/amendment/0", "names no amendment"),
        (f"{ORG}/{'x' * 5000}", "names no opportunity"),
        ("https://", "names no opportunity"),
        ("", "copy the 15 or 18 letters"),
    ],
)
def test_pasted_text_that_names_no_offer(pasted: str, problem: str) -> None:
    with pytest.raises(InvalidOpportunityId, match=problem) as raised:
        parse_pasted_path(pasted)
    assert len(str(raised.value)) < 300


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
