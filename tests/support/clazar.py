"""Offers in the sandbox's Clazar, and a link to the example opportunity."""

from datetime import datetime, timedelta

from activities.clazar.offers import LinkOffer
from sandbox.aws.marketplace_state import Offer
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
