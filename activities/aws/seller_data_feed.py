"""Payouts from AWS's seller data feed: CSV files in S3, one per month.

AWS appends to the month's file once a day, at midnight UTC.  Files can be large: each is streamed
to a temporary folder, read by DuckDB and removed.  Of a file with lines that are no CSV the others
are written to another one first: DuckDB's own way to pass over them (`store_rejects`) loses the
lines beside them, too (duckdb 2.0.1).
"""

import asyncio
import csv
import re
import tempfile
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from activities.aws.billing_ledger import (
    AGREEMENTS,
    BILLING,
    COLUMNS,
    BillingLedger,
    InvalidLine,
    LedgerProblem,
    NotCsv,
)
from activities.errors import aws_failure
from offers.clock import FIRST_YEAR, LAST_YEAR
from offers.findings import Finding, Severity, explained
from offers.money import MINOR_DIGITS
from offers.payouts.aws_ledger import payout_from_sums
from offers.payouts.model import DataFindings, Payout, PayoutReading
from offers.policy.payouts import first_month

REMEDY = "Check the file, and ask AWS Marketplace to deliver it again; all other lines were counted"
ASK = "Ask AWS Marketplace, or look at the offer in the portal's disbursements"
MONTH_OF_KEY = re.compile(r"year=(\d{4})/month=(0[1-9]|1[0-2])/data\.csv")


class SellerDataFeed:
    """A source of payout data: a ledger of billing events."""

    def __init__(
        self, s3: Any, bucket: str, prefix: str, months: int, memory_megabytes: int = 256
    ) -> None:
        """`prefix`: of the names of the tables; `months`: how many months of billing events are
        read, and more if an invoice of theirs is older; `memory_megabytes`: for DuckDB."""
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix
        self._months = months
        self._memory_megabytes = memory_megabytes

    async def read(self, offer_ids: Collection[str] | None, today: date) -> PayoutReading:
        """Payouts of the given offers, or of all."""
        return await asyncio.to_thread(self._read, offer_ids, today)

    def _read(self, offer_ids: Collection[str] | None, today: date) -> PayoutReading:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with BillingLedger(folder, self._memory_megabytes) as ledger:
                reading = _Reading(folder, ledger)
                # An agreement may be much older than what is invoiced of it now.
                for month, key in sorted(self._keys(AGREEMENTS).items()):
                    self._take_in(AGREEMENTS, month, key, reading)
                files = self._keys(BILLING)
                begins_on = recent = first_month(today, self._months)
                for month in sorted(month for month in files if month >= recent):
                    self._take_in(BILLING, month, files[month], reading)
                if not reading.files:
                    place = f"s3://{self._bucket}/{self._prefix}{BILLING}"
                    reading.find(place, None, "there is no file for the last months")
                oldest = ledger.oldest_needed()
                if oldest and oldest < recent:
                    begins_on = oldest.replace(day=1)
                    for month in sorted(m for m in files if begins_on <= m < recent):
                        self._take_in(BILLING, month, files[month], reading)
                ledger.close_books()
                begins_on = max(begins_on, min(files, default=begins_on))
                return _sums(reading, offer_ids, begins_on, _count(recent))

    def _keys(self, table: str) -> dict[date, str]:
        """The files of a table by month."""
        keys: dict[date, str] = {}
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{self._prefix}{table}/"
            )
            for page in pages:
                for each in page.get("Contents", ()):
                    found = MONTH_OF_KEY.fullmatch(
                        each["Key"].removeprefix(f"{self._prefix}{table}/")
                    )
                    if found and FIRST_YEAR <= int(found[1]) < LAST_YEAR:
                        keys[date(int(found[1]), int(found[2]), 1)] = each["Key"]
        except (ClientError, BotoCoreError) as error:
            raise aws_failure(error, f"Amazon S3 (s3://{self._bucket}/{self._prefix})") from None
        return keys

    def _take_in(self, table: str, month: date, key: str, reading: "_Reading") -> None:
        file = reading.folder / "data.csv"
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
            reading.files += table == BILLING
            with file.open("wb") as copy:
                copy.writelines(body.iter_chunks(PART))
        except (ClientError, BotoCoreError) as error:
            raise aws_failure(error, f"Amazon S3 (s3://{self._bucket}/{key})") from None
        lines = _Lines(table, key, file, reading)
        if lines.header:
            try:
                wrong = reading.ledger.take(table, file, lines.header, _count(month), lines.count)
            except NotCsv:
                whole = reading.folder / "lines.csv"
                lines.write(whole)
                if not lines.count:
                    return
                wrong = reading.ledger.take(table, whole, lines.header, _count(month), lines.count)
            for each in wrong:
                line = each._replace(number=lines.number_of(each.number))
                if table == BILLING:
                    reading.wrong.append((key, line))
                else:
                    reading.find(key, line.number, line.why, line.column)


