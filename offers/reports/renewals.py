"""Which agreements end soon, and whether their renewals are on the way."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from pydantic import AwareDatetime, Field

from offers.agreements.renewal import RenewalOffer, most_advanced
from offers.lifecycle.summary import OfferSummary
from offers.model import FrozenModel
from offers.money import Money
from offers.stage import Stage

IN_FORCE = frozenset({Stage.ACCEPTED, Stage.DISBURSED})
"""Stages in which an agreement is in force until its end."""


class EndingAgreement(FrozenModel):
    """An agreement that ends, and the offer that renews it.  Contains personal data."""

    path: str
    """Of the offer that led to it."""
    agreement_id: str
    company: str | None = None
    price: Money | None = None
    ends_at: AwareDatetime
    """UTC business time."""
    owner_email: str | None = Field(default=None, repr=False)
    owner_name: str | None = Field(default=None, repr=False)
    renewal: RenewalOffer | None = None
    """None: there is none here."""


def renewals_by_agreement(
    offers: Iterable[tuple[str, RenewalOffer]],
) -> Mapping[str, RenewalOffer]:
    """The renewal that counts of each agreement, from pairs of agreement and renewal."""
    found: dict[str, list[RenewalOffer]] = defaultdict(list)
    for agreement_id, offer in offers:
        found[agreement_id].append(offer)
    return {name: best for name, each in found.items() if (best := most_advanced(each))}


def ending_agreements(
    summaries: Iterable[OfferSummary],
    renewals: Mapping[str, RenewalOffer],
    now: datetime,
    within: timedelta,
) -> list[EndingAgreement]:
    """The agreements in force that end within that time, the first to end first.

    `renewals` are named by the first agreement of each chain.
    """
    ending = [
        EndingAgreement(
            path=deal.path,
            agreement_id=progress.agreement_id,
            company=deal.company,
            price=summary.price,
            ends_at=progress.agreement_ends_at,
            owner_email=deal.owner.owner_email if deal.owner else None,
            owner_name=deal.owner.owner_name if deal.owner else None,
            renewal=renewals.get(progress.first_agreement_id or progress.agreement_id),
        )
        for summary in summaries
        for deal, progress in [(summary.deal, summary.progress)]
        if progress.stage in IN_FORCE
        and progress.agreement_id is not None
        and progress.agreement_ends_at is not None
        and now < progress.agreement_ends_at <= now + within
    ]
    return sorted(ending, key=lambda each: (each.ends_at, each.path))
