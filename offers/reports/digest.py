"""The digest of an owner's offers: what expires, what waits, what has happened."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from textwrap import shorten

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from offers.lifecycle.record import OfferRecord
from offers.money import Money
from offers.stage import Stage
from offers.terms.contacts import Owner

SETTLED = timedelta(minutes=5)
"""An event is reported once it is this old: search may not show it before."""

NAMED_LIMIT = 20
"""How many offers are named under one topic; of the others only the number is given."""

LONGEST_TEXT = 300


class DigestTopic(StrEnum):
    """What is reported of an offer."""

    EXPIRES = "expires"
    WAITS = "waits"
    ACCEPTED = "accepted"
    PAID = "paid"
    ENDED = "ended"


EVENT_TOPICS = frozenset({DigestTopic.ACCEPTED, DigestTopic.PAID, DigestTopic.ENDED})
"""Reported once; the other topics in each digest for as long as they hold."""

CAN_EXPIRE = (Stage.LIVE, Stage.SHARED)
"""Stages in which the buyer can accept."""

REPORTED_STAGES = (
    Stage.ACCEPTED,
    Stage.DISBURSED,
    Stage.EXPIRED,
    Stage.REPLACED,
    Stage.TERMINATED,
)
"""Stages whose beginning is reported."""

AGREED = frozenset({Stage.ACCEPTED, Stage.DISBURSED, Stage.REPLACED, Stage.TERMINATED})


class DigestItem(BaseModel):
    """One thing to report of one offer."""

    model_config = ConfigDict(frozen=True)

    topic: DigestTopic
    path: str
    company: str
    stage: Stage
    at: AwareDatetime
    """UTC business time: when it expires, since when it waits, or when it happened."""
    days_left: int = 0
    """Until the last day (UTC) of one that expires."""
    amount: Money | None = None
    problem: str = ""
    """Of one that waits, with what to do about it."""
    remedy: str = ""


class Digest(BaseModel):
    """What one owner is sent on one day.  Personal data."""

    model_config = ConfigDict(frozen=True)

    owner: Owner = Field(repr=False)
    day: date
    """The owner's local day."""
    items: tuple[DigestItem, ...]
    unnamed: dict[DigestTopic, int] = Field(default_factory=dict)
    """By topic, how many more there are."""


def digest_items(
    record: OfferRecord, since: datetime, now: datetime, ahead: timedelta
) -> list[DigestItem]:
    """What there is to report of an offer; of its events those after `since`, once settled."""

    def item(topic: DigestTopic, at: datetime, **more: object) -> DigestItem:
        named = {"path": record.path, "company": record.company or record.opportunity_id}
        return DigestItem.model_validate(
            {**named, "topic": topic, "stage": record.stage, "at": at, **more}
        )

    price = record.terms.price if record.terms else None
    said = []
    expires = record.expires_at
    if record.stage in CAN_EXPIRE and expires and now <= expires <= now + ahead:
        left = (expires.date() - now.date()).days
        said.append(item(DigestTopic.EXPIRES, expires, days_left=left, amount=price))
    said += [
        item(
            DigestTopic.WAITS,
            attention.since,
            problem=shorten(attention.problem, LONGEST_TEXT, placeholder=" …"),
            remedy=shorten(attention.remedy, LONGEST_TEXT, placeholder=" …"),
        )
        for attention in record.attentions
    ]
    for topic, at in _events(record).items():
        if since < at <= now - SETTLED:
            paid = record.payout.disbursed if record.payout else None
            said.append(item(topic, at, amount=paid if topic is DigestTopic.PAID else price))
    return said


def _events(record: OfferRecord) -> dict[DigestTopic, datetime]:
    """What has happened to an offer, and when; what was reversed is left out."""
    events: dict[DigestTopic, datetime] = {}
    before = None
    for entry in record.history:
        # It was accepted before if a payout failed, or an amendment was rolled back.
        again = before in (Stage.DISBURSED, Stage.REPLACED)
        if entry.stage is Stage.ACCEPTED and not again and record.stage in AGREED:
            events[DigestTopic.ACCEPTED] = entry.at
        before = entry.stage
    if record.stage is Stage.DISBURSED:
        events[DigestTopic.PAID] = record.stage_since
    elif record.stage in REPORTED_STAGES and record.stage.is_end:
        events[DigestTopic.ENDED] = record.stage_since
    return events


def digest(owner: Owner, day: date, said: Iterable[DigestItem]) -> Digest:
    """The digest: by topic, the most urgent first, a limited number of each."""
    topics = list(DigestTopic)
    ordered = sorted(said, key=lambda item: (topics.index(item.topic), item.at, item.path))
    counted: Counter[DigestTopic] = Counter()
    named = []
    for item in ordered:
        counted[item.topic] += 1
        if counted[item.topic] <= NAMED_LIMIT:
            named.append(item)
    unnamed = {topic: n - NAMED_LIMIT for topic, n in counted.items() if n > NAMED_LIMIT}
    return Digest(owner=owner, day=day, items=tuple(named), unnamed=unnamed)
