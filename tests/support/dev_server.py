"""Temporal's dev server, which several tests use: each has a namespace of its own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment

from runtime.settings import TemporalSettings
from runtime.temporal import data_converter, register_search_attributes
from tests.support.workflow_harness import installed_program, start_server

RETENTION = timedelta(days=3)
ONE_PARTITION = [
    *("--dynamic-config-value", "matching.numTaskqueueReadPartitions=1"),
    *("--dynamic-config-value", "matching.numTaskqueueWritePartitions=1"),
]
"""Of each task queue.  The default, four, takes more of the server's time than the tests' calls."""
PROMPT_DELETION = ("--dynamic-config-value", 'history.transferProcessorUpdateAckInterval="50ms"')
"""A run that has just closed is deleted after this interval.  The default is 30 seconds."""


async def start_dev_server(database: Path | None = None) -> WorkflowEnvironment:
    """Start a server, which the caller shuts down.  `database`: its file; None: in memory."""
    return await start_server(
        lambda: WorkflowEnvironment.start_local(
            dev_server_existing_path=installed_program("temporal"),
            dev_server_log_level="error",
            dev_server_database_filename=str(database) if database else None,
            dev_server_extra_args=[*ONE_PARTITION, *PROMPT_DELETION],
        )
    )


def address_of(environment: WorkflowEnvironment) -> str:
    """The address of a server, `host:port`."""
    return environment.client.service_client.config.target_host


@contextmanager
def running_dev_server(database: Path | None = None) -> Iterator[str]:
    """Start a server where no event loop runs; gives its address."""
    environment = asyncio.run(start_dev_server(database))
    try:
        yield address_of(environment)
    finally:
        asyncio.run(environment.shutdown())


async def new_namespace(address: str, converter: DataConverter | None = None) -> Client:
    """A client of a new namespace with our search attributes.

    `converter`: None for the one that the settings name.
    """
    request = RegisterNamespaceRequest(namespace=f"test-{uuid4()}")
    request.workflow_execution_retention_period.FromTimedelta(RETENTION)
    client = await Client.connect(
        address,
        namespace=request.namespace,
        data_converter=converter or data_converter(TemporalSettings()),
    )
    await client.workflow_service.register_namespace(request)
    await register_search_attributes(client)
    return client


def connection_settings(client: Client) -> dict[str, str]:
    """The settings with which a program uses the client's namespace."""
    return {
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": client.namespace,
    }


async def delete_schedules(client: Client) -> None:
    """Delete all Schedules of the client's namespace: they would start workflows without end."""
    async for schedule in await client.list_schedules():
        await client.get_schedule_handle(schedule.id).delete()
