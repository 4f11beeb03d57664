"""Offers in each stage, and what can be asked of them."""

from collections.abc import Callable
from datetime import date
from typing import Any

from offers.lifecycle import guards
from offers.lifecycle.commands import Extension, TermChanges
from offers.lifecycle.guards import Reason
from offers.lifecycle.record import Amendment, OfferRecord
from offers.stage import Stage
from tests.support.agreements import agreement
from tests.support.builders import NOW, terms
from tests.support.builders import facts as opportunity_facts
from workflows.offer.change_requests import DECIDED

ID = "0065g00000AbCdEAAV"
UNTIL = date(2026, 4, 10)


def record(stage: Stage, **known: Any) -> OfferRecord:
    """An offer in a stage."""
    agreed = stage in (Stage.ACCEPTED, Stage.DISBURSED, Stage.REPLACED, Stage.TERMINATED)
    contacts = {n: v for n, v in opportunity_facts().items() if n.endswith("_email")}
    return OfferRecord.model_validate(
        {
            "opportunity_id": ID,
            "stage": stage,
            "terms": terms(),
            "contacts": contacts,
            "agreement": agreement() if agreed else None,
            "replaced_by": "agmt-2" if stage is Stage.REPLACED else None,
            "amendments": (
                Amendment(number=1, stage=Stage.CANCELLED),
                Amendment(number=3, stage=stage, agreement_id="agmt-2"),
            ),
            **known,
        }
    )


def why_cannot_amend(offer: OfferRecord, busy: Reason | None = None, **given: Any) -> Reason | None:
    return guards.why_cannot_amend(
        offer, TermChanges(terms=given), NOW, withdrawing=False, busy=busy
    )


REQUESTS: dict[str, Callable[[OfferRecord], Reason | None]] = {
    "revise": lambda offer: guards.why_cannot_revise(
        offer, TermChanges(terms={"company": "Other"})
    ),
    "amend": lambda offer: why_cannot_amend(offer, company="Other"),
    "extend": lambda offer: guards.why_cannot_extend(offer, Extension(until=UNTIL), NOW, None),
    "cancel": lambda offer: guards.why_cannot_cancel(offer) if offer.stage in DECIDED else None,
    "request": lambda offer: guards.why_cannot_request_cancellation(
        offer, requested=False, open_amendment=None
    ),
}
