"""After an outage of anything, for however long, what happened meanwhile is known within two turns.

The turns are those of the watch or sweep on its Schedule.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from offers.stage import Stage
from tests.support.workflow_harness import WorkflowHarness, open_harness

SYSTEMS = ("worker", "search", "AWS", "Clazar")
HOUR, WEEKEND, MONTH = timedelta(hours=1), timedelta(days=3), timedelta(days=30)
TURN = timedelta(minutes=5)


@pytest.fixture
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[WorkflowHarness]:
    stops = request.node.callspec.params["down"] == "worker"
    async with open_harness(can_stop_worker=stops) as harness:
        yield harness


@asynccontextmanager
async def outage(harness: WorkflowHarness, down: str) -> AsyncIterator[None]:
    """Something is down; the Schedules go on."""
    harness.clazar_watched = False
    match down:
        case "worker":
            await harness.stop_worker()
        case "search":
            harness.visibility.is_down = True
        case "AWS":
            harness.vendors.catalog.down()
            harness.vendors.agreement.down()
        case "Clazar":
            harness.vendors.clazar.down()
    yield
    harness.visibility.is_down = False
    harness.vendors.clear()
    if down == "worker":
        await harness.start_worker()


async def wait(harness: WorkflowHarness, down: str, length: timedelta) -> None:
    """Let time pass during an outage."""
    if down == "worker":
        # The server skips no time past a task that nobody takes up: only the vendors' time passes.
        harness.time.advance_to(harness.time() + length)
        harness.world.advance()
    else:
        await harness.sleep(length)


async def two_turns(harness: WorkflowHarness) -> None:
    for _ in range(2):
        await harness.watch_agreements()
        await harness.watch_clazar()
        await harness.sweep_payouts()
        await harness.sleep(TURN)


@pytest.mark.parametrize(
    ("down", "length"),
    [
        ("worker", WEEKEND),
        ("search", WEEKEND),
        ("Clazar", WEEKEND),
        # Hundreds of repeated calls for each day: a weekend takes a quarter of a minute.
        ("AWS", HOUR),
    ],
)
async def test_acceptance_while_generating(
    harness: WorkflowHarness, down: str, length: timedelta
) -> None:
    harness.set_buyer(accepts_after=0.001)
    await harness.start()
    await harness.advance(minutes=20)
    async with outage(harness, down):
        await wait(harness, down, length)
    await two_turns(harness)
    record = await harness.advance_until(Stage.ACCEPTED, within=timedelta(minutes=50))
    assert not any(subject.startswith("Expired") for subject in harness.mail_subjects())
    assert record.agreement is not None


@pytest.mark.parametrize(
    ("down", "length"),
    [
        ("worker", WEEKEND),
        ("search", WEEKEND),
        ("AWS", HOUR),
        # Until after the offer's last day.
        ("worker", MONTH),
        ("search", MONTH),
        ("AWS", MONTH),
    ],
)
async def test_acceptance_while_shared(
    harness: WorkflowHarness, down: str, length: timedelta
) -> None:
    shared = await harness.share()
    async with outage(harness, down):
        harness.accept(shared)
        await wait(harness, down, length)
    await two_turns(harness)
    assert (await harness.settle()).stage is Stage.ACCEPTED
    assert not any(subject.startswith("Expired") for subject in harness.mail_subjects())


@pytest.mark.parametrize("down", SYSTEMS)
async def test_end_and_payment(harness: WorkflowHarness, down: str) -> None:
    harness.world.money.payout_settings.disbursed_after_days = 36
    await harness.sell()
    await harness.advance(days=35)
    async with outage(harness, down):
        await wait(harness, down, WEEKEND)
        harness.end_agreement("TERMINATED")
    await two_turns(harness)
    record = await harness.settle()
    assert record.stage is Stage.TERMINATED
    assert record.payout is not None
    assert str(record.payout.disbursed) == "USD 116,400.00"
