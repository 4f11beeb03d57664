"""Billing events in AWS's data feed, for invoices, payouts, refunds and corrections."""

from decimal import Decimal
from typing import Any

import pytest

from sandbox.billing import corrections, refunds
from sandbox.billing.invoicing import listing_fee_percentage
from sandbox.billing.money import Disbursement, PayoutSettings
from sandbox.tests.support.billing import (
    Row,
    create_agreement,
    current_events,
    select_rows,
)
from sandbox.world import World

OTHER = "444455556666"


@pytest.fixture
def world(clock: Any) -> World:
    return World(lambda: clock.now)


def after(world: World, clock: Any, days: float) -> list[Row]:
    clock.advance(days=days)
    return current_events(world)


def amounts(rows: list[Row], action: str) -> dict[str, str]:
    return {row["transaction_type"]: row["amount"] for row in select_rows(rows, action)}


def shown(world: World) -> list[Disbursement]:
    world.advance()
    return world.money.disbursements


def facts(world: World) -> list[tuple[str, str, str]]:
    return [(f"{row.disbursed:f}", f"{row.undisbursed:f}", row.status) for row in shown(world)]


def decimals(*numbers: int) -> list[Decimal]:
    return list(map(Decimal, numbers))


def test_an_invoice_is_collected_and_then_disbursed(world: World, clock: Any) -> None:
    agreement = create_agreement(world)
    invoiced = current_events(world)
    assert amounts(invoiced, "INVOICED") == {
        "SELLER_REV_SHARE": "1000.00",
        "AWS_REV_SHARE": "-30.00",
    }
    for row in invoiced:
        assert len(row["billing_event_id"]) == 40
        assert (row["agreement_id"], row["offer_id"]) == (agreement.id, agreement.offer_id)
        assert row["buyer_invoice_id"] == row["invoice_id"] == world.money.invoices[0].id
        assert (row["balance_impacting"], row["disbursement_amount"]) == ("1", row["amount"])
        assert row["invoice_date"] == "2026-03-02T09:00:00Z"
        assert row["buyer_invoice_date"] == "2026-03-02 09:00:00Z"
        assert row["payment_due_date"] == "2026-04-01T09:00:00Z"
        assert (row["delete_date"], row["action_date"]) == ("", "")
    (collected,) = select_rows(after(world, clock, 30), "COLLECTED")
    assert (collected["transaction_type"], collected["amount"]) == ("SELLER_REV_SHARE", "1000.00")
    assert (collected["action_date"], collected["balance_impacting"]) == (
        "2026-04-01 09:00:00Z",
        "0",
    )
    rows = after(world, clock, 3)
    (transfer,) = select_rows(rows, "DISBURSED", "DISBURSEMENT")
    assert (transfer["amount"], transfer["invoice_date"]) == ("970.00", "2026-04-04T09:00:00Z")
    assert transfer["bank_trace_id"] == shown(world)[0].bank_trace_id
    paid = {row["transaction_type"]: row for row in select_rows(rows, "DISBURSED")}
    for was in invoiced:
        row = paid[was["transaction_type"]]
        assert Decimal(row["amount"]) == -Decimal(was["amount"])
        assert row["parent_billing_event_id"] == was["billing_event_id"]
        assert row["disbursement_billing_event_id"] == transfer["billing_event_id"]
        assert (row["balance_impacting"], row["payment_due_date"]) == ("0", "")
        for column in ("invoice_date", "buyer_invoice_id", "buyer_line_item_id", "offer_id"):
            assert row[column] == was[column]


def test_aws_europe_issues_a_separate_invoice_for_the_fee(world: World) -> None:
    create_agreement(world, currency="EUR")
    price, fee = current_events(world)
    assert (price["broker_id"], fee["invoice_variant"]) == ("AWS_EUROPE", "LISTING_FEE")
    assert fee["invoice_id"] != price["invoice_id"] == fee["buyer_invoice_id"]
    assert fee["transaction_reference_id"] != fee["buyer_transaction_reference_id"]


# Refunds, credits and forgiven shares ------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "action", "types"),
    [
        ("refund", "INVOICED", ("SELLER_REV_SHARE_REFUND", "AWS_REV_SHARE_REFUND")),
        ("credit", "INVOICED", ("SELLER_REV_SHARE_CREDIT", "AWS_REV_SHARE_CREDIT")),
        ("forgiven", "FORGIVEN", ("SELLER_REV_SHARE", "AWS_REV_SHARE")),
    ],
)
def test_a_refund_before_the_payout_reduces_it(
    world: World, clock: Any, kind: refunds.RefundKind, action: str, types: tuple[str, str]
) -> None:
    world.money.payout_settings = PayoutSettings(
        **{kind: Decimal("0.1"), f"{kind}_after_days": 10}  # type: ignore[arg-type]
    )
    create_agreement(world)
    rows = after(world, clock, 33)
    written = [row for row in select_rows(rows, action) if row["transaction_type"] in types]
    assert [row["amount"] for row in written] == ["-100.00", "3.00"]
    assert [row["balance_impacting"] for row in written] == ["1", "1"]
    (collected,) = select_rows(rows, "COLLECTED")
    assert collected["amount"] == "900.00"
    (transfer,) = select_rows(rows, "DISBURSED", "DISBURSEMENT")
    assert transfer["amount"] == "873.00"
    (row,) = shown(world)
    assert (row.disbursed, row.undisbursed, row.status) == (Decimal(873), Decimal(0), "Disbursed")
    if kind == "forgiven":
        assert [row.gross, row.gross_refund, row.listing_fee] == decimals(900, 0, -27)
    else:
        assert [row.gross, row.gross_refund, row.listing_fee] == decimals(1000, -100, -30)
        assert row.listing_fee_refund == 3


