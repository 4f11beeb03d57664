"""What waiting offers take of a worker's memory, and how long one takes to wake that it forgot.

Run as a process of its own, beside a server with waiting offers in it:
`python -m bench.memory <address> <how many are kept> <opportunity>...` prints its figures as JSON.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from activities.task_queues import TaskQueue
from bench.environment import Floor, at_once
from bench.machine import resident_mb, spread
from offers.ids import workflow_id
from runtime import clients
from runtime.process_exit import exit_process
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter
from runtime.workers import WORKFLOWS, worker_on
from workflows.offer.workflow import OfferWorkflow

FIRST = 20
"""How many are woken before the first look at the memory: they load what all share."""
WAKES = 20
"""How many are woken one by one, to see how long that takes."""


async def memory(floor: Floor, kept: int) -> dict[str, Any]:
    """Measured in a process of its own; meanwhile nobody else may work on the offers."""
    waiting = floor.waiting[: FIRST + 3 * kept]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.memory"),
        *(floor.client.service_client.config.target_host, str(kept), *waiting),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    # The SDK may have warned on standard output before.
    measured: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return measured


async def measured(client: Client, kept: int, waiting: Sequence[str]) -> dict[str, Any]:
    """Wake them all in turn: the worker keeps the last of them."""
    first, filling, more = waiting[:FIRST], waiting[FIRST : FIRST + kept], waiting[FIRST + kept :]
    with ThreadPoolExecutor(clients.THREADS) as threads:
        async with worker_on(
            TaskQueue.OFFERS, client, WORKFLOWS, [], threads, cached_workflows=kept
        ):

            async def wake(opportunity: str) -> None:
                await woken(client, opportunity)

            await at_once(wake, first)
            empty = resident_mb()
            await at_once(wake, filling)
            full = resident_mb()
            await at_once(wake, more)
            later = resident_mb()
            cold = [await woken(client, each) for each in filling[:WAKES]]
            warm = [await woken(client, each) for each in filling[:WAKES]]
    return {
        "kept": kept,
        "worker_mb": round(empty),
        "kb_per_offer": round((full - empty) * 1024 / len(filling)),
        "full_mb": round(full),
        "woken_beside": len(more),
        "after_those_mb": round(later),
        "cold_wake_ms": spread(cold),
        "warm_wake_ms": spread(warm),
    }


async def woken(client: Client, opportunity: str) -> float:
    """Milliseconds from a signal that changes nothing to the end of the turn it led to.

    Both by the server's clock.
    """
    handle = client.get_workflow_handle(workflow_id(opportunity))
    before = (await handle.describe()).history_length
    await handle.signal(OfferWorkflow.change_set_finished, "of nobody")
    while (await handle.describe()).history_length < before + 4:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    times = {}
    async for event in handle.fetch_history_events(skip_archival=True):
        times[event.event_type] = event.event_time.ToDatetime()
    took = (
        times[EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
        - times[EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED]
    )
    return took.total_seconds() * 1000


async def main(address: str, kept: int, waiting: Sequence[str]) -> None:
    """Print what was measured."""
    converter = data_converter(TemporalSettings())
    client = await Client.connect(address, data_converter=converter)
    print(f"\n{json.dumps(await measured(client, kept, waiting))}")


if __name__ == "__main__":
    _, where, how_many, *opportunities = sys.argv
    asyncio.run(main(where, int(how_many), opportunities))
    exit_process(0)
