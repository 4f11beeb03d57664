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
