"""Payouts from Clazar's dataset, with the real client against the sandbox."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from activities.clazar.client import ClazarClient
from activities.clazar.disbursements import ClazarDisbursements
from offers.payouts.model import PayoutReading, PayoutState
from sandbox.server import Sandbox
from tests.support.clazar import disbursement
from tests.support.vendors import NOW


async def read(client: ClazarClient, *offers: str) -> PayoutReading:
    return await ClazarDisbursements(client).read(offers or None, NOW.date())


async def test_payouts_are_read_exactly(sandbox: Sandbox, clazar_client: ClazarClient) -> None:
    sandbox.world.money.disbursements += [disbursement("offer-a"), disbursement("offer-b")]
    reading = await read(clazar_client, "offer-a", "offer-c")
    assert set(reading.payouts) == {"offer-a"}
    payout = reading.payouts["offer-a"]
    assert str(payout.disbursed) == "USD 970.10"
    assert str(payout.listing_fee) == "USD 30.00"
    assert payout.bank_trace_ids == ("trace-1",)
    assert set((await read(clazar_client)).payouts) == {"offer-a", "offer-b"}


async def test_failed_payout_is_not_disbursed(
    sandbox: Sandbox, clazar_client: ClazarClient
) -> None:
    reversed_amounts = {"gross": Decimal("-1000.10"), "listing_fee": Decimal("30.00")}
    sandbox.world.money.disbursements += [
        disbursement("offer-a", undisbursed=Decimal("970.10")),
        disbursement(
            "offer-a",
            **reversed_amounts,
            disbursed=Decimal("-970.10"),
            undisbursed=Decimal("970.10"),
            status="Failed",
            disbursed_at=NOW + timedelta(days=1),
            bank_trace_id=None,
        ),
    ]
    payout = (await read(clazar_client)).payouts["offer-a"]
    assert payout.state is PayoutState.FAILED
    assert str(payout.net - payout.disbursed) == "USD 970.10"
    assert str(payout.listing_fee) == "USD 30.00", "the fee of the undisbursed amount is missing"
    assert payout.bank_trace_ids == (), "the failed payout has a bank trace id"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"invoice_id": ""}, "invoice_id is blank"),
        ({"currency": "CHF"}, "currency"),
    ],
)
async def test_invalid_row_makes_only_its_offer_incomplete(
    sandbox: Sandbox, clazar_client: ClazarClient, changes: dict[str, Any], message: str
) -> None:
    sandbox.world.money.disbursements += [
        disbursement("offer-a", **changes),
        disbursement("offer-a"),
        disbursement("offer-b"),
    ]
    reading = await read(clazar_client)
    (finding,) = reading.findings
    assert message in str(finding)
    assert "offer-a" in finding.problem
    assert set(reading.complete_payouts) == {"offer-b"}, (
        "offer-a is complete without its invalid row"
    )
    assert set(reading.payouts) == {"offer-a", "offer-b"}


class OnePageClient(ClazarClient):
    """A client whose dataset has one page with the given rows."""

    def __init__(self, *rows: Any) -> None:
        self._rows = rows

    async def request(self, *_: Any, **__: Any) -> Any:
        """The page."""
        return {"results": list(self._rows), "next": None}


VALID_ROW = {
    "offer_id": "offer-a",
    "invoice_id": "INV-1",
    "currency": "USD",
    "gross_revenue": Decimal(1000),
    "listing_fee": Decimal(-30),
    "gross_refund": "",
    "disbursed_net_revenue": Decimal(0),
    "undisbursed_net_revenue": Decimal(970),
}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (None, "a row: it is no object"),
        (
            VALID_ROW | {"offer_id": "offer-b", "gross_revenue": "1,000.00"},
            "offer offer-b, invoice INV-1: gross_revenue is no amount: '1,000.00'",
        ),
        (
            VALID_ROW | {"offer_id": "offer-b", "invoice_date": "04/01/2026"},
            "offer offer-b, invoice INV-1: invoice_date is no possible date: '04/01/2026'",
        ),
        (
            VALID_ROW | {"offer_id": "offer-b", "payment_due_date": "9999-12-31"},
            "offer offer-b, invoice INV-1: payment_due_date is no possible date: '9999-12-31'",
        ),
    ],
)
async def test_invalid_row_is_a_finding_and_other_rows_count(row: Any, message: str) -> None:
    reading = await read(OnePageClient(row, VALID_ROW))
    (finding,) = reading.findings
    assert finding.problem == message
    assert str(reading.complete_payouts["offer-a"].net) == "USD 970.00"


@pytest.mark.parametrize("net_is_given", [True, False])
@pytest.mark.parametrize(
    "column",
    [
        "seller_tax_share",
        "seller_tax_share_refund",
        "aws_tax_share_listing_fee",
        "aws_tax_share_refund_listing_fee",
    ],
)
async def test_each_tax_counts_beside_the_fee(column: str, net_is_given: bool) -> None:
    row = VALID_ROW | {column: Decimal("50.25"), "undisbursed_net_revenue": Decimal("1020.25")}
    if net_is_given:
        row |= {"seller_net_revenue": Decimal("1020.25"), "listing_fee": None}
    (invoice,) = (await read(OnePageClient(row))).payouts["offer-a"].invoices
    assert str(invoice.tax) == "USD 50.25"
    assert str(invoice.listing_fee) == "USD 30.00"
    assert str(invoice.net) == str(invoice.undisbursed) == "USD 1,020.25"


@pytest.mark.parametrize("net_is_given", [True, False])
async def test_refund_and_returned_fee_count(net_is_given: bool) -> None:
    refund = {"gross_refund": Decimal(-500), "listing_fee_refund": Decimal(15)}
    row = VALID_ROW | refund | {"undisbursed_net_revenue": Decimal(485)}
    if net_is_given:
        row |= {"seller_net_revenue": Decimal(485), "listing_fee": None}
    (invoice,) = (await read(OnePageClient(row))).payouts["offer-a"].invoices
    assert (str(invoice.refunded), str(invoice.listing_fee)) == ("USD 500.00", "USD 15.00")
    assert str(invoice.net) == "USD 485.00"


async def test_each_column_of_a_row_is_read() -> None:
    paid: dict[str, Any] = {
        "agreement_id": "agmt-1",
        "invoice_date": "2026-03-02",
        "payment_due_date": "2026-04-01",
        "disbursed_net_revenue": Decimal(970),
        "undisbursed_net_revenue": Decimal(0),
        "disbursement_date": "2026-04-10T00:00:00Z",
        "disburse_bank_trace_id": "trace-1",
        "transaction_reference_id": "line-1",
    }
    back = paid | {
        "gross_revenue": Decimal(-1000),
        "listing_fee": Decimal(30),
        "disbursed_net_revenue": Decimal(-970),
        "undisbursed_net_revenue": Decimal(970),
        "disbursement_date": "2026-04-11",
        "disbursement_status": "FAILED",
        "disburse_bank_trace_id": "",
    }
    other = {"transaction_reference_id": "line-2", "agreement_id": "agmt-1"}
    rows = [VALID_ROW | each for each in (paid | {"undisbursed_net_revenue": 970}, back, other)]
    (invoice,) = (await read(OnePageClient(*rows))).payouts["offer-a"].invoices
    assert (invoice.invoice_id, invoice.agreement_id) == ("INV-1", "agmt-1")
    assert (str(invoice.invoiced_on), str(invoice.due_on)) == ("2026-03-02", "2026-04-01")
    assert str(invoice.undisbursed) == "USD 1,940.00", "the lines of the invoice are not told apart"
    assert [(str(t.on), str(t.amount), t.bank_trace_id, t.failed) for t in invoice.transfers] == [
        ("2026-04-10", "USD 970.00", "trace-1", False),
        ("2026-04-11", "USD -970.00", None, True),
    ]


@pytest.mark.parametrize("column", ["gross_revenue", "disbursed_net_revenue", "listing_fee"])
@pytest.mark.parametrize("blank", [None, ""])
async def test_amount_that_must_be_there_is_not_taken_for_zero(column: str, blank: Any) -> None:
    reading = await read(OnePageClient(VALID_ROW | {column: blank}))
    (finding,) = reading.findings
    assert finding.problem == f"offer offer-a, invoice INV-1: {column} is blank"
    assert (set(reading.payouts), set(reading.incomplete)) == (set(), {"offer-a"})
