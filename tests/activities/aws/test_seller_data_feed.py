"""AWS's seller data feed: newest versions, unreadable data, and files of any size."""

import csv
import io
import os
import tempfile
import tracemalloc
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from temporalio.exceptions import ApplicationError

from activities.aws.billing_ledger import AGREEMENTS, BILLING, COLUMNS
from activities.aws.seller_data_feed import SellerDataFeed, _blocks
from activities.errors import Failure
from offers.money import Money
from offers.payouts.model import DataFindings, PayoutReading, PayoutState
from tests.support.programs import ROOT

BUCKET = "example-feed"
TODAY = date(2026, 5, 20)
APRIL, MAY = (f"{BILLING}/year=2026/month={month}/data.csv" for month in ("04", "05"))
OUR_CODE = [
    tracemalloc.Filter(True, str(ROOT / folder / "*")) for folder in ("activities", "offers")
]
HEADER = [*COLUMNS[BILLING], "recipient_account_id"]


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="example",
        aws_secret_access_key="example",
    )
    server.stop()


@pytest.fixture(autouse=True)
def _bucket(s3: Any) -> Iterator[None]:
    s3.create_bucket(Bucket=BUCKET)
    yield
    for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=each["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def line(event: str, action: str, kind: str, amount: str, **changes: str) -> dict[str, str]:
    return {
        "billing_event_id": event,
        "update_date": "2026-04-02T00:00:00Z",
        "invoice_date": "2026-04-01T00:00:00Z",
        "transaction_type": kind,
        "action": action,
        "amount": amount,
        "currency": "USD",
        "balance_impacting": "1" if action == "INVOICED" else "0",
        "agreement_id": "agmt-1",
        "buyer_invoice_id": "INV-1",
        "offer_id": "offer-1",
        "recipient_account_id": "example-guid",
    } | changes


INVOICED = [
    line("e1", "INVOICED", "SELLER_REV_SHARE", "1000.00", payment_due_date="2026-05-01"),
    line("e2", "INVOICED", "AWS_REV_SHARE", "-30.00"),
]
PAID = [
    line("t1", "DISBURSED", "DISBURSEMENT", "-970", offer_id="", agreement_id="",
         buyer_invoice_id="", bank_trace_id="trace-1", invoice_date="2026-05-08"),
    line("e3", "DISBURSED", "SELLER_REV_SHARE", "-1000.00", disbursement_billing_event_id="t1"),
    line("e4", "DISBURSED", "AWS_REV_SHARE", "30.00", disbursement_billing_event_id="t1"),
]  # fmt: skip
OTHER = [
    line(f"o{each['billing_event_id']}", each["action"], each["transaction_type"], each["amount"],
         agreement_id="agmt-2", buyer_invoice_id="INV-2", offer_id="offer-2")
    for each in INVOICED
]  # fmt: skip


def copies(prefix: str, **changes: str) -> list[dict[str, str]]:
    """An invoice like that of offer-1, paid by a transfer of its own."""
    invoice = [row | changes | {"disbursement_billing_event_id": f"{prefix}t1"} for row in PAID[1:]]
    rows = [*(row | changes for row in INVOICED), PAID[0], *invoice]
    return [row | {"billing_event_id": f"{prefix}{row['billing_event_id']}"} for row in rows]


def text(rows: list[dict[str, str]], header: list[str] = HEADER) -> str:
    written = io.StringIO()
    writer = csv.DictWriter(written, header, restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def put(s3: Any, content: str | bytes, key: str = MAY) -> None:
    body = content if isinstance(content, bytes) else content.encode()
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)


async def read(s3: Any, *offers: str, months: int = 3) -> PayoutReading:
    return await SellerDataFeed(s3, BUCKET, "", months).read(offers or None, TODAY)


async def test_events_of_several_months_are_joined_with_transfers(s3: Any) -> None:
    put(s3, text(INVOICED), APRIL)
    put(s3, text([*PAID, *OTHER]), MAY)
    reading = await read(s3, "offer-1")
    assert reading.findings == ()
    payout = reading.complete_payouts["offer-1"]
    assert payout.covers(Money.of("1000", "USD"))
    assert payout.bank_trace_ids == ("trace-1",)
    assert payout.disbursed_on == date(2026, 5, 8)
    assert payout.invoices[0].due_on == date(2026, 5, 1)
    assert set((await read(s3)).complete_payouts) == {"offer-1", "offer-2"}


async def test_event_belongs_to_the_offer_of_its_agreements_revision(s3: Any) -> None:
    revisions = [
        {"offer_id": "offer-1", "valid_from": "2026-03-04T00:00:00Z"},
        {"offer_id": "offer-7", "valid_from": "2026-04-01T12:00:00Z"},
        {"offer_id": "offer-8", "valid_from": "2026-04-01T18:00:00Z", "delete_date": "2026-05-01"},
        {"offer_id": "offer-9", "valid_from": "2026-04-02T00:00:00Z"},
    ]
    update = {"agreement_id": "agmt-1", "update_date": "2026-05-01T00:00:00Z"}
    feed = text([update | each for each in revisions], list(COLUMNS[AGREEMENTS]))
    put(s3, feed, MAY.replace(BILLING, AGREEMENTS))
    put(s3, text([each | {"offer_id": "offer-0"} for each in INVOICED] + OTHER))
    assert set((await read(s3)).payouts) == {"offer-7", "offer-2"}


async def test_earlier_months_are_not_read(s3: Any) -> None:
    put(s3, text(INVOICED), APRIL)
    put(s3, text(OTHER), MAY)
    assert set((await read(s3, months=1)).payouts) == {"offer-2"}


@pytest.mark.parametrize("in_order", [True, False])
async def test_newest_version_of_an_event_counts_in_any_file(s3: Any, in_order: bool) -> None:
    corrected = INVOICED[1] | {"amount": "-15.00", "update_date": "2026-05-03T00:00:00Z"}
    files = [text(INVOICED), text([corrected])]
    for key, content in zip((APRIL, MAY), files if in_order else files[::-1], strict=True):
        put(s3, content, key)
    assert (await read(s3)).payouts["offer-1"].listing_fee == Money.of("15", "USD")


async def test_deleted_event_is_removed_and_can_return(s3: Any) -> None:
    gone = {"delete_date": "2026-05-03T00:00:00Z", "update_date": "2026-05-03T00:00:00Z"}
    put(s3, text([*INVOICED, *PAID, *(row | gone for row in PAID[1:])]))
    assert (await read(s3)).payouts["offer-1"].state is PayoutState.NOT_DISBURSED
    again = {"update_date": "2026-05-04T00:00:00Z"}
    put(s3, text([*INVOICED, *PAID, *(r | gone for r in PAID[1:]), *(r | again for r in PAID[1:])]))
    assert (await read(s3)).payouts["offer-1"].state is PayoutState.DISBURSED


WHOLE = text([*INVOICED, *PAID, *OTHER])
LAST = text(OTHER[-1:]).splitlines()[1]


@pytest.mark.parametrize(
    ("content", "where", "message"),
    [
        pytest.param(WHOLE + "e9,2026-04-02\r\n", "line 9", "it has 2 fields, not 18", id="short"),
        pytest.param(WHOLE.rstrip("\r\n") + "\r\n" + LAST[:60], "line 9", "fields, not 18",
                     id="half-written"),
        pytest.param(WHOLE + '"e9","2026\r\n', "line 9", "it is not CSV", id="open quote"),
        pytest.param(WHOLE.encode() + b"\xff\xfe,\r\n", "line 9", "it is not CSV", id="not UTF-8"),
    ],
)  # fmt: skip
async def test_unreadable_line_makes_all_offers_of_its_file_incomplete(
    s3: Any, content: str | bytes, where: str, message: str
) -> None:
    put(s3, content)
    reading = await read(s3)
    (finding,) = reading.findings
    assert finding.source == f"{MAY} {where}"
    assert message in finding.problem
    assert reading.payouts["offer-1"].state is PayoutState.DISBURSED, (
        "the other lines were not counted"
    )
    assert set(reading.complete_payouts) == {"offer-2"}, (
        "an offer is complete that the line may be about"
    )


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"amount": "12,50"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"update_date": "yesterday"}, "update_date"),
        ({"invoice_date": "01/04/2026"}, "invoice_date"),
        ({"payment_due_date": "9999-12-31"}, "payment_due_date"),
        ({"update_date": "0001-01-01T00:00:00Z"}, "update_date"),
        ({"billing_event_id": ""}, "billing_event_id"),
    ],
)
async def test_invalid_value_makes_only_its_offer_incomplete(
    s3: Any, changes: dict[str, str], column: str
) -> None:
    second = copies("s", offer_id="offer-3", agreement_id="agmt-3", buyer_invoice_id="INV-3")
    broken = line("e9", "INVOICED", "SELLER_REV_SHARE", "5") | changes
    put(s3, text([*INVOICED, *PAID, *second, broken]))
    reading = await read(s3)
    (finding,) = reading.findings
    assert finding.field == column
    assert finding.source == f"{MAY} line 12"
    assert set(reading.payouts) == {"offer-1", "offer-3"}
    assert set(reading.complete_payouts) == {"offer-3"}


