"""A part of the fault matrix: in each scenario, another fault at each activity.

`make faults` lives each activity, fault and scenario by itself.
"""

import pytest

from tests.support.fault_injection import ACTIVITIES, FAULTS
from tests.support.fault_matrix import SCENARIOS, WITHOUT_SCENARIO, live

TIME_OUT = "time-out"
"""It takes real time at each call, so one activity only has it."""
AT_EACH_CALL = [name for name in FAULTS if name != TIME_OUT]


def plan(number: int) -> dict[str, str]:
    """A fault for each activity; the next number gives each another one."""
    faults = {
        name: AT_EACH_CALL[(at + 5 * number) % len(AT_EACH_CALL)]
        for at, name in enumerate(ACTIVITIES)
    }
    return faults | {"submit_offer": TIME_OUT} if number == 0 else faults


async def test_each_activity_and_each_fault() -> None:
    called: set[str] = set()
    met: set[str] = set()
    for number, scenario in enumerate(SCENARIOS):
        ended = await live(scenario, plan(number))
        assert ended.violations == [], scenario
        called |= ended.calls.keys()
        met |= {each.fault for each in ended.struck}
    assert set(ACTIVITIES) - called == WITHOUT_SCENARIO.keys(), (
        "give a new activity a scenario in tests/support/fault_matrix.py"
    )
    assert met == FAULTS.keys()


@pytest.mark.parametrize("fault", ["answer lost", "HTML", "401 for good"])
async def test_one_fault_at_each_activity(fault: str) -> None:
    ended = await live("happy", dict.fromkeys(ACTIVITIES, fault))
    assert ended.violations == []
