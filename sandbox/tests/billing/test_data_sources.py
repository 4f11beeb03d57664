"""AWS's feed and Clazar's dataset tell the same world, whatever happens to the money."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from sandbox.billing import corrections, refunds, transfers
from sandbox.billing.money import PayoutSettings
from sandbox.clazar import disbursement_dataset
from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import BUYER
from sandbox.tests.support.billing import (
    Row,
    Totals,
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


def price(dice: random.Random, currency: str) -> str:
    return str(dice.randint(50, 90_000)) if currency == "JPY" else f"{dice.uniform(1, 90_000):.2f}"


def habit(dice: random.Random) -> PayoutSettings:
    cut = Decimal(dice.choice(["0", "0.1", "0.33", "0.5"]))
    given_back = [Decimal(dice.choice(["0", "0", "0.05", "0.3"])) for _ in range(3)]
    return PayoutSettings(
        collected_after_days=dice.choice([5, 30, 70]),
        parts=[cut, 1 - cut] if cut else [Decimal(1)],
        outcome=dice.choice(["paid", "paid", "failed", "reversed"]),
        retried_after_days=dice.choice([None, 3, 20]),
        never_collected=dice.random() < 0.1,
        payout_schedule=dice.choice([None, None, "daily", "monthly"]),
        payout_day=dice.randint(1, 28),
        bank_days=dice.randint(0, 3),
        listing_fee_percentage=dice.choice([None, Decimal("2.75")]),
        seller_tax_percentage=Decimal(dice.choice(["0", "7.5"])),
        aws_tax_percentage=Decimal(dice.choice(["0", "19"])),
        refund=given_back[0],
        refund_after_days=dice.randint(0, 90),
        credit=given_back[1],
        credit_after_days=dice.randint(0, 90),
        forgiven=given_back[2],
        forgiven_after_days=dice.randint(0, 90),
        overpaid=Decimal(dice.choice(["0", "0", "0.1"])),
    )


def disturb(dice: random.Random, world: World) -> None:
    """Something that nobody could foresee happens to an invoice."""
    invoice = dice.choice(world.invoices)
    match dice.randrange(4):
        case 0:
            fee = -Decimal(dice.randint(0, 500))
            corrections.correct_listing_fee(world, invoice_id=invoice.id, listing_fee=fee)
        case 1:
            kind: refunds.RefundKind = dice.choice(["refund", "credit", "forgiven"])
            line = corrections.find_line(world, invoice.id)
            refunds.record_refund(world, line, kind, Decimal("0.1"))
        case 2:
            transfers.hold_payouts(world, world.now() + timedelta(days=dice.randint(0, 30)))
        case 3:
            known = world.ledger.events_of_line(corrections.find_line(world, invoice.id))
            if later := [each for each in known if each.transaction_type.endswith("_REFUND")]:
                event_id = later[0].billing_event_id
                corrections.delete_event(world, billing_event_id=event_id)


@pytest.mark.parametrize("seed", range(60))
def test_they_agree_to_the_cent(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    clock = ManualClock(datetime(2026, 1, 5, 9, 30, tzinfo=UTC))
    world = World(lambda: clock.now)
    for account in BUYERS:
        world.payout_settings_by_account[account] = habit(dice)
    for _ in range(10):
        account, currency = dice.choice(BUYERS), dice.choice(CURRENCIES)
        if dice.random() < 0.5:
            create_agreement(world, price(dice, currency), currency, account)
        else:
            days = sorted(dice.sample(range(120), 3))
            charges = [(each, price(dice, currency)) for each in days]
            create_scheduled_agreement(world, charges, currency, account)
        clock.advance(days=dice.randint(0, 25), hours=dice.randint(0, 23))
        world.advance()
        if dice.random() < 0.4 and world.invoices:
            disturb(dice, world)
    for _ in range(3):
        assert totals_of_feed(world) == totals_of_dataset(disbursement_dataset.rows(world))
        clock.advance(days=60)
        world.advance()
    check_transfers(current_events(world))


def check_transfers(rows: list[Row]) -> None:
    """Each transfer is the sum of what it pays."""
    transfers = [row for row in rows if row["transaction_type"].startswith("DISBURSEMENT")]
    for transfer in transfers:
        paid = [
            -Decimal(row["amount"])
            for row in rows
            if row["disbursement_billing_event_id"] == transfer["billing_event_id"]
        ]
        assert sum(paid) == Decimal(transfer["amount"])
        assert (transfer["bank_trace_id"] == "") == (transfer["transaction_type"] != "DISBURSEMENT")


def over_http(sandbox: Sandbox) -> Totals:
    client: dict[str, Any] = {
        "client_id": sandbox.world.clazar.client_id,
        "client_secret": sandbox.world.clazar.client_secret,
    }
    base = sandbox.addresses.clazar
    token = httpx.post(f"{base}/authenticate/", json=client).json()["access_token"]
    answer = httpx.get(
        f"{base}/analytics/datasets/aws_marketplace_disbursements",
        headers={"Authorization": f"Bearer {token}"},
    )
    return totals_of_dataset(answer.json()["results"])


def exactly(net: str, paid: str, left: str) -> tuple[Decimal, Decimal, Decimal]:
    return Decimal(net), Decimal(paid), Decimal(left)


def test_clazar_tells_of_a_refund(sandbox: Sandbox, clock: Any) -> None:
    sandbox.world.payout_settings = PayoutSettings(refund=Decimal("0.25"))
    agreement = create_agreement(sandbox.world)
    key = agreement.offer_id, sandbox.world.invoices[0].id, "USD"
    assert over_http(sandbox) == {key: exactly("970", "0", "970")}
    clock.advance(days=35)
    assert over_http(sandbox) == {key: exactly("970", "970", "0")}
    clock.advance(days=10)
    assert over_http(sandbox) == {key: exactly("727.50", "970", "-242.50")}
    assert totals_of_feed(sandbox.world) == over_http(sandbox)
