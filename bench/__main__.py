"""`make bench`: the figures of docs/figures.md as JSON, with the machine's facts beside them."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from bench import command_start, lifecycle_cost, listing, memory, reaction, throughput, vendor_calls
from bench.environment import BenchEnvironment, open_environment
from bench.machine import machine
from runtime.logging import LogLevel, configure_logs
from runtime.process_exit import run_and_exit

FEW_OFFERS = 10
"""The vendor calls with many waiting offers are compared with those for so few."""
MAX_CONCURRENT_LIFECYCLES = 100
"""More at once take longer and change no figure."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def bench(
    *,
    offers: Annotated[int, typer.Option(help="How many offers wait for acceptance.")] = 200,
    acceptances: Annotated[int, typer.Option(help="How many are reported together.")] = 100,
    kept: Annotated[int, typer.Option(help="How many offers a worker keeps in memory.")] = 50,
    rounds: Annotated[
        int, typer.Option(help="How often the offers and the baselines are measured, by turns.")
    ] = 3,
    reactions: Annotated[int, typer.Option(help="How many acceptances are timed.")] = 5,
    listed: Annotated[int, typer.Option(help="How many offers are listed and reported.")] = 10_000,
    full_baselines: Annotated[
        bool, typer.Option(help="Run the naive baselines in full, which takes minutes each.")
    ] = False,
) -> None:
    """Measure, and print the figures."""
    configure_logs(LogLevel.WARNING)
    # Temporal's dev server prints a banner on standard output, which is for the figures.
    figures_go_to = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sizes = Sizes(offers, acceptances, kept, rounds, reactions, listed, full_baselines)
    figures = {"machine": machine()} | asyncio.run(sizes.measure())
    os.dup2(figures_go_to, sys.stdout.fileno())
    print(json.dumps(figures, indent=2))


@dataclass(frozen=True)
class Sizes:
    """How many offers, acceptances and rounds are measured."""

    offers: int
    acceptances: int
    kept: int
    rounds: int
    reactions: int
    listed: int
    full_baselines: bool

    async def measure(self) -> dict[str, Any]:
        """All figures, by subject; each is printed on standard error as soon as it is measured."""
        figures: dict[str, Any] = {}

        def note(subject: str, measured: dict[str, Any]) -> None:
            figures[subject] = measured
            print(json.dumps({subject: measured}), file=sys.stderr, flush=True)

        note("command_start", command_start.command_start())
        note("lifecycle_cost", await lifecycle_cost.lifecycle_costs(full=self.full_baselines))
        naive = figures["lifecycle_cost"]["accepted"]["naive_baseline"]
        async with open_environment(max(1000, self.acceptances)) as environment:
            async with environment.run_workers():
                note("vendor_calls", await self._vendor_calls(environment, naive))
                acceptances = await throughput.acceptance_throughput(
                    environment, self.acceptances, self.rounds
                )
                note("acceptance_throughput", acceptances)
                at_once = min(self.acceptances // 2, MAX_CONCURRENT_LIFECYCLES)
                lifecycles = await throughput.lifecycle_throughput(
                    environment, at_once, self.rounds
                )
                note("lifecycle_throughput", lifecycles | {"resumed": environment.resumed})
            note("memory", await memory.memory(environment, self.kept))
        note("reaction", await reaction.reaction(self.reactions))
        note("listing", await listing.listing(self.listed))
        return figures

    async def _vendor_calls(
        self, environment: BenchEnvironment, naive: dict[str, Any]
    ) -> dict[str, Any]:
        # The sweep reads the payout data only if an offer is accepted.
        await throughput.handle_acceptances(environment, 1)
        environment.waiting += await environment.share_offers(FEW_OFFERS)
        few = await vendor_calls.vendor_calls(environment)
        environment.waiting += await environment.share_offers(self.offers - FEW_OFFERS)
        many = await vendor_calls.vendor_calls(environment)
        per_offer = naive["calls_per_waiting_hour"]
        return {
            "few_waiting": few,
            "many_waiting": many,
            "same_per_hour": few["per_hour"] == many["per_hour"],
            "naive_baseline": vendor_calls.naive_baseline_calls(per_offer, self.offers),
        }


if __name__ == "__main__":
    run_and_exit(app)
