"""List calls on the time-skipping server, which cannot answer them.

A list query is a condition in SQL: each workflow that was started becomes a row of a table.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.client import (
    Client,
    Interceptor,
    ListWorkflowsInput,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowExecutionStatus,
)
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode

from offers.ids import offer_path, opportunity_id_of, workflow_id
from workflows.offer.search_attributes import KEYS


@dataclass(frozen=True)
class FoundWorkflow:
    """What the product reads of a workflow in a list."""

    id: str
    start_time: datetime
    search_attributes: dict[str, list[str]]
    row: dict[str, str]
    raw_memo: Mapping[str, Payload]
    converter: DataConverter

    async def memo_value(self, key: str, default: Any) -> Any:
        """A part of the memo."""
        if key not in self.raw_memo:
            return default
        return (await self.converter.decode([self.raw_memo[key]]))[0]


class Visibility(Interceptor):
    """Answers `list_workflows` for the offers that its client started, and their amendments."""

    def __init__(self, *workflow_ids: str) -> None:
        self.client: Client
        """To be set after the connection."""
        self.is_down = False
        """Whether the server answers that it cannot search."""
        self.task_timeout: timedelta | None = None
        """Of the workflow tasks of what is started; None: the server's."""
        self._started = dict.fromkeys(workflow_ids)

    def add(self, workflow_id: str) -> None:
        """Also find a workflow that another one starts."""
        self._started[workflow_id] = None

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        """Remember the workflows that are started, and search them."""
        visibility = self

        class Search(OutboundInterceptor):
            async def start_workflow(self, input: StartWorkflowInput) -> Any:
                if input.workflow == "OfferWorkflow":
                    visibility._started[input.id] = None
                    input.task_timeout = visibility.task_timeout
                return await super().start_workflow(input)

            def list_workflows(self, input: ListWorkflowsInput) -> Any:
                return visibility.search(input.query or "true")

        return Search(next)

    async def search(self, query: str) -> AsyncIterator[FoundWorkflow]:
        """The workflows that a query finds."""
        if self.is_down:
            raise RPCError("search is down", RPCStatusCode.UNAVAILABLE, b"")
        found = [each for started in self._started for each in await self._chain(started)]
        names = ["WorkflowId", "WorkflowType", "ExecutionStatus", *(key.name for key in KEYS)]
        with closing(sqlite3.connect(":memory:")) as database:
            database.execute(f"CREATE TABLE workflows ({', '.join(names)})")
            database.executemany(
                f"INSERT INTO workflows VALUES ({', '.join('?' * len(names))})",  # noqa: S608
                [[each.row.get(name) for name in names] for each in found],
            )
            matching = database.execute(
                f"SELECT WorkflowId FROM workflows WHERE {query}"  # noqa: S608
            ).fetchall()
        for each in found:
            if (each.id,) in matching:
                yield each

    async def _chain(self, started: str) -> list[FoundWorkflow]:
        """An offer and its amendments."""
        found = []
        for number in count():
            path = offer_path(opportunity_id_of(started), number)
            workflow = await self._describe(workflow_id(path))
            if workflow is None:
                break
            found.append(workflow)
        return found

    async def _describe(self, workflow_id: str) -> FoundWorkflow | None:
        request = DescribeWorkflowExecutionRequest(
            namespace=self.client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
        )
        try:
            answer = await self.client.workflow_service.describe_workflow_execution(request)
        except RPCError:  # it does not exist
            return None
        info = answer.workflow_execution_info
        values = {
            name: json.loads(payload.data or b"null")
            for name, payload in info.search_attributes.indexed_fields.items()
        }
        attributes = {name: value for name, value in values.items() if value is not None}
        listed = {n: v if isinstance(v, list) else [v] for n, v in attributes.items()}
        return FoundWorkflow(
            id=workflow_id,
            start_time=info.start_time.ToDatetime(UTC),
            search_attributes=listed,
            row={
                "WorkflowId": workflow_id,
                "WorkflowType": info.type.name,
                "ExecutionStatus": WorkflowExecutionStatus(info.status).name.title(),
                **{name: each[0] for name, each in listed.items() if each},
            },
            raw_memo=info.memo.fields,
            converter=self.client.data_converter,
        )