@pytest.mark.parametrize(
    ("names", "doubtful"),
    [
        ({"agreement_id": ""}, {"offer-1"}),
        ({"offer_id": ""}, {"offer-1"}),
        ({"offer_id": "", "agreement_id": ""}, {"offer-1", "offer-2"}),
    ],
)
async def test_line_makes_incomplete_whatever_offer_it_may_be_about(
    s3: Any, names: dict[str, str], doubtful: set[str]
) -> None:
    broken = line("e9", "INVOICED", "SELLER_REV_SHARE", "12,50") | names
    put(s3, text([*INVOICED, *PAID, *OTHER, broken]))
    assert (await read(s3)).incomplete == doubtful


async def test_file_cut_inside_the_last_field_is_not_complete(s3: Any) -> None:
    columns = list(COLUMNS[BILLING])
    assert columns[-1] == "offer_id"
    content = text([*INVOICED, *PAID, *OTHER], columns).rstrip("\r\n")
    put(s3, content[:-1])
    reading = await read(s3)
    (finding,) = reading.findings
    assert (finding.source, finding.problem) == (f"{MAY} line 8", "it is cut off")
    assert set(reading.payouts) == {"offer-1", "offer-2"}
    assert reading.incomplete == {"offer-1", "offer-2"}


async def test_last_line_needs_no_end_if_its_last_field_is_not_read(s3: Any) -> None:
    put(s3, text([*INVOICED, *PAID]).rstrip("\r\n"))
    reading = await read(s3)
    assert (reading.findings, reading.incomplete) == ((), frozenset())


