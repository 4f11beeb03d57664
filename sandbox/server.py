"""The sandbox server: each simulated system listens on its own loopback port."""

import asyncio
import errno
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import trustme
from starlette.applications import Starlette
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from sandbox.addresses import Addresses, build_addresses
from sandbox.aws import agreement_api, s3, sts
from sandbox.aws.catalog import catalog_api
from sandbox.aws.eventbridge.event_bus import EventBus
from sandbox.clazar import clazar_api
from sandbox.clock import Clock
from sandbox.control.api import app as control_app
from sandbox.mail import smtp_server
from sandbox.salesforce import salesforce_api
from sandbox.world import World

TICK_SECONDS = 0.05
"""Real seconds between calls of `World.advance` while no request arrives."""

SYSTEMS = ("control", "catalog", "agreement", "clazar", "salesforce", "smtp", "s3", "sts")
"""In the order of their ports, from the base port."""


class PortInUse(Exception):
    """Another process listens on one of the ports."""


class Connection(H11Protocol):
    """Gives a request its connection as `request.state.transport`, so that it can be closed."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # As in H11Protocol: asyncio passes only full transports to a TCP server.
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class Sandbox:
    """Runs all systems in a thread of its own while the `with` block is open."""

    def __init__(
        self,
        now: Callable[[], datetime] | None = None,
        *,
        clock: Clock | None = None,
        port: int = 0,
        events_endpoint: str | None = None,
    ) -> None:
        """`now` overrides the business time of `clock`.  `port` 0: any free ports.

        AWS Marketplace's events are sent to the EventBridge at `events_endpoint`.
        """
        self.clock = clock or Clock()
        self.world = World(now or (lambda: self.clock.business_time(datetime.now(UTC))))
        self.world.scale = self.clock.scale
        self.port = port
        if events_endpoint:
            self.world.aws.event_bus = EventBus(events_endpoint)
        self.addresses: Addresses
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sandbox", daemon=True)
        self._directory = tempfile.TemporaryDirectory(prefix="sandbox-")
        self._state = ServerState()
        self._servers: list[asyncio.Server] = []
        self._ticker: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        except BaseException as error:
            self.__exit__()
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                raise PortInUse(f"{error.strerror}: choose another base port") from None
            raise
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._directory.cleanup()
        if self.world.aws.event_bus:
            self.world.aws.event_bus.close()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.__exit__)

    async def _start(self) -> None:
        certificate_authority = trustme.CA()
        ca_file = Path(self._directory.name) / "ca.pem"
        certificate_authority.cert_pem.write_to_path(str(ca_file))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate_authority.issue_cert("localhost", "127.0.0.1").configure_cert(tls)

        sockets = {name: self._bind(name) for name in SYSTEMS if name != "smtp"}
        mail_server = await smtp_server.serve(self.world, self._port("smtp"))
        self._servers.append(mail_server)
        ports = {name: sock.getsockname()[1] for name, sock in sockets.items()}
        ports["smtp"] = mail_server.sockets[0].getsockname()[1]
        self.addresses = build_addresses(self.world, self.clock, ports, str(ca_file))
        self.world.aws.storage.url = self.addresses.s3
        apps = {
            "control": control_app(self.world, self.addresses),
            "catalog": catalog_api.app(self.world),
            "agreement": agreement_api.app(self.world),
            "clazar": clazar_api.app(self.world),
            "salesforce": salesforce_api.app(self.world),
            "s3": s3.app(self.world),
            "sts": sts.app(self.world),
        }
        for name, app in apps.items():
            await self._serve(app, sockets[name], tls if name == "salesforce" else None)
        self._ticker = self._loop.create_task(self._tick())

    def disconnect(self) -> None:
        """Close the connections that clients keep open."""

        async def abort() -> None:
            for connection in list(self._state.connections):
                transport: Any = connection.transport
                transport.abort()

        asyncio.run_coroutine_threadsafe(abort(), self._loop).result()

    def _port(self, name: str) -> int:
        return self.port and self.port + SYSTEMS.index(name)

    def _bind(self, name: str) -> socket.socket:
        listening = socket.create_server(("127.0.0.1", self._port(name)))
        # Accepted connections inherit it; without it each answer waits 40 ms for the client's ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening

    async def _serve(self, app: Starlette, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        # Only uvicorn's protocol: its server takes 0.25 s to stop.
        config = Config(app, lifespan="off", log_config=None, access_log=False, ws="none")
        config.load()

        def connection() -> Connection:
            return Connection(config, self._state, {}, self._loop)

        self._servers.append(await self._loop.create_server(connection, sock=sock, ssl=tls))

    async def _tick(self) -> None:
        while True:
            self.world.advance()
            await asyncio.sleep(TICK_SECONDS)

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        for connection in list(self._state.connections):
            transport: Any = connection.transport
            transport.abort()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
