"""docs/runbook.md has an entry for each code that somebody on call meets, and for no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.temporal.schedules import ProblemKind
from offers.lifecycle.attentions import AttentionCode, Vendor

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
PARTS = ["Meaning", "Cause", "What to do", "Over when"]


def section(title: str) -> dict[str, str]:
    """The entries of a section by their names."""
    text = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    _, *entries = text.split("\n### ")
    return dict(entry.split("\n", 1) for entry in entries)


def finding_codes() -> set[str]:
    """Those made where money and the outside systems are read: not the deal's own."""
    files = [
        file
        for folder in ("offers/payouts", "activities")
        for file in (ROOT / folder).rglob("*.py")
    ]
    return {code for file in files for code in _codes(ast.parse(file.read_text(encoding="utf-8")))}


def _codes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="Finding"), keywords=keywords):
                for keyword in keywords:
                    match keyword:
                        case ast.keyword(arg="code", value=ast.Constant(value=str(code))):
                            yield code


def alerts() -> set[str]:
    """Those of Prometheus; the others lead to an attention."""
    rules = (ROOT / "ops" / "prometheus-rules.yml").read_text(encoding="utf-8")
    named = re.findall(r"alert: (\w+)", rules)
    linked = set(re.findall(r"docs/runbook\.md#(\S+)", rules))
    return {name for name in named if name.lower() in linked}


SECTIONS: dict[str, set[str]] = {
    "Attentions": set(AttentionCode),
    "Schedules": set(ProblemKind),
    "Vendors": set(Vendor),
    "Alerts": alerts(),
    "Findings": finding_codes(),
}


@pytest.mark.parametrize("title", SECTIONS)
def test_entries_are_those_of_the_code(title: str) -> None:
    assert set(section(title)) == SECTIONS[title]


@pytest.mark.parametrize(
    ("name", "text"), [each for title in SECTIONS for each in section(title).items()]
)
def test_entry_has_all_parts(name: str, text: str) -> None:
    assert re.findall(r"^- \*\*([\w ]+)\*\*: \S", text, re.MULTILINE) == PARTS
    assert PAGE.count(f"\n### {name}\n") == 1, "its link would lead to another entry"
