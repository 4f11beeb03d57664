"""How long reading a seller data feed takes, and how much memory, beside DuckDB alone.

`python -m bench.feed` prints both for a file of 300 MB.  DuckDB alone sums the newest version of
each event by offer, type and action, from a file on disk.
"""

import asyncio
import csv
import io
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from activities.aws.billing_ledger import BILLING, COLUMNS
from activities.aws.seller_data_feed import SellerDataFeed

TODAY = date(2026, 5, 20)
KEY = f"{BILLING}/year=2026/month=05/data.csv"
HEADER = (*COLUMNS[BILLING], "not_read")
WIDTH = 600
"""Bytes of a line; AWS's forty columns are about that wide."""
OFFERS = 10_000


class GeneratedFeed:
    """An S3 client with one large file, generated while it is read: two events per invoice."""

    def __init__(self, megabytes: int) -> None:
        self._bytes = megabytes * 1_000_000

    def get_paginator(self, _: str) -> "GeneratedFeed":
        """The list of the files."""
        return self

    def paginate(self, Prefix: str, **_: str) -> list[dict[str, Any]]:  # noqa: N803 (boto3's)
        """One page."""
        return [{"Contents": [{"Key": KEY}] if KEY.startswith(Prefix) else []}]

    def get_object(self, **_: str) -> dict[str, Any]:
        """The file."""
        return {"Body": self}

    def iter_chunks(self, *_: Any) -> Iterator[bytes]:
        """Lines, until the file has its size."""
        yield _line(dict(zip(HEADER, HEADER, strict=True)))
        for number in range(self._bytes // WIDTH // 2):
            for kind, amount in (("SELLER_REV_SHARE", "1000.00"), ("AWS_REV_SHARE", "-30.00")):
                yield _line(
                    {
                        "billing_event_id": f"{kind}-{number}",
                        "update_date": "2026-05-02T00:00:00Z",
                        "invoice_date": "2026-05-01T00:00:00Z",
                        "transaction_type": kind,
                        "action": "INVOICED",
                        "amount": amount,
                        "currency": "USD",
                        "balance_impacting": "1",
                        "agreement_id": f"agmt-{number % OFFERS}",
                        "buyer_invoice_id": f"INV-{number}",
                        "offer_id": f"offer-{number % OFFERS}",
                        "payment_due_date": "2026-06-01",
                        "not_read": "x" * (WIDTH - 180),
                    }
                )


def _line(row: dict[str, str]) -> bytes:
    text = io.StringIO()
    csv.DictWriter(text, HEADER, restval="", lineterminator="\n").writerow(row)
    return text.getvalue().encode()


class FileOnDisk(GeneratedFeed):
    """The same, generated before it is read."""

    def __init__(self, megabytes: int, folder: Path) -> None:
        super().__init__(megabytes)
        self.path = folder / "feed.csv"
        with self.path.open("wb") as file:
            file.writelines(super().iter_chunks())

    def iter_chunks(self, size: int = 1 << 20) -> Iterator[bytes]:
        """The parts of the file, as boto3 gives them."""
        with self.path.open("rb") as file:
            while part := file.read(size):
                yield part


async def measure(megabytes: int) -> dict[str, float]:
    """Seconds, and megabytes of memory at the peak beyond those of the process before."""
    with tempfile.TemporaryDirectory() as folder:
        feed = FileOnDisk(megabytes, Path(folder))
        before, began = _resident(), time.perf_counter()
        read = await SellerDataFeed(feed, "example-feed", "", 1).read({"offer-7"}, TODAY)
        seconds, peak = time.perf_counter() - began, _peak() - before
        assert read.payouts["offer-7"].invoices, "no invoice was read"
        assert read.findings == (), read.findings
        began = time.perf_counter()
        duckdb_alone(feed.path)
    return {
        "file_megabytes": megabytes,
        "seconds": round(seconds, 1),
        "duckdb_alone_seconds": round(time.perf_counter() - began, 1),
        "peak_memory_megabytes": round(peak, 1),
    }


def duckdb_alone(file: Path) -> None:
    """The newest version of each event, grouped."""
    with duckdb.connect(config={"memory_limit": "256MB", "threads": 2}) as database:
        database.execute(
            """
            select offer_id, transaction_type, action, sum(amount::decimal(38, 12))
            from (select * from read_csv($file, header = true, all_varchar = true)
                  qualify row_number() over (partition by billing_event_id
                                             order by update_date desc) = 1)
            group by all
            """,
            {"file": str(file)},
        ).fetchall()


def _resident() -> float:
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM")


def _status(name: str) -> float:
    """A value of Linux's status file of this process, in megabytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (found,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(found.split()[1]) / 1024


if __name__ == "__main__":
    print(asyncio.run(measure(300)))
