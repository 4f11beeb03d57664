"""AWS's data feed in the seller's bucket, read with boto3."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.billing.data_feed import COLUMNS
from sandbox.billing.money import PayoutSettings
from sandbox.marketplace import agreements
from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import SESSION, status_and_code
from sandbox.tests.support.billing import (
    BUCKET,
    create_agreement,
    deliver_rows,
    parse_rows,
    select_rows,
)

MARCH = "billingeventfeed_v1/year=2026/month=03/data.csv"
AGREEMENTS = "agreementfeed_v1/year=2026/month=03/data.csv"
APRIL = "billingeventfeed_v1/year=2026/month=04/data.csv"
BILLING_COLUMNS = """
billing_event_id parent_billing_event_id valid_from update_date delete_date invoice_date
transaction_type transaction_reference_id bank_trace_id broker_id product_id
disbursement_billing_event_id action from_account_id to_account_id end_user_account_id
billing_address_id amount currency balance_impacting agreement_id invoice_id payment_due_date
usage_period_start_date usage_period_end_date buyer_transaction_reference_id disbursement_amount
disbursement_currency disbursement_reference_number catalog buyer_invoice_id invoice_variant
action_date offer_id buyer_invoice_date line_item_id buyer_line_item_id charge_variant charge_side
recipient_account_id
"""
"""The columns that AWS's collections and disbursements report reads."""


@pytest.fixture
def s3(sandbox: Sandbox) -> Any:
    return SESSION.client(
        "s3",
        endpoint_url=sandbox.addresses.s3,
        config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}),
    )


def body(s3: Any, key: str = MARCH, **more: str) -> bytes:
    content: bytes = s3.get_object(Bucket=BUCKET, Key=key, **more)["Body"].read()
    return content


def test_columns(s3: Any, sandbox: Sandbox, clock: Any) -> None:
    assert sorted(COLUMNS["billingeventfeed_v1"]) == sorted(BILLING_COLUMNS.split())
    create_agreement(sandbox.world)
    clock.advance(days=1)
    header, *lines = body(s3).decode().splitlines()
    assert header.split(",") == COLUMNS["billingeventfeed_v1"]
    assert len(lines) == 2


def test_the_feed_is_delivered_at_midnight(s3: Any, sandbox: Sandbox, clock: Any) -> None:
    create_agreement(sandbox.world)
    clock.now = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)
    with pytest.raises(s3.exceptions.NoSuchKey):
        body(s3)
    clock.advance(minutes=1)
    before = s3.get_object(Bucket=BUCKET, Key=MARCH)
    clock.advance(hours=9)
    create_agreement(sandbox.world, account="444455556666")
    with pytest.raises(ClientError) as unchanged:
        body(s3, IfNoneMatch=before["ETag"])
    assert status_and_code(unchanged.value) == (304, "304")
    clock.advance(hours=15)
    text = body(s3, IfNoneMatch=before["ETag"])
    assert text.startswith(before["Body"].read())
    assert len(parse_rows(text)) == 4


def test_a_row_is_in_the_file_of_its_month(s3: Any, sandbox: Sandbox, clock: Any) -> None:
    create_agreement(sandbox.world)
    clock.advance(days=40)
    assert {row["action"] for row in parse_rows(body(s3))} == {"INVOICED"}
    assert {row["action"] for row in parse_rows(body(s3, APRIL))} == {"COLLECTED", "DISBURSED"}
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="billingeventfeed_v1/", PaginationConfig={"PageSize": 1}
    )
    assert [each["Key"] for page in pages for each in page["Contents"]] == [MARCH, APRIL]


# Agreements ---------------------------------------------------------------------------------------


def test_revisions_of_an_agreement(sandbox: Sandbox, clock: Any) -> None:
    world = sandbox.world
    agreement = create_agreement(world)
    (made,) = deliver_rows(world, "agreementfeed_v1")
    assert (made["agreement_id"], made["offer_id"]) == (agreement.id, agreement.offer_id)
    assert (made["status"], made["intent"]) == ("ACTIVE", "NEW")
    assert made["valid_from"] == made["acceptance_time"] == "2026-03-02T09:00:00Z"
    assert made["estimated_agreement_value"] == "1000.00"
    assert len(made["acceptor_account_id"]) == 36
    clock.advance(days=2)
    renewed = agreements.renew(world, agreement)
    revisions = [
        (row["agreement_id"], row["valid_from"][:10], row["status"])
        for row in deliver_rows(world, "agreementfeed_v1")
    ]
    assert revisions == [
        (agreement.id, "2026-03-02", "ACTIVE"),
        (agreement.id, "2026-03-02", "SUPERSEDED"),
        (agreement.id, "2026-03-04", "RENEWED"),
        (renewed.id, "2026-03-04", "ACTIVE"),
    ]
    last = deliver_rows(world, "agreementfeed_v1")[-1]
    assert (last["intent"], last["preceding_agreement_id"]) == ("RENEW", agreement.id)


# Payout settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "dates"),
    [
        ({"payout_schedule": "daily"}, ["2026-04-02"]),
        ({"payout_schedule": "daily", "bank_days": 2}, ["2026-04-06"]),
        ({"payout_schedule": "monthly", "payout_day": 10}, ["2026-04-10"]),
        ({"payout_schedule": "monthly", "payout_day": 1, "bank_days": 1}, ["2026-05-04"]),
        (
            {"payout_schedule": "monthly", "payout_day": 10, "parts": ["0.5", "0.5"]},
            ["2026-04-10", "2026-05-10"],
        ),
    ],
)
def test_payout_dates(
    control: httpx.Client, sandbox: Sandbox, clock: Any, settings: dict[str, Any], dates: list[str]
) -> None:
    assert control.put("/payouts", json=settings).status_code == 200
    create_agreement(sandbox.world)
    clock.advance(days=90)
    transfers = select_rows(
        deliver_rows(sandbox.world, "billingeventfeed_v1"), "DISBURSED", "DISBURSEMENT"
    )
    assert [row["invoice_date"][:10] for row in transfers] == dates


def test_payouts_on_one_date_are_one_transfer(sandbox: Sandbox, clock: Any) -> None:
    world = sandbox.world
    world.money.payout_settings = PayoutSettings(payout_schedule="monthly", payout_day=10)
    for account, currency in (("111122223333", "USD"), ("444455556666", "USD"), ("7" * 12, "EUR")):
        create_agreement(world, currency=currency, account=account)
    clock.advance(days=60)
    transfers = select_rows(deliver_rows(world, "billingeventfeed_v1"), "DISBURSED", "DISBURSEMENT")
    paid = sorted((row["currency"], row["amount"]) for row in transfers)
    assert paid == [("EUR", "970.00"), ("USD", "1940.00")]
    assert len({row.bank_trace_id for row in world.money.disbursements}) == 2
