"""AWS Marketplace."""

from starlette.applications import Starlette

from sandbox.world import World


def app(world: World) -> Starlette:  # noqa: ARG001
    return Starlette()
