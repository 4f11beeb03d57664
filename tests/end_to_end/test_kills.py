"""SIGKILL of Temporal's server at one activity.

`make faults` has all of them; test_demo kills the worker.
"""

import pytest

from tests.support.held_worker import Point
from tests.support.killed_life import Killed, live_killed


@pytest.mark.timeout(180)
async def test_kill_of_the_server_changes_no_outcome() -> None:
    result = await live_killed(Killed.SERVER, Point.EFFECT, ["send_to_buyer"])
    assert result.violations == []
