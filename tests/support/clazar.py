"""Offers in the sandbox's Clazar, and a link to the example opportunity."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from activities.clazar.offers import LinkOffer
from sandbox.aws.marketplace_state import Offer
from sandbox.billing.money import Disbursement
from sandbox.clazar.private_offers import clazar_id
from sandbox.server import Sandbox
from tests.support.vendors import NOW, OFFER
from tests.support.workflow_harness import OPPORTUNITY

LINK = LinkOffer(clazar_id=clazar_id(OFFER), opportunity_id=OPPORTUNITY)


def put_offer(sandbox: Sandbox, offer_id: str = OFFER, *, released: datetime = NOW) -> Offer:
    """Put a released offer into AWS, which Clazar then shows."""
    offer = Offer(
        offer_id,
        sandbox.world.aws.product_id,
        state="Released",
        name="Example",
        buyer_accounts=["111122223333"],
        availability_end=NOW.date() + timedelta(days=30),
        released_at=released - timedelta(hours=1),
        last_modified=released - timedelta(hours=1),
    )
    sandbox.world.aws.offers[offer_id] = offer
    return offer


def disbursement(offer_id: str, **changes: Any) -> Disbursement:
    """A row of AWS's report: an invoice that was paid out."""
    row = Disbursement(
        offer_id=offer_id,
        offer_name="Example",
        agreement_id="agmt-1",
        acceptor="111122223333",
        agreement_accepted_at=NOW,
        agreement_start=NOW,
        agreement_end=NOW,
        invoice_id="INV-1",
        invoice_date=NOW,
        payment_due=NOW,
        currency="USD",
        gross=Decimal("1000.10"),
        listing_fee=Decimal("-30.00"),
        listing_fee_percentage=Decimal(3),
        disbursed=Decimal("970.10"),
        undisbursed=Decimal(0),
        status="Disbursed",
        disbursed_at=NOW,
        bank_trace_id="trace-1",
    )
    return replace(row, **changes)
