"""Collects the morning mail of each owner.

The owner of an offer is personal data and therefore not a search attribute: the offers with
something to report are found by search, and only their records are read.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from temporalio import activity
from temporalio.client import Client, WorkflowExecution, WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import unavailable
from offers.lifecycle.record import OfferRecord
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

AT_ONCE = 20
"""Concurrent queries for records."""
RPC_TIMEOUT = timedelta(seconds=10)
"""For one query."""
TRIES = 3
PAUSE = timedelta(seconds=1)
"""Before the next attempt: a worker that has just started may not know the workflow yet."""

MOST_ITEMS = 1_000
"""Per run (Temporal: 2 MB for a result); the next run reports the others."""


class KnownOwner(BaseModel):
    """An owner, and the times of their mails.  Personal data.  Instants are UTC business time."""

    model_config = ConfigDict(frozen=True)

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


class DigestPlanRequest(BaseModel):
    """The input of one run."""

    model_config = ConfigDict(frozen=True)

    rules: DigestRules
    now: AwareDatetime
    """UTC business time."""
    known: tuple[KnownOwner, ...] = Field(default=(), repr=False)


class DigestDelivery(BaseModel):
    """The mail to one owner, and the owner's state after it is sent."""

    model_config = ConfigDict(frozen=True)

    digest: Digest
    delivered: KnownOwner


class DigestPlan(BaseModel):
    """The state of all owners, and the mails to send."""

    model_config = ConfigDict(frozen=True)

    owners: tuple[KnownOwner, ...] = Field(repr=False)
    """For owners who get a mail: their state until it is sent."""
    deliveries: tuple[DigestDelivery, ...]


class ObservedOwner(NamedTuple):
    """What is read of an offer's record."""

    owner: Owner
    changed_at: datetime
    items: list[DigestItem]


class Digests:
    """Activities on Temporal itself."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def plan_digests(self, request: DigestPlanRequest) -> DigestPlan:
        """The mails to send now; fails UNAVAILABLE if no offer answers."""
        now, rules = request.now, request.rules
        known = {each.key: each for each in request.known}
        since = _since(known.values(), rules, now)
        offers = await self._candidates(since, now + rules.look_ahead, now)
        seen = await self._ask(offers, since, request)
        owners = _met(known, seen, request)
        said: dict[str, list[DigestItem]] = defaultdict(list)
        for each in seen:
            said[each.owner.owner_email.casefold()] += each.items
        return _plan(owners, said, rules, now)

    async def _candidates(
        self, since: datetime, until: datetime, now: datetime
    ) -> list[WorkflowExecution]:
        """The offers that may have something to report."""
        open_ones = f"OfferStage IN ({_quoted(CAN_EXPIRE)})"
        expiring = f"{open_ones} AND OfferExpiresAt BETWEEN {_at(now)} AND {_at(until)}"
        waiting = "OfferAttention IS NOT NULL"
        # Completed runs are included; terminated ones are not, their records are out of date.
        news = (
            f"OfferStage IN ({_quoted(REPORTED_STAGES)}) AND OfferStageSince >= {_at(since)}"
            " AND ExecutionStatus IN ('Running', 'Completed')"
        )
        query = (
            "WorkflowType = 'OfferWorkflow'"
            f" AND ((ExecutionStatus = 'Running' AND (({expiring}) OR {waiting})) OR ({news}))"
        )
        return [each async for each in self._client.list_workflows(query)]

    async def _ask(
        self, offers: list[WorkflowExecution], since: datetime, request: DigestPlanRequest
    ) -> list[ObservedOwner]:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(execution: WorkflowExecution) -> ObservedOwner | None:
            handle = self._client.get_workflow_handle(execution.id, run_id=execution.run_id)
            async with room:
                record = await _record(handle)
            if record is None or record.owner is None:
                return None
            # Only the items are kept: records are large.
            said = digest_items(record, since, request.now, request.rules.look_ahead)
            changed_at = record.stage_since if record.history else execution.start_time
            return ObservedOwner(record.owner, changed_at, said)

        answers = await asyncio.gather(*map(one, offers), return_exceptions=True)
        failed = [answer for answer in answers if isinstance(answer, BaseException)]
        for error in failed:
            if not isinstance(error, Unanswered):
                raise error
        if failed and len(failed) == len(offers):
            raise unavailable("Temporal", "no offer answers")
        return [answer for answer in answers if isinstance(answer, ObservedOwner)]


class Unanswered(Exception):
    """An offer that does not answer and is left out."""


async def _record(handle: WorkflowHandle[object, object]) -> OfferRecord | None:
    """An offer's record; None if there is no such offer any more."""
    for tried in range(1, TRIES + 1):
        try:
            record: OfferRecord = await handle.query(
                "record", result_type=OfferRecord, rpc_timeout=RPC_TIMEOUT
            )
        except WorkflowQueryFailedError:
            pass
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
        else:
            return record
        if tried < TRIES:
            await asyncio.sleep(PAUSE.total_seconds())
    activity.logger.warning("%s does not answer, and is left out of the digest", handle.id)
    raise Unanswered


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
        if not fitting:
            met.append(delivered)
            continue
        met.append(each.model_copy(update={"next_at": now}))
        sheet = digest(each.owner, own.day(now), fitting)
        room -= len(sheet.items)
        if room >= 0:
            mornings.append(DigestDelivery(digest=sheet, delivered=delivered))
    return DigestPlan(owners=tuple(met), deliveries=tuple(mornings))


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _at(instant: datetime) -> str:
    return f"'{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
