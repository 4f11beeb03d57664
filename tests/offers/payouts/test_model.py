"""Payouts from rows of AWS's report, as Clazar has it: each of its rules, and exact sums."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from offers.money import Money
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.payouts.model import InvoicePayout, Payout, PayoutState, Transfer

PRICE = Money.of("1000", "USD")


def row(day: int | None = 1, **changes: object) -> ReportRow:
    """A full payout of an invoice of 1000, less a fee of 30, on a day of May."""
    known: dict[str, object] = {
        "offer_id": "offer-1",
        "invoice_id": "INV-1",
        "currency": "USD",
        "invoiced_on": date(2026, 4, 1),
        "due_on": date(2026, 5, 1),
        "gross": Decimal(1000),
        "listing_fee": Decimal(-30),
        "disbursed": Decimal(970),
        "undisbursed": Decimal(0),
        "disbursed_on": date(2026, 5, day) if day else None,
        "bank_trace_id": f"trace-{day}" if day else None,
    }
    return ReportRow.model_validate(known | changes)


UNPAID = row(None, disbursed=0, undisbursed=970)


def reversal(day: int, **changes: object) -> ReportRow:
    """The row that reverses the whole payout."""
    reversed_amounts = {"gross": -1000, "listing_fee": 30, "disbursed": -970, "undisbursed": 970}
    return row(day, **(reversed_amounts | {"bank_trace_id": None} | changes))


def part(day: int, share: int, left: int, **changes: object) -> ReportRow:
    """A payout of a share, in per cent, after which a share is left."""
    return row(
        day,
        gross=10 * share,
        listing_fee=Decimal("-0.3") * share,
        disbursed=Decimal("9.7") * share,
        undisbursed=Decimal("9.7") * left,
        **changes,
    )


@pytest.mark.parametrize(
    ("rows", "state", "paid", "undisbursed", "settled"),
    [
        pytest.param([UNPAID], PayoutState.NOT_DISBURSED, 0, 970, False, id="invoiced"),
        pytest.param([row()], PayoutState.DISBURSED, 970, 0, True, id="paid"),
        pytest.param([part(1, 40, 60)], PayoutState.PARTIALLY, 388, 582, False, id="in part"),
        pytest.param(
            [part(1, 40, 0), part(2, 60, 0)], PayoutState.DISBURSED, 970, 0, True, id="in parts"
        ),
        pytest.param(
            [row(1, undisbursed=970), reversal(2, failed=True)],
            PayoutState.FAILED,
            0,
            970,
            False,
            id="failed",
        ),
        pytest.param(
            [row(1), reversal(2, failed=True, undisbursed=0), row(3)],
            PayoutState.DISBURSED,
            970,
            0,
            True,
            id="failed, then paid again",
        ),
        pytest.param(
            [part(1, 60, 40), part(2, 40, 40),
             reversal(3, gross=-400, listing_fee=12, disbursed=-388, undisbursed=388, failed=True)],
            PayoutState.FAILED,
            582,
            388,
            False,
            id="the second part failed",
        ),
        pytest.param(
            [row(1, undisbursed=970), reversal(2)],
            PayoutState.REVERSED,
            0,
            970,
            False,
            id="reversed",
        ),
        pytest.param(
            [row(1, undisbursed=-970), row(2, undisbursed=-970)],
            PayoutState.DISBURSED,
            1940,
            -970,
            True,
            id="paid twice",
        ),
        pytest.param(
            [row(1, refund=-500, listing_fee=-15, disbursed=485)],
            PayoutState.DISBURSED,
            485,
            0,
            True,
            id="half refunded before it was paid",
        ),
        pytest.param(
            [row(1, undisbursed=-485), row(None, gross=0, refund=-500, listing_fee=15,
                 disbursed=0, undisbursed=-485)],
            PayoutState.DISBURSED,
            970,
            -485,
            True,
            id="half refunded after it was paid: AWS takes it from later payouts",
        ),
        pytest.param(
            [row(None, refund=-1000, listing_fee=0, disbursed=0, undisbursed=0)],
            PayoutState.NOT_DISBURSED,
            0,
            0,
            True,
            id="fully refunded before it was paid",
        ),
    ],
)  # fmt: skip
def test_invoice_state_by_rows(
    rows: list[ReportRow], state: PayoutState, paid: int, undisbursed: int, settled: bool
) -> None:
    for order in (rows, rows[::-1]):
        (invoice,) = payout_from_report(order).invoices
        assert invoice.state is state
        assert invoice.disbursed == Money.of(paid, "USD")
        assert invoice.undisbursed == Money.of(undisbursed, "USD")
        assert invoice.is_settled is settled


def test_full_payout() -> None:
    payout = payout_from_report([row()])
    assert payout.covers(PRICE)
    assert payout.listing_fee == Money.of("30", "USD")
    assert payout.disbursed_on == date(2026, 5, 1)
    assert payout.due_on is None, "a paid invoice has a due date"
    assert payout.fingerprint.startswith("970.00/970.00 USD ")


def test_invoiced_amounts_before_full_payment() -> None:
    for rows in ([UNPAID], [part(1, 40, 60)], [row(1, undisbursed=970), reversal(2)]):
        payout = payout_from_report(rows)
        assert payout.gross == PRICE
        assert payout.listing_fee == Money.of("30", "USD")
        assert payout.due_on == date(2026, 5, 1)
        assert not payout.covers(PRICE)


def test_bank_trace_ids_are_of_completed_payouts() -> None:
    again = payout_from_report([row(1), reversal(2, failed=True, undisbursed=0), row(3)])
    assert again.bank_trace_ids == ("trace-3",)
    assert again.disbursed_on == date(2026, 5, 3), "not the date of the completed payout"
    parts = payout_from_report([part(1, 40, 0), part(2, 60, 0)])
    assert parts.bank_trace_ids == ("trace-1", "trace-2")


def test_lines_of_one_invoice_are_added() -> None:
    first = row(1, line="a", undisbursed=0)
    second = row(None, line="b", disbursed=0, undisbursed=970)
    (invoice,) = payout_from_report([first, second]).invoices
    assert invoice.gross == Money.of(2000, "USD")
    assert (invoice.disbursed, invoice.undisbursed) == (
        Money.of(970, "USD"),
        Money.of(970, "USD"),
    )


def test_each_account_that_accepted_pays_the_price() -> None:
    first = row(agreement_id="agmt-1")
    second: dict[str, Any] = {"agreement_id": "agmt-2", "invoice_id": "INV-2"}
    half = row(gross=500, listing_fee=-15, disbursed=485, **second)
    rest = row(2, gross=500, listing_fee=-15, disbursed=485, **second | {"invoice_id": "INV-3"})
    assert not payout_from_report([first, half]).covers(PRICE), "only one of two has paid all"
    assert payout_from_report([first, half, rest]).covers(PRICE)


def test_payout_covers_the_price_only_with_all_invoices() -> None:
    half = row(gross=500, listing_fee=-15, disbursed=485)
    assert not payout_from_report([half]).covers(PRICE)
    other = row(invoice_id="INV-2", gross=500, listing_fee=-15, disbursed=485)
    assert payout_from_report([half, other]).covers(PRICE)
    unpaid = row(None, invoice_id="INV-2", gross=500, listing_fee=-15, disbursed=0, undisbursed=485)
    assert not payout_from_report([half, unpaid]).covers(PRICE)


def test_full_refund_does_not_cover_the_price() -> None:
    nothing = row(None, refund=-1000, listing_fee=0, disbursed=0, undisbursed=0)
    assert not payout_from_report([nothing]).covers(PRICE)


def test_another_currency_does_not_cover_the_price() -> None:
    assert not payout_from_report([row(currency="EUR")]).covers(PRICE)


def test_payout_needs_invoices_in_one_currency() -> None:
    with pytest.raises(ValidationError):
        Payout(offer_id="offer-1", invoices=())
    with pytest.raises(ValidationError, match="several currencies"):
        payout_from_report([row(), row(invoice_id="INV-2", currency="EUR")])


def test_invoices_before_the_data_are_kept() -> None:
    since = date(2026, 4, 1)
    old = row(invoice_id="INV-1", invoiced_on="2026-03-31")
    owed = row(None, invoice_id="INV-2", invoiced_on="2026-03-31", disbursed=0, undisbursed=970)
    new = row(invoice_id="INV-3", invoiced_on="2026-04-01")
    before = payout_from_report([old, owed, new])
    # The data has only a refund of the first invoice, and nothing of the other two.
    data = payout_from_report([row(None, gross=0, refund=-100, listing_fee=3, disbursed=-97)])
    whole = data.with_older(before, since)
    assert whole.invoices == before.invoices[:2]
    assert data.with_older(before, None) == data
    euros = payout_from_report([row(invoice_id="INV-9", currency="EUR")])
    assert euros.with_older(before, since) == euros, "invoices of two currencies were added"


def test_invoice_amounts_must_add_up() -> None:
    with pytest.raises(ValidationError, match=r"invoice INV-1: USD 970\.00 is owed"):
        InvoicePayout(
            invoice_id="INV-1",
            gross=PRICE,
            refunded=Money.of(0, "USD"),
            listing_fee=Money.of(30, "USD"),
            tax=Money.of(0, "USD"),
            undisbursed=Money.of(1, "USD"),
            transfers=(Transfer(on=None, amount=Money.of(970, "USD")),),
        )


cents = st.integers(0, 10**9).map(lambda units: Decimal(units) / 100)
lines = st.tuples(
    st.sampled_from("ABC"), st.sampled_from(["", "1", "2"]), cents, cents, cents, st.booleans()
)


@given(st.lists(lines, min_size=1, max_size=20), st.sampled_from(["USD", "EUR", "GBP"]))
def test_sums_equal_those_of_the_report(
    given_lines: list[tuple[str, str, Decimal, Decimal, Decimal, bool]], currency: str
) -> None:
    rows: list[ReportRow] = []
    for (invoice, line), (gross, fee, refund, is_paid) in {
        (invoice, line): (gross, fee, refund, is_paid)
        for invoice, line, gross, fee, refund, is_paid in given_lines
    }.items():
        net = gross - fee - refund
        rows.append(
            row(
                1 if is_paid else None,
                invoice_id=invoice,
                line=line,
                currency=currency,
                gross=gross,
                listing_fee=-fee,
                refund=-refund,
                disbursed=net if is_paid else 0,
                undisbursed=0 if is_paid else net,
            )
        )
    payout = payout_from_report(rows)
    for each in payout.invoices:
        own = [r for r in rows if r.invoice_id == each.invoice_id]
        assert each.gross.amount == sum(r.gross for r in own)
        assert each.refunded.amount == -sum(r.refund for r in own)
        assert each.listing_fee.amount == -sum(r.listing_fee for r in own)
        assert each.disbursed.amount == sum(r.disbursed for r in own)
        assert each.undisbursed.amount == sum(r.undisbursed for r in own)
    assert payout.net.amount == sum(r.net for r in rows)
    assert {each.gross.currency for each in payout.invoices} == {currency}
