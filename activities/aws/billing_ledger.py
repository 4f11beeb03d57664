"""A table on disk with the billing events of a feed: each in its newest version, by offer.

AWS: the latest `update_date` of an event wins, whatever its `valid_from`; if that version has a
`delete_date`, the event is gone.  The offer id of an agreement's revision that was valid when the
event was invoiced beats that of the event.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from itertools import groupby
from types import TracebackType
from typing import Self

from offers.clock import bounded_day
from offers.payouts.aws_ledger import TRANSFERS, BankTransfer, BillingEvent

AGREEMENTS, BILLING = "agreementfeed_v1", "billingeventfeed_v1"

COLUMNS = {
    AGREEMENTS: ("agreement_id", "offer_id", "valid_from", "update_date", "delete_date"),
    BILLING: (
        "billing_event_id",
        "update_date",
        "delete_date",
        "invoice_date",
        "transaction_type",
        "bank_trace_id",
        "disbursement_billing_event_id",
        "action",
        "amount",
        "currency",
        "balance_impacting",
        "agreement_id",
        "invoice_id",
        "payment_due_date",
        "buyer_invoice_id",
        "action_date",
        "offer_id",
    ),
}
"""The columns of each table that are read."""

LARGEST = Decimal("1e15")
"""More than any contract; larger amounts are taken for errors."""

TEST_TRACES = frozenset({"testTraceId", "EMEA_MP_TEST_TRACE_ID"})
"""Bank trace ids that AWS's own query leaves out."""

_TABLES = """
create table agreement (id text primary key, updated real, deleted int, offer text, name text,
    since real);
create index revision on agreement (name, since);
create table event (
    id text primary key, updated real, deleted int,
    action text, type text, amount text, currency text, invoice text, agreement text, offer text,
    invoiced text, due text, acted text, transfer text, trace text, balance int, day_over real
);
"""
_INSERT_NEWEST = """
insert into {0} values ({1})
    on conflict (id) do update set {2} where excluded.updated >= {0}.updated
"""


class InvalidLine(ValueError):
    """A line with a value that cannot be read.  The text says why."""

    def __init__(self, column: str, why: str) -> None:
        super().__init__(why)
        self.column = column


