"""The billing events of a feed: each in its newest version, by offer, or refused by column."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.aws.billing_ledger import (
    AGREEMENTS,
    BILLING,
    COLUMNS,
    BillingLedger,
    InvalidLine,
    NotCsv,
)
from offers.payouts.aws_ledger import BankTransfer, InvoiceSums, PaidShare
from tests.support.billing_feed import csv_text

BEGINS_ON = date(2026, 1, 1)


class Feed:
    """A ledger that takes lines."""

    def __init__(self, folder: Path, ledger: BillingLedger) -> None:
        self._folder = folder
        self.ledger = ledger
        self._files = 0

    def take(self, *rows: dict[str, str], table: str = BILLING) -> list[InvalidLine]:
        """The lines as a file of their own."""
        self._files += 1
        file = self._folder / f"{self._files}.csv"
        file.write_text(csv_text(rows, COLUMNS[table]), encoding="utf-8")
        return self.ledger.take(table, file, COLUMNS[table], self._files, 0)

    def invoices(self, *offers: str) -> dict[str, list[InvoiceSums]]:
        self.ledger.close_books()
        return dict(self.ledger.invoices(offers or None, BEGINS_ON))

    def gross(self) -> dict[str, Decimal]:
        """By offer."""
        return {
            offer: sum((i.gross for i in all_), Decimal())
            for offer, all_ in self.invoices().items()
        }


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    with BillingLedger(tmp_path) as ledger:
        yield Feed(tmp_path, ledger)


def row(**changes: str) -> dict[str, str]:
    return {
        "billing_event_id": "e1",
        "update_date": "2026-04-02T00:00:00Z",
        "transaction_type": "SELLER_REV_SHARE",
        "action": "INVOICED",
        "amount": "1000.00",
        "currency": "USD",
        "offer_id": "offer-1",
        "agreement_id": "agmt-1",
        "buyer_invoice_id": "INV-1",
    } | changes


TRANSFER = row(
    billing_event_id="t1",
    action="DISBURSED",
    transaction_type="DISBURSEMENT",
    invoice_date="2026-05-08",
    offer_id="",
    agreement_id="",
    buyer_invoice_id="",
)


def test_each_column_is_read(feed: Feed) -> None:
    day = {"invoice_date": "2026-04-01T00:00:00Z", "invoice_id": "INV-2"}
    assert not feed.take(
        row(payment_due_date="2026-05-01", **day),
        row(billing_event_id="e2", action="COLLECTED", action_date="2026-05-03 12:00:00Z", **day),
        row(
            billing_event_id="e3",
            action="DISBURSED",
            amount="-1000.00",
            disbursement_billing_event_id="t1",
            **day,
        ),
        row(billing_event_id="e4", transaction_type="AWS_TAX_SHARE", amount="-7.25",
            balance_impacting="1", **day),
        TRANSFER,
    )  # fmt: skip
    assert feed.invoices() == {
        "offer-1": [
            InvoiceSums(
                invoice_id="INV-1",
                currency="USD",
                agreement_id="agmt-1",
                invoiced_on=date(2026, 4, 1),
                due_on=date(2026, 5, 1),
                collected_on=date(2026, 5, 3),
                collected=Decimal(1000),
                gross=Decimal(1000),
                refunded=Decimal(0),
                tax=Decimal("-7.25"),
                owed=Decimal("992.75"),
                paid=(PaidShare("t1", Decimal(1000)),),
            )
        ]
    }


def test_what_is_blank_is_not_known(feed: Feed) -> None:
    feed.take(row(invoice_id="INV-2", buyer_invoice_id="", agreement_id=""))
    ((invoice,),) = feed.invoices().values()
    assert invoice.invoice_id == "INV-2", "without the buyer's invoice it is the event's own"
    assert (invoice.agreement_id, invoice.invoiced_on, invoice.due_on) == (None, None, None)


@pytest.mark.parametrize(
    ("written", "counts"),
    [("1", True), (" True ", True), ("", False), ("0", False), (" FALSE", False)],
)
def test_flag_of_the_balance(feed: Feed, written: str, counts: bool) -> None:
    tax = row(billing_event_id="e2", transaction_type="AWS_TAX_SHARE", amount="-5")
    feed.take(row(), tax | {"balance_impacting": written})
    ((invoice,),) = feed.invoices().values()
    assert invoice.owed == (995 if counts else 1000)


@pytest.mark.parametrize("order", [1, -1])
def test_newest_version_counts(feed: Feed, order: int) -> None:
    versions = [row(), row(update_date="2026-04-02T00:00:01Z", amount="5")]
    for each in versions[::order]:
        feed.take(each)
    assert feed.gross() == {"offer-1": 5}
    # Of two versions of one instant the last that is delivered counts.
    feed.take(
        row(update_date="2026-04-02T02:00:01+02:00", amount="6"),
        row(update_date="2026-04-02T00:00:01+00:00", amount="7"),
    )
    assert feed.gross() == {"offer-1": 7}


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_instants_without_a_zone_are_utc(
    feed: Feed, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    feed.take(row(update_date="2026-04-02 00:00:00", amount="5"))
    feed.take(row(update_date="2026-04-01T23:59:59Z", amount="6"))
    assert feed.gross() == {"offer-1": 5}


def test_deleted_event_is_gone(feed: Feed) -> None:
    feed.take(row(), row(update_date="2026-04-03", delete_date="2026-04-03"))
    feed.take(TRANSFER | {"delete_date": "x"})
    assert feed.invoices() == {}
    assert feed.ledger.transfers() == {}


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("billing_event_id", "", "it is blank"),
        ("transaction_type", "", "it is blank"),
        ("update_date", "", "it is no possible instant"),
        ("update_date", "yesterday", "it is no possible instant"),
        ("update_date", "infinity", "it is no possible instant"),
        ("update_date", "9999-12-31T00:00:00Z", "it is no possible instant"),
        ("update_date", "0001-01-01T00:00:00Z", "it is no possible instant"),
        ("amount", "", "it is no amount"),
        ("amount", "much", "it is no amount"),
        ("amount", "NaN", "it is no amount"),
        ("amount", "-Infinity", "it is no amount"),
        ("amount", "1e15", "it is no amount"),
        ("amount", "-1000000000000000", "it is no amount"),
        ("amount", "9" * 60, "it is no amount"),
        ("invoice_date", "04/01/2026", "it is no possible date"),
        ("payment_due_date", "2026-02-30", "it is no possible date"),
        ("action_date", "9999-12-31", "it is no possible date"),
    ],
)
def test_line_that_cannot_be_read_names_its_column(
    feed: Feed, column: str, value: str, why: str
) -> None:
    good = row(billing_event_id="e0", buyer_invoice_id="INV-0")
    (refused,) = feed.take(good, row(**{column: value}))
    assert (refused.number, refused.column, refused.why) == (2, column, why)
    assert (refused.offer_id, refused.agreement_id) == ("offer-1", "agmt-1")
    assert feed.gross() == {"offer-1": 1000}


@pytest.mark.parametrize("amount", ["999999999999999.99", "-999999999999999.99", "0", "1e2"])
def test_largest_amount(feed: Feed, amount: str) -> None:
    assert not feed.take(row(amount=amount))
    assert feed.gross() == {"offer-1": Decimal(amount)}


@pytest.mark.parametrize("column", ["agreement_id", "valid_from", "update_date"])
def test_revision_that_cannot_be_read_names_its_column(feed: Feed, column: str) -> None:
    known = {"agreement_id": "a", "valid_from": "2026-04-01", "update_date": "2026-04-01"}
    (refused,) = feed.take(known | {column: ""}, table=AGREEMENTS)
    assert refused.column == column


def revision(offer: str, since: str, updated: str = "2026-04-01", **more: str) -> dict[str, str]:
    return {
        "agreement_id": "agmt-1",
        "offer_id": offer,
        "valid_from": since,
        "acceptance_time": "2026-02-01T00:00:00Z",
        "update_date": updated,
    } | more


REVISIONS = [
    revision("offer-4", "2026-05-01T23:59:59Z"),
    revision("offer-3", "2026-04-01T18:00:00Z"),
    revision("offer-2", "2026-02-01T00:00:00Z"),
    revision("offer-9", "2026-04-01T20:00:00Z", delete_date="2026-04-02"),
    revision("offer-8", "2026-04-01T18:00:00Z", updated="2026-03-01"),
]


@pytest.mark.parametrize(
    ("invoiced", "offer"),
    [
        ("2026-03-31", "offer-2"),
        ("2026-04-01", "offer-3"),
        ("2026-04-02", "offer-3"),
        ("2026-05-01", "offer-4"),
        ("", "offer-4"),
    ],
)
def test_event_is_of_the_revision_of_its_day(feed: Feed, invoiced: str, offer: str) -> None:
    """One without a day is the last one's."""
    feed.take(row(invoice_date=invoiced))
    feed.take(*REVISIONS, table=AGREEMENTS)
    assert list(feed.gross()) == [offer]


