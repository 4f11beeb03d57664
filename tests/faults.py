"""Each activity with each fault in each scenario: `make faults`, `make faults SEED=1 PROCESSES=4`.

Writes the table of `docs/faults.md`.  A cell is a life: each operation that the activity calls
meets the fault once.  The order is that of the seed.
"""

import asyncio
import logging
import os
import sys
import time
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random, SystemRandom

from tests.support.fault_injection import ACTIVITIES, FAULTS, LOGINS, NOT_AT_LOGIN
from tests.support.fault_matrix import (
    SCENARIOS,
    WITHOUT_SCENARIO,
    LifeResult,
    live,
)

PAGE = Path(__file__).parents[1] / "docs" / "faults.md"
TIME_OUT_SECONDS = 300
WORDS = {
    None: "no failure",
    "VendorUnavailable": "retried",
    "RateLimited": "later",
    "NotReady": "later",
    "CredentialsRejected": "credentials",
    "VendorRejected": "rejected",
    "NotFound": "not found",
    "DeliveryUnknown": "delivery unknown",
}
"""What the table shows for a failure."""

INTRODUCTION = """# Faults

Made by `make faults`: do not edit. Each activity meets each fault, in each scenario in which it
calls a vendor. A cell is a life of its own, in which each operation that the activity calls meets
the fault once; it shows what the activity failed with. After each life, at most one offer can be
accepted, no mail to the buyer was sent twice, AWS, Salesforce and Clazar agree with the records,
and the life ends as the same life without a fault.

* **retried**: by itself, at growing intervals; **later**: after the vendor's interval.
* **credentials**, **rejected**, **delivery unknown**: an attention waits for a person, who mends it
  and resumes, or resends a mail that did not arrive. A Schedule's run fails, and the next one reads
  again.
* **no failure**: the activity succeeds in spite of it: with a new token, with a finding about the
  terms, or because the offer's own workflow does later what was left out.
* **n/a**: the vendor has no such answer.

The failures are those of the table in `activities/errors.py`.

"""


@dataclass(frozen=True)
class Cell:
    """One life."""

    scenario: str
    activity: str
    fault: str


def lived(cell: Cell) -> tuple[Cell, LifeResult | None, list[str]]:
    """Live a cell; gives what was violated."""
    plan = {cell.activity: cell.fault}
    try:
        result = asyncio.run(asyncio.wait_for(live(cell.scenario, plan), TIME_OUT_SECONDS))
    except Exception as error:
        return cell, None, [f"{type(error).__name__}: {error}"]
    return cell, result, result.violations


def quiet() -> None:
    """Settings of each process."""
    os.environ["OFFERS_ENV_FILE"] = ""
    os.environ["TEMPORAL_DEBUG"] = "1"  # a busy machine fails tasks that take two seconds
    os.environ["RUST_LOG"] = "off"
    logging.disable(logging.CRITICAL)


def cells(scenarios: Iterable[str], activities: Iterable[str]) -> Iterator[Cell]:
    """A cell for each activity that calls a vendor in a scenario, and each fault that it can have.

    Which vendors it calls is seen in a life without a fault.
    """
    for scenario in scenarios:
        calls = asyncio.run(live(scenario, {})).calls
        for activity in activities:
            for fault, at in FAULTS.items():
                possible = [
                    operation
                    for operation in calls.get(activity, ())
                    if at(operation[0]) and not (fault in NOT_AT_LOGIN and operation in LOGINS)
                ]
                if possible:
                    yield Cell(scenario, activity, fault)


def table(results: dict[Cell, LifeResult]) -> str:
    """Activities and faults, with the failures that were seen."""
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for cell, result in results.items():
        seen[cell.activity, cell.fault] |= {
            WORDS.get(each.failure, str(each.failure)) for each in result.attempts
        }
    called = sorted({cell.activity for cell in results})
    lines = [
        "| Activity | " + " | ".join(FAULTS) + " |",
        "|---" * (len(FAULTS) + 1) + "|",
        *(
            f"| `{activity}` | "
            + " | ".join(", ".join(sorted(seen[activity, fault])) or "n/a" for fault in FAULTS)
            + " |"
            for activity in called
        ),
    ]
    return "\n".join(lines)


def page(results: dict[Cell, LifeResult]) -> str:
    """The text of `docs/faults.md`."""
    called = {cell.activity for cell in results}
    others = sorted(set(ACTIVITIES) - called - WITHOUT_SCENARIO.keys())
    scenarios = [
        f"| `{name}` | {(each.__doc__ or '').strip()} |" for name, each in SCENARIOS.items()
    ]
    return "\n".join(
        [
            INTRODUCTION + table(results),
            "",
            "## Scenarios",
            "",
            "| Scenario | Life |",
            "|---|---|",
            *scenarios,
            "",
            "## Activities without vendor calls",
            "",
            f"They call only Temporal: {', '.join(f'`{name}`' for name in others)}.",
            "",
            "In no scenario:",
            "",
            *(f"* `{name}`: {reason}" for name, reason in WITHOUT_SCENARIO.items()),
            "",
        ]
    )


def main() -> None:
    parser = ArgumentParser()
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(1_000_000))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--scenario", choices=SCENARIOS, action="append", default=[])
    parser.add_argument("--activity", choices=ACTIVITIES, action="append", default=[])
    parser.add_argument("--fault", choices=FAULTS, action="append", default=[])
    given = parser.parse_args()
    quiet()
    print(f"seed {given.seed}", flush=True)
    began = time.monotonic()
    chosen = [
        cell
        for cell in cells(given.scenario or SCENARIOS, given.activity or ACTIVITIES)
        if not given.fault or cell.fault in given.fault
    ]
    Random(given.seed).shuffle(chosen)  # noqa: S311
    results: dict[Cell, LifeResult] = {}
    failed = 0
    with ProcessPoolExecutor(
        given.processes, mp_context=get_context("spawn"), initializer=quiet
    ) as pool:
        for number, (cell, result, violations) in enumerate(pool.map(lived, chosen), 1):
            if result:
                results[cell] = result
            if result and not result.attempts:
                violations.append("no call met the fault")
            if violations:
                failed += 1
                again = f"--scenario {cell.scenario} --activity {cell.activity}"
                print(f"{again} --fault '{cell.fault}'", *violations, sep="\n    ", flush=True)
            if number % 50 == 0:
                print(f"{number} of {len(chosen)}", flush=True)
    print(f"{len(chosen)} cells in {time.monotonic() - began:.0f} s, seed {given.seed}")
    print(f"{failed} with a violation")
    if not (given.scenario or given.activity or given.fault):
        PAGE.write_text(page(results))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
