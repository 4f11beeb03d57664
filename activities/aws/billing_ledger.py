"""The billing events of AWS's feed in DuckDB: each in its newest version, summed by invoice.

The rules are those of AWS's own query, collections_and_disbursements_report: the latest
`update_date` of an event wins, whatever its `valid_from`; if that version has a `delete_date`, the
event is gone.  The offer of the agreement's revision that was valid when the event was invoiced
beats the one that the event names.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import duckdb

from offers.clock import FIRST_YEAR, LAST_YEAR
from offers.money import CURRENCIES, MINOR_DIGITS
from offers.payouts.aws_ledger import (
    ACTIONS,
    ADJUSTMENT,
    FEE,
    GROSS,
    NOT_OURS,
    OWED,
    REFUNDED,
    TAX,
    TRANSFERS,
    BankTransfer,
    InvoiceSums,
    PaidShare,
)

AGREEMENTS, BILLING = "agreementfeed_v1", "billingeventfeed_v1"

COLUMNS = {
    AGREEMENTS: (
        "agreement_id",
        "offer_id",
        "valid_from",
        "acceptance_time",
        "update_date",
        "delete_date",
    ),
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

TEST_TRACES = ("testTraceId", "EMEA_MP_TEST_TRACE_ID")
"""Bank trace ids that AWS's own query leaves out."""

WRONG = {
    "billing_event_id": "it is blank",
    "agreement_id": "it is blank",
    "transaction_type": "it is blank",
    "update_date": "it is no possible instant",
    "valid_from": "it is no possible instant",
    "amount": "it is no amount",
    "invoice_date": "it is no possible date",
    "payment_due_date": "it is no possible date",
    "action_date": "it is no possible date",
}
"""By column, what is wrong with a value that cannot be read."""

THREADS = 2

INVALID_LINE_LIMIT = 1_000
"""Of each file, for at most this many unreadable lines it is checked whether AWS delivered them
again."""

_TABLES = f"""
create macro instant(text) as
    if(try_cast(text as timestamptz) between '{FIRST_YEAR}-01-01' and '{LAST_YEAR - 1}-12-31',
       try_cast(text as timestamptz), null);
create macro day(text) as
    if(try_cast(left(text, 10) as date) between '{FIRST_YEAR}-01-01' and '{LAST_YEAR - 1}-12-31',
       try_cast(left(text, 10) as date), null);
-- More than any contract is taken for an error.
create macro money(text) as
    if(abs(try_cast(text as decimal(38, 12))) < 1000000000000000,
       try_cast(text as decimal(38, 12)), null);

create table agreement (
    name text, offer text, since timestamptz, accepted timestamptz,
    updated timestamptz, deleted boolean, delivered bigint
);
create table event (
    id text, action text, type text, amount decimal(38, 12), currency text, invoice text,
    agreement text, offer text, invoiced date, due date, acted date, transfer text, trace text,
    changes_balance boolean, updated timestamptz, deleted boolean, delivered bigint
);
"""

_FIRST_WRONG = {
    AGREEMENTS: """
        case when instant(update_date) is null then 'update_date'
             when agreement_id is null then 'agreement_id'
             when instant(valid_from) is null then 'valid_from' end
    """,
    BILLING: """
        case when instant(update_date) is null then 'update_date'
             when billing_event_id is null then 'billing_event_id'
             when transaction_type is null then 'transaction_type'
             when money(amount) is null then 'amount'
             when invoice_date is not null and day(invoice_date) is null then 'invoice_date'
             when payment_due_date is not null and day(payment_due_date) is null
                then 'payment_due_date'
             when action_date is not null and day(action_date) is null then 'action_date' end
    """,
}

_LINES = """(
    select row_number() over () as number, {columns}, {wrong} as wrong
    from read_csv($file, header = true, auto_detect = false, delim = ',', quote = '"',
        escape = '"', new_line = $new_line, columns = $columns, max_line_size = 4194304)
)"""

_INVALID = {
    AGREEMENTS: """
        select number, wrong, '', '', '', '' from {lines} where wrong is not null
        order by number limit $limit
    """,
    BILLING: """
        select number, wrong, coalesce(billing_event_id, ''), coalesce(update_date, ''),
            coalesce(offer_id, ''), coalesce(agreement_id, '')
        from {lines} where wrong is not null
        order by number limit $limit
    """,
}