async def test_event_that_is_not_understood_makes_its_offer_incomplete(s3: Any) -> None:
    unknown = line("e9", "INVOICED", "SOMETHING_NEW", "5")
    put(s3, text([*INVOICED, *PAID, *OTHER, unknown]))
    reading = await read(s3)
    assert reading.incomplete == {"offer-1"}
    assert set(reading.complete_payouts) == {"offer-2"}


@pytest.mark.parametrize(
    ("trace", "shown"),
    [
        ("trace-1", ("trace-1",)),
        ("testTraceId", ()),
        ("EMEA_MP_TEST_TRACE_ID", ()),
        ("", ()),
    ],
)
async def test_test_traces_are_not_shown(s3: Any, trace: str, shown: tuple[str, ...]) -> None:
    put(s3, text([*INVOICED, PAID[0] | {"bank_trace_id": trace}, *PAID[1:]]))
    payout = (await read(s3)).payouts["offer-1"]
    assert payout.bank_trace_ids == shown
    assert payout.state is PayoutState.DISBURSED


@pytest.mark.parametrize(
    ("update_date", "corrected_later"),
    [("2026-04-02T00:00:00Z", True), ("2026-07-01T00:00:00Z", False), ("yesterday", False)],
)
async def test_newer_delivery_replaces_an_invalid_line(
    s3: Any, update_date: str, corrected_later: bool
) -> None:
    good = PAID[1]
    put(s3, text([*INVOICED, good | {"amount": "x", "update_date": update_date}]), APRIL)
    put(s3, text(PAID))
    reading = await read(s3)
    assert reading.payouts["offer-1"].state is PayoutState.DISBURSED
    assert (reading.findings == ()) is corrected_later
    assert (set(reading.complete_payouts) == {"offer-1"}) is corrected_later


