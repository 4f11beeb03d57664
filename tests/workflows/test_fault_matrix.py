"""A part of the fault matrix; `make faults` runs all of it, `make test-long` three lives more."""

import pytest

from tests.support.fault_injection import ACTIVITIES, FAULTS
from tests.support.fault_matrix import CALLED_IN, SCENARIOS, WITHOUT_SCENARIO, live, uncalled
from tests.support.long_tests import with_long

TIME_OUT = "time-out"
"""It takes real time at each call, so only one activity has it."""
OTHERS = [name for name in FAULTS if name != TIME_OUT]
SAMPLE = ("happy", "amended_before", "amended_after", "cancelled")


def plan(number: int) -> dict[str, str]:
    """A fault for each activity; the next number gives each another one."""
    faults = {name: OTHERS[(at + 4 * number) % len(OTHERS)] for at, name in enumerate(ACTIVITIES)}
    return faults | {"submit_offer": TIME_OUT} if number == 0 else faults


def test_each_activity_has_a_scenario() -> None:
    named = [name for names in CALLED_IN.values() for name in names]
    assert sorted([*named, *WITHOUT_SCENARIO]) == list(ACTIVITIES), (
        "name a new activity in tests/support/fault_matrix.py"
    )
    assert CALLED_IN.keys() <= SCENARIOS.keys()


@pytest.mark.parametrize("scenario", with_long(SAMPLE, short=["happy"]))
async def test_faults_change_no_outcome(scenario: str) -> None:
    result = await live(scenario, plan(SAMPLE.index(scenario)))
    assert result.violations == []
    assert result.attempts
    assert uncalled(result) == []
