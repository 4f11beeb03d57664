"""Which offers `list` shows, in which order, and what it says about each."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from cli.tables import offer_table
from client.listing import OfferRow
from client.offer_selection import OfferSelection, needy_first, parse_period
from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.summary import Wait
from offers.money import Money
from offers.stage import Stage

NOW = datetime(2026, 12, 10, 15, tzinfo=UTC)


def row(name: str = "006", **given: Any) -> OfferRow:
    if "attention" in given:
        given.setdefault("attentions", (given["attention"],))
    values = {
        "opportunity_id": name,
        "stage": Stage.SHARED,
        "since": NOW - timedelta(days=3),
        "offer_id": "offer-1",
        "agreement_id": None,
        "expires_at": None,
        "attention": None,
        "company": "Example Corp",
        "price": Money.of("120000", "USD"),
        "owner_name": "Jane Doe",
        "owner_email": "jane@example.com",
        "last_day": date(2026, 12, 20),
        "waits_for": Wait.ACCEPTANCE,
        "waits_until": datetime(2026, 12, 20, 23, 59, 59, tzinfo=UTC),
    }
    return OfferRow.model_validate(values | given)


def needing(name: str, *codes: AttentionCode, days: int, **given: Any) -> OfferRow:
    since = NOW - timedelta(days=days)
    return row(name, attention=codes[0], attentions=codes, attention_since=since, **given)


def test_what_needs_somebody_comes_first_and_what_has_ended_last() -> None:
    ordered = [
        needing("oldest", AttentionCode.APPROVAL_REQUIRED, days=9),
        row("stopped", attention=AttentionCode.WORKFLOW_TERMINATED, waits_for=None),
        needing("also", AttentionCode.PUBLICATION_DELAYED, AttentionCode.VENDOR_REJECTED, days=1),
        row("unreadable", problem="cannot be read", waits_for=None, waits_until=None),
        row("today", waits_until=NOW + timedelta(hours=3)),
        needing("only told", AttentionCode.PUBLICATION_DELAYED, days=30),
        row("no day", waits_until=None),
        row("ended lately", waits_for=None, stage=Stage.EXPIRED),
        row("ended before", waits_for=None, since=NOW - timedelta(days=40)),
    ]
    names = [each.opportunity_id for each in ordered]
    for rows in (ordered, ordered[::-1]):
        assert [each.opportunity_id for each in needy_first(rows)] == names


@pytest.mark.parametrize(
    ("selection", "given", "is_shown"),
    [
        ({}, {}, True),
        ({"stage": Stage.SHARED}, {}, True),
        ({"stage": Stage.DRAFT}, {}, False),
        ({"attention": AttentionCode.VENDOR_REJECTED}, {}, False),
        (
            {"attention": AttentionCode.VENDOR_REJECTED},
            {"attention": "terms-invalid", "attentions": ("terms-invalid", "vendor-rejected")},
            True,
        ),
        ({"attention": AttentionCode.VENDOR_REJECTED}, {"attention": "vendor-rejected"}, True),
        ({"owner": "jane@EXAMPLE.com"}, {}, True),
        ({"owner": "doe"}, {}, True),
        ({"owner": "doe"}, {"owner_name": None}, False),
        ({"owner": "john"}, {}, False),
        ({"expiring": timedelta(days=10)}, {}, True),
        ({"expiring": timedelta(days=9)}, {}, False),
        ({"expiring": timedelta(days=9)}, {"last_day": NOW.date()}, True),
        ({"expiring": timedelta(days=9)}, {"last_day": date(2026, 12, 9)}, False),
        ({"expiring": timedelta(days=10)}, {"stage": Stage.ACCEPTED}, False),
        ({"expiring": timedelta(days=10)}, {"stage": Stage.DRAFT}, True),
        ({"expiring": timedelta(days=10)}, {"last_day": None}, False),
        ({"expiring": timedelta(days=10), "owner": "john"}, {}, False),
    ],
)  # fmt: skip
def test_selection(selection: dict[str, Any], given: dict[str, Any], is_shown: bool) -> None:
    assert OfferSelection.model_validate(selection).includes(row(**given), NOW) is is_shown


@pytest.mark.parametrize(("text", "days"), [("7d", 7), ("7", 7), (" 2W ", 14), ("0d", 0)])
def test_period(text: str, days: int) -> None:
    assert parse_period(text) == timedelta(days=days)


@pytest.mark.parametrize("text", ["", "d", "-1d", "1.5d", "7h", "9999w", "٣d"])
def test_period_that_cannot_be_read_is_told_how_to_write_it(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 7d or 2w"):
        parse_period(text)


def shown(*rows: OfferRow, width: int = 200) -> str:
    console = Console(width=width, file=StringIO(), record=True)
    console.print(offer_table(rows, width))
    return console.export_text()


def test_table_says_what_people_want_to_know() -> None:
    text = shown(row())
    for expected in (
        *("Example Corp", "USD 120,000.00", "Jane Doe", "shared", "7 Dec 2026", "20 Dec 2026"),
        "acceptance by 20 Dec 2026",
    ):
        assert expected in text


def test_table_has_all_attentions_and_what_is_waited_for_besides() -> None:
    codes = (AttentionCode.NOTIFICATION_FAILED, AttentionCode.SIGNAL_REJECTED)
    text = shown(needing("006", *codes, days=1))
    assert "notification-failed, signal-rejected, acceptance by 20 Dec 2026" in text
    text = shown(needing("006", *codes, days=1, waits_for=Wait.ACTION, waits_until=None))
    assert "notification-failed, signal-rejected\n" in text.replace("  ", "\n")
    assert "action" not in text


def test_narrow_table_keeps_offer_stage_and_wait() -> None:
    text = shown(row("0065g00000AbCdEAAV"), width=80)
    assert "acceptance by 20 Dec 2026" in text
    assert "Example" in text
    assert max(map(len, text.splitlines())) <= 80