_TAKE = {
    AGREEMENTS: """
        insert into agreement
        select agreement_id, coalesce(offer_id, ''), instant(valid_from), instant(acceptance_time),
            instant(update_date), delete_date is not null, $month::bigint * 1000000000 + number
        from {lines} where wrong is null
    """,
    BILLING: """
        insert into event
        select billing_event_id, coalesce(action, ''), transaction_type, money(amount),
            coalesce(currency, ''), coalesce(buyer_invoice_id, invoice_id, ''),
            coalesce(agreement_id, ''), coalesce(offer_id, ''), day(invoice_date),
            day(payment_due_date), day(action_date), coalesce(disbursement_billing_event_id, ''),
            bank_trace_id, lower(trim(coalesce(balance_impacting, ''))) not in ('', '0', 'false'),
            instant(update_date), delete_date is not null, $month::bigint * 1000000000 + number
        from {lines} where wrong is null
    """,
}

_CURRENT = """
create or replace table current as
select * from event
qualify row_number() over (partition by id order by updated desc, delivered desc) = 1;
delete from current where deleted;

create or replace table revision as
select name, offer, since, accepted, deleted from agreement
qualify row_number() over (partition by name, since order by updated desc, delivered desc) = 1;
delete from revision where deleted or offer = '';

create or replace table transfer as
select id, invoiced, trace, type, amount, currency from current where type in $transfers;
"""

_BOOKED = """
create or replace table booked as
with dated as (
    -- An invoice of a day is of the revision that was valid at the day's end.
    select *, coalesce(invoiced + interval 1 day - interval 1 microsecond,
                       timestamp '2200-01-01')::timestamptz as day_over
    from current where type not in $transfers
),
first_revision as (
    -- The oldest that is known is the first only if it is valid since the acceptance.
    select name, arg_min(offer, since) as offer from revision group by name
    having min(since) <= max(accepted)
)
select dated.* exclude (day_over, updated, deleted),
    coalesce(revision.offer, nullif(dated.offer, ''), first_revision.offer, '') as offer_id,
    case when action not in $actions then 'action'
         when type = $adjustment then 'adjustment'
         when type not in $types then 'transaction_type'
         when currency not in $currencies then 'currency'
         when invoice = '' then 'buyer_invoice_id'
         when action = 'DISBURSED' and transfer not in (select id from transfer)
            then 'disbursement_billing_event_id' end as problem,
    -- Taxes that AWS keeps for others are listed but are not ours.
    type not in $not_ours or changes_balance or action = 'DISBURSED' as counts
from dated
asof left join revision on dated.agreement = revision.name and dated.day_over >= revision.since
left join first_revision on dated.agreement = first_revision.name
"""

_OLDEST_NEEDED = """
select min(invoiced) from (
    select min(invoiced) as invoiced from current
    where type not in $transfers and invoice <> ''
    group by invoice, currency
    having not bool_or(action = 'INVOICED' and type in $gross)
)
"""

_SUMS = """
select offer_id, invoice, currency,
    first(agreement order by invoiced nulls first, id),
    min(invoiced) filter (action in $owed),
    -- Documented on INVOICED events only, but AWS's query reads it from the DISBURSED ones.
    max(due),
    max(acted) filter (action = 'COLLECTED' and type in $sold),
    coalesce(sum(amount) filter (action = 'COLLECTED' and acted is not null and type in $sold), 0),
    coalesce(sum(amount) filter (action = 'INVOICED' and type in $gross), 0),
    -- What AWS forgives the buyer is as good as given back.
    -coalesce(sum(amount) filter (action in $owed and type in $refunded), 0)
        - coalesce(sum(amount) filter (action = 'FORGIVEN' and type in $gross), 0),
    coalesce(sum(amount) filter (action in $owed and type in $tax), 0),
    coalesce(sum(amount) filter (action in $owed), 0)
from booked
where problem is null and counts and offer_id <> ''
    and ($wanted is null or offer_id in (select unnest($wanted)))
group by offer_id, invoice, currency
-- What is left of an invoice whose own rows are older than the data does not count.
having bool_or(action = 'INVOICED' and type in $gross)
    or (bool_or(action = 'INVOICED') and coalesce(min(invoiced) >= $begins_on, true))
order by offer_id, min(invoiced) nulls first, invoice
"""

_PAID = """
select offer_id, invoice, currency, transfer, -sum(amount)
from booked
where problem is null and counts and action = 'DISBURSED' and offer_id <> ''
    and ($wanted is null or offer_id in (select unnest($wanted)))
group by offer_id, invoice, currency, transfer
having sum(amount) <> 0
order by min(invoiced) nulls first, min(id)
"""

_PROBLEMS = """
select problem,
    case when problem = 'currency' then '' else offer_id end,
    case when problem = 'currency' then '' else agreement end,
    case problem when 'action' then action when 'transaction_type' then type
        when 'adjustment' then type when 'currency' then currency
        when 'disbursement_billing_event_id' then transfer end as seen,
    currency, sum(amount), count(*)
from booked where problem is not null
group by all order by all
"""

