"""The naive baseline of the bench takes its offer to the end."""

import pytest

from bench.lifecycle_cost import NAIVE_RUNS, run_naive_baseline


@pytest.mark.long
async def test_naive_baseline_is_paid() -> None:
    measured = await run_naive_baseline(NAIVE_RUNS["accepted"].shortened())
    assert measured["actions"] > 1000
