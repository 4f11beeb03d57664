"""What `offerflow list` says of Schedules whose feeds are not read."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.service import RPCError, RPCStatusCode

from offers.clock import Clock
from offers.policy.policy import Policy
from runtime import schedules
from runtime.schedules import NEVER_APPLIED, WATCH, ScheduleRow, schedule_problems
from tests.support.offer_environment import OfferEnvironment


async def problem_of(environment: OfferEnvironment, schedule_id: str) -> str | None:
    """The problem of a Schedule; waits until its first run is under way."""
    for _ in range(200):
        found = {row.schedule_id: row for row in await schedules.rows(environment.temporal_client)}
        if found[schedule_id].last_run and (problem := found[schedule_id].problem):
            return problem
    return None


async def test_schedules_that_were_never_applied(environment: OfferEnvironment) -> None:
    client = environment.temporal_client
    assert await schedule_problems(client) == [f"the Schedules: {NEVER_APPLIED}"]
    await schedules.apply(client, Policy(), Clock())
    assert await schedule_problems(client) == []
    await client.get_schedule_handle(WATCH).delete()
    assert await schedule_problems(client) == [f"{WATCH}: {NEVER_APPLIED}"]


async def test_run_that_retries_for_ever(
    environment: OfferEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "LATE_AFTER", timedelta(seconds=3))
    monkeypatch.setattr(schedules, "LATE_AFTER_INTERVALS", 0)
    environment.world.faults.agreement.down()
    client = environment.temporal_client
    await schedules.apply(client, Policy(), Clock())
    await client.get_schedule_handle(WATCH).trigger()
    problem = await problem_of(environment, WATCH)
    assert problem is not None
    assert "its run goes on since" in problem
    assert "read_agreement_feed, attempt" in problem
    assert "AWS Marketplace" in problem


async def test_schedule_that_has_not_run_for_long(
    environment: OfferEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "LATE_AFTER", timedelta(seconds=3))
    monkeypatch.setattr(schedules, "LATE_AFTER_INTERVALS", 0)
    client = environment.temporal_client
    await schedules.apply(client, Policy(), Clock())
    await client.get_schedule_handle(WATCH).trigger()
    problem = await problem_of(environment, WATCH)
    assert problem is not None
    assert problem.startswith("it has not run since")


@pytest.mark.parametrize("paused", [True, False])
async def test_run_past_the_retention_is_no_problem(paused: bool) -> None:
    async def describe() -> None:
        raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")

    run: Any = SimpleNamespace(describe=describe)
    row = ScheduleRow(schedule_id=WATCH, paused=paused)
    assert await schedules._problem(run, row, is_late=False) is None
