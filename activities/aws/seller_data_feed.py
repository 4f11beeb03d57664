"""Payouts from AWS's seller data feed: CSV files in S3, one per month.

AWS appends to the month's file once a day, at midnight UTC.  Files can be large: they are streamed
into a table on disk, which holds each event once, in its newest version.
"""

import asyncio
import csv
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from activities.aws.billing_ledger import AGREEMENTS, BILLING, COLUMNS, BillingLedger, InvalidLine
from activities.errors import aws_failure
from offers.findings import Finding, Severity
from offers.payouts.aws_ledger import payout_from_ledger
from offers.payouts.model import DataFindings, Payout, PayoutReading
from offers.policy.payouts import first_month

REMEDY = "Check the file, and ask AWS Marketplace to deliver it again; all other lines were counted"


class SellerDataFeed:
    """A source of payout data: a ledger of billing events."""

    def __init__(self, s3: Any, bucket: str, prefix: str, months: int) -> None:
        """`prefix`: of the names of the tables; `months`: how many months are read."""
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix
        self._months = months

    async def read(self, offer_ids: Collection[str] | None, today: date) -> PayoutReading:
        """Payouts of the given offers, or of all."""
        return await asyncio.to_thread(self._read, offer_ids, today)

    def _read(self, offer_ids: Collection[str] | None, today: date) -> PayoutReading:
        with BillingLedger() as ledger:
            reading = _Reading()
            for table in (AGREEMENTS, BILLING):
                for month in _months_until(today, self._months):
                    key = f"{self._prefix}{table}/year={month:%Y}/month={month:%m}/data.csv"
                    self._take_in(table, key, ledger, reading)
            if not reading.files:
                place = f"s3://{self._bucket}/{self._prefix}{BILLING}"
                reading.find(place, None, "there is no file for the last months")
            return _sums(ledger, reading, offer_ids)

    def _take_in(self, table: str, key: str, ledger: BillingLedger, reading: "_Reading") -> None:
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
            reading.files += table == BILLING
            _take_file(table, key, _lines(body.iter_chunks(PART)), ledger, reading)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise aws_failure(error, f"Amazon S3 (s3://{self._bucket}/{key})") from None
        except BotoCoreError as error:
            raise aws_failure(error, "Amazon S3") from None


PART = 1 << 20
LONGEST_LINE = 1 << 20
"""Bytes: far more than the columns of the feed take."""

INVALID_LINE_LIMIT = 1_000
"""For at most this many unreadable lines it is checked whether AWS delivered them again."""


class InvalidEventLine(NamedTuple):
    """A line of the billing feed with a value that cannot be read."""

    key: str
    number: int
    why: InvalidLine
    row: dict[str, str]


class _Reading:
    """The findings while files are read."""

    def __init__(self) -> None:
        self.files = 0
        self.findings = DataFindings()
        self.all_doubtful = False
        """Whether something unreadable may concern any offer."""
        self.doubtful_agreements: set[str] = set()
        self.doubtful_offers: set[str] = set()
        self.wrong: list[InvalidEventLine] = []

    def doubt(self, wrong: InvalidEventLine) -> None:
        """Record a line that cannot be read: the data of its offer is incomplete."""
        self.find(wrong.key, wrong.number, str(wrong.why), wrong.why.column)
        offer, agreement = wrong.row.get("offer_id", ""), wrong.row.get("agreement_id", "")
        if offer or agreement:
            self.doubtful_offers.add(offer)
            self.doubtful_agreements.add(agreement)
        else:
            self.all_doubtful = True

    def find(self, key: str, line: int | None, problem: str, field: str = "line") -> None:
        self.findings.add(
            Finding(
                code="payout-data",
                severity=Severity.WARN,
                field=field,
                problem=problem,
                remedy=REMEDY,
                source=f"{key} line {line}" if line else key,
            )
        )


def _take_file(
    table: str, key: str, lines: Iterator[bytes], ledger: BillingLedger, reading: _Reading
) -> None:
    header = _fields(next(lines, b""))
    if missing := [column for column in COLUMNS[table] if column not in (header or [])]:
        reading.all_doubtful = True
        reading.find(
            key, 1, "the file does not have this column: none of its lines were read", missing[0]
        )
        return
    names = header or []
    for number, line in enumerate(lines, 2):
        fields = _fields(line)
        whole = line.endswith(b"\n") or names[-1] not in COLUMNS[table]
        if fields is None or len(fields) != len(names) or not whole:
            if line.strip():
                reading.all_doubtful = True
                reading.find(key, number, _what_is_wrong(fields, len(names)))
            continue
        row = dict(zip(names, fields, strict=True))
        try:
            ledger.take(table, row)
        except InvalidLine as why:
            wrong = InvalidEventLine(key, number, why, row)
            if table == BILLING and len(reading.wrong) < INVALID_LINE_LIMIT:
                reading.wrong.append(wrong)
            else:
                reading.doubt(wrong)


def _lines(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The lines with their ends; of one that is too long only its beginning, without an end."""
    line, is_skipped = b"", False
    for part in parts:
        for piece in part.splitlines(keepends=True):
            if is_skipped:
                is_skipped = not piece.endswith(b"\n")
                continue
            line += piece
            if line.endswith(b"\n"):
                yield line
                line = b""
            elif len(line) > LONGEST_LINE:
                yield line[:LONGEST_LINE]
                line, is_skipped = b"", True
    if line:
        yield line


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


def _months_until(today: date, months: int) -> Iterator[date]:
    """The first days of the last months, the oldest first."""
    for number in range(months, 0, -1):
        yield first_month(today, number)


def _sums(
    ledger: BillingLedger, reading: _Reading, offer_ids: Collection[str] | None
) -> PayoutReading:
    for wrong in reading.wrong:
        if not ledger.has_since(wrong.row):
            reading.doubt(wrong)
    transfers = ledger.transfers()
    payouts: dict[str, Payout] = {}
    doubtful = set(reading.doubtful_offers)
    for offer_id, events in ledger.by_offer(offer_ids):
        if not offer_id:
            for agreement in sorted({e.agreement_id for e in events if e.agreement_id}):
                reading.find(BILLING, None, f"agreement {agreement} has no offer", "offer_id")
            continue
        try:
            payout, findings = payout_from_ledger(offer_id, events, transfers)
        except (ArithmeticError, ValueError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            reading.find(BILLING, None, f"offer {offer_id}: {why}", "rows")
            continue
        for finding in findings:
            reading.findings.add(finding)
        if payout:
            payouts[offer_id] = payout
        if (
            findings
            or reading.all_doubtful
            or any(event.agreement_id in reading.doubtful_agreements for event in events)
        ):
            doubtful.add(offer_id)
    return PayoutReading(
        payouts=payouts, findings=reading.findings.limited, incomplete=frozenset(doubtful - {""})
    )
