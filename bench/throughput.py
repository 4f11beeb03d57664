"""How fast the twins are on the same server in the same run, by turns."""

import time
from typing import Any

from activities.task_queues import ACTIVITIES_PER_SECOND, TaskQueue
from activities.temporal.signals import OfferSignal, OfferSignals, send
from bench.environment import Floor, at_once
from bench.fakes import made, reported
from bench.machine import spread
from offers.ids import workflow_id


class Stopwatch:
    """Real time and this process's own time for a number of offers."""

    def __init__(self, offers: int) -> None:
        self._offers = offers
        self._began, self._worked = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Offers a second, and milliseconds of the worker's time for each."""
        seconds = time.perf_counter() - self._began
        worked = time.process_time() - self._worked
        return {"per_second": self._offers / seconds, "ms": worked / self._offers * 1000}


async def drains(floor: Floor, count: int, rounds: int) -> dict[str, Any]:
    """Acceptances reported at once, until Salesforce and the owners know of each."""
    ours, bare, searchable = [], [], []
    for _ in range(rounds):
        ours.append(await drain(floor, count))
        bare.append(await drain_bare(floor, count, searchable=False))
        searchable.append(await drain_bare(floor, count, searchable=True))
    return compared(ours, bare, searchable) | {
        "acceptances": count,
        "vendor_rates": "off",
        "with_aws_rate": at_aws_rate(count),
    }


async def drain(floor: Floor, count: int) -> dict[str, float]:
    """The offers' own, reported as the marketplace watch does."""
    offers = [made(opportunity) for opportunity in await floor.bring(count)]
    done = floor.stand_ins.done
    written, told = done["accepted"] + count, done["accepted notice"] + count
    floor.stand_ins.accepted.update(offers)
    watch = Stopwatch(count)
    await OfferSignals(floor.client).signal_agreements([reported(offer) for offer in offers])
    await floor.until(lambda: done["accepted"] >= written and done["accepted notice"] >= told)
    return watch.read()


async def drain_bare(floor: Floor, count: int, *, searchable: bool) -> dict[str, float]:
    """The bare twins'."""
    twins = await floor.bring_bare(count, waiting=True, searchable=searchable)
    done = floor.stand_ins.done
    written, told = done["bare accepted"] + count, done["bare notice"] + count
    watch = Stopwatch(count)
    await send(floor.client, [OfferSignal(twin, "seen", "accepted") for twin in twins])
    await floor.until(lambda: done["bare accepted"] >= written and done["bare notice"] >= told)
    return watch.read()


async def whole_lives(floor: Floor, count: int, rounds: int) -> dict[str, Any]:
    """Happy lives from start to end, each step reported as soon as the one before is shown."""
    floor.stand_ins.living_on = True
    ours, bare, searchable = [], [], []
    for _ in range(rounds):
        watch = Stopwatch(count)
        opportunities = await floor.bring_through(count)
        await at_once(floor.ended, [workflow_id(each) for each in opportunities])
        ours.append(watch.read())
        bare.append(await bare_lives(floor, count, searchable=False))
        searchable.append(await bare_lives(floor, count, searchable=True))
    floor.stand_ins.living_on = False
    return compared(ours, bare, searchable) | {"lives": count}


async def bare_lives(floor: Floor, count: int, *, searchable: bool) -> dict[str, float]:
    """The bare twins'."""
    watch = Stopwatch(count)
    twins = await floor.bring_bare(count, waiting=False, searchable=searchable)
    await at_once(floor.ended, twins)
    return watch.read()


Measured = list[dict[str, float]]
"""What stopwatches said, round by round."""


def compared(ours: Measured, bare: Measured, searchable: Measured) -> dict[str, Any]:
    """All three, and the ratios of each round's."""
    return {
        "per_second": spread([each["per_second"] for each in ours]),
        "bare_per_second": spread([each["per_second"] for each in bare]),
        "searchable_per_second": spread([each["per_second"] for each in searchable]),
        "ratio": ratio(ours, bare) | {"target": 0.9},
        "ratio_to_searchable": ratio(ours, searchable) | {"target": 0.9},
        "worker_ms_each": spread([each["ms"] for each in ours]),
        "bare_worker_ms_each": spread([each["ms"] for each in bare]),
    }


def ratio(ours: Measured, theirs: Measured) -> dict[str, float]:
    """How many of ours to one of theirs, in each round."""
    pairs = zip(ours, theirs, strict=True)
    return spread([mine["per_second"] / other["per_second"] for mine, other in pairs], 2)


def at_aws_rate(count: int) -> dict[str, float]:
    """What the rates of `activities.task_queues` leave of it: one look at AWS for each acceptance.

    Salesforce's and the mail's rates are higher, and their work begins at once beside it.
    """
    rate = ACTIVITIES_PER_SECOND[TaskQueue.AWS_MARKETPLACE]
    assert rate is not None
    return {"per_second": rate, "minutes": round(count / rate / 60, 1)}
