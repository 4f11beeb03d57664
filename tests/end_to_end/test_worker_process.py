"""The worker's process: what SIGTERM does to calls, and which rates the server enforces."""

import asyncio
import json
import re
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.api.enums.v1 import RateLimitSource, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue as TaskQueueName
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse
from temporalio.client import Client

from activities.task_queues import ACTIVITIES_PER_SECOND, TaskQueue
from offers.ids import workflow_id
from tests.support.offer_environment import open_offer_environment
from tests.support.programs import ROOT, free_address, running_worker
from tests.support.workflow_harness import environment_variables

OTHERS = [queue for queue in TaskQueue if queue is not TaskQueue.EMAIL]


async def health_check_of_the_image() -> int:
    """The exit code of the command by which Docker asks."""
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (written,) = re.findall(r"HEALTHCHECK .*?CMD (\[.*?\])\n", image, flags=re.DOTALL)
    _, *arguments = json.loads(written)
    asking = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stderr=asyncio.subprocess.DEVNULL
    )
    return await asking.wait()


async def test_sigterm_lets_a_call_end(
    dev_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail server answers only when the worker is shutting down, which it says meanwhile."""
    async with open_offer_environment(dev_server, tmp_path, OTHERS) as environment:
        called, may_answer = threading.Event(), threading.Event()
        take = environment.world.faults.take

        def answer_late(system: str, operation: str) -> Any:
            if system == "smtp" and not called.is_set():
                called.set()
                assert may_answer.wait(60)
            return take(system, operation)

        monkeypatch.setattr(environment.world.faults, "take", answer_late)
        with free_address() as address, environment_variables({"OFFERS_HEALTH_ADDRESS": address}):
            async with (
                httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as health,
                running_worker(environment.temporal_client, [TaskQueue.EMAIL]) as process,
            ):
                (offer,) = environment.put_opportunities(1)
                await environment.client.start(offer)
                await asyncio.to_thread(called.wait)
                assert (await health.get("/readyz")).status_code == 200
                assert await health_check_of_the_image() == 0
                process.terminate()
                assert process.stderr is not None
                async for line in process.stderr:
                    if b"Beginning worker shutdown" in line:
                        break
                refused = await health.get("/readyz")
                assert (refused.status_code, refused.text) == (
                    503,
                    "not ready: it is shutting down\n",
                )
                assert await health_check_of_the_image() == 1
                assert (await health.get("/livez")).status_code == 200
                may_answer.set()
        assert [mail.subject for mail in environment.world.mail.messages] == [
            "Your private offer for Example Product is ready (Example Corp)"
        ]
        handle = environment.temporal_client.get_workflow_handle(workflow_id(offer))
        described = (await handle.describe()).raw_description
        pending = [each.activity_type.name for each in described.pending_activities]
        assert "send_to_buyer" not in pending, "its result is lost"


async def describe(client: Client, queue: TaskQueue) -> DescribeTaskQueueResponse:
    return await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueueName(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            report_config=True,
        )
    )


async def test_server_enforces_the_rates(dev_server: str, tmp_path: Path) -> None:
    async with open_offer_environment(dev_server, tmp_path, limits_rates=True) as environment:
        await environment.share_offers(1)
        for queue, rate in ACTIVITIES_PER_SECOND.items():
            limit = (await describe(environment.temporal_client, queue)).effective_rate_limit
            if rate is not None:
                assert limit.rate_limit_source == RateLimitSource.RATE_LIMIT_SOURCE_WORKER
                assert limit.requests_per_second == rate