@pytest.mark.parametrize(
    ("own", "accepted", "offer"),
    [
        ("offer-1", "2026-02-01T00:00:00Z", "offer-1"),
        ("", "2026-02-01T00:00:00Z", "offer-2"),
        ("", "2025-11-01T00:00:00Z", None),
        ("", "", None),
    ],
)
def test_oldest_known_revision_is_not_taken_for_the_first(
    feed: Feed, own: str, accepted: str, offer: str | None
) -> None:
    feed.take(row(invoice_date="2026-01-15", offer_id=own))
    feed.take(*(each | {"acceptance_time": accepted} for each in REVISIONS), table=AGREEMENTS)
    assert list(feed.gross()) == ([offer] if offer else [])
    lost = feed.ledger.agreements_without_offer()
    assert lost == ([] if offer else [("agmt-1", "USD", Decimal(1000))])


def test_only_offers_that_were_asked_for_are_given(feed: Feed) -> None:
    feed.take(row(), row(billing_event_id="e2", offer_id="offer-2", buyer_invoice_id="INV-2"))
    assert list(feed.invoices("offer-2", "offer-3")) == ["offer-2"]
    assert list(feed.invoices()) == ["offer-1", "offer-2"]


@pytest.mark.parametrize(
    ("changes", "transfer"),
    [
        ({"bank_trace_id": "x"}, BankTransfer(date(2026, 5, 8), "x", failed=False)),
        ({"bank_trace_id": ""}, BankTransfer(date(2026, 5, 8), None, failed=False)),
        ({"bank_trace_id": "testTraceId"}, BankTransfer(date(2026, 5, 8), None, failed=False)),
        (
            {"bank_trace_id": "EMEA_MP_TEST_TRACE_ID", "invoice_date": ""},
            BankTransfer(None, None, failed=False),
        ),
        (
            {"transaction_type": "DISBURSEMENT_FAILURE"},
            BankTransfer(date(2026, 5, 8), None, failed=True),
        ),
    ],
)
def test_transfer_to_the_bank(feed: Feed, changes: dict[str, str], transfer: BankTransfer) -> None:
    feed.take(TRANSFER | changes, row())
    assert list(feed.gross()) == ["offer-1"]
    assert feed.ledger.transfers() == {"t1": transfer}


