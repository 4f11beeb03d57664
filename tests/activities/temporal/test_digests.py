"""Looking who is to be told what: a few questions, and no one offer that holds up the others."""

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
NOT_KNOWN_YET = WorkflowQueryFailedError("the worker does not know it")


class Offers:
    """A client of Temporal, as far as it is asked."""

    def __init__(self, *answers: OfferRecord | list[OfferRecord | Exception]) -> None:
        self.answers = [a if isinstance(a, list) else [a] for a in answers]
        self.queries: list[str] = []

    async def list_workflows(self, query: str) -> AsyncIterator[Any]:
        self.queries.append(query)
        for number in range(len(self.answers)):
            yield SimpleNamespace(id=str(number), run_id="run", start_time=MORNING)

    def get_workflow_handle(self, workflow_id: str, run_id: str) -> Any:
        assert run_id == "run", "an opportunity's offer may be made again"
        answers = self.answers[int(workflow_id)]

        async def query(name: str, **_: Any) -> OfferRecord:
            assert name == "record"
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return SimpleNamespace(id=workflow_id, query=query)


async def look(offers: Offers, *known: KnownOwner, now: datetime = MORNING) -> DigestPlan:
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


def known(owner: Owner, told_at: datetime, seen_at: datetime = MORNING) -> KnownOwner:
    return KnownOwner(owner=owner, last_seen_at=seen_at, delivered_at=told_at, next_at=MORNING)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "PAUSE", timedelta())


async def test_only_whose_morning_it_is_is_told() -> None:
    found = await look(Offers(offer(BERLIN), offer(TOKYO)))
    (morning,) = found.deliveries
    assert morning.digest.owner == BERLIN
    assert morning.digest.day.isoformat() == "2026-03-10"
    assert morning.delivered.delivered_at == MORNING
    assert morning.delivered.next_at == MORNING + timedelta(days=1)
    waits = {each.owner: each.next_at for each in found.owners}
    assert waits == {BERLIN: MORNING, TOKYO: datetime(2026, 3, 10, 23, tzinfo=UTC)}


async def test_who_has_nothing_to_be_told_has_had_the_morning_too() -> None:
    quiet = offer(BERLIN, terms=terms(availability_end="2026-04-10"))
    found = await look(Offers(quiet))
    assert found.deliveries == ()
    (owner,) = found.owners
    assert (owner.delivered_at, owner.next_at) == (MORNING, MORNING + timedelta(days=1))


async def test_news_since_the_last_morning_is_told() -> None:
    happened = MORNING - timedelta(hours=20)
    accepted = offer(BERLIN, Stage.ACCEPTED)
    for told_at, topics in (
        (happened - timedelta(hours=3), [DigestTopic.ACCEPTED]),
        (happened + timedelta(minutes=4), [DigestTopic.ACCEPTED]),
    ):
        found = await look(Offers(accepted), known(BERLIN, told_at))
        assert [i.topic for m in found.deliveries for i in m.digest.items] == topics
    found = await look(Offers(accepted), known(BERLIN, happened + SETTLED))
    assert found.deliveries == ()


@pytest.mark.parametrize("hours", [1, 7, 20, 23])
async def test_who_is_met_between_two_mornings_hears_of_all_since_the_one_before(
    hours: int,
) -> None:
    happened = MORNING - timedelta(hours=hours)
    accepted = offer(
        BERLIN, Stage.ACCEPTED, history=[StageEntry(stage=Stage.ACCEPTED, at=happened)]
    )
    met = await look(Offers(accepted), now=MORNING + timedelta(hours=6))
    assert met.deliveries == ()
    next_day = MORNING + timedelta(days=1)
    told = await look(Offers(accepted), *met.owners, now=next_day)
    (morning,) = told.deliveries
    assert [item.topic for item in morning.digest.items] == [DigestTopic.ACCEPTED]
    again = await look(Offers(accepted), morning.delivered, now=next_day + timedelta(days=1))
    assert again.deliveries == ()


async def test_search_goes_back_no_further_than_it_must() -> None:
    async def since(*owners: KnownOwner) -> str:
        offers = Offers()
        await look(offers, *owners)
        (query,) = offers.queries
        return query.partition("OfferStageSince >= ")[2][1:11]

    assert await since() == "2026-03-01"
    assert await since(known(BERLIN, MORNING - timedelta(days=1))) == "2026-03-08"
    assert await since(known(BERLIN, MORNING - timedelta(days=30))) == "2026-03-01"


async def test_owners_of_nothing_are_forgotten_after_a_while() -> None:
    long_ago = MORNING - LOOK_BACK
    found = await look(Offers(), known(BERLIN, long_ago, seen_at=long_ago), known(TOKYO, long_ago))
    assert [each.owner for each in found.owners] == [TOKYO]


async def test_the_zone_that_is_known_counts() -> None:
    old = BERLIN.model_copy(update={"owner_time_zone": None})
    found = await look(Offers(offer(old, opportunity_id="0065g00000AbCdFAAV"), offer(BERLIN)))
    (morning,) = found.deliveries
    assert morning.digest.owner == BERLIN
    assert len(morning.digest.items) == 2


async def test_what_does_not_answer_is_left_out() -> None:
    answers = Offers([GONE], [LOST], [NOT_KNOWN_YET], offer(BERLIN))
    (morning,) = (await look(answers)).deliveries
    assert len(morning.digest.items) == 1


async def test_a_worker_that_does_not_know_it_yet_is_asked_again() -> None:
    found = await look(Offers([NOT_KNOWN_YET, LOST, offer(BERLIN)]))
    assert len(found.deliveries) == 1


async def test_if_nothing_answers_nobody_counts_as_told() -> None:
    with pytest.raises(ApplicationError) as failure:
        await look(Offers([LOST], [NOT_KNOWN_YET]))
    assert failure.value.type == Failure.UNAVAILABLE
    assert "@" not in str(failure.value)


async def test_too_much_for_one_turn_is_left_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "MOST_ITEMS", 1)
    both = Offers(offer(BERLIN), offer(BERLIN.model_copy(update={"owner_email": "b@example.com"})))
    found = await look(both)
    (first,) = found.deliveries
    assert [each.next_at for each in found.owners] == [MORNING, MORNING]
    others = [each for each in found.owners if each.key != first.delivered.key]
    (second,) = (await look(both, first.delivered, *others)).deliveries
    assert second.delivered.key != first.delivered.key
