"""Planning of digests: few queries, and no offer blocks the others."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities.errors import Failure
from activities.temporal import digests
from activities.temporal.digests import (
    LOOK_BACK,
    DigestPlan,
    DigestPlanRequest,
    Digests,
    KnownOwner,
)
from offers.lifecycle.record import OfferRecord, StageEntry
from offers.policy.digest import DigestRules
from offers.reports.digest import SETTLED, DigestTopic
from offers.stage import Stage
from offers.terms.contacts import Owner
from tests.support.builders import terms

MORNING = datetime(2026, 3, 10, 7, tzinfo=UTC)
"""A Tuesday, 8:00 in Berlin."""
BERLIN = Owner(owner_email="berlin@example.com", owner_time_zone="Europe/Berlin")
TOKYO = Owner(owner_email="tokyo@example.com", owner_time_zone="Asia/Tokyo")
GONE = RPCError("", RPCStatusCode.NOT_FOUND, b"")
LOST = RPCError("", RPCStatusCode.DEADLINE_EXCEEDED, b"")
NOT_LOADED = WorkflowQueryFailedError("the worker does not know it")


class FakeClient:
    """A fake of Temporal's client with the given answers."""

    def __init__(self, *answers: OfferRecord | list[OfferRecord | Exception]) -> None:
        self.answers = [a if isinstance(a, list) else [a] for a in answers]
        self.queries: list[str] = []

    async def list_workflows(self, query: str) -> AsyncIterator[Any]:
        self.queries.append(query)
        for number in range(len(self.answers)):
            yield SimpleNamespace(id=str(number), run_id="run", start_time=MORNING)

    def get_workflow_handle(self, workflow_id: str, run_id: str) -> Any:
        assert run_id == "run", "without a run id, a later run may answer"
        answers = self.answers[int(workflow_id)]

        async def query(name: str, **_: Any) -> OfferRecord:
            assert name == "record"
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return SimpleNamespace(id=workflow_id, query=query)


async def plan(offers: FakeClient, *known: KnownOwner, now: datetime = MORNING) -> DigestPlan:
    environment = ActivityEnvironment()
    request = DigestPlanRequest(rules=DigestRules(), now=now, known=known)
    found = await environment.run(Digests(cast(Client, offers)).plan_digests, request)
    return DigestPlan.model_validate_json(found.model_dump_json())


def offer(owner: Owner, stage: Stage = Stage.SHARED, **fields: Any) -> OfferRecord:
    return OfferRecord.model_validate(
        {
            "opportunity_id": "0065g00000AbCdEAAV",
            "terms": terms(availability_end="2026-03-12"),
            "owner": owner,
            "stage": stage,
            "history": [StageEntry(stage=stage, at=MORNING - timedelta(hours=20))],
        }
        | fields
    )


def known(owner: Owner, delivered_at: datetime, seen_at: datetime = MORNING) -> KnownOwner:
    return KnownOwner(owner=owner, last_seen_at=seen_at, delivered_at=delivered_at, next_at=MORNING)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "PAUSE", timedelta())


async def test_only_owners_whose_morning_it_is_get_a_digest() -> None:
    found = await plan(FakeClient(offer(BERLIN), offer(TOKYO)))
    (morning,) = found.deliveries
    assert morning.digest.owner == BERLIN
    assert morning.digest.day.isoformat() == "2026-03-10"
    assert morning.delivered.delivered_at == MORNING
    assert morning.delivered.next_at == MORNING + timedelta(days=1)
    waits = {each.owner: each.next_at for each in found.owners}
    assert waits == {BERLIN: MORNING, TOKYO: datetime(2026, 3, 10, 23, tzinfo=UTC)}


async def test_owner_without_items_is_done_for_the_day() -> None:
    unchanged = offer(BERLIN, terms=terms(availability_end="2026-04-10"))
    found = await plan(FakeClient(unchanged))
    assert found.deliveries == ()
    (owner,) = found.owners
    assert (owner.delivered_at, owner.next_at) == (MORNING, MORNING + timedelta(days=1))


