"""Input that workflows can read; `end_to_end/test_unreadable_input.py` has what they cannot."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from temporalio import workflow

from runtime.workers import worker_on
from tests.support.dev_server import new_namespace

QUEUE = "optional-input"


@workflow.defn
class OptionalInput:
    """A workflow whose input may be None."""

    @workflow.run
    async def run(self, name: str, price: str | None) -> str:
        return f"{name}: {price}"


@pytest.mark.parametrize("price", [None, "1 USD"])
async def test_optional_input_may_be_none(dev_server: str, price: str | None) -> None:
    client = await new_namespace(dev_server)
    with ThreadPoolExecutor(1) as threads:
        async with worker_on(QUEUE, client, [OptionalInput], [], threads, cached_workflows=1):
            assert (
                await client.execute_workflow(
                    OptionalInput.run, args=["offer", price], id="optional", task_queue=QUEUE
                )
                == f"offer: {price}"
            )
