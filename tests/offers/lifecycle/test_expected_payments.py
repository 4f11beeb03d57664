"""What of a record decides AWS's fee."""

from datetime import UTC, datetime
from typing import Any

import pytest

from offers.lifecycle.expected_payments import listing_fee_of, payment_terms_of
from offers.lifecycle.record import OfferRecord
from offers.policy.listing_fees import ListingFees
from offers.policy.policy import Policy
from tests.support.agreements import agreement
from tests.support.builders import CONTACTS, terms

SERVICES = Policy(listing_fees=ListingFees(professional_services=("prod-services",)))
BEFORE = datetime(2026, 6, 15, 23, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "rates"),
    [
        ({"terms": None}, None),
        ({}, "3%"),
        ({"contacts": None}, "3% or 4%"),
        ({"contacts": CONTACTS.model_copy(update={"buyer_country": "KR"})}, "4%"),
        ({"policy": SERVICES}, "0.5%"),
        ({"policy": SERVICES, "agreement": agreement(accepted_at=BEFORE)}, "0.5% or 2.5%"),
    ],
)
def test_fee_of_a_record(changes: dict[str, Any], rates: str | None) -> None:
    product = "prod-services" if "policy" in changes else "prod-saas"
    known: dict[str, Any] = {
        "terms": terms(product_id=product, availability_end="2026-07-01"),
        "contacts": CONTACTS,
    }
    record = OfferRecord(opportunity_id="0065g00000AbCdEAAV", **known | changes)
    fee, payment = listing_fee_of(record), payment_terms_of(record)
    assert (fee and fee.rates_text) == rates
    assert (payment and payment.fee_rate) == (fee and fee.rate)
