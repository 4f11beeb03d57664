"""`make bench`: the figures of docs/figures.md as JSON, with the machine's facts beside them."""

import asyncio
import json
import logging
import os
import platform
import sys
import time
from datetime import timedelta
from typing import Any

from bench.counting import Cost, cost
from offers.lifecycle import Stage
from runtime.leaving import leave
from runtime.logs import configure_logs
from tests.life import OPPORTUNITY, Life, living


async def happy(life: Life) -> None:
    """Accepted after the first reminder, invoiced at once, paid out in one part."""
    life.buyer(accepts_after=24)
    await life.desk.begin(OPPORTUNITY)
    await days_pass(life, 25)
    await life.report_acceptance()
    await days_pass(life, 60)
    await life.report_payout()
    await life.sleep(timedelta(seconds=2))
    assert (await life.record()).stage is Stage.DISBURSED


async def expired(life: Life) -> None:
    """Nobody accepts; both reminders go out."""
    await life.desk.begin(OPPORTUNITY)
    await days_pass(life, 32)
    assert (await life.record()).stage is Stage.EXPIRED


async def days_pass(life: Life, days: int) -> None:
    """Let time pass without a question: the time-skipping server writes those into the history."""
    for step in [timedelta(hours=1)] * 2 + [timedelta(days=1)] * days:
        await life.sleep(step)


async def measured(scenario: Any) -> dict[str, Any]:
    """What one life costs, and how long it takes on the time-skipping server."""
    async with living() as life:
        began = time.perf_counter()
        started = await life.temporal.get_current_time()
        await scenario(life)
        seconds = time.perf_counter() - began
        lived: timedelta = await life.temporal.get_current_time() - started
        spent: Cost = cost(await life.handle.fetch_history())
    return {"seconds": round(seconds, 2), "days_lived": lived.days} | spent.model_dump()


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


async def main() -> None:
    """Measure and print."""
    await measured(expired)  # the first life in a process also loads every client
    figures = {
        "machine": machine(),
        "happy_life": await measured(happy),
        "expired_life": await measured(expired),
    }
    json.dump(figures, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    configure_logs(logging.ERROR)
    asyncio.run(main())
    leave(0)
