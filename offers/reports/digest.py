"""The digest of an owner's offers: what expires, what waits, what has happened."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum

from pydantic import AwareDatetime, Field

from offers.clock import end_of_day
from offers.lifecycle.summary import OfferSummary
from offers.model import FrozenModel
from offers.money import Money
from offers.stage import Stage
from offers.terms.contacts import Owner

SETTLED = timedelta(minutes=5)
"""An event is reported once it is this old: search may not show it before."""

NAMED_LIMIT = 20
"""How many offers are named under one topic; of the others only the number is given."""


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


class DigestItem(FrozenModel):
    """One thing to report of one offer."""

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


class Digest(FrozenModel):
    """What one owner is sent on one day.  Personal data."""

    owner: Owner = Field(repr=False)
    day: date
    """The owner's local day."""
    items: tuple[DigestItem, ...]
    unnamed: dict[DigestTopic, int] = Field(default_factory=dict)
    """By topic, how many more there are."""
    unreadable: tuple[str, ...] = ()
    """The paths of offers that may be the owner's, but whose summaries cannot be read."""
    more_unreadable: int = 0
    """How many of these are not named."""


def digest_items(
    offer: OfferSummary, since: datetime, now: datetime, ahead: timedelta
) -> list[DigestItem]:
    """What there is to report of an offer; of its events those after `since`, once settled."""
    deal, progress = offer.deal, offer.progress

    def item(topic: DigestTopic, at: datetime, **more: object) -> DigestItem:
        named = {"path": deal.path, "company": deal.company or deal.path}
        return DigestItem.model_validate(
            {**named, "topic": topic, "stage": progress.stage, "at": at, **more}
        )

    said = []
    expires = end_of_day(deal.last_day) if deal.last_day else None
    if progress.stage in CAN_EXPIRE and expires and now <= expires <= now + ahead:
        left = (expires.date() - now.date()).days
        said.append(item(DigestTopic.EXPIRES, expires, days_left=left, amount=offer.price))
    said += [
        item(DigestTopic.WAITS, each.since, problem=each.problem, remedy=each.remedy)
        for each in progress.attentions
    ]
    for topic, at in _events(offer).items():
        if since < at <= now - SETTLED:
            amount = offer.paid_out if topic is DigestTopic.PAID else offer.price
            said.append(item(topic, at, amount=amount))
    return said


def _events(offer: OfferSummary) -> dict[DigestTopic, datetime]:
    """What has happened to an offer, and when; what was reversed is left out."""
    events: dict[DigestTopic, datetime] = {}
    stage, since = offer.progress.stage, offer.progress.since
    if found_at := offer.progress.acceptance_found_at:
        events[DigestTopic.ACCEPTED] = found_at
    if stage is Stage.DISBURSED and since:
        events[DigestTopic.PAID] = since
    elif stage in REPORTED_STAGES and stage.is_end and since:
        events[DigestTopic.ENDED] = since
    return events


def digest(
    owner: Owner, day: date, said: Iterable[DigestItem], unreadable: Sequence[str] = ()
) -> Digest:
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
    return Digest(
        owner=owner,
        day=day,
        items=tuple(named),
        unnamed=unnamed,
        unreadable=tuple(sorted(unreadable)[:NAMED_LIMIT]),
        more_unreadable=max(0, len(unreadable) - NAMED_LIMIT),
    )
