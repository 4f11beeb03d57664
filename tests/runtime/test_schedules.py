"""What `offerflow list` says of the Schedules: only of ours, and only what is still known."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.client import Client, ScheduleActionExecutionStartWorkflow
from temporalio.service import RPCError, RPCStatusCode

from runtime.schedules import OWNER_DIGEST, schedule_problems

TURN = ScheduleActionExecutionStartWorkflow("turn", "run")


class Server:
    """A client of a server with one Schedule, whose last turn it knows no more."""

    def __init__(self, schedule_id: str, why: RPCStatusCode) -> None:
        info = SimpleNamespace(recent_actions=[SimpleNamespace(action=TURN)])
        self._schedule = SimpleNamespace(id=schedule_id, info=info)
        self._why = why

    async def list_schedules(self) -> AsyncIterator[Any]:
        async def each() -> AsyncIterator[Any]:
            yield self._schedule

        return each()

    def get_workflow_handle(self, _: str, run_id: str) -> Any:
        async def describe() -> None:
            raise RPCError(run_id, self._why, b"")

        return SimpleNamespace(describe=describe)


async def of(server: Server) -> list[str]:
    return await schedule_problems(cast(Client, server))


async def test_a_turn_past_the_server_s_retention_is_no_ailment() -> None:
    assert await of(Server(OWNER_DIGEST, RPCStatusCode.NOT_FOUND)) == []


async def test_the_schedules_of_others_are_not_looked_at() -> None:
    assert await of(Server("somebody-else-s", RPCStatusCode.UNAVAILABLE)) == []
    with pytest.raises(RPCError):
        await of(Server(OWNER_DIGEST, RPCStatusCode.UNAVAILABLE))
