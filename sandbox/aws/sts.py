"""AWS's Security Token Service: says to which account the credentials belong."""

from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.faults import Fault
from sandbox.http import SimulatedSystem
from sandbox.world import World

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
OPERATION = "GetCallerIdentity"


def app(world: World) -> Starlette:
    async def answer(request: Request) -> Response:
        action = dict(parse_qsl((await request.body()).decode())).get("Action")
        if action != OPERATION:
            return _error(501, "NotSimulated", f"not simulated: {action}")
        account = world.aws.caller_account
        return Response(
            f'<{OPERATION}Response xmlns="{NAMESPACE}"><{OPERATION}Result>'
            f"<Arn>arn:aws:iam::{account}:user/offers</Arn><UserId>AIDACKCEVSQ6C2EXAMPLE</UserId>"
            f"<Account>{account}</Account></{OPERATION}Result></{OPERATION}Response>",
            media_type="text/xml",
        )

    endpoint = SimulatedSystem(world, "sts", _fault_response).endpoint(OPERATION, answer)
    return Starlette(routes=[Route("/", endpoint, methods=["POST"])])


def _fault_response(fault: Fault) -> Response:
    return _error(fault.status, fault.code or "InternalFailure", "This fault was injected")


def _error(status: int, code: str, message: str) -> Response:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    body = f'<ErrorResponse xmlns="{NAMESPACE}">{error}</ErrorResponse>'
    return Response(body, status, media_type="text/xml")
