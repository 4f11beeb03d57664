"""What every pretended HTTP system has in common: calls are counted, and faults strike them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sandbox.faults import Fault
from sandbox.operations import writes
from sandbox.world import World

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class SimulatedSystem:
    """Between the clients of one system and its answers."""

    world: World
    system: str
    refuse: Callable[[Fault], Response]
    """How this vendor words the error that a `status` fault asks for."""

    def endpoint(self, operation: str | Callable[[Request], str], answer: Handler) -> Handler:
        """The endpoint of an operation, given by its name or read from the request."""
        if isinstance(operation, str):
            # Here too, so that one that is undecided does not wait for its first call.
            writes(self.system, operation)

        async def answer_or_fail(request: Request) -> Response:
            self.world.advance()
            name = operation if isinstance(operation, str) else operation(request)
            self.world.count(self.system, name)
            fault = self.world.faults.strike(self.system, name)
            if fault is None:
                return await answer(request)
            await request.body()
            if fault.kind == "status":
                return self._refusal(fault)
            if fault.kind.endswith("_after"):
                await answer(request)
            if fault.kind.startswith("timeout_"):
                with suppress(TimeoutError):
                    await asyncio.wait_for(_client_gone(request), fault.hold_seconds)
            return cut(request)

        return answer_or_fail

    def _refusal(self, fault: Fault) -> Response:
        response = self.refuse(fault)
        if fault.retry_after is not None:
            response.headers["Retry-After"] = f"{fault.retry_after:g}"
        return response


def cut(request: Request) -> Response:
    """Close the connection at once, without an answer.  The response given back goes nowhere."""
    transport: asyncio.Transport = request.state.transport
    transport.abort()
    return Response()


async def _client_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