async def test_digest_has_changes_since_the_last_one() -> None:
    happened = MORNING - timedelta(hours=20)
    accepted = offer(BERLIN, Stage.ACCEPTED)
    for delivered_at, topics in (
        (happened - timedelta(hours=3), [DigestTopic.ACCEPTED]),
        (happened + timedelta(minutes=4), [DigestTopic.ACCEPTED]),
    ):
        found = await plan(FakeClient(accepted), known(BERLIN, delivered_at))
        assert [i.topic for m in found.deliveries for i in m.digest.items] == topics
    found = await plan(FakeClient(accepted), known(BERLIN, happened + SETTLED))
    assert found.deliveries == ()


@pytest.mark.parametrize("hours", [1, 7, 20, 23])
async def test_first_digest_has_changes_since_the_previous_morning(
    hours: int,
) -> None:
    happened = MORNING - timedelta(hours=hours)
    accepted = offer(
        BERLIN, Stage.ACCEPTED, history=[StageEntry(stage=Stage.ACCEPTED, at=happened)]
    )
    first = await plan(FakeClient(accepted), now=MORNING + timedelta(hours=6))
    assert first.deliveries == ()
    next_day = MORNING + timedelta(days=1)
    second = await plan(FakeClient(accepted), *first.owners, now=next_day)
    (morning,) = second.deliveries
    assert [item.topic for item in morning.digest.items] == [DigestTopic.ACCEPTED]
    third = await plan(FakeClient(accepted), morning.delivered, now=next_day + timedelta(days=1))
    assert third.deliveries == ()


async def test_search_starts_at_the_oldest_needed_day() -> None:
    async def since(*owners: KnownOwner) -> str:
        offers = FakeClient()
        await plan(offers, *owners)
        (query,) = offers.queries
        return query.partition("OfferStageSince >= ")[2][1:11]

    assert await since() == "2026-03-01"
    assert await since(known(BERLIN, MORNING - timedelta(days=1))) == "2026-03-08"
    assert await since(known(BERLIN, MORNING - timedelta(days=30))) == "2026-03-01"


async def test_owners_without_offers_are_removed_after_a_while() -> None:
    long_ago = MORNING - LOOK_BACK
    found = await plan(
        FakeClient(), known(BERLIN, long_ago, seen_at=long_ago), known(TOKYO, long_ago)
    )
    assert [each.owner for each in found.owners] == [TOKYO]


async def test_known_time_zone_of_an_owner_is_used() -> None:
    old = BERLIN.model_copy(update={"owner_time_zone": None})
    found = await plan(FakeClient(offer(old, opportunity_id="0065g00000AbCdFAAV"), offer(BERLIN)))
    (morning,) = found.deliveries
    assert morning.digest.owner == BERLIN
    assert len(morning.digest.items) == 2


async def test_offers_that_do_not_answer_are_skipped() -> None:
    answers = FakeClient([GONE], [LOST], [NOT_LOADED], offer(BERLIN))
    (morning,) = (await plan(answers)).deliveries
    assert len(morning.digest.items) == 1


async def test_failed_query_is_repeated() -> None:
    found = await plan(FakeClient([NOT_LOADED, LOST, offer(BERLIN)]))
    assert len(found.deliveries) == 1


async def test_plan_fails_if_no_offer_answers() -> None:
    with pytest.raises(ApplicationError) as failure:
        await plan(FakeClient([LOST], [NOT_LOADED]))
    assert failure.value.type == Failure.UNAVAILABLE
    assert "@" not in str(failure.value)


async def test_deliveries_over_the_limit_wait_for_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(digests, "MOST_ITEMS", 1)
    both = FakeClient(
        offer(BERLIN), offer(BERLIN.model_copy(update={"owner_email": "b@example.com"}))
    )
    found = await plan(both)
    (first,) = found.deliveries
    assert [each.next_at for each in found.owners] == [MORNING, MORNING]
    others = [each for each in found.owners if each.key != first.delivered.key]
    (second,) = (await plan(both, first.delivered, *others)).deliveries
    assert second.delivered.key != first.delivered.key
