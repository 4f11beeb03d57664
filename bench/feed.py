"""How long reading a seller data feed takes, and how much memory, by the size of its file."""

import asyncio
import csv
import io
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

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

    def get_object(self, Key: str, **_: str) -> dict[str, Any]:  # noqa: N803 (boto3's)
        """The file, or S3's error for a missing one."""
        if Key != KEY:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
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
    csv.DictWriter(text, HEADER, restval="").writerow(row)
    return text.getvalue().encode()


async def measure(megabytes: int) -> dict[str, float]:
    """Seconds, and megabytes of memory at the peak beyond those of the process before."""
    before = _resident()
    began = time.perf_counter()
    feed = SellerDataFeed(GeneratedFeed(megabytes), "example-feed", "", 1)
    read = await feed.read({"offer-7"}, TODAY)
    assert read.payouts["offer-7"].invoices, "no invoice was read"
    return {
        "file_megabytes": megabytes,
        "seconds": round(time.perf_counter() - began, 1),
        "peak_memory_megabytes": round(_peak() - before, 1),
    }


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
    for size in (30, 300):
        print(asyncio.run(measure(size)))
