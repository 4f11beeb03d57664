"""Whether a worker lives, and whether it takes work: for Docker, Kubernetes and load balancers."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker
from uvicorn import Config, Server

from runtime.settings import InvalidSettings, listen_address

ANSWER_WITHIN = timedelta(seconds=3)
"""How long Temporal may take to answer."""


def health_app(why_not_ready: Callable[[], Awaitable[str | None]]) -> Starlette:
    """The endpoints' ASGI application.

    `/livez` answers as long as the process runs its tasks; `/readyz` says why there is no work for
    it, if so.
    """

    async def livez(_: Request) -> Response:
        return PlainTextResponse("live\n")

    async def readyz(_: Request) -> Response:
        if reason := await why_not_ready():
            return PlainTextResponse(f"not ready: {reason}\n", 503)
        return PlainTextResponse("ready\n")

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz)])


class Readiness:
    """Whether a process takes work."""

    def __init__(self, client: Client, until: asyncio.Event) -> None:
        self._client = client
        self._until = until
        self._workers: Sequence[Worker] = ()

    def set_workers(self, workers: Sequence[Worker]) -> None:
        """All workers of the process, which run from now on."""
        self._workers = workers

    async def why_not(self) -> str | None:
        """Why it takes no work; None if it does."""
        if self._until.is_set():
            return "it is shutting down"
        if not self._workers:
            return "its workers have not started"
        if stopped := [each.task_queue for each in self._workers if not each.is_running]:
            return f"nothing polls {', '.join(stopped)}"
        return await server_problem(self._client)


async def server_problem(client: Client) -> str | None:
    """Why Temporal cannot be used; None if it answers."""
    request = DescribeNamespaceRequest(namespace=client.namespace)
    try:
        await client.workflow_service.describe_namespace(request, timeout=ANSWER_WITHIN)
    except RPCError as error:
        return f"Temporal answers {error.status.name}"
    return None


class _Server(Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # SIGTERM is the worker's: it ends this server last.
        yield


@asynccontextmanager
async def serving(address: str, app: Starlette) -> AsyncIterator[None]:
    """Serve an application at an address; raises InvalidSettings if that cannot be."""
    host, port = listen_address(address)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise InvalidSettings(
            f"OFFERS_HEALTH_ADDRESS: nothing can listen at {address} ({error.strerror}): choose"
            " another address, or end the program that uses it"
        ) from None
    server = _Server(Config(app, lifespan="off", log_config=None, access_log=False, ws="none"))
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    task = asyncio.create_task(server.serve([listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
