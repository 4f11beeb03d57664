"""What becomes of open workflows on another build."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from activities.task_queues import TaskQueue
from offers.lifecycle.record import OfferRecord
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter
from runtime.upgrade_check import (
    OPEN_WORKFLOWS,
    CheckedWorkflow,
    Outcome,
    check_open_workflows,
)
from runtime.workers import WORKFLOWS, worker_on
from tests.support.dev_server import new_namespace
from tests.support.workflow_harness import OPPORTUNITY
from workflows.offer.messages import OfferRequest
from workflows.offer.workflow import OfferWorkflow
from workflows.schedules.payout_sweep import PayoutSweep

KEY, OTHER_KEY = f"k1:{'A' * 43}=", f"k2:{'B' * 42}A="
BUYER_EMAIL = "buyer@example.com"


@workflow.defn(name="OfferWorkflow")
class FailingOffer:
    """A build with a bug."""

    @workflow.run
    async def run(self, _request: OfferRequest) -> OfferRecord:
        raise KeyError(BUYER_EMAIL)


@workflow.defn(name="OfferWorkflow")
class OtherArguments:
    """A build that expects other arguments."""

    @workflow.run
    async def run(self, _number: int) -> OfferRecord:
        raise NotImplementedError


def settings(keys: str) -> TemporalSettings:
    return TemporalSettings.model_validate({"offers_encryption_keys": keys})


@pytest.fixture
async def client(dev_server: str) -> Client:
    """With one open offer, encrypted with `KEY`, that waits for preflight."""
    client = await new_namespace(dev_server, data_converter(settings(KEY)))
    with ThreadPoolExecutor() as threads:
        async with worker_on(TaskQueue.OFFERS, client, WORKFLOWS, [], threads, cached_workflows=10):
            handle = await client.start_workflow(
                OfferWorkflow.run,
                OfferRequest(opportunity_id=OPPORTUNITY),
                id=f"offer/{OPPORTUNITY}",
                task_queue=TaskQueue.OFFERS,
            )
            await handle.query(OfferWorkflow.get_record)
    while not (await client.count_workflows(OPEN_WORKFLOWS)).count:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return client


async def check(client: Client, *workflows: type) -> CheckedWorkflow:
    (checked,) = [each async for each in check_open_workflows(client, workflows)]
    return checked


def with_keys(client: Client, keys: str) -> Client:
    config = client.config()
    config["data_converter"] = data_converter(settings(keys))
    return Client(**config)


async def test_this_build_continues_what_it_began(client: Client) -> None:
    assert (await check(client, *WORKFLOWS)).outcome is Outcome.REPLAYS
    rotated = with_keys(client, f"{OTHER_KEY},{KEY}")
    assert (await check(rotated, *WORKFLOWS)).outcome is Outcome.REPLAYS


async def test_without_the_key_a_workflow_is_not_checked(client: Client) -> None:
    checked = await check(with_keys(client, OTHER_KEY), *WORKFLOWS)
    assert checked.outcome is Outcome.NOT_CHECKED
    assert checked.problem == "it cannot be decrypted: OFFERS_ENCRYPTION_KEYS lacks its key"


async def test_unknown_workflow_type_diverges(client: Client) -> None:
    checked = await check(client, PayoutSweep)
    assert (checked.outcome, checked.workflow_type) == (Outcome.DIVERGES, "OfferWorkflow")
    assert checked.problem == "this build has no workflow of its type"


async def test_bug_is_reported_by_its_place_and_without_its_text(client: Client) -> None:
    checked = await check(client, FailingOffer)
    assert checked.outcome is Outcome.DIVERGES
    assert checked.problem == "this build fails the workflow task that follows event 3"
    assert str(checked.reason).startswith("KeyError in tests/runtime/test_upgrade_check.py:")
    assert BUYER_EMAIL not in checked.model_dump_json()


async def test_arguments_that_this_build_cannot_read_diverge(client: Client) -> None:
    checked = await check(client, OtherArguments)
    assert checked.outcome is Outcome.DIVERGES
    assert checked.reason == "Failed decoding arguments"


@pytest.mark.parametrize(
    ("status", "fails"),
    [(RPCStatusCode.NOT_FOUND, False), (RPCStatusCode.UNAVAILABLE, True)],
)
async def test_history_that_cannot_be_fetched(
    client: Client, monkeypatch: pytest.MonkeyPatch, status: RPCStatusCode, fails: bool
) -> None:
    async def fetch_history(_: object) -> None:
        raise RPCError("", status, b"")

    monkeypatch.setattr(WorkflowHandle, "fetch_history", fetch_history)
    if fails:
        with pytest.raises(RPCError):
            await check(client, *WORKFLOWS)
    else:
        checked = await check(client, *WORKFLOWS)
        assert (checked.outcome, checked.reason) == (Outcome.NOT_CHECKED, status.name)
