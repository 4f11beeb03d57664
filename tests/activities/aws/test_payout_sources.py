"""Clazar's dataset and AWS's feed, read from the same sandbox, give the same payouts."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from activities.aws.seller_data_feed import SellerDataFeed
from activities.clazar.client import ClazarClient
from offers.payouts.model import InvoicePayout, PayoutReading, PayoutState
from offers.policy.payouts import first_month
from runtime import clients
from runtime.settings import WorkerSettings, read_settings
from sandbox.billing import corrections, data_feed, refunds
from sandbox.billing.money import PayoutSettings
from sandbox.marketplace.amendments import create_amendment_in_portal
from sandbox.marketplace.buyers import accept
from sandbox.server import Sandbox
from sandbox.tests.support.billing import create_agreement, create_scheduled_agreement
from tests.support.workflow_harness import FIELDS, environment_variables

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Clock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


CLOCK = Clock()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    CLOCK.now = START
    async with Sandbox(CLOCK) as sandbox:
        with environment_variables({**sandbox.addresses.env, "OFFERS_FIELDS": str(FIELDS)}):
            yield sandbox


def advance_days(sandbox: Sandbox, days: int) -> None:
    for _ in range(days):
        CLOCK.now += timedelta(days=1)
        sandbox.world.advance()


async def read_both(sandbox: Sandbox) -> tuple[PayoutReading, PayoutReading]:
    """The readings of Clazar's dataset and of AWS's feed."""
    data_feed.deliver_now(sandbox.world)
    settings = read_settings(WorkerSettings)
    today = sandbox.world.now().date()
    client: ClazarClient = clients.clazar_client(settings)
    try:
        from_clazar = await clients.payout_data(settings, client, clients.AwsClients()).read(
            None, today
        )
    finally:
        await client.close()
    assert settings.offers_feed_bucket
    aws = SellerDataFeed(clients.AwsClients().s3, settings.offers_feed_bucket, "", 60)
    return from_clazar, await aws.read(None, today)


def comparable(invoice: InvoicePayout) -> dict[str, Any]:
    """All fields except the collection date, which Clazar does not have."""
    fields = invoice.model_dump(exclude={"collected_on", "estimated"})
    # Clazar has no gross amount of what is not paid yet; it is computed in proportion.
    for name in ("gross", "listing_fee"):
        fields[name]["amount"] = fields[name]["amount"].quantize(Decimal("0.1"))
    return fields | {"state": invoice.state, "net": invoice.net}


SPLIT = frozenset({"gross", "refunded", "listing_fee", "tax"})
"""The parts of the net amount: AWS's report does not have them for what is not paid now."""


def assert_equal(
    one: PayoutReading, other: PayoutReading, except_fields: frozenset[str] = frozenset()
) -> None:
    assert one.findings == other.findings == ()
    assert one.payouts.keys() == other.payouts.keys()
    for offer_id, payout in one.payouts.items():
        for mine, theirs in zip(payout.invoices, other.payouts[offer_id].invoices, strict=True):
            actual, expected = comparable(mine), comparable(theirs)
            assert {n: v for n, v in actual.items() if n not in except_fields} == {
                n: v for n, v in expected.items() if n not in except_fields
            }


PAID, FAILED, PART, NONE = (
    PayoutState.DISBURSED,
    PayoutState.FAILED,
    PayoutState.PARTIALLY,
    PayoutState.NOT_DISBURSED,
)


@pytest.mark.parametrize(
    ("settings", "days", "state"),
    [
        ({}, 5, NONE),
        ({}, 31, NONE),
        ({}, 40, PAID),
        ({"parts": [Decimal("0.4"), Decimal("0.6")]}, 33, PART),
        ({"parts": [Decimal("0.4"), Decimal("0.6")]}, 40, PAID),
        ({"outcome": "failed"}, 40, FAILED),
        ({"outcome": "failed", "retried_after_days": 5}, 50, PAID),
        ({"outcome": "reversed"}, 40, PayoutState.REVERSED),
        ({"refund": Decimal("0.5"), "refund_after_days": 10}, 40, PAID),
        ({"refund": Decimal("0.5"), "refund_after_days": 50}, 60, PAID),
        ({"refund": Decimal(1), "refund_after_days": 10}, 40, NONE),
        ({"credit": Decimal("0.1"), "credit_after_days": 5}, 40, PAID),
        ({"forgiven": Decimal("0.2")}, 40, PAID),
        ({"seller_tax_percentage": Decimal(19)}, 40, PAID),
        ({"aws_tax_percentage": Decimal(19)}, 40, PAID),
        ({"never_collected": True}, 90, NONE),
        ({"payout_schedule": "monthly", "payout_day": 15, "bank_days": 2}, 60, PAID),
    ],
)
async def test_both_sources_agree_on_each_kind_of_payout(
    sandbox: Sandbox, settings: dict[str, Any], days: int, state: PayoutState
) -> None:
    sandbox.world.money.payout_settings = PayoutSettings(**settings)
    create_agreement(sandbox.world, "1000.10")
    advance_days(sandbox, days)
    from_clazar, from_aws = await read_both(sandbox)
    # In AWS's report, what was forgiven was never invoiced.
    assert_equal(
        from_clazar, from_aws, except_fields=SPLIT if "forgiven" in settings else frozenset()
    )
    (payout,) = from_aws.payouts.values()
    assert payout.state is state
    if state is PAID:
        assert payout.collected_on is not None, "the collection date is missing"


