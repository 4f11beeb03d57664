"""Which runs are listed when search shows several of one workflow, and pages of many."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflowservice.v1 import (
    ListWorkflowExecutionsRequest,
    ListWorkflowExecutionsResponse,
)
from temporalio.client import Client

from activities.temporal.offer_directory import OfferDirectory
from activities.temporal.offer_summaries import list_offers, newest_runs
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter

RUNNING = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING
COMPLETED = WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED
NOW = datetime(2026, 3, 10, tzinfo=UTC)


class FakeClient:
    """A fake of Temporal's client that lists these runs (id, hours, status), two on each page."""

    def __init__(self, *runs: tuple[str, int, Any]) -> None:
        self.runs = runs
        self.namespace = "default"
        self.data_converter = data_converter(TemporalSettings())
        self.workflow_service = self

    async def list_workflow_executions(
        self, request: ListWorkflowExecutionsRequest, **_: Any
    ) -> ListWorkflowExecutionsResponse:
        first = int(request.next_page_token or b"0")
        answer = ListWorkflowExecutionsResponse()
        for name, hours, status in self.runs[first : first + 2]:
            info = answer.executions.add()
            info.execution.workflow_id = f"offer/{name}"
            info.execution.run_id = f"{name}-{hours}"
            info.start_time.FromDatetime(NOW + timedelta(hours=hours))
            info.status = status
        if first + 2 < len(self.runs):
            answer.next_page_token = str(first + 2).encode()
        return answer

    async def list_workflows(self, _query: str) -> Any:
        for name, hours, _ in self.runs:
            attributes = {"OfferId": [f"offer-{hours}"]}
            yield SimpleNamespace(
                id=f"offer/{name}",
                start_time=NOW + timedelta(hours=hours),
                search_attributes=attributes,
            )


async def listed(*runs: tuple[str, int, Any]) -> list[tuple[str, int]]:
    found = await list_offers(cast(Client, FakeClient(*runs)), "")
    return [(run.path, run.started_at.hour) for run in found]


async def test_all_pages_are_listed_the_oldest_first() -> None:
    runs = [(f"{9 - hour}", hour, RUNNING) for hour in reversed(range(5))]
    assert await listed(*runs) == [(f"{9 - hour}", hour) for hour in range(5)]


async def test_of_several_running_runs_only_the_newest_is_listed() -> None:
    assert await listed(("a", 2, RUNNING), ("a", 1, RUNNING)) == [("a", 2)]


async def test_ended_runs_are_listed_beside_the_running_one() -> None:
    runs = [("a", 3, RUNNING), ("a", 1, COMPLETED), ("a", 2, COMPLETED)]
    assert await listed(*runs) == [("a", 1), ("a", 2), ("a", 3)]
    found = await list_offers(cast(Client, FakeClient(*runs)), "")
    assert [run.started_at.hour for run in newest_runs(found)] == [3]


async def test_only_what_has_changed_is_read_again() -> None:
    client = FakeClient(("a", 1, RUNNING), ("b", 2, RUNNING))
    before = await list_offers(cast(Client, client), "")
    client.runs = (("a", 1, RUNNING), ("b", 2, COMPLETED), ("c", 3, RUNNING))
    after = await list_offers(cast(Client, client), "", before)
    assert after[0] is before[0]
    assert [each.has_completed for each in after] == [False, True, False]


async def test_directory_knows_only_the_newest_run_of_an_offer() -> None:
    client = FakeClient(("a", 2, RUNNING), ("a", 1, RUNNING))
    (found,) = await OfferDirectory(cast(Client, client)).find_by_offer(["any"])
    assert found.offer_id == "offer-2"
