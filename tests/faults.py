"""Each activity with each fault in each scenario: `make faults`, `make faults SEED=1 PROCESSES=4`.

Writes `docs/faults.md`.  A cell of the matrix is a scenario, an activity and a fault: each
operation that the activity calls meets the fault once.  A life has one fault and several cells; the
seed decides which.  After a violation each of its cells is lived alone.

Then SIGKILL of the worker and of Temporal's server at the start, effect and end of each activity of
a life from draft to disbursed.
"""

import asyncio
import logging
import os
import sys
import time
from argparse import ArgumentParser
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from random import Random, SystemRandom
from typing import NamedTuple

from temporalio.service import RPCError, RPCStatusCode

from runtime.telemetry import set_default_runtime
from tests.support.fault_injection import ACTIVITIES, FAULTS, can_meet
from tests.support.fault_matrix import (
    SCENARIOS,
    WITHOUT_SCENARIO,
    LifeResult,
    live,
    uncalled,
)
from tests.support.held_worker import Point
from tests.support.killed_life import Killed, KilledLifeResult, live_killed

PAGE = Path(__file__).parents[1] / "docs" / "faults.md"
TIME_OUT_SECONDS = 180
CELLS_OF_A_LIFE = 8
"""At most."""
FAILURE_TEXTS = {
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

Made by `make faults` (seed {seed}): do not edit.

Each activity meets each fault, in each scenario in which it calls a vendor: {cells} cells of
scenario, activity and fault, of which {failed} have a violation. In a cell, each operation that
the activity calls meets the fault once. After each life, at most one offer can be accepted, no mail
to the buyer was sent twice, AWS, Salesforce and Clazar agree with the records, and the life ends as
the same life without a fault.

The table shows what the activity fails with. The failures are those of the table in
`activities/errors.py`.

* **retried**: by itself, at growing intervals; **later**: after the vendor's interval.
* **credentials**, **rejected**, **delivery unknown**: an attention waits for a person, who removes
  the cause and resumes, or resends a mail that did not arrive. A Schedule's run fails, and the next
  one reads again.
* **no failure**: the activity succeeds in spite of it: with a new token, with a finding about the
  terms, or because the offer's own workflow does later what was left out.
* **n/a**: the vendor has no such answer.

"""

KILLS = """## Kills

SIGKILL of the worker, or of Temporal's server, at each activity of a life from draft to disbursed:
{cells} cells of process, point and activity, of which {failed} have a violation. The life is as
`happy`, on Temporal's dev server with a file; the killed process is started again. A life has one
process and one point, and meets the kill at each of its activities. What must hold is the same as
above.

* **start**: the server has started the activity, and it has called nothing. **effect**: the vendor
  has executed its calls, and the server has no result. **end**: the server has the result, and no
  workflow task has handled it.
* After a kill of the worker, an activity without a result is repeated after its time-out. A mail to
  the buyer is not: `email-delivery-unknown` waits for a person, who looks it up, and resumes or
  resends.
* After a kill of the server, the worker connects again and hands over the result.
* No other attention is raised.

{table}

The activities: {activities}.

"""


class Cell(NamedTuple):
    """A cell of the matrix."""

    scenario: str
    activity: str
    fault: str


@dataclass(frozen=True)
class Life:
    """Cells that are lived in one life."""

    scenario: str
    fault: str
    """Empty: none."""
    activities: tuple[str, ...]

    @property
    def cells(self) -> list[Cell]:
        return [Cell(self.scenario, name, self.fault) for name in self.activities]

    @property
    def arguments(self) -> str:
        """Those of the command that repeats it."""
        activities = " ".join(f"--activity {name}" for name in self.activities)
        return f"--scenario {self.scenario} --fault '{self.fault}' {activities}"


@dataclass
class Report:
    """What came of a life."""

    life: Life
    result: LifeResult | None
    violations: list[str]
    repeated: bool = False
    """Whether the test server stopped the first time."""

    @property
    def missing(self) -> list[Cell]:
        """The cells whose activity did not meet its fault."""
        attempts = self.result.attempts if self.result else ()
        met = {attempt.activity for attempt in attempts}
        return [cell for cell in self.life.cells if cell.activity not in met]


def run(life: Life) -> Report:
    """Live a life.

    The time-skipping server stops now and then on a busy machine: such a life says nothing, and is
    repeated once.
    """
    plan = dict.fromkeys(life.activities, life.fault)
    stops: list[str] = []
    for _ in range(2):
        try:
            result = asyncio.run(asyncio.wait_for(live(life.scenario, plan), TIME_OUT_SECONDS))
        except (TimeoutError, RPCError) as error:
            if isinstance(error, RPCError) and error.status is not RPCStatusCode.CANCELLED:
                return Report(life, None, [f"{type(error).__name__}: {error}"])
            stops.append(f"the test server stopped: {type(error).__name__}")
        except Exception as error:
            return Report(life, None, [f"{type(error).__name__}: {error}"])
        else:
            violations = [*result.violations, *uncalled(result)]
            return Report(life, result, violations, repeated=bool(stops))
    return Report(life, None, stops)


def set_up_process() -> None:
    """Settings of each process."""
    os.environ["OFFERS_ENV_FILE"] = ""
    os.environ["TEMPORAL_DEBUG"] = "1"  # a busy machine fails tasks that take two seconds
    set_default_runtime()
    logging.disable(logging.CRITICAL)


@dataclass
class Matrix:
    """The cells, and what was seen in them."""

    pool: ProcessPoolExecutor
    seed: int
    failures: dict[Cell, set[str | None]] = field(default_factory=lambda: defaultdict(set))
    """What the activity of a cell failed with; None: an attempt that met the fault succeeded."""
    failed: set[Cell] = field(default_factory=set)
    """The cells with a violation."""
    repeated: int = 0

    def live(self, lives: Sequence[Life]) -> list[Report]:
        """Live these lives."""
        reports = []
        for number, report in enumerate(self.pool.map(run, lives), 1):
            reports.append(report)
            self.repeated += report.repeated
            for attempt in report.result.attempts if report.result else ():
                cell = Cell(report.life.scenario, attempt.activity, attempt.fault)
                self.failures[cell].add(attempt.failure)
            if report.violations:
                print(report.life.arguments, *report.violations, sep="\n    ", flush=True)
            if number % 25 == 0:
                print(f"{number} of {len(lives)}", flush=True)
        return reports

    def cells(self, scenarios: Iterable[str]) -> list[Cell]:
        """A cell for each activity that calls a vendor, and each fault that the vendor can have.

        Which vendors it calls is seen in a life without a fault.
        """
        reports = self.live([Life(scenario, "", ()) for scenario in scenarios])
        if any(report.violations for report in reports):
            sys.exit("a life without a fault has a violation")
        return [
            Cell(report.life.scenario, activity, fault)
            for report in reports
            for activity, operations in (report.result.calls if report.result else {}).items()
            for fault in FAULTS
            if can_meet(fault, operations)
        ]

    def run(self, cells: Sequence[Cell]) -> None:
        """Live all cells, together and, where that shows a violation, each alone."""
        random = Random(self.seed)  # noqa: S311
        together: dict[tuple[str, str], list[str]] = defaultdict(list)
        for cell in cells:
            together[cell.scenario, cell.fault].append(cell.activity)
        lives = []
        for (scenario, fault), activities in together.items():
            random.shuffle(activities)
            number = -(-len(activities) // CELLS_OF_A_LIFE)
            lives += [Life(scenario, fault, tuple(activities[at::number])) for at in range(number)]
        random.shuffle(lives)
        reports = self.live(lives)
        alone = [
            Life(cell.scenario, cell.fault, (cell.activity,))
            for report in reports
            for cell in (report.life.cells if report.violations else report.missing)
        ]
        print(f"{len(lives)} lives; {len(alone)} cells are lived alone", flush=True)
        for report in self.live(alone):
            if report.missing:
                print(report.life.arguments, "no call met the fault", sep="\n    ", flush=True)
            if report.missing or report.violations:
                self.failed.update(report.life.cells)
        for report in reports:
            if report.violations and not self.failed.intersection(report.life.cells):
                print(report.life.arguments, "a violation only together", sep="\n    ", flush=True)
                self.failed.update(report.life.cells)


@dataclass(frozen=True)
class KilledLife:
    """A life in which a process is killed at a point of each of these activities."""

    killed: Killed
    point: Point
    activities: tuple[str, ...]

    @property
    def arguments(self) -> str:
        """Those of the command that repeats it."""
        activities = " ".join(f"--activity {name}" for name in self.activities)
        return f"--killed {self.killed} --point {self.point} {activities}"


def run_killed(life: KilledLife) -> KilledLifeResult:
    try:
        return asyncio.run(live_killed(life.killed, life.point, life.activities))
    except Exception as error:
        return KilledLifeResult(set(), [f"{type(error).__name__}: {error}"])


@dataclass
class Kills:
    """What was seen in lives with kills."""

    pool: ProcessPoolExecutor
    activities: tuple[str, ...] = ()
    """Those of the life."""
    failed: set[KilledLife] = field(default_factory=set)
    """Those with a violation; each has one activity, unless it is seen only together."""

    def live(self, lives: Sequence[KilledLife]) -> list[KilledLifeResult]:
        """Live these lives."""
        results = []
        for life, result in zip(lives, self.pool.map(run_killed, lives), strict=True):
            results.append(result)
            if result.violations:
                print(life.arguments, *result.violations, sep="\n    ", flush=True)
        return results

    def run(self, killed: Sequence[str], points: Sequence[str], names: Sequence[str]) -> None:
        """Live a life for each process and point and, where it shows a violation, each alone.

        Which activities there are is seen in a life without a kill.
        """
        (without,) = self.live([KilledLife(Killed.WORKER, Point.START, ())])
        if without.violations:
            sys.exit("a life without a kill has a violation")
        self.activities = tuple(sorted(without.completed.intersection(names)))
        lives = [
            KilledLife(Killed(process), Point(point), self.activities)
            for process in killed
            for point in points
        ]
        for life, result in zip(lives, self.live(lives), strict=True):
            if result.violations:
                alone = [KilledLife(life.killed, life.point, (name,)) for name in life.activities]
                seen = zip(alone, self.live(alone), strict=True)
                self.failed.update({each for each, one in seen if one.violations} or {life})
        print(f"{len(lives)} lives with kills", flush=True)

    @property
    def cells(self) -> int:
        return len(Killed) * len(Point) * len(self.activities)

    @property
    def text(self) -> str:
        """Its section of the page."""
        failed = Counter((life.killed, life.point) for life in self.failed)
        rows = [
            f"| {process} | "
            + " | ".join(
                f"{len(self.activities)} activities, {failed[process, point] or 'no'} violation"
                for point in Point
            )
            + " |"
            for process in Killed
        ]
        head = ["| Killed | " + " | ".join(Point) + " |", "|---" * (len(Point) + 1) + "|"]
        return KILLS.format(
            cells=self.cells,
            failed=len(self.failed) or "none",
            table="\n".join([*head, *rows]),
            activities=", ".join(f"`{name}`" for name in self.activities),
        )


def table(failures: dict[Cell, set[str | None]]) -> str:
    """Activities and faults, with the failures that were seen."""
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for cell, each in failures.items():
        seen[cell.activity, cell.fault] |= {
            FAILURE_TEXTS.get(failure, str(failure)) for failure in each
        }
    lines = [
        "| Activity | " + " | ".join(FAULTS) + " |",
        "|---" * (len(FAULTS) + 1) + "|",
        *(
            f"| `{activity}` | "
            + " | ".join(", ".join(sorted(seen[activity, fault])) or "n/a" for fault in FAULTS)
            + " |"
            for activity in sorted({cell.activity for cell in failures})
        ),
    ]
    return "\n".join(lines)


def page(matrix: Matrix, cells: Sequence[Cell], kills: Kills) -> str:
    """The text of `docs/faults.md`."""
    called = {cell.activity for cell in cells}
    others = sorted(set(ACTIVITIES) - called - WITHOUT_SCENARIO.keys())
    introduction = INTRODUCTION.format(
        seed=matrix.seed, cells=len(cells), failed=len(matrix.failed) or "none"
    )
    return "\n".join(
        [
            introduction + table(matrix.failures),
            "",
            kills.text + "## Scenarios",
            "",
            "| Scenario | Life |",
            "|---|---|",
            *(f"| `{name}` | {(each.__doc__ or '').strip()} |" for name, each in SCENARIOS.items()),
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
    parser.add_argument("--killed", choices=[*Killed], action="append", default=[])
    parser.add_argument("--point", choices=[*Point], action="append", default=[])
    given = parser.parse_args()
    set_up_process()
    print(f"seed {given.seed}", flush=True)
    began = time.monotonic()
    context = get_context("spawn")
    with ProcessPoolExecutor(given.processes, context, initializer=set_up_process) as pool:
        matrix, cells, kills = Matrix(pool, given.seed), list[Cell](), Kills(pool)
        if not (given.killed or given.point):
            cells = [
                cell
                for cell in matrix.cells(given.scenario or SCENARIOS)
                if (not given.activity or cell.activity in given.activity)
                and (not given.fault or cell.fault in given.fault)
            ]
            matrix.run(cells)
        if not (given.scenario or given.fault):
            kills.run(
                given.killed or [*Killed], given.point or [*Point], given.activity or ACTIVITIES
            )
    print(f"{len(cells)} cells in {time.monotonic() - began:.0f} s, seed {given.seed}")
    print(f"{matrix.repeated} lives repeated, because the test server stopped")
    print(f"{len(matrix.failed)} cells and {len(kills.failed)} kills with a violation")
    if not (given.scenario or given.activity or given.fault or given.killed or given.point):
        PAGE.write_text(page(matrix, cells, kills), encoding="utf-8")
    sys.exit(bool(matrix.failed or kills.failed))


if __name__ == "__main__":
    main()