_OLDER = """
select offer_id, invoice, currency, sum(amount) filter (action in $owed)
from booked where problem is null and counts and offer_id <> ''
group by offer_id, invoice, currency
having not bool_or(action = 'INVOICED' and type in $gross)
    and min(invoiced) < $begins_on and max(delivered) >= $recent::bigint * 1000000000
order by all
"""

_UNEXPLAINED = """
-- Which sign a transfer itself has is not documented.
select transfer.invoiced, transfer.trace, transfer.currency, abs(transfer.amount),
    abs(coalesce(sum(booked.amount), 0))
from transfer left join booked
    on booked.transfer = transfer.id and booked.action = 'DISBURSED'
    and booked.currency = transfer.currency
where transfer.invoiced >= $begins_on
group by transfer.id, transfer.invoiced, transfer.trace, transfer.currency, transfer.amount
having abs(abs(transfer.amount) - abs(coalesce(sum(booked.amount), 0)))
    >= if(transfer.currency in $whole, 1, 0.01)
order by all
"""

_WITHOUT_OFFER = """
select agreement, currency, sum(amount) filter (action in $owed)
from booked where offer_id = '' and problem is null and counts and agreement <> ''
group by agreement, currency order by all
"""


class InvalidLine(NamedTuple):
    """A line with a value that cannot be read."""

    number: int
    """Its place in the file that was read."""
    column: str
    event_id: str
    updated: str
    offer_id: str
    agreement_id: str

    @property
    def why(self) -> str:
        return WRONG[self.column]


class LedgerProblem(NamedTuple):
    """Events of which it is not known what they mean."""

    column: str
    offer_id: str
    agreement_id: str
    seen: str | None
    currency: str
    amount: Decimal
    events: int


class UnexplainedTransfer(NamedTuple):
    """A transfer to the bank whose rows do not add up to it."""

    on: date | None
    bank_trace_id: str | None
    currency: str
    moved: Decimal
    rows: Decimal


class NotCsv(Exception):
    """A file has lines that are no CSV, or that may be none."""


class OlderInvoice(NamedTuple):
    """An invoice from before the data, and what its newer events add up to."""

    offer_id: str
    invoice_id: str
    currency: str
    owed: Decimal | None


