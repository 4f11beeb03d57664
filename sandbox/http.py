"""What all simulated HTTP systems have in common: calls are counted, and faults are injected."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sandbox.faults import BODY_KINDS, Fault

if TYPE_CHECKING:  # the world contains the systems
    from sandbox.world import World

Handler = Callable[[Request], Awaitable[Response]]


class RequestRejected(Exception):
    """A request that the vendor rejects, with the vendor's error response."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(bytes(response.body).decode())


@dataclass(frozen=True)
class SimulatedSystem:
    """Wraps the request handlers of one system."""

    world: "World"
    system: str
    fault_response: Callable[[Fault], Response]
    """Builds this vendor's error response for a `status` fault."""

    def routes(self, method: str, path: str, operation: str, handler: Handler) -> list[Route]:
        """The routes of an operation: with and without the final slash."""
        endpoint = self.endpoint(operation, handler)
        return [Route(f"{path}{slash}", endpoint, methods=[method]) for slash in ("", "/")]

    def endpoint(self, operation: str | Callable[[Request], str], handler: Handler) -> Handler:
        """The endpoint of an operation, given by its name or read from the request."""
        if isinstance(operation, str):
            self.world.operations.add((self.system, operation))

        async def respond(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestRejected as rejected:
                return rejected.response

        async def handle(request: Request) -> Response:
            self.world.advance()
            name = operation if isinstance(operation, str) else operation(request)
            self.world.calls[self.system, name] += 1
            fault = self.world.faults.take(self.system, name)
            if fault is None:
                return await respond(request)
            await request.body()
            if fault.kind == "status":
                response = self.fault_response(fault)
                if fault.retry_after is not None:
                    response.headers["Retry-After"] = f"{fault.retry_after:g}"
                return response
            if fault.kind in BODY_KINDS:
                return _not_the_vendors(fault, request)
            if fault.kind.endswith("_after"):
                await respond(request)
            if fault.kind.startswith("timeout_"):
                with suppress(TimeoutError):
                    await asyncio.wait_for(_wait_for_disconnect(request), fault.delay_seconds)
            # The connection is closed at once; the response is never sent.
            request.state.transport.abort()
            return Response()

        return handle


def build_app(routes: Sequence[Route], error: Callable[[str], Response]) -> Starlette:
    """An app that answers every other request with the error for "not simulated: " and its name."""

    async def not_simulated(request: Request, _: Exception) -> Response:
        return error(f"not simulated: {request.method} {request.url.path}")

    app = Starlette(routes=routes, exception_handlers={404: not_simulated, 405: not_simulated})
    app.router.redirect_slashes = False
    return app


def _not_the_vendors(fault: Fault, request: Request) -> Response:
    """An answer with status 200 that the vendor never gives."""
    body = fault.body
    if fault.kind != "truncated":
        media_type = "text/html" if fault.kind == "html" else "application/json"
        return Response(body, media_type=media_type)

    async def half() -> AsyncIterator[str]:
        yield body[: len(body) // 2]
        request.state.transport.close()
        await _wait_for_disconnect(request)

    return StreamingResponse(half(), 200, {"Content-Length": str(len(body))}, "application/json")


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
