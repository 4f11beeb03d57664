"""Builders of accepted offers, agreement snapshots and the amendments proposed from them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from offers.agreements.agreement import Agreement
from offers.agreements.amendment_pricing import AgreementSnapshot, OriginalOffer, Proposal, propose
from offers.policy.policy import Policy
from offers.preflight.draft import Draft, draft
from offers.terms.terms import OfferTerms
from tests.support.builders import BUYER, facts, terms

AFTER_FIRST_INSTALLMENT = date(2026, 6, 1)
"""A day on which the first of three instalments has fallen due."""
THREE_INSTALLMENTS = "2026-03-02 40000; 2026-09-02 40000; 2027-01-02 40000"


def agreement(**changes: Any) -> Agreement:
    """An agreement in force."""
    known: dict[str, Any] = {
        "agreement_id": "agmt-1",
        "offer_id": "offer-1",
        "buyer_account": BUYER,
        "status": "ACTIVE",
        "accepted_at": datetime(2026, 3, 5, 14, tzinfo=UTC),
        "starts_at": datetime(2026, 3, 5, 14, tzinfo=UTC),
        "ends_at": datetime(2027, 3, 5, 14, tzinfo=UTC),
    }
    return Agreement.model_validate(known | changes)


def accepted_offer(number: int = 0, **changes: Any) -> OriginalOffer:
    """An accepted offer, in three instalments unless `changes` has another payment schedule."""
    return OriginalOffer(
        number=number,
        next_number=number + 1,
        agreement=agreement(),
        terms=terms(**({"payment_schedule": THREE_INSTALLMENTS} | changes)),
    )


def agreement_snapshot(invoiced: str = "40000", **changes: Any) -> AgreementSnapshot:
    """The agreement as AWS shows it, with the invoiced amount."""
    return AgreementSnapshot(agreement=agreement(**changes), invoiced=Decimal(invoiced))


def propose_amendment(
    given: dict[str, Any] | None = None,
    original: OriginalOffer | None = None,
    snapshot: AgreementSnapshot | None = None,
    today: date = AFTER_FIRST_INSTALLMENT,
) -> Proposal:
    """The proposal for an amendment with the given terms."""
    return propose(
        original or accepted_offer(),
        snapshot or agreement_snapshot(),
        given or {},
        Policy(),
        today,
    )


def draft_amendment(
    proposal: Proposal, today: date = AFTER_FIRST_INSTALLMENT, **given: Any
) -> Draft:
    """The draft of an amendment: given terms first, then the proposal, then the opportunity."""
    return draft(facts() | proposal.facts | given, Policy(), today)


def amendment_terms(
    proposal: Proposal, today: date = AFTER_FIRST_INSTALLMENT, **given: Any
) -> OfferTerms:
    """The terms of a proposal that preflight accepts."""
    drafted = draft_amendment(proposal, today, **given)
    assert drafted.terms is not None, drafted.findings
    return drafted.terms
