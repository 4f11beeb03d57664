"""The problems of Schedules in `offerflow list`: only the product's, within the retention."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.client import Client, ScheduleActionExecutionStartWorkflow
from temporalio.service import RPCError, RPCStatusCode

from runtime.schedules import OWNER_DIGEST, schedule_problems

RUN = ScheduleActionExecutionStartWorkflow("workflow", "run")


class Server:
    """A client of a server with one Schedule, whose last run cannot be described."""

    def __init__(self, schedule_id: str, status: RPCStatusCode) -> None:
        info = SimpleNamespace(recent_actions=[SimpleNamespace(action=RUN)])
        self._schedule = SimpleNamespace(id=schedule_id, info=info)
        self._status = status

    async def list_schedules(self) -> AsyncIterator[Any]:
        async def each() -> AsyncIterator[Any]:
            yield self._schedule

        return each()

    def get_workflow_handle(self, _: str, run_id: str) -> Any:
        async def describe() -> None:
            raise RPCError(run_id, self._status, b"")

        return SimpleNamespace(describe=describe)


async def problems_of(server: Server) -> list[str]:
    return await schedule_problems(cast(Client, server))


async def test_run_past_the_retention_is_no_problem() -> None:
    assert await problems_of(Server(OWNER_DIGEST, RPCStatusCode.NOT_FOUND)) == []


async def test_schedules_of_other_programs_are_ignored() -> None:
    assert await problems_of(Server("another-program", RPCStatusCode.UNAVAILABLE)) == []
    with pytest.raises(RPCError):
        await problems_of(Server(OWNER_DIGEST, RPCStatusCode.UNAVAILABLE))
