"""The environment of the bench serves what offers and baselines call, until the payout."""

import pytest

from bench.environment import open_environment
from bench.throughput import acceptance_throughput, lifecycle_throughput


@pytest.mark.long
async def test_offers_are_accepted_and_paid() -> None:
    async with open_environment(10) as environment, environment.run_workers():
        assert (await acceptance_throughput(environment, 2, 1))["per_second"]["median"] > 0
        assert (await lifecycle_throughput(environment, 1, 1))["per_second"]["median"] > 0
    assert environment.resumed == 0