async def test_line_of_any_length_is_one_finding(s3: Any) -> None:
    put(s3, text(INVOICED) + "x" * 20_000_000 + "\r\n" + text(PAID).partition("\n")[2])
    reading = await read(s3)
    (finding,) = reading.findings
    assert finding.source == f"{MAY} line {len(INVOICED) + 2}"
    assert reading.payouts["offer-1"].state is PayoutState.DISBURSED
    assert reading.complete_payouts == {}, "nobody knows which offer the line is about"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_blocks_do_not_depend_on_the_parts(size: int) -> None:
    whole = b"a,b\r\n\r\nc\rd\ne"
    parts = (whole[start : start + size] for start in range(0, len(whole), size))
    blocks = list(_blocks(parts))
    assert b"".join(blocks) == whole
    assert all(block.endswith(b"\n") for block in blocks[:-1])


async def test_file_without_a_column_is_not_read(s3: Any) -> None:
    put(s3, text([*INVOICED, *PAID]), APRIL)
    put(s3, text(OTHER, [column for column in HEADER if column != "amount"]), MAY)
    reading = await read(s3)
    (finding,) = reading.findings
    assert finding.field == "amount"
    assert finding.source is not None
    assert finding.source.startswith(MAY)
    assert set(reading.payouts) == {"offer-1"}
    assert reading.complete_payouts == {}, "complete, although that file may have a reversal"


@pytest.mark.parametrize("twice", ["amount", "Amount"])
async def test_file_with_two_columns_of_one_name_is_not_read(s3: Any, twice: str) -> None:
    first, _, rest = text([*INVOICED, *PAID]).partition("\n")
    put(s3, f"{first.rstrip()},{twice}\n{rest}")
    reading = await read(s3)
    (finding,) = reading.findings
    assert finding.problem == "two columns of the file have one name: none of its lines were read"
    assert reading.payouts == {}


@pytest.mark.parametrize("header", ['"{}"', "\ufeff{}"], ids=["quoted", "with a mark"])
async def test_header_may_be_quoted_or_marked(s3: Any, header: str) -> None:
    first = header.format('","'.join(HEADER) if '"' in header else ",".join(HEADER))
    rows = text([*INVOICED, *PAID]).partition("\n")[2]
    put(s3, f"{first}\n", APRIL)
    put(s3, f"{first}\n{rows}")
    reading = await read(s3)
    assert reading.findings == ()
    assert reading.payouts["offer-1"].state is PayoutState.DISBURSED


async def test_files_of_no_possible_month_are_not_read(s3: Any) -> None:
    put(s3, text([*INVOICED, *PAID]))
    for month in ("year=0000/month=01", "year=2026/month=13", "year=9999/month=12"):
        put(s3, "x", f"{BILLING}/{month}/data.csv")
    reading = await read(s3)
    assert (reading.findings, set(reading.payouts)) == ((), {"offer-1"})