def test_line_that_was_delivered_again(feed: Feed) -> None:
    feed.take(row())

    def again(**changes: Any) -> bool:
        (refused,) = feed.take(row(amount="much", **changes))
        return feed.ledger.has_since(refused)

    assert again()
    assert again(update_date="2026-04-01")
    assert not again(update_date="2026-04-02T00:00:01Z")
    assert not again(billing_event_id="e2")
    assert not again(update_date="yesterday")


@pytest.mark.parametrize(
    "content", [b'a,b\n"1\n2",3\n', b"a,b\n1\n", b"a,b\n1,2,3\n", b"a,b\r\n1,2\r\n", b"a,b\n1,2"]
)
def test_file_that_needs_a_closer_look(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "data.csv"
    header = COLUMNS[BILLING]
    file.write_bytes(content.replace(b"a,b", ",".join(header).encode()))
    with BillingLedger(tmp_path) as ledger, pytest.raises(NotCsv):
        ledger.take(BILLING, file, header, 1, 0)


# Any feed ----------------------------------------------------------------------------------------

versions = st.fixed_dictionaries(
    {
        "billing_event_id": st.integers(0, 11).map(lambda n: f"e{n}"),
        "update_date": st.integers(1, 28).map(lambda day: f"2026-04-{day:02}T00:00:00Z"),
        "delete_date": st.sampled_from(["", "", "", "2026-04-29"]),
        "action": st.sampled_from(["INVOICED", "INVOICED", "FORGIVEN", "DISBURSED", "COLLECTED"]),
        "transaction_type": st.sampled_from(
            ["SELLER_REV_SHARE", "AWS_REV_SHARE", "SELLER_REV_SHARE_REFUND", "SELLER_TAX_SHARE"]
        ),
        "amount": st.integers(-(10**12), 10**12).map(lambda n: f"{Decimal(n).scaleb(-6):f}"),
        "currency": st.sampled_from(["USD", "JPY"]),
        "buyer_invoice_id": st.sampled_from(["INV-1", "INV-2"]),
        "offer_id": st.sampled_from(["offer-1", "offer-2"]),
        "invoice_date": st.just("2026-04-01"),
        "disbursement_billing_event_id": st.sampled_from(["t1", "t2"]),
    }
)


@given(st.lists(versions, max_size=40), st.integers(1, 4), st.randoms())
@settings(max_examples=40)
def test_sums_are_those_of_the_newest_versions_in_whatever_order_they_come(
    delivered: list[dict[str, str]], files: int, random: Random
) -> None:
    """By offer, invoice and currency, and by transfer."""
    # Of one event no two versions have the same time.
    rows = list({(r["billing_event_id"], r["update_date"]): r for r in delivered}.values())
    newest: dict[str, dict[str, str]] = {}
    for each in sorted(rows, key=lambda each: each["update_date"]):
        newest[each["billing_event_id"]] = each
    groups: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for each in newest.values():
        if not each["delete_date"]:
            key = each["offer_id"], each["buyer_invoice_id"], each["currency"]
            groups.setdefault(key, []).append(each)

    def total(events: list[dict[str, str]], *actions: str, **equal: str) -> Decimal:
        return sum(
            (
                Decimal(each["amount"])
                for each in events
                if each["action"] in actions
                and all(each[name] == value for name, value in equal.items())
            ),
            Decimal(),
        )

    expected = {
        key: (
            total(events, "INVOICED", transaction_type="SELLER_REV_SHARE"),
            total(events, "INVOICED", "FORGIVEN"),
            {
                transfer: -paid
                for transfer in ("t1", "t2")
                if (paid := total(events, "DISBURSED", disbursement_billing_event_id=transfer))
            },
        )
        for key, events in groups.items()
        if any(each["action"] == "INVOICED" for each in events)
    }
    rows += [TRANSFER | {"billing_event_id": name} for name in ("t1", "t2")]
    random.shuffle(rows)
    with TemporaryDirectory() as folder, BillingLedger(Path(folder)) as ledger:
        feed = Feed(Path(folder), ledger)
        for number in range(files):
            feed.take(*rows[number::files])
        found = {
            (offer, each.invoice_id, each.currency): (
                each.gross,
                each.owed,
                {share.transfer_id: share.amount for share in each.paid},
            )
            for offer, invoices in feed.invoices().items()
            for each in invoices
        }
    assert found == expected
