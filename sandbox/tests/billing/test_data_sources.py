"""AWS's data feed and Clazar's dataset agree, for random settings, refunds and corrections."""

import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from sandbox.billing import corrections, refunds
from sandbox.billing.money import PayoutSettings
from sandbox.clazar import disbursement_dataset
from sandbox.tests.support.aws_seller import BUYER
from sandbox.tests.support.billing import (
    Row,
    create_agreement,
    create_scheduled_agreement,
    current_events,
    totals_of_dataset,
    totals_of_feed,
)
from sandbox.tests.support.manual_clock import ManualClock
from sandbox.world import World

CURRENCIES = ("USD", "EUR", "JPY")
BUYERS = (BUYER, "444455556666", "777788889999")


def price(rng: random.Random, currency: str) -> str:
    return str(rng.randint(50, 90_000)) if currency == "JPY" else f"{rng.uniform(1, 90_000):.2f}"


def random_settings(rng: random.Random) -> PayoutSettings:
    cut = Decimal(rng.choice(["0", "0.1", "0.33", "0.5"]))
    given_back = [Decimal(rng.choice(["0", "0", "0.05", "0.3"])) for _ in range(3)]
    return PayoutSettings(
        collected_after_days=rng.choice([5, 30, 70]),
        parts=[cut, 1 - cut] if cut else [Decimal(1)],
        outcome=rng.choice(["paid", "paid", "failed", "reversed"]),
        retried_after_days=rng.choice([None, 3, 20]),
        never_collected=rng.random() < 0.1,
        payout_schedule=rng.choice([None, None, "daily", "monthly"]),
        payout_day=rng.randint(1, 28),
        bank_days=rng.randint(0, 3),
        listing_fee_percentage=rng.choice([None, Decimal("2.75")]),
        seller_tax_percentage=Decimal(rng.choice(["0", "7.5"])),
        aws_tax_percentage=Decimal(rng.choice(["0", "19"])),
        refund=given_back[0],
        refund_after_days=rng.randint(0, 90),
        credit=given_back[1],
        credit_after_days=rng.randint(0, 90),
        forgiven=given_back[2],
        forgiven_after_days=rng.randint(0, 90),
        overpaid=Decimal(rng.choice(["0", "0", "0.1"])),
    )


def random_change(rng: random.Random, world: World) -> None:
    """A random refund, correction or deletion for a random invoice."""
    invoice = rng.choice(world.money.invoices)
    match rng.randrange(3):
        case 0:
            fee = -Decimal(rng.randint(0, 500))
            corrections.correct_listing_fee(world, invoice_id=invoice.id, listing_fee=fee)
        case 1:
            kind: refunds.RefundKind = rng.choice(["refund", "credit", "forgiven"])
            line = corrections.find_line(world, invoice.id)
            refunds.record_refund(world, line, kind, Decimal("0.1"))
        case 2:
            known = world.money.ledger.events_of_line(corrections.find_line(world, invoice.id))
            if later := [each for each in known if each.transaction_type.endswith("_REFUND")]:
                event_id = later[0].billing_event_id
                corrections.delete_event(world, billing_event_id=event_id)


@pytest.mark.parametrize("seed", range(30))
def test_feed_and_dataset_agree_to_the_cent(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    clock = ManualClock(datetime(2026, 1, 5, 9, 30, tzinfo=UTC))
    world = World(lambda: clock.now)
    for account in BUYERS:
        world.money.payout_settings_by_account[account] = random_settings(rng)
    for _ in range(10):
        account, currency = rng.choice(BUYERS), rng.choice(CURRENCIES)
        if rng.random() < 0.5:
            create_agreement(world, price(rng, currency), currency, account)
        else:
            days = sorted(rng.sample(range(120), 3))
            charges = [(each, price(rng, currency)) for each in days]
            create_scheduled_agreement(world, charges, currency, account)
        clock.advance(days=rng.randint(0, 25), hours=rng.randint(0, 23))
        world.advance()
        if rng.random() < 0.4 and world.money.invoices:
            random_change(rng, world)
    for _ in range(3):
        assert totals_of_feed(world) == totals_of_dataset(disbursement_dataset.rows(world))
        clock.advance(days=60)
        world.advance()
    check_transfers(current_events(world))


def check_transfers(rows: list[Row]) -> None:
    """Assert that each transfer is the sum of its shares."""
    transfers = [row for row in rows if row["transaction_type"].startswith("DISBURSEMENT")]
    for transfer in transfers:
        paid = [
            -Decimal(row["amount"])
            for row in rows
            if row["disbursement_billing_event_id"] == transfer["billing_event_id"]
        ]
        assert sum(paid) == Decimal(transfer["amount"])
        assert (transfer["bank_trace_id"] == "") == (transfer["transaction_type"] != "DISBURSEMENT")
