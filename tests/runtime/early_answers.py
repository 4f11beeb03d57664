"""A workflow that reacts to two signals in two coroutines, and a worker for it that can be killed.

python -m tests.runtime.early_answers ADDRESS
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from runtime.workers import worker_on

QUEUE = "early-answers"


@workflow.defn
class EarlyAnswers:
    """Ends when it has heard both signals."""

    def __init__(self) -> None:
        self.heard: set[str] = set()

    @workflow.run
    async def run(self) -> None:
        """What is done first depends on whether the signals come together."""
        await asyncio.gather(self.note_the_second(), self.wait_for_the_first())

    async def note_the_second(self) -> None:
        """If they come together, this is done first."""
        await workflow.wait_condition(lambda: "second" in self.heard)
        workflow.upsert_memo({"heard": "second"})

    async def wait_for_the_first(self) -> None:
        """Something that history does not take for a memo."""
        await workflow.wait_condition(lambda: "first" in self.heard)
        await workflow.sleep(timedelta(milliseconds=1))

    @workflow.signal
    def tell(self, signal: str) -> None:
        """News."""
        self.heard.add(signal)

    @workflow.query
    def what_was_heard(self) -> set[str]:
        """So far."""
        return self.heard


def worker(client: Client, threads: ThreadPoolExecutor) -> Worker:
    """As all of ours are."""
    return worker_on(QUEUE, client, [EarlyAnswers], [], threads, cached_workflows=100)


async def main(address: str) -> None:
    """Work until killed."""
    with ThreadPoolExecutor() as threads:
        await worker(await Client.connect(address), threads).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
