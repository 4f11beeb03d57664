"""Collects the morning mail of each owner.

The offers with something to report are found by search; what they report is in their summaries.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import AwareDatetime, Field
from temporalio import activity
from temporalio.client import Client

from activities.errors import unavailable
from activities.temporal.offer_summaries import UNREADABLE, ListedOffer, list_offers
from offers.model import FrozenModel
from offers.policy.digest import DigestRules
from offers.reports.digest import (
    CAN_EXPIRE,
    EVENT_TOPICS,
    REPORTED_STAGES,
    SETTLED,
    Digest,
    DigestItem,
    digest,
    digest_items,
)
from offers.reports.digest_times import DigestSchedule
from offers.terms.contacts import Owner

LOOK_BACK = timedelta(days=9)
"""How far back news is looked for at most, longer than from a weekly digest to the next; and how
long an owner of nothing is remembered."""

MOST_ITEMS = 1_000
"""Per run (Temporal: 2 MB for a result); the next run reports the others."""


class KnownOwner(FrozenModel):
    """An owner, and the times of their mails.  Personal data.  Instants are UTC business time."""

    owner: Owner = Field(repr=False)
    last_seen_at: AwareDatetime
    """When one of their offers last had something to report."""
    delivered_at: AwareDatetime
    """The last time a mail was due, whether or not there was something to report.  A new owner
    counts as informed up to the morning before the last one."""
    next_at: AwareDatetime
    """The next time a mail is due; in the past while one is still to be sent."""

    @property
    def key(self) -> str:
        """Identifies the owner."""
        return self.owner.owner_email.casefold()


class DigestPlanRequest(FrozenModel):
    """The input of one run."""

    rules: DigestRules
    now: AwareDatetime
    """UTC business time."""
    known: tuple[KnownOwner, ...] = Field(default=(), repr=False)


class DigestDelivery(FrozenModel):
    """The mail to one owner, and the owner's state after it is sent."""

    digest: Digest
    delivered: KnownOwner


class DigestPlan(FrozenModel):
    """The state of all owners, and the mails to send."""

    owners: tuple[KnownOwner, ...] = Field(repr=False)
    """For owners who get a mail: their state until it is sent."""
    deliveries: tuple[DigestDelivery, ...]


class ObservedOwner(NamedTuple):
    """What is read of an offer."""

    owner: Owner
    changed_at: datetime
    items: list[DigestItem]


class Digests:
    """Activities on Temporal itself."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def plan_digests(self, request: DigestPlanRequest) -> DigestPlan:
        """The mails to send now; fails UNAVAILABLE if no offer can be read."""
        now, rules = request.now, request.rules
        known = {each.key: each for each in request.known}
        since = _since(known.values(), rules, now)
        offers = await list_offers(self._client, _candidates(since, now + rules.look_ahead, now))
        unreadable = [each.path for each in offers if each.problem]
        if unreadable and len(unreadable) == len(offers):
            raise unavailable("Temporal", f"of {len(offers)} offers none can be read: {UNREADABLE}")
        for path in unreadable:
            activity.logger.warning("%s: %s", path, UNREADABLE)
        seen = list(_observed(offers, since, request))
        owners = _met(known, seen, request)
        said: dict[str, list[DigestItem]] = defaultdict(list)
        for each in seen:
            said[each.owner.owner_email.casefold()] += each.items
        return _plan(owners, said, unreadable, rules, now)


def _candidates(since: datetime, until: datetime, now: datetime) -> str:
    """What search must find: the offers that may have something to report."""
    open_ones = f"OfferStage IN ({_quoted(CAN_EXPIRE)})"
    expiring = f"{open_ones} AND OfferExpiresAt BETWEEN {_at(now)} AND {_at(until)}"
    waiting = "OfferAttention IS NOT NULL"
    # Completed runs are included; terminated ones are not, their summaries are out of date.
    news = (
        f"OfferStage IN ({_quoted(REPORTED_STAGES)}) AND OfferStageSince >= {_at(since)}"
        " AND ExecutionStatus IN ('Running', 'Completed')"
    )
    return f"(ExecutionStatus = 'Running' AND (({expiring}) OR {waiting})) OR ({news})"


def _observed(
    offers: Iterable[ListedOffer], since: datetime, request: DigestPlanRequest
) -> Iterator[ObservedOwner]:
    for offer in offers:
        if (summary := offer.summary) and (owner := summary.deal.owner):
            said = digest_items(summary, since, request.now, request.rules.look_ahead)
            changed_at = summary.progress.since or offer.started_at
            yield ObservedOwner(owner, changed_at, said)


def _since(known: Iterable[KnownOwner], rules: DigestRules, now: datetime) -> datetime:
    """The start of the period to report, for all owners."""
    delivered = [
        each.delivered_at
        for each in known
        if DigestSchedule(each.owner, rules).is_due(each.delivered_at, now)
    ]
    # A new owner may be in a time zone where the last morning was earlier.
    return (
        max(min(delivered) - timedelta(days=1), now - LOOK_BACK) if delivered else now - LOOK_BACK
    )


def _met(
    known: Mapping[str, KnownOwner], seen: Iterable[ObservedOwner], request: DigestPlanRequest
) -> list[KnownOwner]:
    """The owners of the offers found, and those of whom an offer was found not long ago."""
    now, rules = request.now, request.rules
    owners = {key: each for key, each in known.items() if each.last_seen_at > now - LOOK_BACK}
    # The latest draft has the most recent data; an old one may have no time zone.
    for each in sorted(seen, key=lambda s: (s.owner.owner_time_zone is not None, s.changed_at)):
        key = each.owner.owner_email.casefold()
        owners[key] = KnownOwner(
            owner=each.owner,
            last_seen_at=now,
            delivered_at=known[key].delivered_at
            if key in known
            else DigestSchedule(each.owner, rules).previous(now),
            next_at=now,
        )
    return list(owners.values())


def _plan(
    owners: list[KnownOwner],
    said: Mapping[str, list[DigestItem]],
    unreadable: Sequence[str],
    rules: DigestRules,
    now: datetime,
) -> DigestPlan:
    """Who gets a mail now, and the state of all owners."""
    met, mornings, room = [], [], MOST_ITEMS
    for each in sorted(owners, key=lambda owner: owner.delivered_at):
        own = DigestSchedule(each.owner, rules)
        resting = each.model_copy(update={"next_at": own.next(now)})
        if not own.is_due(each.delivered_at, now):
            met.append(resting)
            continue
        delivered = resting.model_copy(update={"delivered_at": now})
        since = each.delivered_at - SETTLED
        fitting = [i for i in said.get(each.key, ()) if i.topic not in EVENT_TOPICS or i.at > since]
        if not fitting and not unreadable:
            met.append(delivered)
            continue
        met.append(each.model_copy(update={"next_at": now}))
        sheet = digest(each.owner, own.day(now), fitting, unreadable)
        room -= len(sheet.items)
        if room >= 0:
            mornings.append(DigestDelivery(digest=sheet, delivered=delivered))
    return DigestPlan(owners=tuple(met), deliveries=tuple(mornings))


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _at(instant: datetime) -> str:
    return f"'{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
