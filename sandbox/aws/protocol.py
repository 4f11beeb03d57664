"""What AWS's JSON protocols share: signatures, rate limits, pages, responses and errors."""

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.aws.shapes import NOT_SIMULATED, Shapes
from sandbox.faults import Fault
from sandbox.http import SimulatedSystem
from sandbox.rate_limit import RateLimit
from sandbox.world import World

CATALOG = "AWSMarketplace"

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/, ]+/\d{8}/us-east-1/aws-marketplace/aws4_request,"
    r" ?SignedHeaders=[a-z0-9;\-]+, ?Signature=[0-9a-f]{64}"
)
"""A Signature Version 4 for these services.  The signature itself is not verified."""

Members = dict[str, Any]
"""The members of a request or of a response."""


class AwsError(Exception):
    """A request that AWS rejects."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        self.code = code
        self.message = message
        self.members = members
        """The members of the error's shape besides its message."""
        super().__init__(message)


class NotSimulated(AwsError):
    """Something of AWS's API that the sandbox does not simulate, by its name there."""

    def __init__(self, name: str) -> None:
        super().__init__(NOT_SIMULATED, f"not simulated: {name}")


class Operation(NamedTuple):
    call: Callable[[Members], Members]
    per_second: int
    """For one account (AWS Marketplace developer guide: quotas)."""
    members: str
    """The members of a request that are simulated."""


FieldError = Callable[[str, str], AwsError]
"""Makes the error for an invalid field, given as a path, with this message."""


class AwsService:
    """One of AWS's services, in one of two protocols.

    rest-json: the operation is the path; members are in the query or the body.  JSON 1.0: the
    operation is in a header; members are in the body.
    """

    def __init__(
        self,
        world: World,
        system: str,
        shapes: Shapes,
        field_error: FieldError,
        operations: Mapping[str, Operation],
    ) -> None:
        self.world = world
        self.shapes = shapes
        self.field_error = field_error
        self.is_rest = shapes.model.metadata["protocol"] == "rest-json"
        self.operations = operations
        self._rates = {
            name: RateLimit(each.per_second, 1 / world.scale) for name, each in operations.items()
        }
        world.operations |= {(system, name) for name in operations}
        simulated = SimulatedSystem(world, system, self._fault_response)
        endpoint = simulated.endpoint(self._counted_as, self._handle)
        methods = ["GET", "POST", "PATCH", "DELETE"]
        self.app = Starlette(routes=[Route("/{path:path}", endpoint, methods=methods)])

    def _counted_as(self, request: Request) -> str:
        name = self._requested_operation(request)
        return name if name in self.operations else "Unknown"

    async def _handle(self, request: Request) -> Response:
        try:
            answer = await self._answer(self._requested_operation(request), request)
        except AwsError as error:
            return self._error(error, self.shapes.status_of(error.code))
        return self._respond(answer, 200)

    def _requested_operation(self, request: Request) -> str:
        if self.is_rest:
            return str(request.path_params["path"])
        service, _, name = request.headers.get("X-Amz-Target", "").partition(".")
        return name if service == self.shapes.model.metadata["targetPrefix"] else ""

    async def _answer(self, name: str, request: Request) -> Members:
        _check_signature(request.headers.get("Authorization"))
        operation = self.operations.get(name)
        if operation is None:
            raise NotSimulated(name or "a request without an operation")
        if self.world.aws.throttle and self._rates[name].acquire() > 0:
            raise AwsError("ThrottlingException", "Rate exceeded")
        members = await _members(request)
        if violations := self.shapes.violations(name, members):
            raise self.field_error(*violations[0])
        for other in sorted(members.keys() - set(operation.members.split())):
            raise NotSimulated(f"{other} of {name}")
        if (catalog := members.get("catalog", members.get("Catalog", CATALOG))) != CATALOG:
            raise NotSimulated(f"catalog {catalog}")
        answer = operation.call(members)
        self.shapes.check_response(name, answer)
        return answer

    def _error(self, error: AwsError, status: int) -> Response:
        if self.is_rest:
            response = self._respond({"Message": error.message, **error.members}, status)
            response.headers["x-amzn-ErrorType"] = error.code
            return response
        kind = f"com.amazonaws.awsmpcommerceservice#{error.code}"
        return self._respond({"__type": kind, "message": error.message, **error.members}, status)

    def _respond(self, body: Members, status: int) -> Response:
        media_type = "application/json" if self.is_rest else "application/x-amz-json-1.0"
        headers = {"x-amzn-RequestId": str(uuid.uuid4())}
        return Response(json.dumps(body), status, headers, media_type)

    def _fault_response(self, fault: Fault) -> Response:
        code = fault.code or self.shapes.code_of(fault.status)
        message = {"ThrottlingException": "Rate exceeded"}.get(code, "This fault was injected")
        return self._error(AwsError(code, message), fault.status)


def _check_signature(authorization: str | None) -> None:
    if authorization is None:
        raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token")
    if not AUTHORIZATION.fullmatch(authorization):
        raise AwsError(
            "InvalidSignatureException",
            "Credential should be scoped to a valid region, us-east-1, and aws-marketplace.",
        )


async def _members(request: Request) -> Members:
    if request.method != "POST":
        return {name[0].upper() + name[1:]: value for name, value in request.query_params.items()}
    try:
        members = await request.json()
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise AwsError("SerializationException", "Could not parse request body into JSON")
    return members


def page(items: Sequence[Any], size: int, token: str | None) -> tuple[list[Any], str | None]:
    """One page and the token of the next.  Raises ValueError for an invalid token."""
    start = int(token or 0)
    following = start + size
    return list(items[start:following]), str(following) if following < len(items) else None
