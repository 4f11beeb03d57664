"""`make bench`: the figures of docs/figures.md as JSON, with the machine's facts beside them."""

import asyncio
import json
import logging
import os
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from bench import environment, lifecycle_cost, memory, reaction, throughput, vendor_calls
from bench.machine import machine
from runtime.logging import configure_logs
from runtime.process_exit import run_and_exit

FEW = 10
"""What the vendor calls with many waiting offers are held against."""
MOST_LIVES = 100
"""Lived at once; more of them take long and tell no more."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def bench(
    *,
    offers: Annotated[int, typer.Option(help="How many offers wait for acceptance.")] = 200,
    acceptances: Annotated[int, typer.Option(help="How many land together.")] = 100,
    kept: Annotated[int, typer.Option(help="How many offers a worker keeps in memory.")] = 50,
    rounds: Annotated[int, typer.Option(help="How often the twins take turns.")] = 3,
    reactions: Annotated[int, typer.Option(help="How many acceptances are timed.")] = 5,
    whole_twins: Annotated[
        bool, typer.Option(help="Let the naive twins live their whole lives: minutes each.")
    ] = False,
) -> None:
    """Measure, and print the figures."""
    configure_logs(logging.ERROR)
    # Temporal's dev server greets on standard output, which is for the figures.
    figures_go_to = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sizes = Sizes(offers, acceptances, kept, rounds, reactions, whole_twins)
    figures = {"machine": machine()} | asyncio.run(sizes.measure())
    os.dup2(figures_go_to, sys.stdout.fileno())
    print(json.dumps(figures, indent=2))


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    offers: int
    acceptances: int
    kept: int
    rounds: int
    reactions: int
    whole_twins: bool

    async def measure(self) -> dict[str, Any]:
        """All figures, by subject; each is told on standard error as soon as it is there."""
        figures: dict[str, Any] = {}

        def note(subject: str, measured: dict[str, Any]) -> None:
            figures[subject] = measured
            print(json.dumps({subject: measured}), file=sys.stderr, flush=True)

        note("lives", await lifecycle_cost.all_lives(whole=self.whole_twins))
        naive = figures["lives"]["happy"]["naive"]["calls_per_waiting_hour"]
        async with environment.opened(max(1000, self.acceptances)) as ground:
            async with ground.working():
                note("vendor_calls", await self._vendor_calls(ground, naive))
                note("drain", await throughput.drains(ground, self.acceptances, self.rounds))
                at_once = min(self.acceptances // 2, MOST_LIVES)
                lived = await throughput.whole_lives(ground, at_once, self.rounds)
                note("lives_per_second", lived | {"rescued": ground.rescued})
            note("memory", await memory.memory(ground, self.kept))
        note("reaction", await reaction.reaction(self.reactions))
        return figures

    async def _vendor_calls(
        self, ground: environment.Floor, naive: dict[str, float]
    ) -> dict[str, Any]:
        await throughput.drain(ground, 1)  # the sweep asks only if somebody has accepted
        ground.waiting += await ground.bring(FEW)
        few = await vendor_calls.vendor_calls(ground)
        ground.waiting += await ground.bring(self.offers - FEW)
        many = await vendor_calls.vendor_calls(ground)
        return {
            "few": few,
            "many": many,
            "same": few["per_hour"] == many["per_hour"],
            "naive": vendor_calls.of_naive_twins(naive, self.offers),
        }


if __name__ == "__main__":
    run_and_exit(app)
