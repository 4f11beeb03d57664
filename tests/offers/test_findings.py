"""Findings are written to logs, search and errors: they never contain a mail address."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offers.findings import ADDRESS, LONGEST_TEXT, Finding


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
