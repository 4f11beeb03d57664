"""What all simulated HTTP systems have in common: calls are counted, and faults are injected."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sandbox.faults import Fault
from sandbox.world import World

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class SimulatedSystem:
    """Wraps the request handlers of one system."""

    world: World
    system: str
    fault_response: Callable[[Fault], Response]
    """Builds this vendor's error response for a `status` fault."""

    def endpoint(self, operation: str | Callable[[Request], str], handler: Handler) -> Handler:
        """The endpoint of an operation, given by its name or read from the request."""
        if isinstance(operation, str):
            self.world.operations.add((self.system, operation))

        async def handle(request: Request) -> Response:
            self.world.advance()
            name = operation if isinstance(operation, str) else operation(request)
            self.world.calls[self.system, name] += 1
            fault = self.world.faults.take(self.system, name)
            if fault is None:
                return await handler(request)
            await request.body()
            if fault.kind == "status":
                return self._respond_with_fault(fault)
            if fault.kind.endswith("_after"):
                await handler(request)
            if fault.kind.startswith("timeout_"):
                with suppress(TimeoutError):
                    await asyncio.wait_for(_wait_for_disconnect(request), fault.delay_seconds)
            return close_connection(request)

        return handle

    def _respond_with_fault(self, fault: Fault) -> Response:
        response = self.fault_response(fault)
        if fault.retry_after is not None:
            response.headers["Retry-After"] = f"{fault.retry_after:g}"
        return response


def close_connection(request: Request) -> Response:
    """Close the connection at once.  The returned response is never sent."""
    transport: asyncio.Transport = request.state.transport
    transport.abort()
    return Response()


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
