"""Findings are written to logs, search and errors: they never contain a mail address."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from offers.findings import ADDRESS, LONGEST_TEXT, Finding, findings_in
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
