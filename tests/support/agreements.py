"""Offers that were accepted, and how their agreements stand: what amendments are made of."""

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
    """An accepted offer: in three instalments, unless its terms say otherwise."""
    return OriginalOffer(
        number=number,
        next_number=number + 1,
        agreement=agreement(),
        terms=terms(**({"payment_schedule": THREE_INSTALLMENTS} | changes)),
    )


def agreement_snapshot(invoiced: str = "40000", **changes: Any) -> AgreementSnapshot:
    """How AWS shows the agreement."""
    return AgreementSnapshot(agreement=agreement(**changes), invoiced=Decimal(invoiced))


def propose_amendment(
    given: dict[str, Any] | None = None,
    amended: OriginalOffer | None = None,
    stands: AgreementSnapshot | None = None,
    today: date = AFTER_FIRST_INSTALLMENT,
) -> Proposal:
    """What an amendment says on a wish."""
    return propose(
        amended or accepted_offer(), stands or agreement_snapshot(), given or {}, Policy(), today
    )


def draft_amendment(
    proposal: Proposal, today: date = AFTER_FIRST_INSTALLMENT, **given: Any
) -> Draft:
    """The amendment as preflight drafts it: over the opportunity, under what a person gave."""
    return draft(facts() | proposal.facts | given, Policy(), today)


def amendment_terms(
    proposal: Proposal, today: date = AFTER_FIRST_INSTALLMENT, **given: Any
) -> OfferTerms:
    """The terms of an amendment that has legal ones."""
    made = draft_amendment(proposal, today, **given)
    assert made.terms is not None, made.findings
    return made.terms
