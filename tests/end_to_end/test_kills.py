"""SIGKILL of the worker or of Temporal's server at one activity; `make faults` has all of them."""

import pytest

from tests.support.held_worker import Point
from tests.support.killed_life import Killed, live_killed


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("killed", "activity"), [(Killed.WORKER, "submit_offer"), (Killed.SERVER, "send_to_buyer")]
)
async def test_kill_changes_no_outcome(killed: Killed, activity: str) -> None:
    result = await live_killed(killed, Point.EFFECT, [activity])
    assert result.violations == []
