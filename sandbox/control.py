"""The control API: what the person (or the test) who runs the sandbox can set and see."""

from starlette.applications import Starlette

from sandbox import mailbox
from sandbox.world import World


def app(world: World, addresses: object) -> Starlette:  # noqa: ARG001
    """The control API and the mailbox page."""
    return Starlette(routes=mailbox.routes(world))
