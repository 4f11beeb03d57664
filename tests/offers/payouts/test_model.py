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
from offers.payouts.model import InvoicePayout, Payout, PayoutReading, PayoutState, Transfer

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


AMOUNTS = ("gross", "refund", "listing_fee", "tax", "disbursed", "undisbursed")


def below_one(each: ReportRow) -> ReportRow:
    """The same of an invoice of 1.00: a sum below it is not nothing."""
    return each.model_copy(update={name: getattr(each, name) / 1000 for name in AMOUNTS})


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([UNPAID], PayoutState.NOT_DISBURSED),
        ([row()], PayoutState.DISBURSED),
        ([part(1, 40, 60)], PayoutState.PARTIALLY),
        ([row(1, undisbursed=970), reversal(2, failed=True)], PayoutState.FAILED),
        ([row(1, undisbursed=970), reversal(2)], PayoutState.REVERSED),
        ([row(1, undisbursed=-970), row(2, undisbursed=-970)], PayoutState.DISBURSED),
        (
            [row(None, refund=-1000, listing_fee=0, disbursed=0, undisbursed=0)],
            PayoutState.NOT_DISBURSED,
        ),
    ],
)
def test_payout_below_one_has_the_state_of_a_large_one(
    rows: list[ReportRow], state: PayoutState
) -> None:
    large, small = payout_from_report(rows), payout_from_report(map(below_one, rows))
    assert large.state is small.state is state
    assert large.is_settled is small.is_settled
    assert large.is_reversed is small.is_reversed
    assert large.bank_trace_ids == small.bank_trace_ids
    assert large.covers(PRICE) is small.covers(Money.of(1, "USD"))


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


@pytest.mark.parametrize("swapped", [False, True])
def test_payout_made_again_on_the_day_of_its_failure_is_the_one_that_stands(swapped: bool) -> None:
    same_day = [reversal(2, failed=True, undisbursed=0), row(2, bank_trace_id="trace-again")]
    payout = payout_from_report([row(1), *(same_day[::-1] if swapped else same_day)])
    assert payout.state is PayoutState.DISBURSED
    assert payout.bank_trace_ids == ("trace-again",)


@pytest.mark.parametrize("swapped", [False, True])
def test_payout_that_fails_on_its_own_day_has_failed(swapped: bool) -> None:
    rows = [row(1, undisbursed=970), reversal(1, failed=True)]
    payout = payout_from_report(rows[::-1] if swapped else rows)
    assert payout.state is PayoutState.FAILED
    assert payout.bank_trace_ids == ()


def test_payout_that_fails_twice_on_one_day_has_failed() -> None:
    failure = reversal(2, failed=True)
    payout = payout_from_report([row(1, undisbursed=970), failure, row(2), failure])
    assert payout.state is PayoutState.FAILED
    assert payout.bank_trace_ids == ()


def test_failure_is_shown_beside_a_reversal_of_the_same_day() -> None:
    taken_back = {"gross": -400, "listing_fee": 12, "disbursed": -388, "undisbursed": 970}
    rest = {"gross": -600, "listing_fee": 18, "disbursed": -582, "undisbursed": 970}
    payout = payout_from_report(
        [part(1, 40, 60), part(2, 60, 0), row(3, failed=True, **rest), row(3, **taken_back)]
    )
    assert payout.state is PayoutState.FAILED


def moved(*amounts: int, unit: Decimal = Decimal(1)) -> InvoicePayout:
    """An invoice of 1000 without a fee, of which these amounts were moved one day after another."""
    return InvoicePayout(
        invoice_id="INV-1",
        gross=Money.of(1000 * unit, "USD"),
        refunded=Money.of(0, "USD"),
        listing_fee=Money.of(0, "USD"),
        tax=Money.of(0, "USD"),
        undisbursed=Money.of((1000 - sum(amounts)) * unit, "USD"),
        transfers=tuple(
            Transfer(
                on=date(2026, 5, day),
                amount=Money.of(each * unit, "USD"),
                bank_trace_id=f"trace-{day}",
            )
            for day, each in enumerate(amounts, 1)
        ),
    )


@pytest.mark.parametrize(
    ("amounts", "standing"),
    [
        pytest.param((600, 400, -600), [2], id="an older one is taken back"),
        pytest.param((400, 400, -400), [1], id="of two equal ones the newer is taken back"),
        pytest.param((600, -200), [1], id="part of one is taken back"),
        pytest.param((600, 400, -700), [1], id="one and part of another are taken back"),
        pytest.param((600, 400, -1000), [], id="both are taken back at once"),
        pytest.param((600, 400, -1000, 700), [4], id="both are taken back, then paid again"),
        pytest.param((400, -600), [], id="more is taken back than was paid"),
    ],
)
def test_payouts_that_stand(amounts: tuple[int, ...], standing: list[int]) -> None:
    for unit in (Decimal(1), Decimal("0.001")):
        invoice = moved(*amounts, unit=unit)
        assert invoice.bank_trace_ids == tuple(f"trace-{day}" for day in standing)
        assert invoice.disbursed_on == (date(2026, 5, standing[-1]) if standing else None)


def test_newest_dates_of_several_invoices() -> None:
    first, second = row(1), row(3, invoice_id="INV-2", invoiced_on="2026-04-20")
    payout = payout_from_report([second, first])
    assert payout.invoiced_on == date(2026, 4, 20)
    assert payout.disbursed_on == date(2026, 5, 3)
    assert [each.invoice_id for each in payout.invoices] == ["INV-1", "INV-2"]
    assert payout_from_report([row(invoiced_on=None)]).invoiced_on is None


def test_next_due_date_is_of_an_invoice_that_is_not_paid() -> None:
    unpaid: dict[str, Any] = {"disbursed": 0, "undisbursed": 970}
    payout = payout_from_report(
        [
            row(1, due_on="2026-04-01"),
            row(None, invoice_id="INV-2", due_on="2026-07-01", **unpaid),
            row(None, invoice_id="INV-3", due_on="2026-06-01", **unpaid),
        ]
    )
    assert payout.due_on == date(2026, 6, 1)


def test_incomplete_payout_is_passed_on_marked_unless_it_is_settled() -> None:
    payouts = {
        "paid": payout_from_report([row()]),
        "doubtful": payout_from_report([row()]),
        "doubtful and unpaid": payout_from_report([UNPAID]),
    }
    reading = PayoutReading(
        payouts=payouts, incomplete=frozenset({"doubtful", "doubtful and unpaid"})
    )
    assert {offer: each.incomplete for offer, each in reading.complete_payouts.items()} == {
        "paid": False,
        "doubtful and unpaid": True,
    }


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
    # The data has the first invoice with a later refund, and nothing of the other two.
    refund = row(None, gross=0, refund=-100, listing_fee=3, disbursed=-97)
    data = payout_from_report([old, refund])
    whole = data.with_older(before, since)
    assert whole.invoices == (before.invoices[1], *data.invoices)
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


def test_price_is_covered_to_the_last_cent() -> None:
    payout = payout_from_report([row()])
    assert payout.covers(PRICE)
    assert not payout.covers(PRICE + Money.of("0.01", "USD"))
