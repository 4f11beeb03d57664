"""Which offers a list shows, and in which order."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta

from client.listing import OfferRow
from offers.lifecycle.attentions import SUGGESTED_ACTIONS, AttentionCode
from offers.model import FrozenModel
from offers.stage import Stage

BEFORE_ACCEPTANCE = frozenset(
    {Stage.DRAFT, Stage.SUBMITTED, Stage.GENERATING, Stage.FAILED, Stage.LIVE, Stage.SHARED}
)
ONLY_TOLD = frozenset(code for code, actions in SUGGESTED_ACTIONS.items() if not actions)
"""Attentions about which nothing can be done here."""

LONGEST_DAYS = 3650


class OfferSelection(FrozenModel):
    """What a list is to show; None: whatever it is."""

    stage: Stage | None = None
    attention: AttentionCode | None = None
    owner: str | None = None
    """A part of the owner's name or mail address."""
    expiring: timedelta | None = None
    """The last day to accept is within that time."""

    def includes(self, row: OfferRow, now: datetime) -> bool:
        """Whether an offer is shown; `now` is UTC business time."""
        owner = f"{row.owner_name or ''} {row.owner_email or ''}".casefold()
        return (
            self.stage in (None, row.stage)
            and (self.attention is None or self.attention in row.attentions)
            and (self.owner is None or self.owner.casefold() in owner)
            and (self.expiring is None or _expires(row, now, self.expiring))
        )


def _expires(row: OfferRow, now: datetime, within: timedelta) -> bool:
    if row.last_day is None or row.stage not in BEFORE_ACCEPTANCE:
        return False
    return now.date() <= row.last_day <= (now + within).date()


def searchable(text: str) -> str:
    """Without what differs only in case and form."""
    return unicodedata.normalize("NFKC", text).casefold()


def searchable_text(row: OfferRow) -> str:
    """What a search looks through: the texts that a row shows."""
    shown = (
        row.opportunity_id,
        row.company,
        row.owner_name,
        row.owner_email,
        row.stage,
        row.offer_id,
        row.agreement_id,
        *row.attentions,
    )
    return searchable(" ".join(filter(None, shown)))


def needy_first(rows: Iterable[OfferRow]) -> list[OfferRow]:
    """What needs somebody comes first, the oldest before; then what waits, by when that is over."""
    return sorted(rows, key=_urgency)


def _urgency(row: OfferRow) -> tuple[int, float, str]:
    if row.attention and _needs_somebody(row):
        return 0, _number(row.attention_since or row.since), row.opportunity_id
    if row.problem:
        return 1, _number(row.since), row.opportunity_id
    if row.waits_for:
        return 2, _number(row.waits_until), row.opportunity_id
    return 3, -_number(row.since, 0), row.opportunity_id


def _needs_somebody(row: OfferRow) -> bool:
    """Whether something can be done about one of its attentions."""
    return any(each not in ONLY_TOLD for each in row.attentions)


def _number(instant: datetime | None, otherwise: float = float("inf")) -> float:
    return instant.timestamp() if instant else otherwise


def parse_period(text: str) -> timedelta:
    """Days or weeks, such as `7d` or `2w`; raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,4})([dw]?)", text.strip().lower())
    days = int(found[1]) * (7 if found[2] == "w" else 1) if found else None
    if days is None or days > LONGEST_DAYS:
        raise ValueError(f"{text!r} is no number of days or weeks: write it as 7d or 2w")
    return timedelta(days=days)