class BillingLedger:
    """A table on disk; it exists as long as the `with` block."""

    def __init__(self) -> None:
        # An empty name: SQLite uses a temporary file and removes it itself.
        self._tables = sqlite3.connect("", isolation_level=None)
        self._tables.executescript(_TABLES)
        self._tables.execute("begin")
        self._insert = {table: _upsert(self._tables, table) for table in ("agreement", "event")}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._tables.close()

    def take(self, table: str, row: dict[str, str]) -> None:
        """Add a line of a feed's table; raises InvalidLine."""
        updated = _instant(row, "update_date")
        deleted = bool(row["delete_date"])
        if table == AGREEMENTS:
            name, since = _text(row, "agreement_id"), _instant(row, "valid_from")
            values = (f"{name} {since}", updated, deleted, row["offer_id"], name, since)
            self._tables.execute(self._insert["agreement"], values)
            return
        event = (
            _text(row, "billing_event_id"),
            updated,
            deleted,
            row["action"],
            _text(row, "transaction_type"),
            _amount(row, "amount"),
            row["currency"],
            row["buyer_invoice_id"] or row["invoice_id"],
            row["agreement_id"],
            row["offer_id"],
            _day(row, "invoice_date"),
            _day(row, "payment_due_date"),
            _day(row, "action_date"),
            row["disbursement_billing_event_id"],
            row["bank_trace_id"],
            row["balance_impacting"].strip().lower() not in ("", "0", "false"),
            _day_over(row, "invoice_date"),
        )
        self._tables.execute(self._insert["event"], event)

    def has_since(self, row: dict[str, str]) -> bool:
        """Whether an event that could not be read was delivered again, as it was or newer."""
        try:
            since = _instant(row, "update_date")
        except InvalidLine:
            return False
        found = self._tables.execute(
            "select 1 from event where id = ? and updated >= ?", (row["billing_event_id"], since)
        )
        return found.fetchone() is not None

    def transfers(self) -> dict[str, BankTransfer]:
        """Each transfer to the bank, by the id of its event."""
        rows = self._tables.execute(
            "select id, invoiced, trace, type from event"
            " where not deleted and type in (select value from json_each(?))",
            (json.dumps(sorted(TRANSFERS)),),
        )
        return {
            transfer_id: BankTransfer(
                on=_date(on),
                bank_trace_id=trace if trace and trace not in TEST_TRACES else None,
                failed=kind == "DISBURSEMENT_FAILURE",
            )
            for transfer_id, on, trace, kind in rows
        }

    def by_offer(self, wanted: Collection[str] | None) -> Iterator[tuple[str, list[BillingEvent]]]:
        """The requested offers (None: all) that have events, with their events.

        Under "" is one event of each agreement that belongs to no offer.  Offers that are not
        requested, such as a listing's public offer, may have more events than fit into memory.
        """
        for offer_id, rows in groupby(self._events(), key=lambda row: str(row[0])):
            if not offer_id:
                yield "", [_event(row) for row in {row[6]: row for row in rows}.values()]
            elif wanted is None or offer_id in wanted:
                yield offer_id, [_event(row) for row in rows]

    def _events(self) -> Iterator[tuple[str, ...]]:
        return self._tables.execute(
            """
            select coalesce(
                (select nullif(a.offer, '') from agreement a
                    where a.name = e.agreement and not a.deleted and a.since <= e.day_over
                    order by a.since desc limit 1),
                (select nullif(a.offer, '') from agreement a
                    where a.name = e.agreement and not a.deleted order by a.since limit 1),
                nullif(e.offer, ''), '') as offer_id,
                e.action, e.type, e.amount, e.currency, e.invoice, e.agreement,
                e.invoiced, e.due, e.acted, e.transfer, e.balance
            from event e
            where not e.deleted and e.type not in (select value from json_each(?))
            order by offer_id, e.invoice, e.invoiced, e.id
            """,
            (json.dumps(sorted(TRANSFERS)),),
        )


def _upsert(tables: sqlite3.Connection, table: str) -> str:
    names = [row[1] for row in tables.execute(f"pragma table_info({table})")]
    changes = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    return _INSERT_NEWEST.format(table, ", ".join("?" * len(names)), changes)


def _event(row: tuple[str, ...]) -> BillingEvent:
    (
        _,
        action,
        kind,
        amount,
        currency,
        invoice,
        agreement,
        invoiced,
        due,
        acted,
        transfer,
        changes,
    ) = row
    return BillingEvent(
        action=action,
        transaction_type=kind,
        amount=Decimal(amount),
        currency=currency,
        invoice_id=invoice,
        agreement_id=agreement,
        invoiced_on=_date(invoiced),
        due_on=_date(due),
        acted_on=_date(acted),
        transfer_id=transfer,
        changes_balance=bool(changes),
    )


def _text(row: dict[str, str], column: str) -> str:
    if not row[column]:
        raise InvalidLine(column, "it is blank")
    return row[column]


def _amount(row: dict[str, str], column: str) -> str:
    try:
        amount = Decimal(row[column])
    except InvalidOperation:
        raise InvalidLine(column, "it is not an amount") from None
    if not amount.is_finite() or amount.copy_abs() >= LARGEST:
        raise InvalidLine(column, "it is no amount")
    return str(amount)


def _instant(row: dict[str, str], column: str) -> float:
    try:
        instant = datetime.fromisoformat(row[column])
        bounded_day(instant.date())
    except ValueError:
        raise InvalidLine(column, "it is no possible instant") from None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()


def _day_over(row: dict[str, str], column: str) -> float:
    """The end of a day: a revision of that day was valid on it."""
    day = _date(_day(row, column)) or date.max
    return datetime.combine(day, time.max, UTC).timestamp()


def _day(row: dict[str, str], column: str) -> str:
    if not row[column]:
        return ""
    try:
        return bounded_day(date.fromisoformat(row[column][:10])).isoformat()
    except ValueError:
        raise InvalidLine(column, "it is no possible date") from None


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
