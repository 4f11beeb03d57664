"""The web console on a free port of loopback, in the test's own event loop."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
from fastapi import FastAPI
from temporalio.client import Client

from activities.temporal.offer_summaries import ListedOffer
from runtime.settings import WebSettings, read_settings
from tests.support.workflow_harness import environment_variables
from web.app import create_app
from web.console import Console
from web.http_server import http_server, listening_socket
from web.requests import RateLimits

SESSION_KEY = "a-key-of-the-tests-that-signs-sessions"


class RunningConsole:
    """A console that answers."""

    def __init__(self, url: str, app: FastAPI) -> None:
        self.url = url
        """Without a slash at its end."""
        self.app = app


@asynccontextmanager
async def running_console(client: Client, **settings: str) -> AsyncIterator[RunningConsole]:
    """Serve the console for a namespace; `settings`: variables beside those that are set already.

    An environment of the tests (`open_offer_environment`) has set the policy.
    """
    listening = listening_socket("127.0.0.1", 0)
    address = f"127.0.0.1:{listening.getsockname()[1]}"
    with environment_variables({"OFFERS_WEB_ADDRESS": address, **settings}):
        app = create_app(read_settings(WebSettings), client, SESSION_KEY)
    server = http_server(app, timedelta(seconds=1))
    # Not Server.serve: it takes over the signals of the process, which pytest handles.
    serving = asyncio.create_task(server._serve([listening]))
    try:
        while not server.started:  # it has no event of its own
            if serving.done():
                await serving
                raise AssertionError("the console has not started")
            await asyncio.sleep(0.01)
        yield RunningConsole(f"http://{address}", app)
    finally:
        server.should_exit = True
        await serving


def forget_calls(running: RunningConsole) -> None:
    """Let a console that several tests share count the calls of each sender anew."""
    running.app.state.console.limits = RateLimits()


@asynccontextmanager
async def console_of(
    runs: list[ListedOffer] | None, **settings: str
) -> AsyncIterator[tuple[httpx.AsyncClient, Console]]:
    """A browser of a console whose reader has read these runs, without any server.

    `runs`: None if nothing could be read yet.
    """
    temporal = await Client.connect("127.0.0.1:9", lazy=True)
    with environment_variables(settings):
        app = create_app(read_settings(WebSettings), temporal, SESSION_KEY)
    console: Console = app.state.console
    if runs is not None:
        await read_again(console, runs)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
        yield browser, console


async def read_again(console: Console, runs: list[ListedOffer]) -> None:
    """The console's reader has read the list, and needs so long for it that nobody waits."""
    await console.reader._take(runs, time.monotonic() - 1)
    console.reader.problem = None