async def test_findings_of_an_unreadable_file_are_limited(s3: Any) -> None:
    put(s3, text(INVOICED) + "x\r\n" * 500)
    findings = (await read(s3)).findings
    assert len(findings) == DataFindings.LIMIT + 1
    assert findings[-1].problem == "and 480 more"


async def test_missing_files_are_a_finding(s3: Any) -> None:
    (finding,) = (await read(s3)).findings
    assert "there is no file for the last months" in finding.problem


async def test_missing_bucket_is_rejected(s3: Any) -> None:
    with pytest.raises(ApplicationError) as raised:
        await SellerDataFeed(s3, "missing", "", 1).read(None, TODAY)
    assert raised.value.type == Failure.REJECTED
    assert "NoSuchBucket" in str(raised.value)


class LargeFile:
    """An S3 client with one file of many offers, or of a public one, generated while read."""

    def __init__(self, offers: int, *, public: bool = False) -> None:
        self._offers = offers
        self._public = public
        self.held = 0
        """Bytes that our code, and no other thread's, had allocated and not freed at the end."""

    def get_paginator(self, _: str) -> "LargeFile":
        return self

    def paginate(self, Prefix: str, **_: str) -> list[dict[str, Any]]:  # noqa: N803 (boto3's)
        return [{"Contents": [{"Key": MAY}] if MAY.startswith(Prefix) else []}]

    def get_object(self, **_: str) -> dict[str, Any]:
        return {"Body": self}

    def iter_chunks(self, *_: Any) -> Iterator[bytes]:
        yield text([]).encode()
        for number in range(self._offers):
            for row in INVOICED:
                own = {
                    "billing_event_id": f"{row['billing_event_id']}-{number}",
                    "agreement_id": f"agmt-{number}",
                    "offer_id": "offer-public" if self._public else f"offer-{number}",
                }
                yield text([row | own]).splitlines(keepends=True)[1].encode()
        snapshot = tracemalloc.take_snapshot().filter_traces(OUR_CODE)
        self.held = sum(trace.size for trace in snapshot.traces)


@pytest.mark.parametrize("public", [False, True])
async def test_memory_does_not_grow_with_the_file(public: bool) -> None:
    async def held(offers: int) -> int:
        """What our code holds of a file when it has read the last line of it."""
        file = LargeFile(offers, public=public)
        tracemalloc.start()
        reading = await read(file, "offer-7")
        tracemalloc.stop()
        assert set(reading.payouts) == (set() if public else {"offer-7"})
        return file.held

    await held(100)  # imports and caches
    bytes_per_offer = (await held(1200) - await held(300)) / 900
    assert bytes_per_offer < 100, "a line of an offer takes several hundred"


# What nothing explains ---------------------------------------------------------------------------


async def test_transfer_whose_rows_do_not_add_up_is_found_with_both_amounts(s3: Any) -> None:
    put(s3, text([*INVOICED, PAID[0] | {"amount": "-920"}, *PAID[1:]]))
    reading = await read(s3)
    (finding,) = reading.findings
    assert finding.problem == (
        "the transfer of 2026-05-08 (trace trace-1) moved USD 920.00, its rows say USD 970.00"
    )
    assert reading.incomplete == frozenset(), "the offer's own rows are known"


@pytest.mark.parametrize(("amount", "found"), [("-970.004", False), ("-969.99", True)])
async def test_rounding_of_a_transfer_is_no_difference(s3: Any, amount: str, found: bool) -> None:
    put(s3, text([*INVOICED, PAID[0] | {"amount": amount}, *PAID[1:]]))
    assert bool((await read(s3)).findings) is found


async def test_balance_adjustment_is_found_with_its_amount(s3: Any) -> None:
    adjustment = line("a1", "INVOICED", "BALANCE_ADJUSTMENT", "-50.5", offer_id="",
                      agreement_id="", buyer_invoice_id="")  # fmt: skip
    put(s3, text([*INVOICED, *PAID, adjustment]))
    reading = await read(s3)
    (finding,) = reading.findings
    assert finding.problem == (
        "AWS adjusted the balance by USD -50.50 (no agreement), which no invoice explains"
    )
    assert set(reading.complete_payouts) == {"offer-1"}


