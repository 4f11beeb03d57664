"""How fast offers and baselines are on the same server in the same run, by turns."""

import time
from typing import Any

from activities.task_queues import ACTIVITIES_PER_SECOND, TaskQueue
from activities.temporal.signals import OfferSignal, OfferSignals, send
from bench.environment import BenchEnvironment, run_concurrently
from bench.fakes import acceptance_report, offer_id_of
from bench.machine import spread
from offers.ids import workflow_id


class Stopwatch:
    """Measures real time and this process's CPU time for a number of offers."""

    def __init__(self, offers: int) -> None:
        self._offers = offers
        self._began, self._worked = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Offers per second, and milliseconds of the worker's CPU time for each."""
        seconds = time.perf_counter() - self._began
        worked = time.process_time() - self._worked
        return {"per_second": self._offers / seconds, "ms": worked / self._offers * 1000}


async def acceptance_throughput(
    environment: BenchEnvironment, count: int, rounds: int
) -> dict[str, Any]:
    """Acceptances reported together, until each is in Salesforce and mailed to the owner."""
    ours, bare, searchable = [], [], []
    for _ in range(rounds):
        ours.append(await handle_acceptances(environment, count))
        bare.append(await handle_baseline_acceptances(environment, count, searchable=False))
        searchable.append(await handle_baseline_acceptances(environment, count, searchable=True))
    return compare(ours, bare, searchable) | {
        "acceptances": count,
        "vendor_rates": "off",
        "with_aws_rate": at_aws_rate(count),
    }


async def handle_acceptances(environment: BenchEnvironment, count: int) -> dict[str, float]:
    """Acceptances of offers, reported as the agreement watch does."""
    offers = [offer_id_of(opportunity) for opportunity in await environment.share_offers(count)]
    done = environment.fakes.completed
    written, mailed = done["accepted"] + count, done["accepted notice"] + count
    environment.fakes.accepted.update(offers)
    watch = Stopwatch(count)
    await OfferSignals(environment.temporal_client).signal_agreements(
        [acceptance_report(offer) for offer in offers]
    )
    await environment.wait_until(
        lambda: done["accepted"] >= written and done["accepted notice"] >= mailed
    )
    return watch.read()


async def handle_baseline_acceptances(
    environment: BenchEnvironment, count: int, *, searchable: bool
) -> dict[str, float]:
    """Acceptances of bare baselines."""
    baselines = await environment.start_baselines(count, waiting=True, searchable=searchable)
    done = environment.fakes.completed
    written, mailed = done["bare accepted"] + count, done["bare notice"] + count
    watch = Stopwatch(count)
    await send(
        environment.temporal_client, [OfferSignal(each, "report", "accepted") for each in baselines]
    )
    await environment.wait_until(
        lambda: done["bare accepted"] >= written and done["bare notice"] >= mailed
    )
    return watch.read()


async def lifecycle_throughput(
    environment: BenchEnvironment, count: int, rounds: int
) -> dict[str, Any]:
    """Offers from start to payout, each step reported as soon as Salesforce shows the last."""
    environment.fakes.report_next_steps = True
    ours, bare, searchable = [], [], []
    for _ in range(rounds):
        watch = Stopwatch(count)
        opportunities = await environment.start_offers(count)
        await run_concurrently(
            environment.wait_until_ended, [workflow_id(each) for each in opportunities]
        )
        ours.append(watch.read())
        bare.append(await run_baselines(environment, count, searchable=False))
        searchable.append(await run_baselines(environment, count, searchable=True))
    environment.fakes.report_next_steps = False
    return compare(ours, bare, searchable) | {"offers": count}


async def run_baselines(
    environment: BenchEnvironment, count: int, *, searchable: bool
) -> dict[str, float]:
    """Bare baselines from start to payout."""
    watch = Stopwatch(count)
    baselines = await environment.start_baselines(count, waiting=False, searchable=searchable)
    await run_concurrently(environment.wait_until_ended, baselines)
    return watch.read()


Measurements = list[dict[str, float]]
"""Results of `Stopwatch.read`, one for each round."""


def compare(ours: Measurements, bare: Measurements, searchable: Measurements) -> dict[str, Any]:
    """All three, and the ratios in each round."""
    return {
        "per_second": spread([each["per_second"] for each in ours]),
        "bare_baseline_per_second": spread([each["per_second"] for each in bare]),
        "searchable_baseline_per_second": spread([each["per_second"] for each in searchable]),
        "ratio_to_bare_baseline": ratio(ours, bare) | {"target": 0.9},
        "ratio_to_searchable_baseline": ratio(ours, searchable) | {"target": 0.9},
        "worker_ms_each": spread([each["ms"] for each in ours]),
        "bare_baseline_worker_ms_each": spread([each["ms"] for each in bare]),
    }


def ratio(ours: Measurements, theirs: Measurements) -> dict[str, float]:
    """Offers per second divided by baselines per second, in each round."""
    pairs = zip(ours, theirs, strict=True)
    return spread([mine["per_second"] / other["per_second"] for mine, other in pairs], 2)


def at_aws_rate(count: int) -> dict[str, float]:
    """The limit by the rates of `activities.task_queues`: each acceptance needs one call to AWS.

    Salesforce's and the mail's rates are higher, and their activities run at the same time.
    """
    rate = ACTIVITIES_PER_SECOND[TaskQueue.AWS_MARKETPLACE]
    assert rate is not None
    return {"per_second": rate, "minutes": round(count / rate / 60, 1)}
