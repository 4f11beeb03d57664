"""The dev server (visibility, Schedules, UI attributes), the sandbox and workers, in real time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from activities.queues import TaskQueue
from runtime.settings import TemporalSettings, WorkerSettings, read_settings
from runtime.temporal import data_converter, register_search_attributes
from runtime.workers import serve
from sandbox.server import Sandbox
from tests.house import House
from tests.life import FIELDS, environment, program

POLICY = """
product_name = "Example Product"
watch_overlap = "PT1H"
"""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    async with (
        await WorkflowEnvironment.start_local(
            dev_server_existing_path=program("temporal"),
            dev_server_log_level="error",
            data_converter=data_converter(TemporalSettings()),
        ) as temporal,
        Sandbox() as sandbox,
    ):
        await register_search_attributes(temporal.client)
        settings = {"OFFERS_FIELDS": str(FIELDS), "OFFERS_POLICY": str(policy)}
        with environment({**sandbox.addresses.env, **settings}):
            stop = asyncio.Event()
            working = asyncio.create_task(
                serve(temporal.client, read_settings(WorkerSettings), tuple(TaskQueue), stop)
            )
            try:
                yield House(temporal.client, sandbox)
            finally:
                stop.set()
                await working
