"""A worker's memory by waiting offers, and how fast an offer reacts that is not in memory.

Run as a process of its own, with a server that has waiting offers:
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
from bench.early_queries import early_queries
from bench.environment import BenchEnvironment, run_concurrently
from bench.machine import resident_mb, spread
from offers.ids import workflow_id
from runtime import clients
from runtime.process_exit import exit_process
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter
from runtime.workers import WORKFLOWS, worker_on
from workflows.offer.workflow import OfferWorkflow

WARM_UP_OFFERS = 20
"""How many are loaded before the memory is first measured: they load what all share."""
REACTIONS = 20
"""How many reactions are timed, one after the other."""


async def memory(environment: BenchEnvironment, kept: int) -> dict[str, Any]:
    """Measure in a separate process; meanwhile no other worker may serve the offers."""
    waiting = environment.waiting[: WARM_UP_OFFERS + 3 * kept]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.memory"),
        *(environment.temporal_client.service_client.config.target_host, str(kept), *waiting),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    # The SDK may have printed warnings on standard output before.
    measured: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return measured


async def measure_in_process(client: Client, kept: int, waiting: Sequence[str]) -> dict[str, Any]:
    """Signal all offers in turn: the worker keeps the last of them in memory."""
    first, filling, more = (
        waiting[:WARM_UP_OFFERS],
        waiting[WARM_UP_OFFERS : WARM_UP_OFFERS + kept],
        waiting[WARM_UP_OFFERS + kept :],
    )
    with ThreadPoolExecutor(clients.THREADS) as threads:
        async with worker_on(
            TaskQueue.OFFERS, client, WORKFLOWS, [], threads, cached_workflows=kept
        ):

            async def load(opportunity: str) -> None:
                await reaction_ms(client, opportunity)

            await run_concurrently(load, first)
            empty = resident_mb()
            await run_concurrently(load, filling)
            full = resident_mb()
            await run_concurrently(load, more)
            later = resident_mb()
            uncached = [await reaction_ms(client, each) for each in filling[:REACTIONS]]
            cached = [await reaction_ms(client, each) for each in filling[:REACTIONS]]
            early = await early_queries(client, more[: len(more) - kept])
    return {
        "kept": kept,
        "empty_worker_mb": round(empty),
        "kb_per_offer": round((full - empty) * 1024 / len(filling)),
        "full_worker_mb": round(full),
        "others_loaded": len(more),
        "after_others_mb": round(later),
        "uncached_reaction_ms": spread(uncached),
        "cached_reaction_ms": spread(cached),
        "early_queries": early,
    }


async def reaction_ms(client: Client, opportunity: str) -> float:
    """Milliseconds from a signal that changes nothing to the end of its workflow task.

    Both by the server's clock.
    """
    handle = client.get_workflow_handle(workflow_id(opportunity))
    before = (await handle.describe()).history_length
    await handle.signal(OfferWorkflow.change_set_finished, "of-another-offer")
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
    """Print the figures."""
    converter = data_converter(TemporalSettings())
    client = await Client.connect(address, data_converter=converter)
    print(f"\n{json.dumps(await measure_in_process(client, kept, waiting))}")


if __name__ == "__main__":
    _, where, how_many, *opportunities = sys.argv
    asyncio.run(main(where, int(how_many), opportunities))
    exit_process(0)