def _count(month: date) -> int:
    return month.year * 12 + month.month


PART = 1 << 20
LONGEST_LINE = 1 << 20
"""Bytes: far more than the columns of the feed take."""


class _Reading:
    """The findings while files are read."""

    def __init__(self, folder: Path, ledger: BillingLedger) -> None:
        self.folder = folder
        """Where each file is while it is read."""
        self.ledger = ledger
        self.files = 0
        self.findings = DataFindings()
        self.all_doubtful = False
        """Whether something unreadable may concern any offer."""
        self.doubtful_agreements: set[str] = set()
        self.doubtful_offers: set[str] = set()
        self.wrong: list[tuple[str, InvalidLine]] = []
        """With the key of the file."""

    def doubt(self, key: str, line: InvalidLine) -> None:
        """Record a line that cannot be read: the data of its offer is incomplete."""
        self.find(key, line.number, line.why, line.column)
        if line.offer_id or line.agreement_id:
            self.doubtful_offers.add(line.offer_id)
            self.doubtful_agreements.add(line.agreement_id)
        else:
            self.all_doubtful = True

    def find(self, key: str, line: int | None, problem: str, field: str = "line") -> None:
        self.add(problem, field, REMEDY, source=f"{key} line {line}" if line else key)

    def add(
        self,
        problem: str,
        field: str,
        remedy: str = ASK,
        seen: str | None = None,
        source: str = BILLING,
    ) -> None:
        self.findings.add(
            Finding(
                code="payout-data",
                severity=Severity.WARN,
                field=field,
                problem=problem,
                remedy=remedy,
                seen=seen,
                source=source,
            )
        )


class _Lines:
    """The lines of a file, of which some may be no CSV."""

    def __init__(self, table: str, key: str, file: Path, reading: _Reading) -> None:
        self._columns = COLUMNS[table]
        self._key = key
        self._file = file
        self._reading = reading
        self.header: list[str] = []
        """Empty: the file cannot be used."""
        self.count = 0
        """Of those that are CSV."""
        self._left_out: list[int] = []
        """For each of the others, how many are before it."""
        self._read_header()

    def number_of(self, place: int) -> int:
        """The number in the whole file of one that is CSV."""
        return place + 1 + bisect_left(self._left_out, place)

    def write(self, file: Path) -> None:
        """Write those that are CSV, after the header, to another file."""
        with self._file.open("rb") as whole, file.open("wb") as copy:
            copy.write(whole.readline().rstrip(b"\r\n") + b"\n")
            parts = iter(lambda: whole.read(PART), b"")
            for block in _blocks(parts):
                copy.writelines(self._checked(block))

    def _read_header(self) -> None:
        with self._file.open("rb") as file:
            names = _fields(file.readline(LONGEST_LINE)) or []
        if missing := [column for column in self._columns if column not in names]:
            self._reading.all_doubtful = True
            problem = "the file does not have this column: none of its lines were read"
            self._reading.find(self._key, 1, problem, missing[0])
        elif len({name.lower() for name in names}) < len(names):  # as DuckDB compares them
            self._reading.all_doubtful = True
            problem = "two columns of the file have one name: none of its lines were read"
            self._reading.find(self._key, 1, problem)
        else:
            self.header = names

    def _checked(self, block: bytes) -> Iterator[bytes]:
        *lines, rest = block.split(b"\n")
        for line in lines:
            if self._is_csv(line, is_whole=True):
                yield line.removesuffix(b"\r") + b"\n"
        # The last line of a file may have no end.
        if rest and self._is_csv(rest, is_whole=self.header[-1] not in self._columns):
            yield rest.removesuffix(b"\r") + b"\n"

    def _is_csv(self, line: bytes, *, is_whole: bool) -> bool:
        fields = _fields(line)
        if fields is not None and len(fields) == len(self.header) and is_whole:
            self.count += 1
            return True
        if line.strip():
            self._reading.all_doubtful = True
            number = self.count + len(self._left_out) + 2
            self._reading.find(self._key, number, _what_is_wrong(fields, len(self.header)))
        self._left_out.append(self.count)
        return False


