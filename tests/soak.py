"""Hundreds of random lives: `make soak LIVES=200 SEED=1`.

A third is lived in one run, a third with runs that continue as new wherever they may, and a third
with a worker process that is killed every few seconds.
"""

import asyncio
import os
import sys
import time
import traceback
from argparse import ArgumentParser
from collections import Counter
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory

from temporalio.service import RPCError, RPCStatusCode

from tests.support.continue_as_new import continue_as_new_always
from tests.support.random_life import OPERATIONS, STARTS, RandomLife, write_policy
from tests.support.worker_process import killed_now_and_then
from tests.support.workflow_harness import open_harness

KINDS = ("one run", "continued", "killed")
STEPS = 15
TIME_OUT_SECONDS = 180


async def live(kind: str, start: str, seed: str) -> RandomLife:
    """One life."""
    kills = asyncio.Event()
    worker = partial(killed_now_and_then, seed=seed, allowed=kills, continued=True)
    with TemporaryDirectory() as folder:
        async with open_harness(
            policy=write_policy(Path(folder)), run_worker=worker if kind == "killed" else None
        ) as harness:
            life = RandomLife(harness, seed)
            try:
                await life.prepare(start)
                kills.set()
                await life.live(STEPS)
                kills.clear()
                await life.finish()
            except BaseException:
                print(seed, life.performed, flush=True)
                raise
            finally:
                life.operations.cancel_requests()
            return life


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("--lives", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000))
    parser.add_argument("--first", type=int, default=0, help="the number of the first life")
    given = parser.parse_args()
    os.environ["OFFERS_ENV_FILE"] = ""
    os.environ["TEMPORAL_DEBUG"] = "1"  # a busy machine fails tasks that take two seconds
    print(f"seed {given.seed}", flush=True)
    performed: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    began = time.monotonic()
    for number in range(given.first, given.first + given.lives):
        kind, start = KINDS[number % len(KINDS)], STARTS[number // len(KINDS) % len(STARTS)]
        seed = f"{given.seed}/{number}"
        with continue_as_new_always() if kind == "continued" else nullcontext():
            outcome, life = attempt(kind, start, seed)
        outcomes[f"{kind}: {outcome}"] += 1
        performed.update(life.performed if life else ())
        if outcome != "passed":
            print(f"{outcome}: {kind}, {start}, --seed {given.seed} --first {number}", flush=True)
    print(f"{given.lives} lives in {time.monotonic() - began:.0f} s, seed {given.seed}")
    print(*sorted(f"{name} {count}" for name, count in outcomes.items()), sep="\n")
    missing = set(OPERATIONS) - set(performed)
    print(
        f"{performed.total()} operations; never performed: {', '.join(sorted(missing)) or 'none'}"
    )
    sys.exit(any("failed" in name for name in outcomes))


def attempt(kind: str, start: str, seed: str) -> tuple[str, RandomLife | None]:
    """How a life went.

    The time-skipping server can stop when a call is cancelled that was just answered, and loses a
    query about a run that continues: such a life says nothing.
    """
    try:
        life = asyncio.run(asyncio.wait_for(live(kind, start, seed), TIME_OUT_SECONDS))
    except TimeoutError:
        return "stopped by the test server", None
    except RPCError as error:
        if error.status is RPCStatusCode.CANCELLED:
            return "stopped by the test server", None
        traceback.print_exc()
        return "failed", None
    except Exception:
        traceback.print_exc()
        return "failed", None
    return "passed", life


if __name__ == "__main__":
    main()
