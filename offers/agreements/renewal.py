"""Renewals: an offer for a contract that follows another one, which ends."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from pydantic import AwareDatetime

from offers.agreements.agreement import Agreement
from offers.findings import illegal
from offers.ids import InvalidOpportunityId, parse_opportunity_id
from offers.model import FrozenModel
from offers.stage import Stage
from offers.terms.parsing import LONGEST_ID
from offers.text import clean_code

_AGREEMENT_ID = re.compile(r"agmt-[A-Za-z0-9]{1,59}")
_SEPARATORS = re.compile(r"[\s,;]+")

REMEDY = "Write the id of the earlier opportunity (006…), or of its agreement (agmt-…)"


class RenewedReference(FrozenModel):
    """What a deal says that it renews: exactly one of the two ids is given."""

    opportunity_id: str | None = None
    agreement_id: str | None = None


def parse_renewed(value: Any) -> RenewedReference:
    """The id of an opportunity (15 or 18 characters) or of an agreement, as people write it."""
    text = clean_code(value).strip() if isinstance(value, str) else ""
    if len(_SEPARATORS.split(text)) > 1:
        raise illegal("it names several", REMEDY)
    if _AGREEMENT_ID.fullmatch(text):
        return RenewedReference(agreement_id=text)
    try:
        if len(text) <= LONGEST_ID:
            return RenewedReference(opportunity_id=parse_opportunity_id(text))
    except InvalidOpportunityId:
        pass
    raise illegal("it is neither the id of an opportunity nor of an agreement", REMEDY)


def first_agreement(agreement: Agreement) -> str:
    """The id that stays the same for an agreement and all amendments of it."""
    return agreement.initial_agreement_id or agreement.agreement_id


def day_after(ends_at: AwareDatetime) -> date:
    """The first day (UTC) on which a contract that follows does not overlap.

    An agreement's last instant is the end of a day, or a time of day if it began when accepted.
    """
    return (ends_at - timedelta(microseconds=1)).date() + timedelta(days=1)


class RenewalOffer(FrozenModel):
    """An offer of ours that renews another one's agreement, as the list of offers shows it."""

    path: str
    stage: Stage

    @property
    def is_accepted(self) -> bool:
        """Whether the contract is renewed."""
        return self.stage in _ACCEPTED


class RenewalSearch(FrozenModel):
    """What the list of offers showed of a renewal."""

    is_complete: bool = True
    """Whether the list could be read."""
    offer: RenewalOffer | None = None


def most_advanced(offers: Iterable[RenewalOffer]) -> RenewalOffer | None:
    """Of several offers that renew one agreement, the one that counts: accepted, or still open."""
    return max(
        offers, key=lambda each: (each.is_accepted, not each.stage.is_end, each.path), default=None
    )


_ACCEPTED = frozenset({Stage.ACCEPTED, Stage.DISBURSED, Stage.REPLACED})