async def test_agreement_of_no_known_offer_is_found_with_its_amount(s3: Any) -> None:
    put(s3, text([each | {"offer_id": ""} for each in INVOICED]))
    (finding,) = (await read(s3)).findings
    assert finding.problem == "agreement agmt-1 has no offer (USD 970.00)"


async def test_unknown_currency_is_one_finding(s3: Any) -> None:
    many = [
        line(f"c{n}", "INVOICED", "SELLER_REV_SHARE", "1", currency="CHF", offer_id=f"offer-{n}")
        for n in range(50)
    ]
    put(s3, text([*INVOICED, *PAID, *many]))
    (finding,) = (await read(s3)).findings
    assert (finding.field, finding.seen) == ("currency", "CHF")
    assert "50 events are not counted" in finding.problem


# Windows -----------------------------------------------------------------------------------------

REFUND = [
    line("r1", "INVOICED", "SELLER_REV_SHARE_REFUND", "-400", update_date="2026-05-09T00:00:00Z"),
    line("r2", "INVOICED", "AWS_REV_SHARE_REFUND", "12", update_date="2026-05-09T00:00:00Z"),
]


async def test_invoice_that_is_older_than_the_window_is_read_with_its_refund(s3: Any) -> None:
    """It would look like a settled invoice of USD -400."""
    put(s3, text(INVOICED), APRIL)
    put(s3, text([*PAID, *REFUND, *OTHER]), MAY)
    reading = await read(s3, months=1)
    invoice = reading.payouts["offer-1"].invoices[0]
    assert (str(invoice.gross), str(invoice.refunded)) == ("USD 1,000.00", "USD 400.00")
    assert reading.findings == ()


async def test_refund_of_an_invoice_that_aws_never_delivered_is_found(s3: Any) -> None:
    put(s3, text([*REFUND, *OTHER]), MAY)
    reading = await read(s3)
    assert set(reading.payouts) == {"offer-2"}
    (finding,) = reading.findings
    assert finding.problem == (
        "offer offer-1: USD -388.00 of invoice INV-1 are not counted, because the invoice itself"
        " is older than what AWS has delivered"
    )


async def test_credit_memo_with_an_id_of_its_own_counts(s3: Any) -> None:
    memo = [each | {"buyer_invoice_id": "CM-1", "invoice_date": "2026-05-09"} for each in REFUND]
    put(s3, text(INVOICED), APRIL)
    put(s3, text([*PAID, *memo]), MAY)
    invoices = (await read(s3)).payouts["offer-1"].invoices
    assert [(each.invoice_id, str(each.net)) for each in invoices] == [
        ("INV-1", "USD 970.00"),
        ("CM-1", "USD -388.00"),
    ]


async def test_agreement_is_found_however_old_it_is(s3: Any) -> None:
    """An instalment of November 2026 of an agreement of May 2025 lost its offer."""
    old = {"agreement_id": "agmt-1", "offer_id": "offer-7", "valid_from": "2015-03-04T00:00:00Z",
           "update_date": "2015-03-04T00:00:00Z"}  # fmt: skip
    key = f"{AGREEMENTS}/year=2015/month=03/data.csv"
    put(s3, text([old], list(COLUMNS[AGREEMENTS])), key)
    put(s3, text([each | {"offer_id": ""} for each in [*INVOICED, *PAID]]))
    assert set((await read(s3, months=1)).payouts) == {"offer-7"}


async def test_nothing_is_left_on_the_disk(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    put(s3, text([*INVOICED, *PAID]))
    assert (await read(s3)).payouts
    s3.put_object(Bucket=BUCKET, Key=MAY, Body=b"\xff")
    await read(s3)
    assert os.listdir(tmp_path) == []
