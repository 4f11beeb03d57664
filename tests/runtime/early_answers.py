"""A workflow with two coroutines for two signals, and a worker for it that can be killed.

python -m tests.runtime.early_answers ADDRESS NAMESPACE
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
    """Ends after both signals."""

    def __init__(self) -> None:
        self.received: set[str] = set()

    @workflow.run
    async def run(self) -> None:
        """The order of the commands depends on whether the signals arrive together."""
        await asyncio.gather(self.upsert_after_second(), self.sleep_after_first())

    async def upsert_after_second(self) -> None:
        """The first command if both signals arrive together."""
        await workflow.wait_condition(lambda: "second" in self.received)
        workflow.upsert_memo({"received": "second"})

    async def sleep_after_first(self) -> None:
        """A command that differs from the memo in the history."""
        await workflow.wait_condition(lambda: "first" in self.received)
        await workflow.sleep(timedelta(milliseconds=1))

    @workflow.signal
    def notify(self, signal: str) -> None:
        """Receive a signal."""
        self.received.add(signal)

    @workflow.query
    def get_received(self) -> set[str]:
        """The signals so far."""
        return self.received


def worker(client: Client, threads: ThreadPoolExecutor) -> Worker:
    """A worker with the product's settings."""
    return worker_on(QUEUE, client, [EarlyAnswers], [], threads, cached_workflows=100)


async def main(address: str, namespace: str) -> None:
    """Run the worker until it is killed."""
    with ThreadPoolExecutor() as threads:
        await worker(await Client.connect(address, namespace=namespace), threads).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
