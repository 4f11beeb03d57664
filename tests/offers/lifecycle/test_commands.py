"""Changes of terms that a person asks for."""

from typing import Any

import pytest

from offers.lifecycle.commands import TermChanges
from tests.support.builders import TODAY


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"availability_end": "2026-03-01", "company": "Other"}, {"company": "Other"}),
        ({"availability_end": "2026-03-02"}, {}),
        ({"availability_end": "2026-03-03"}, {"availability_end": "2026-03-03"}),
        ({"availability_end": "some day"}, {"availability_end": "some day"}),
        ({"company": "Other"}, {"company": "Other"}),
    ],
)
def test_last_day_that_is_over_is_left_out(given: dict[str, Any], left: dict[str, Any]) -> None:
    assert TermChanges(terms=given).without_past_last_day(TODAY).terms == left
