"""What the events of AWS's billing feed mean for the money, as DuckDB sums them."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.aws.billing_ledger import BILLING, COLUMNS, BillingLedger, LedgerProblem
from offers.money import Money
from offers.payouts.aws_ledger import payout_from_sums
from offers.payouts.clazar_report import ReportRow
from offers.payouts.clazar_report import payout_from_report as payout_of_report
from offers.payouts.model import Payout, PayoutState
from tests.support.billing_feed import csv_text

OFFER = "offer-1"


class Transfer(NamedTuple):
    on: date
    bank_trace_id: str | None
    failed: bool


class Event(NamedTuple):
    action: str
    transaction_type: str
    amount: Decimal
    currency: str = "USD"
    invoice_id: str = "INV-1"
    agreement_id: str = "agmt-1"
    invoiced_on: date | None = date(2026, 4, 1)
    due_on: date | None = None
    acted_on: date | None = None
    transfer_id: str = ""
    changes_balance: bool = False


TRANSFERS = {
    "d1": Transfer(date(2026, 5, 8), "trace-1", failed=False),
    "f1": Transfer(date(2026, 5, 10), None, failed=True),
    "r1": Transfer(date(2026, 5, 12), None, failed=False),
    "d2": Transfer(date(2026, 6, 8), "trace-2", failed=False),
    "d3": Transfer(date(2026, 5, 10), "trace-3", failed=False),
}


def event(action: str, kind: str, amount: Any, **changes: Any) -> Event:
    known = Event(action, kind, Decimal(amount), changes_balance=action == "INVOICED")
    return known._replace(**changes)


def lines_of(events: Sequence[Event]) -> list[dict[str, str]]:
    """The events and all transfers, as lines of the feed."""
    lines = [
        {
            "billing_event_id": f"e{number}",
            "action": each.action,
            "transaction_type": each.transaction_type,
            "amount": f"{each.amount:f}",
            "currency": each.currency,
            "buyer_invoice_id": each.invoice_id,
            "agreement_id": each.agreement_id,
            "offer_id": OFFER,
            "invoice_date": str(each.invoiced_on or ""),
            "payment_due_date": str(each.due_on or ""),
            "action_date": str(each.acted_on or ""),
            "disbursement_billing_event_id": each.transfer_id,
            "balance_impacting": str(int(each.changes_balance)),
        }
        for number, each in enumerate(events)
    ]
    for name, transfer in TRANSFERS.items():
        kind = "DISBURSEMENT_FAILURE" if transfer.failed else "DISBURSEMENT"
        lines.append(
            {
                "billing_event_id": name,
                "action": "DISBURSED",
                "transaction_type": kind,
                "amount": "1",
                "currency": "USD",
                "bank_trace_id": transfer.bank_trace_id or "",
                "invoice_date": str(transfer.on),
            }
        )
    return [{"update_date": "2026-06-10T00:00:00Z"} | line for line in lines]


def read(events: Sequence[Event]) -> tuple[Payout | None, list[LedgerProblem]]:
    """The payout of the events, and those that are not understood."""
    with TemporaryDirectory() as folder, BillingLedger(Path(folder)) as ledger:
        file = Path(folder, "data.csv")
        file.write_text(csv_text(lines_of(events), COLUMNS[BILLING]), encoding="utf-8")
        assert ledger.take(BILLING, file, COLUMNS[BILLING], 1, 0) == []
        ledger.close_books()
        transfers = ledger.transfers()
        payouts = [
            payout_from_sums(offer, invoices, transfers)
            for offer, invoices in ledger.invoices(None, date(2026, 1, 1))
        ]
        return (payouts[0] if payouts else None), ledger.problems()


def invoiced(share: Any = 1000, fee: Any = 30, **changes: Any) -> list[Event]:
    return [
        event("INVOICED", "SELLER_REV_SHARE", share, due_on=date(2026, 5, 1), **changes),
        event("INVOICED", "AWS_REV_SHARE", -Decimal(fee), **changes),
    ]


def disbursed(transfer: str, share: Any = 1000, fee: Any = 30) -> list[Event]:
    """A payout has the invoiced amounts negated; a reversal has them as they were."""
    return [
        event("DISBURSED", "SELLER_REV_SHARE", -Decimal(share), transfer_id=transfer),
        event("DISBURSED", "AWS_REV_SHARE", Decimal(fee), transfer_id=transfer),
    ]


def collected(amount: Any = 1000, day: int = 3) -> Event:
    return event("COLLECTED", "SELLER_REV_SHARE", amount, acted_on=date(2026, 5, day))


def payout_of(*events: Event) -> Payout:
    payout, problems = read(events)
    assert payout is not None
    assert problems == []
    return payout


@pytest.mark.parametrize(
    ("events", "state", "paid", "undisbursed"),
    [
        pytest.param([], PayoutState.NOT_DISBURSED, 0, 970, id="invoiced"),
        pytest.param([collected()], PayoutState.NOT_DISBURSED, 0, 970, id="collected"),
        pytest.param(disbursed("d1"), PayoutState.DISBURSED, 970, 0, id="paid"),
        pytest.param(disbursed("d1", 400, 12), PayoutState.PARTIALLY, 388, 582, id="in part"),
        pytest.param(
            [*disbursed("d1"), *disbursed("f1", -1000, -30)],
            PayoutState.FAILED,
            0,
            970,
            id="failed",
        ),
        pytest.param(
            [*disbursed("d1"), *disbursed("f1", -1000, -30), *disbursed("d2")],
            PayoutState.DISBURSED,
            970,
            0,
            id="failed, then paid again",
        ),
        pytest.param(
            [*disbursed("d1"), *disbursed("r1", -1000, -30)],
            PayoutState.REVERSED,
            0,
            970,
            id="reversed",
        ),
        pytest.param(
            [*disbursed("d1"), *disbursed("d2")], PayoutState.DISBURSED, 1940, -970, id="over"
        ),
        pytest.param(
            [
                event("INVOICED", "SELLER_REV_SHARE_REFUND", -500),
                event("INVOICED", "AWS_REV_SHARE_REFUND", 15),
                *disbursed("d1", 500, 15),
            ],
            PayoutState.DISBURSED,
            485,
            0,
            id="half refunded before it was paid",
        ),
        pytest.param(
            [event("INVOICED", "SELLER_REV_SHARE_CREDIT", -100)],
            PayoutState.NOT_DISBURSED,
            0,
            870,
            id="a credit memo",
        ),
        pytest.param(
            [event("FORGIVEN", "SELLER_REV_SHARE", -1000), event("FORGIVEN", "AWS_REV_SHARE", 30)],
            PayoutState.NOT_DISBURSED,
            0,
            0,
            id="forgiven",
        ),
        pytest.param(
            [event("INVOICED", "SELLER_TAX_SHARE", 190)], PayoutState.NOT_DISBURSED, 0, 1160,
            id="tax that the seller collects",
        ),
        pytest.param(
            [event("INVOICED", "AWS_TAX_SHARE", 190, changes_balance=False)],
            PayoutState.NOT_DISBURSED,
            0,
            970,
            id="tax that AWS collects",
        ),
        pytest.param(
            [
                event("INVOICED", "AWS_TAX_SHARE", 80, changes_balance=False),
                event("INVOICED", "AWS_TAX_SHARE_REFUND", -40, changes_balance=False),
                event("INVOICED", "SELLER_REV_SHARE_REFUND", -500),
                event("INVOICED", "AWS_REV_SHARE_REFUND", 15),
            ],
            PayoutState.NOT_DISBURSED,
            0,
            485,
            id="half of the tax that AWS collects is refunded",
        ),
        pytest.param(
            [
                event("INVOICED", "AWS_TAX_SHARE", 80, changes_balance=False),
                event("FORGIVEN", "AWS_TAX_SHARE", -80),
                event("FORGIVEN", "SELLER_REV_SHARE", -1000),
                event("FORGIVEN", "AWS_REV_SHARE", 30),
            ],
            PayoutState.NOT_DISBURSED,
            0,
            0,
            id="the tax that AWS collects is forgiven",
        ),
        pytest.param(
            [event("INVOICED", "AWS_TAX_SHARE", -20, changes_balance=True)],
            PayoutState.NOT_DISBURSED,
            0,
            950,
            id="tax that AWS keeps of our share",
        ),
        pytest.param(
            [
                event("INVOICED", "AWS_TAX_SHARE", -20, changes_balance=True),
                *disbursed("d1"),
                event("DISBURSED", "AWS_TAX_SHARE", 20, transfer_id="d1"),
            ],
            PayoutState.DISBURSED,
            950,
            0,
            id="tax that AWS keeps of our share, paid",
        ),
    ],
)  # fmt: skip
def test_payout_state_by_events(
    events: list[Event], state: PayoutState, paid: int, undisbursed: int
) -> None:
    for order in ([*invoiced(), *events], [*events, *invoiced()]):
        (invoice,) = payout_of(*order).invoices
        assert invoice.state is state
        assert invoice.disbursed == Money.of(paid, "USD")
        assert invoice.undisbursed == Money.of(undisbursed, "USD")


def test_dates_and_bank_trace_ids() -> None:
    (invoice,) = payout_of(*invoiced(), collected(), *disbursed("d1")).invoices
    assert invoice.invoiced_on == date(2026, 4, 1)
    assert invoice.due_on == date(2026, 5, 1)
    assert invoice.collected_on == date(2026, 5, 3)
    assert invoice.disbursed_on == date(2026, 5, 8)
    assert invoice.bank_trace_ids == ("trace-1",)


@pytest.mark.parametrize("later", [["f1", "d3"], ["d3", "f1"]])
def test_payout_made_again_on_the_day_of_its_failure_is_the_one_that_stands(
    later: list[str],
) -> None:
    moves = [*disbursed("d1")]
    for each in later:
        sign = -1 if each == "f1" else 1
        moves += disbursed(each, sign * 1000, sign * 30)
    (invoice,) = payout_of(*invoiced(), *moves).invoices
    assert invoice.state is PayoutState.DISBURSED
    assert invoice.bank_trace_ids == ("trace-3",)


def test_payout_without_its_transfer_is_not_paid() -> None:
    payout, problems = read([*invoiced(), *disbursed("unknown-transfer")])
    assert payout is not None
    assert payout.disbursed.amount == 0
    assert [(each.column, each.seen, each.events) for each in problems] == [
        ("disbursement_billing_event_id", "unknown-transfer", 2)
    ]
    assert problems[0].amount == -970


@pytest.mark.parametrize(
    ("unknown", "column", "seen"),
    [
        (event("UNKNOWN_ACTION", "SELLER_REV_SHARE", 1), "action", "UNKNOWN_ACTION"),
        (event("INVOICED", "SOMETHING_NEW", 1), "transaction_type", "SOMETHING_NEW"),
        (event("INVOICED", "BALANCE_ADJUSTMENT", 1), "adjustment", "BALANCE_ADJUSTMENT"),
        (event("INVOICED", "SELLER_REV_SHARE", 1, currency="CHF"), "currency", "CHF"),
        (event("INVOICED", "SELLER_REV_SHARE", 1, invoice_id=""), "buyer_invoice_id", None),
        (
            event("DISBURSED", "SELLER_REV_SHARE", 1, transfer_id="d9"),
            "disbursement_billing_event_id",
            "d9",
        ),
    ],
)
def test_unknown_events_are_found_and_not_counted(
    unknown: Event, column: str, seen: str | None
) -> None:
    payout, (problem,) = read([*invoiced(), unknown])
    assert payout is not None
    assert payout.gross == Money.of(1000, "USD")
    assert (problem.column, problem.seen, problem.amount) == (column, seen, Decimal(1))
    named = (OFFER, "agmt-1") if column != "currency" else ("", "")
    assert (problem.offer_id, problem.agreement_id) == named


def test_unknown_currency_is_found_once() -> None:
    many = [
        event("INVOICED", "SELLER_REV_SHARE", 1, currency="CHF", invoice_id=f"INV-{number}")
        for number in range(300)
    ]
    _, (problem,) = read(many)
    assert (problem.column, problem.events) == ("currency", 300)


def test_rupees_are_a_currency_like_the_others() -> None:
    payout = payout_of(*invoiced("85000.50", "2550.02", currency="INR"))
    assert payout.gross == Money.of("85000.50", "INR")


def test_no_payout_without_an_invoice() -> None:
    assert read([collected()]) == (None, [])


def test_credit_memo_shows_the_day_and_trace_of_its_deduction() -> None:
    memo = {"invoice_id": "CM-1", "invoiced_on": date(2026, 5, 1)}
    payout = payout_of(
        *invoiced(),
        *disbursed("d1"),
        event("INVOICED", "SELLER_REV_SHARE_CREDIT", -100, **memo),
        event("DISBURSED", "SELLER_REV_SHARE_CREDIT", 100, transfer_id="d2", **memo),
    )
    credit = payout.invoices[-1]
    assert (credit.invoice_id, credit.net) == ("CM-1", Money.of(-100, "USD"))
    assert credit.disbursed == Money.of(-100, "USD")
    assert (credit.disbursed_on, credit.bank_trace_ids) == (date(2026, 6, 8), ("trace-2",))


def test_refund_of_an_invoice_that_is_older_than_the_data_does_not_count() -> None:
    refund = event("INVOICED", "SELLER_REV_SHARE_REFUND", -500, invoiced_on=date(2025, 1, 1))
    assert read([refund]) == (None, [])


# Both sources -----------------------------------------------------------------------------------

cents = st.integers(1, 10**9).map(lambda units: Decimal(units) / 100)


@given(
    st.dictionaries(
        st.sampled_from("ABC"),
        st.tuples(cents, st.integers(0, 3), st.sampled_from(["", "d1", "d1 f1", "d1 r1"])),
        min_size=1,
    ),
    st.sampled_from(["USD", "EUR", "GBP", "AUD"]),
)
@settings(max_examples=25)
def test_ledger_and_report_give_the_same_payout(
    invoices: dict[str, tuple[Decimal, int, str]], currency: str
) -> None:
    events: list[Event] = []
    rows: list[ReportRow] = []
    for invoice, (gross, percent, moves) in invoices.items():
        fee = (gross * percent / 100).quantize(Decimal("0.01"))
        keys: dict[str, Any] = {"invoice_id": invoice, "currency": currency}
        added = [*invoiced(gross, fee)]
        paid = moves.count("d") - moves.count("f") - moves.count("r")
        common: dict[str, Any] = keys | {
            "offer_id": OFFER,
            "agreement_id": "agmt-1",
            "invoiced_on": date(2026, 4, 1),
            "due_on": date(2026, 5, 1),
            "undisbursed": (gross - fee) * (1 - paid),
        }
        if not moves:
            rows.append(ReportRow(**common, gross=gross, listing_fee=-fee, disbursed=Decimal(0)))
        for transfer in moves.split():
            sign = 1 if transfer.startswith("d") else -1
            added += disbursed(transfer, sign * gross, sign * fee)
            rows.append(
                ReportRow(
                    **common,
                    gross=sign * gross,
                    listing_fee=-sign * fee,
                    disbursed=sign * (gross - fee),
                    disbursed_on=TRANSFERS[transfer].on,
                    bank_trace_id=TRANSFERS[transfer].bank_trace_id,
                    failed=TRANSFERS[transfer].failed,
                )
            )
        events += [each._replace(**keys) for each in added]
    reported = payout_of_report(rows)
    exact = [each.model_copy(update={"estimated": False}) for each in reported.invoices]
    assert payout_of(*events) == reported.model_copy(update={"invoices": tuple(exact)})


def test_collection_is_complete_without_tax_and_fee() -> None:
    tax = event("COLLECTED", "SELLER_TAX_SHARE", 80, acted_on=date(2026, 5, 4))
    part = collected(920)
    (invoice,) = payout_of(*invoiced(), part, tax).invoices
    assert invoice.collected_on is None
    fee = event("COLLECTED", "AWS_REV_SHARE", -30, acted_on=date(2026, 5, 4))
    (invoice,) = payout_of(*invoiced(), collected(1000), fee).invoices
    assert invoice.collected_on == date(2026, 5, 3)
