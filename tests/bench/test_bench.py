"""That the bench's parts still run; what they measure is no matter of tests."""

from bench.drain import drains
from bench.floor import opened
from bench.machine import machine
from bench.vendor_calls import of_naive_twins, vendor_calls


async def test_the_twins_do_the_same_and_waiting_costs_no_calls() -> None:
    async with opened(cached=10) as ground, ground.working():
        figures = await drains(ground, 3, 1)
        ground.waiting += await ground.bring(2)
        calls = await vendor_calls(ground)
    assert figures["ratio"]["median"] > 0
    assert figures["acceptances"] == 3
    assert calls["waiting"] == 2
    assert calls["within_quotas"]
    assert set(calls["per_hour"]) == {"agreement", "clazar"}


def test_polling_for_each_offer_breaks_aws_s_quota() -> None:
    assert not of_naive_twins({"agreement": 4.0}, 10_000)["within_quotas"]
    assert machine()["cores"]