def _blocks(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines, many at once; of one that is too long only its beginning, without an end."""
    rest, is_skipped = b"", False
    for each in parts:
        part = each
        if is_skipped:
            _, end, part = part.partition(b"\n")
            is_skipped = not end
        whole, end, tail = part.rpartition(b"\n")
        if end:
            yield rest + whole + end
            rest = tail
        else:
            rest += tail
        if len(rest) > LONGEST_LINE:
            yield rest[:LONGEST_LINE]
            rest, is_skipped = b"", True
    if rest:
        yield rest


def _fields(line: bytes) -> list[str] | None:
    """The fields of a line; None if it is not CSV.  No field of the feed contains a line break."""
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
        return next(csv.reader([text], strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        return None


def _what_is_wrong(fields: list[str] | None, expected: int) -> str:
    if fields is None:
        return "it is not CSV"
    if len(fields) != expected:
        return f"it has {len(fields)} fields, not {expected}"
    return "it is cut off"


def _sums(
    reading: _Reading, offer_ids: Collection[str] | None, begins_on: date, recent: int
) -> PayoutReading:
    ledger = reading.ledger
    for key, line in reading.wrong:
        if not ledger.has_since(line):
            reading.doubt(key, line)
    doubtful = reading.doubtful_offers | ledger.offers_of(reading.doubtful_agreements - {""})
    for problem in ledger.problems():
        if problem.column != "adjustment":
            doubtful.add(problem.offer_id)
        reading.add(_text(problem), _FIELDS.get(problem.column, problem.column), seen=problem.seen)
    _find_unexplained(reading, begins_on, recent)
    transfers = ledger.transfers()
    payouts: dict[str, Payout] = {}
    for offer_id, invoices in ledger.invoices(offer_ids, begins_on):
        try:
            payouts[offer_id] = payout_from_sums(offer_id, invoices, transfers)
        except (ArithmeticError, ValueError) as error:
            why = str(error)
            if isinstance(error, ValidationError):
                why = explained(error.errors()[0])[0]
            reading.find(BILLING, None, f"offer {offer_id}: {why}", "rows")
    if reading.all_doubtful:
        doubtful |= payouts.keys()
    return PayoutReading(
        payouts=payouts, findings=reading.findings.limited, incomplete=frozenset(doubtful - {""})
    )


_FIELDS = {"adjustment": "transaction_type"}
_PROBLEMS = {
    "action": "it is not known what it means for the money",
    "transaction_type": "it is not known what it means for the money",
    "currency": "it is none that a private offer can have",
    "buyer_invoice_id": "it is blank, so the event belongs to no invoice",
    "disbursement_billing_event_id": "the feed has no such transfer: not taken as paid",
}


def _text(problem: LedgerProblem) -> str:
    amount = _amount(problem.amount, problem.currency)
    if problem.column == "adjustment":
        of = problem.agreement_id or "no agreement"
        return f"AWS adjusted the balance by {amount} ({of}), which no invoice explains"
    if problem.column == "currency":
        return f"{_PROBLEMS['currency']}: {problem.events} events are not counted"
    where = f"offer {problem.offer_id or 'unknown'}, agreement {problem.agreement_id or 'unknown'}"
    return f"{where}: {_PROBLEMS[problem.column]} ({amount})"


def _amount(amount: Decimal, currency: str) -> str:
    digits = next((n for known, n in MINOR_DIGITS.items() if known == currency), 2)
    return f"{currency} {round(amount, digits):,}"


def _find_unexplained(reading: _Reading, begins_on: date, recent: int) -> None:
    """Money that belongs to nothing: finance is to know of it."""
    ledger = reading.ledger
    for agreement, currency, owed in ledger.agreements_without_offer():
        reading.add(f"agreement {agreement} has no offer ({_amount(owed, currency)})", "offer_id")
    for each in ledger.unexplained_transfers(begins_on):
        reading.add(
            f"the transfer of {each.on} (trace {each.bank_trace_id or 'unknown'}) moved"
            f" {_amount(each.moved, each.currency)}, its rows say"
            f" {_amount(each.rows, each.currency)}",
            "amount",
        )
    for older in ledger.without_own_rows(begins_on, recent):
        if older.owed:
            reading.add(
                f"offer {older.offer_id}: {_amount(older.owed, older.currency)} of invoice"
                f" {older.invoice_id} are not counted, because the invoice itself is older than"
                " what AWS has delivered",
                "buyer_invoice_id",
            )