async def test_both_sources_show_an_overpayment(
    sandbox: Sandbox,
) -> None:
    sandbox.world.money.payout_settings = PayoutSettings(overpaid=Decimal("0.1"))
    create_agreement(sandbox.world, "1000.00")
    advance_days(sandbox, 40)
    for reading in await read_both(sandbox):
        (payout,) = reading.payouts.values()
        assert payout.state is PAID
        assert (str(payout.net), str(payout.disbursed)) == ("USD 970.00", "USD 1,070.00")


@pytest.mark.parametrize("seed", range(6))
async def test_both_sources_agree_on_random_payouts(sandbox: Sandbox, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    world = sandbox.world
    for number in range(6):
        account = f"{222200000000 + number}"
        world.money.payout_settings_by_account[account] = PayoutSettings(
            outcome=rng.choice(["paid", "failed", "reversed"]),
            retried_after_days=rng.choice([None, 7]),
            refund=Decimal(rng.choice(["0", "0.25", "1"])),
            refund_after_days=rng.choice([10, 45]),
            disbursed_after_days=rng.choice([31, 33, 36]),
        )
        price = f"{rng.randint(1000, 9_000_000) / 100:.2f}"
        currency = rng.choice(["USD", "EUR", "GBP"])
        create_scheduled_agreement(
            world, [(0, price), (rng.choice([20, 40]), "1000.00")], currency, account
        )
    advance_days(sandbox, 30)
    corrections.correct_listing_fee(
        world, invoice_id=world.money.invoices[0].id, listing_fee=Decimal("12.34")
    )
    refunds.record_refund(
        world, corrections.find_line(world, world.money.invoices[1].id), "credit", Decimal("0.1")
    )
    advance_days(sandbox, 30)
    from_clazar, from_aws = await read_both(sandbox)
    assert_equal(from_clazar, from_aws, except_fields=SPLIT)


WINDOWS = (1, 2, 3, 12, 24)
"""Months of the feed that are read; `read_both` reads all."""


async def test_money_of_three_years_is_the_same_by_each_source_and_window(
    sandbox: Sandbox,
) -> None:
    """Instalments of 36 months, refunds of old invoices, a credit, a failure, an amendment."""
    world, monthly = sandbox.world, [(30 * month, "1000.00") for month in range(36)]
    refunded, failing, amended = (f"{222200000000 + number}" for number in range(3))
    world.money.payout_settings_by_account[failing] = PayoutSettings(
        outcome="failed", retried_after_days=40
    )
    create_scheduled_agreement(world, monthly, "USD", refunded, months=36)
    twice = [(0, "500.10"), (600, "700.20")]
    create_scheduled_agreement(world, twice, "EUR", failing, months=36)
    charges = [(0, "900.00"), (900, "100.00")]
    original = create_scheduled_agreement(world, charges, "USD", amended, months=36)
    advance_days(sandbox, 400)
    amendment = create_amendment_in_portal(
        world,
        agreement_id=original.id,
        name="more",
        price=Decimal("50.00"),
        end=world.now().date() + timedelta(days=900),
    )
    accept(world, amendment.id, amended)
    advance_days(sandbox, 600)
    refunded_on = world.now().date()
    old = [each.id for each in world.money.invoices[:3]]
    for name, kind in zip(old, ("refund", "credit", "refund"), strict=True):
        line = corrections.find_line(world, name)
        refunds.record_refund(world, line, cast("refunds.RefundKind", kind), Decimal("0.25"))
    advance_days(sandbox, 50)
    from_clazar, whole = await read_both(sandbox)
    assert_equal(from_clazar, whole, except_fields=SPLIT)
    settings, today = read_settings(WorkerSettings), world.now().date()
    bucket = settings.offers_feed_bucket or ""
    for months in WINDOWS:
        feed = SellerDataFeed(clients.AwsClients().s3, bucket, "", months)
        reading = await feed.read(None, today)
        assert reading.findings == ()
        assert reading.incomplete == frozenset()
        since = first_month(today, months)
        for offer_id, payout in whole.payouts.items():
            shown = reading.payouts.get(offer_id)
            known = {each.invoice_id: each for each in payout.invoices}
            for invoice in shown.invoices if shown else ():
                assert invoice == known[invoice.invoice_id], f"with {months} months"
            kept = shown.with_older(payout, since) if shown else payout
            in_order = sorted(kept.invoices, key=lambda each: (each.invoiced_on, each.invoice_id))
            expected = sorted(known.values(), key=lambda each: (each.invoiced_on, each.invoice_id))
            assert in_order == expected, f"with {months} months"
        everywhere = {i.invoice_id for p in reading.payouts.values() for i in p.invoices}
        if since <= refunded_on:
            assert set(old) <= everywhere, "an invoice with something new is missing"