def test_a_refund_after_the_payout_reduces_the_next_one(world: World, clock: Any) -> None:
    world.money.payout_settings_by_account[OTHER] = PayoutSettings(
        refund=Decimal("0.2"), refund_after_days=34
    )
    create_agreement(world, account=OTHER)
    clock.advance(days=20)
    create_agreement(world, price="500.00")
    after(world, clock, 20)
    assert ("970.00", "-194.00", "Disbursed") in facts(world)
    rows = after(world, clock, 20)
    last = select_rows(rows, "DISBURSED", "DISBURSEMENT")[-1]
    assert last["amount"] == "291.00"
    trace = last["bank_trace_id"]
    assert [row.disbursed for row in shown(world)] == decimals(970, 485, -194)
    assert {row.undisbursed for row in shown(world)} == {Decimal(0)}
    assert [row.bank_trace_id == trace for row in shown(world)] == [False, True, True]
    assert shown(world)[2].gross_refund == -200


def test_a_refund_larger_than_later_payouts_stays_unsettled(world: World, clock: Any) -> None:
    world.money.payout_settings_by_account[OTHER] = PayoutSettings(
        refund=Decimal(1), refund_after_days=34
    )
    create_agreement(world, account=OTHER)
    clock.advance(days=20)
    create_agreement(world, price="500.00")
    assert after(world, clock, 60)
    assert facts(world)[0] == ("970.00", "-970.00", "Disbursed")
    assert facts(world)[1] == ("485.00", "0.00", "Disbursed")


def test_a_refund_of_an_unpaid_invoice_reduces_no_payout(world: World, clock: Any) -> None:
    never = PayoutSettings(never_collected=True, refund=Decimal("0.2"))
    world.money.payout_settings_by_account[OTHER] = never
    create_agreement(world, account=OTHER)
    clock.advance(days=20)
    create_agreement(world)
    rows = after(world, clock, 60)
    assert [row["amount"] for row in select_rows(rows, "DISBURSED", "DISBURSEMENT")] == ["970.00"]
    assert len(select_rows(rows, "COLLECTED")) == 1
    assert facts(world)[0] == ("0", "776.00", "Not disbursed")


# Corrections -------------------------------------------------------------------------------------


def test_a_correction_at_the_same_instant_has_a_later_update_date(world: World) -> None:
    create_agreement(world)
    event = corrections.find_event(
        world, invoice_id=world.money.invoices[0].id, transaction_type="SELLER_REV_SHARE"
    )
    for amount in (900, 800):
        corrections.correct_amount(
            world, billing_event_id=event.billing_event_id, amount=Decimal(amount)
        )
    assert amounts(current_events(world), "INVOICED")["SELLER_REV_SHARE"] == "800"
    (row,) = shown(world)
    assert [row.gross, row.undisbursed] == decimals(800, 770)


def test_an_event_is_deleted(world: World, clock: Any) -> None:
    create_agreement(world)
    rows = after(world, clock, 30)
    for row in select_rows(rows, "INVOICED"):
        corrections.delete_event(world, billing_event_id=row["billing_event_id"])
    assert select_rows(current_events(world), "INVOICED") == []
    assert shown(world) == []
    assert select_rows(after(world, clock, 30), "DISBURSED") == []
    with pytest.raises(corrections.NotInLedger):
        corrections.delete_event(world, billing_event_id=rows[0]["billing_event_id"])


# Fees and parts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "renewal", "percentage"),
    [
        ("999999.99", False, "3"),
        ("1000000", False, "2"),
        ("9999999.99", False, "2"),
        ("10000000", False, "1.5"),
        ("100", True, "1.5"),
    ],
)
def test_the_listing_fee(value: str, renewal: bool, percentage: str) -> None:
    assert listing_fee_percentage(Decimal(value), renewal=renewal) == Decimal(percentage)


def test_parts_add_up_to_the_cent(world: World, clock: Any) -> None:
    third = Decimal(1) / 3
    world.money.payout_settings = PayoutSettings(parts=[third, third, 1 - 2 * third])
    create_agreement(world, "100.01")
    clock.advance(days=60)
    assert [f"{row.gross:f}" for row in shown(world)] == ["33.34", "33.34", "33.33"]
    assert sum(row.listing_fee for row in shown(world)) == -3
