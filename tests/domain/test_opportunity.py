"""Both forms of a Salesforce id lead to one offer."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.opportunity import NoOpportunityId, opportunity_id

# Published by Salesforce in its help on record ids: 15 characters and their 18-character form.
PUBLISHED = [("001A0000006Vm9r", "001A0000006Vm9rIAC"), ("00530000003VDlH", "00530000003VDlHAAW")]


@pytest.mark.parametrize(("short", "long"), PUBLISHED)
def test_the_short_form_is_made_long(short: str, long: str) -> None:
    assert opportunity_id(short) == long
    assert opportunity_id(f" {long} ") == long


@given(st.text(string.ascii_letters + string.digits, min_size=15, max_size=15))
def test_the_long_form_stays(short: str) -> None:
    assert opportunity_id(opportunity_id(short)) == opportunity_id(short)


@pytest.mark.parametrize(
    "text", ["", "006", "0" * 16, "001A0000006Vm9r!!!", "001A0000006Vm9rAAA", "00٣A0000006Vm9r"]
)
def test_what_is_no_id_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(NoOpportunityId, match="copy"):
        opportunity_id(text)
