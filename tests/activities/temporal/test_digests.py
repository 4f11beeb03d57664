"""Planning of digests: one list, and no offer blocks the others."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflowservice.v1 import (
    ListWorkflowExecutionsRequest,
    ListWorkflowExecutionsResponse,
)
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.email.digest import compose_digest
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
from offers.lifecycle.summary import OfferSummary
from offers.policy.digest import DigestRules
from offers.reports.digest import SETTLED, DigestTopic
from offers.stage import Stage
from offers.terms.contacts import Owner
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter
from tests.support.builders import terms

MORNING = datetime(2026, 3, 10, 7, tzinfo=UTC)
"""A Tuesday, 8:00 in Berlin."""
BERLIN = Owner(owner_email="berlin@example.com", owner_time_zone="Europe/Berlin")
TOKYO = Owner(owner_email="tokyo@example.com", owner_time_zone="Asia/Tokyo")
WRONG_KEY = "binary/encrypted"


class FakeClient:
    """A fake of Temporal's client that lists these offers, and answers nothing else.

    A text stands for an offer whose memo is of that encoding.
    """

    def __init__(self, *offers: OfferRecord | str) -> None:
        self.offers = offers
        self.queries: list[str] = []
        self.namespace = "default"
        self.data_converter = data_converter(TemporalSettings())
        self.workflow_service = self

    async def list_workflow_executions(
        self, request: ListWorkflowExecutionsRequest, *, retry: bool
    ) -> ListWorkflowExecutionsResponse:
        assert retry
        self.queries.append(request.query)
        answer = ListWorkflowExecutionsResponse()
        for number, each in enumerate(self.offers):
            info = answer.executions.add()
            info.start_time.FromDatetime(MORNING)
            info.status = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING
            info.search_attributes.indexed_fields["OfferStage"].data = b'"shared"'
            if isinstance(each, str):
                info.execution.workflow_id = f"offer/broken-{number}"
                info.memo.fields["deal"].metadata["encoding"] = each.encode()
                continue
            info.execution.workflow_id = f"offer/{number}"
            for name, part in OfferSummary.of(each).memo().items():
                (payload,) = await self.data_converter.encode([part])
                info.memo.fields[name].CopyFrom(payload)
        return answer


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


async def test_unreadable_offers_are_named_in_each_mail() -> None:
    (morning,) = (await plan(FakeClient(WRONG_KEY, offer(BERLIN)))).deliveries
    assert len(morning.digest.items) == 1
    assert morning.digest.unreadable == ("broken-0",)
    mail = compose_digest(morning.digest)
    assert mail.subject.endswith("1 expires soon, 1 cannot be read")
    assert "- broken-0" in mail.paragraphs


async def test_owner_without_items_is_told_of_unreadable_offers() -> None:
    other = offer(BERLIN, terms=terms(availability_end="2026-04-10"))
    (morning,) = (await plan(FakeClient(WRONG_KEY, other))).deliveries
    assert morning.digest.items == ()
    assert morning.digest.unreadable == ("broken-0",)


async def test_summary_of_another_version_is_unreadable() -> None:
    (morning,) = (await plan(FakeClient("json/plain", offer(BERLIN)))).deliveries
    assert morning.digest.unreadable == ("broken-0",)


async def test_plan_fails_if_no_offer_can_be_read() -> None:
    with pytest.raises(ApplicationError) as failure:
        await plan(FakeClient(WRONG_KEY, WRONG_KEY))
    assert failure.value.type == Failure.UNAVAILABLE
    assert "OFFERS_ENCRYPTION_KEYS" in str(failure.value)


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
