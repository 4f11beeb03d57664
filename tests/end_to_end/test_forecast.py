"""The offers of the forecast: one list of Temporal's, without what has come to its end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from client.offer_client import OfferClient, RequestRejected
from offers.ids import workflow_id
from offers.stage import Stage
from tests.support.dev_server import new_namespace
from workflows.offer.search_attributes import STAGE

TERMINATED, COMPLETED = "terminated", "completed"
RUNS = [
    ("0065g00000AbCd0AAV", Stage.ACCEPTED, None),
    ("0065g00000AbCd1AAV", Stage.ACCEPTED, TERMINATED),
    ("0065g00000AbCd2AAV", Stage.ACCEPTED, COMPLETED),
    ("0065g00000AbCd3AAV", Stage.SHARED, None),
    ("0065g00000AbCd4AAV", Stage.SHARED, TERMINATED),
    ("0065g00000AbCd5AAV", Stage.LIVE, None),
    ("0065g00000AbCd6AAV", Stage.EXPIRED, None),
    ("0065g00000AbCd7AAV", Stage.REPLACED, None),
]


@workflow.defn(name="OfferWorkflow", sandboxed=False)
class EndingOffer:
    """Comes to its end when it is told to."""

    def __init__(self) -> None:
        self._ended = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._ended)

    @workflow.signal
    def end(self) -> None:
        self._ended = True


ENDS: dict[str, Callable[[WorkflowHandle[Any, Any]], Awaitable[Any]]] = {
    TERMINATED: lambda handle: handle.terminate(),
    COMPLETED: lambda handle: handle.signal(EndingOffer.end),
}


async def test_money_is_to_come_from_open_agreements_and_shared_offers(dev_server: str) -> None:
    client = await new_namespace(dev_server)
    async with Worker(
        client,
        task_queue="ending",
        workflows=[EndingOffer],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        for path, stage, end in RUNS:
            handle = await client.start_workflow(
                EndingOffer.run,
                id=workflow_id(path),
                task_queue="ending",
                search_attributes=TypedSearchAttributes([SearchAttributePair(STAGE, stage.value)]),
            )
            if end:
                await ENDS[end](handle)
        closed = "ExecutionStatus IN ('Completed', 'Terminated')"
        async with asyncio.timeout(30):
            while (await client.count_workflows("")).count < len(RUNS) or (  # noqa: ASYNC110
                await client.count_workflows(closed)
            ).count < len([end for _, _, end in RUNS if end]):
                await asyncio.sleep(0.05)
    offers = OfferClient(client)
    expected = [RUNS[n][0] for n in (0, 1, 3, 7)]
    assert sorted(each.path for each in await offers.offers_with_money_to_come()) == expected
    (only,) = await offers.offers_with_money_to_come(expected[2])
    assert only.path == expected[2]
    with pytest.raises(RequestRejected, match="no money is to come from 0065g00000AbCd4AAV"):
        await offers.offers_with_money_to_come("0065g00000AbCd4AAV")
