"""Clazar's dataset and AWS's feed, read by the real clients from one world, say the same."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from activities.aws.seller_data_feed import SellerDataFeed
from activities.clazar.client import ClazarClient
from offers.payouts.model import InvoicePayout, PayoutReading, PayoutState
from runtime import clients
from runtime.settings import WorkerSettings, read_settings
from sandbox.billing import corrections, data_feed, refunds
from sandbox.server import Sandbox
from sandbox.tests.support.billing import create_agreement, create_scheduled_agreement
from sandbox.world import PayoutSettings
from tests.support.workflow_harness import FIELDS, environment_variables

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Hand:
    """A clock that a test turns on."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> datetime:
        return self.now


HAND = Hand()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    HAND.now = BEGAN
    async with Sandbox(HAND) as sandbox:
        with environment_variables({**sandbox.addresses.env, "OFFERS_FIELDS": str(FIELDS)}):
            yield sandbox


def days_pass(sandbox: Sandbox, days: int) -> None:
    for _ in range(days):
        HAND.now += timedelta(days=1)
        sandbox.world.advance()


async def from_both(sandbox: Sandbox) -> tuple[PayoutReading, PayoutReading]:
    """What Clazar says, and what AWS says."""
    data_feed.deliver_now(sandbox.world)
    settings = read_settings(WorkerSettings)
    today = sandbox.world.now().date()
    client: ClazarClient = clients.clazar_client(settings)
    try:
        from_clazar = await clients.payout_data(settings, client).read(None, today)
    finally:
        await client.close()
    assert settings.offers_feed_bucket
    aws = SellerDataFeed(clients.s3(), settings.offers_feed_bucket, "", 15)
    return from_clazar, await aws.read(None, today)


def told_by_both(invoice: InvoicePayout) -> dict[str, Any]:
    """All but when AWS collected, which Clazar does not tell."""
    said = invoice.model_dump(exclude={"collected_on", "estimated"})
    # Clazar has no gross of what is not paid yet: it is in proportion, to the cent.
    for name in ("gross", "listing_fee"):
        said[name]["amount"] = said[name]["amount"].quantize(Decimal("0.1"))
    return said | {"state": invoice.state, "net": invoice.net}


SPLIT = frozenset({"gross", "refunded", "listing_fee", "tax"})
"""How what is ours came about: of what is not paid at the moment, AWS's report does not tell it."""


def agree(one: PayoutReading, other: PayoutReading, but_for: frozenset[str] = frozenset()) -> None:
    assert one.findings == other.findings == ()
    assert one.payouts.keys() == other.payouts.keys()
    for offer_id, payout in one.payouts.items():
        for mine, theirs in zip(payout.invoices, other.payouts[offer_id].invoices, strict=True):
            said, expected = told_by_both(mine), told_by_both(theirs)
            assert {n: v for n, v in said.items() if n not in but_for} == {
                n: v for n, v in expected.items() if n not in but_for
            }


PAID, FAILED, PART, NONE = (
    PayoutState.DISBURSED,
    PayoutState.FAILED,
    PayoutState.PARTIALLY,
    PayoutState.NOT_DISBURSED,
)


@pytest.mark.parametrize(
    ("habit", "days", "state"),
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
async def test_both_say_the_same_of_each_kind_of_payout(
    sandbox: Sandbox, habit: dict[str, Any], days: int, state: PayoutState
) -> None:
    sandbox.world.payout_settings = PayoutSettings(**habit)
    create_agreement(sandbox.world, "1000.10")
    days_pass(sandbox, days)
    from_clazar, from_aws = await from_both(sandbox)
    # AWS's report counts as never invoiced what was forgiven.
    agree(from_clazar, from_aws, but_for=SPLIT if "forgiven" in habit else frozenset())
    (payout,) = from_aws.payouts.values()
    assert payout.state is state
    if state is PAID:
        assert payout.collected_on is not None, "the feed tells when AWS collected"


async def test_what_was_overpaid_is_told_by_both_but_clazar_counts_it_as_refunded(
    sandbox: Sandbox,
) -> None:
    sandbox.world.payout_settings = PayoutSettings(overpaid=Decimal("0.1"))
    create_agreement(sandbox.world, "1000.00")
    days_pass(sandbox, 40)
    for reading in await from_both(sandbox):
        (payout,) = reading.payouts.values()
        assert payout.state is PAID
        assert (str(payout.disbursed), str(payout.undisbursed)) == ("USD 1,070.00", "USD -100.00")


@pytest.mark.parametrize("seed", range(6))
async def test_both_say_the_same_of_any_world(sandbox: Sandbox, seed: int) -> None:
    any_of = random.Random(seed)  # noqa: S311
    world = sandbox.world
    for number in range(6):
        account = f"{222200000000 + number}"
        world.payout_settings_by_account[account] = PayoutSettings(
            outcome=any_of.choice(["paid", "failed", "reversed"]),
            retried_after_days=any_of.choice([None, 7]),
            refund=Decimal(any_of.choice(["0", "0.25", "1"])),
            refund_after_days=any_of.choice([10, 45]),
            disbursed_after_days=any_of.choice([31, 33, 36]),
        )
        price = f"{any_of.randint(1000, 9_000_000) / 100:.2f}"
        currency = any_of.choice(["USD", "EUR", "GBP"])
        create_scheduled_agreement(
            world, [(0, price), (any_of.choice([20, 40]), "1000.00")], currency, account
        )
    days_pass(sandbox, 30)
    corrections.correct_listing_fee(
        world, invoice_id=world.invoices[0].id, listing_fee=Decimal("12.34")
    )
    refunds.record_refund(
        world, corrections.find_line(world, world.invoices[1].id), "credit", Decimal("0.1")
    )
    days_pass(sandbox, 30)
    from_clazar, from_aws = await from_both(sandbox)
    agree(from_clazar, from_aws, but_for=SPLIT)
    for payout in from_aws.payouts.values():
        assert payout.net == payout.disbursed + payout.undisbursed
