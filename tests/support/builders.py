"""Example data for tests: invented, and valid unless a test changes it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from offers.agreements.agreement import CancellationReasonCode, CancellationRequestInput
from offers.findings import Finding, findings_in
from offers.payouts.refund import Refund
from offers.terms.contacts import Contacts
from offers.terms.terms import OfferTerms

TODAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BUYER = "111122223333"
CONTACTS = Contacts(
    buyer_email="buyer@example.com", owner_email="owner@example.com", buyer_country="US"
)
CANCELLATION_REQUEST = CancellationRequestInput(
    reason_code=CancellationReasonCode.OTHER, message="You asked us to."
)


def refund(**changes: Any) -> Refund:
    """A refund that waits for approval."""
    known: dict[str, Any] = {
        "number": 1,
        "agreement_id": "agmt-1",
        "invoice_id": "INV-1",
        "amount": {"amount": "4000.00", "currency": "USD"},
        "reason": "BUYER_DISSATISFACTION",
        "token": "refund-00000000-0000-4000-8000-000000000001",
        "requested_by": "owner@example.com",
        "requested_at": NOW,
        "refunded_before": {"amount": "0.00", "currency": "USD"},
    }
    return Refund.model_validate(known | changes)


def facts(**changes: Any) -> dict[str, Any]:
    """The data of an opportunity, by the domain's field names."""
    known: dict[str, Any] = {
        "buyer_accounts": [BUYER],
        "company": "Example Corp",
        "product_id": "prod-examplesaas01",
        "dimensions": "platform",
        "price": {"amount": "120000.00", "currency": "USD"},
        "buyer_email": "buyer@example.com",
        "owner_email": "owner@example.com",
    }
    return {name: value for name, value in (known | changes).items() if value is not ...}


def terms(**changes: Any) -> OfferTerms:
    """Valid terms."""
    known: dict[str, Any] = {
        "buyer_accounts": [BUYER],
        "company": "Example Corp",
        "offer_name": "Example Product Annual - Example Corp - 03/2026",
        "product_id": "prod-examplesaas01",
        "dimensions": "platform",
        "price": {"amount": "120000.00", "currency": "USD"},
        "availability_end": "2026-04-01",
    }
    return OfferTerms.model_validate(known | changes)


def term_finding(**changes: Any) -> Finding:
    """The one finding about changed terms."""
    with pytest.raises(ValidationError) as refused:
        terms(**changes)
    (found,) = findings_in(refused.value)
    return found