class BillingLedger:
    """A database; it exists as long as the `with` block.  What is too large for memory is spilled
    to a folder.

    `memory_megabytes`: what DuckDB may use, besides the process.
    """

    def __init__(self, folder: Path, memory_megabytes: int = 256) -> None:
        self._database = duckdb.connect(
            # In memory, and from the limit on in the folder.
            config={
                "memory_limit": f"{memory_megabytes}MB",
                "threads": THREADS,
                "temp_directory": str(folder / "spilled"),
                # Nothing is loaded over the network.
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        self._database.execute(_TABLES)
        self._is_current = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._database.close()

    def take(
        self, table: str, file: Path, header: Sequence[str], month: int, lines: int
    ) -> list[InvalidLine]:
        """Add the lines of a file; returns those that cannot be read, by their place in the file.

        `month`: of two versions of one instant that of the later month, and in it the later line,
        counts.  `lines`: how many are known to be CSV; 0: none is known, and NotCsv is raised if
        one is not, or has quotes or is not ASCII, so that a field may contain another line.
        """
        plain = lines or _plain_lines(file)
        source = _LINES.replace("{columns}", ", ".join(COLUMNS[table])).replace(
            "{wrong}", _FIRST_WRONG[table]
        )
        given: dict[str, Any] = {
            "file": str(file),
            "new_line": "\\n",
            "columns": dict.fromkeys(header, "VARCHAR"),
        }
        insert = _TAKE[table].replace("{lines}", source)
        self._is_current = False
        try:
            ((taken,),) = self._database.execute(insert, given | {"month": month}).fetchall()
        except duckdb.InvalidInputException:
            if lines:
                raise
            raise NotCsv from None
        if taken == plain:
            return []
        query = _INVALID[table].replace("{lines}", source)
        found = self._database.execute(query, given | {"limit": INVALID_LINE_LIMIT})
        return [InvalidLine(*row) for row in found.fetchall()]

    def has_since(self, line: InvalidLine) -> bool:
        """Whether an event that could not be read was delivered again, as it was or newer."""
        found = self._database.execute(
            "select 1 from event where id = $id and updated >= instant($updated)",
            {"id": line.event_id, "updated": line.updated},
        )
        return found.fetchone() is not None

    def oldest_needed(self) -> date | None:
        """The oldest day of an invoice of which there are events, but not its own."""
        self._find_newest()
        (oldest,) = self._rows(_OLDEST_NEEDED)[0]
        return oldest if isinstance(oldest, date) else None

    def close_books(self) -> None:
        """All files are in: find the newest version of each event, and the offer it belongs to."""
        self._find_newest()
        self._run(_BOOKED)

    def transfers(self) -> dict[str, BankTransfer]:
        """Each transfer to the bank, by the id of its event."""
        found = self._rows("select id, invoiced, trace, type from transfer")
        return {
            name: BankTransfer(
                on=on,
                bank_trace_id=trace if trace and trace not in TEST_TRACES else None,
                failed=kind == "DISBURSEMENT_FAILURE",
            )
            for name, on, trace, kind in found
        }

    def invoices(
        self, wanted: Collection[str] | None, begins_on: date
    ) -> Iterator[tuple[str, list[InvoiceSums]]]:
        """The requested offers (None: all) that have invoices, with these, the oldest first.

        `begins_on`: the first day of the data.
        """
        given = {"wanted": None if wanted is None else sorted(wanted)}
        paid: dict[tuple[str, str, str], list[PaidShare]] = {}
        for offer, invoice, currency, transfer, amount in self._rows(_PAID, **given):
            share = PaidShare(transfer_id=transfer, amount=amount)
            paid.setdefault((offer, invoice, currency), []).append(share)
        offers: dict[str, list[InvoiceSums]] = {}
        for offer, invoice, currency, agreement, *rest in self._rows(
            _SUMS, begins_on=begins_on, **given
        ):
            shares = tuple(paid.get((offer, invoice, currency), ()))
            offers.setdefault(offer, []).append(
                InvoiceSums._make((invoice, currency, agreement or None, *rest, shares))
            )
        yield from offers.items()

    def problems(self) -> list[LedgerProblem]:
        """What is not understood, and so not counted; a currency that is not known once."""
        return [LedgerProblem(*row) for row in self._rows(_PROBLEMS)]

    def unexplained_transfers(self, begins_on: date) -> list[UnexplainedTransfer]:
        """The transfers of the data whose rows do not add up to what was moved."""
        found = self._rows(_UNEXPLAINED, begins_on=begins_on)
        return [UnexplainedTransfer(*row) for row in found]

    def agreements_without_offer(self) -> list[tuple[str, str, Decimal]]:
        """Agreements with money that belongs to no known offer: id, currency and amount owed."""
        return [
            (a, currency, amount or Decimal()) for a, currency, amount in self._rows(_WITHOUT_OFFER)
        ]

    def without_own_rows(self, begins_on: date, recent: int) -> list[OlderInvoice]:
        """Invoices from before the data of which there is something new; it is not counted.

        `recent`: the month from which on events are new.
        """
        found = self._rows(_OLDER, begins_on=begins_on, recent=recent)
        return [OlderInvoice(*row) for row in found]

    def offers_of(self, agreements: Collection[str]) -> set[str]:
        """The offers that have events of these agreements."""
        found = self._database.execute(
            "select distinct offer_id from booked where agreement in (select unnest($names))",
            {"names": sorted(agreements)},
        )
        return {name for (name,) in found.fetchall()}

    def _find_newest(self) -> None:
        if not self._is_current:
            self._run(_CURRENT)
            self._is_current = True

    def _run(self, statements: str) -> None:
        for statement in statements.split(";\n"):
            if statement.strip():
                self._database.execute(statement, _used(statement))

    def _rows(self, query: str, **given: Any) -> list[tuple[Any, ...]]:
        return self._database.execute(query, _used(query) | given).fetchall()


def _plain_lines(file: Path) -> int:
    """The number of lines after the header; raises NotCsv if a field may contain another line."""
    lines, last = -1, b""
    with file.open("rb") as whole:
        while part := whole.read(1 << 20):
            if b'"' in part or b"\r" in part or not part.isascii():
                raise NotCsv
            lines, last = lines + part.count(b"\n"), part
    if not last.endswith(b"\n"):
        raise NotCsv
    return lines


PARAMETERS: dict[str, Sequence[str] | str] = {
    "transfers": sorted(TRANSFERS),
    "actions": sorted(ACTIONS),
    "adjustment": ADJUSTMENT,
    "types": sorted(GROSS | REFUNDED | FEE | TAX),
    "currencies": CURRENCIES,
    "not_ours": sorted(NOT_OURS),
    "gross": sorted(GROSS),
    "sold": sorted(GROSS | REFUNDED),
    "refunded": sorted(REFUNDED),
    "tax": sorted(TAX),
    "owed": sorted(OWED),
    # AWS counts finer than the bank pays: less than the smallest unit is rounding.
    "whole": [currency for currency, digits in MINOR_DIGITS.items() if not digits],
}


def _used(query: str) -> dict[str, Any]:
    """The parameters of the rules that a query has."""
    words = set(query.replace(")", " ").replace(",", " ").split())
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in PARAMETERS.items()
        if f"${name}" in words
    }
