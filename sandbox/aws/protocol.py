"""What AWS's JSON protocols share: signature check, rate limits, responses and errors."""

import json
import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.aws.shapes import Shapes
from sandbox.faults import Fault
from sandbox.http import Handler, SimulatedSystem
from sandbox.rate_limit import RateLimit
from sandbox.world import World

REGION = "us-east-1"
SIGNING_NAME = "aws-marketplace"

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/, ]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)"
    r"/aws4_request, ?SignedHeaders=[a-z0-9;\-]+, ?Signature=[0-9a-f]{64}"
)

Operation = Callable[[dict[str, Any]], dict[str, Any]]


class AwsError(Exception):
    """A request that AWS rejects."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        self.code = code
        self.message = message
        self.members = members
        """The members of the error's shape besides its message."""
        super().__init__(message)


class AwsService(ABC):
    """One of AWS's services; the subclass implements its protocol."""

    def __init__(
        self, world: World, system: str, shapes: Shapes, calls_per_second: dict[str, int]
    ) -> None:
        self.world = world
        self.shapes = shapes
        second = 1 / world.scale
        self._rates = {name: RateLimit(calls, second) for name, calls in calls_per_second.items()}
        self.system = SimulatedSystem(world, system, self._fault_response)

    def handler(self, name: str, operation: Operation) -> Handler:
        """The request handler of one operation."""

        async def handle(request: Request) -> Response:
            try:
                check_signature(request.headers.get("Authorization"))
                self._throttle(name)
                members = await self.members(name, request)
                if violations := self.shapes.violations(name, members):
                    raise self.field_error(violations[0].path, violations[0].message)
                answer = operation(members)
            except AwsError as error:
                return self.error(error, self.shapes.status_of(error.code))
            self.shapes.check_response(name, answer)
            return self.respond(answer, 200)

        return handle

    def _throttle(self, name: str) -> None:
        if self.world.aws.throttle and self._rates[name].acquire() > 0:
            raise AwsError("ThrottlingException", "Rate exceeded")

    @abstractmethod
    async def members(self, operation: str, request: Request) -> dict[str, Any]:
        """The members of the request."""

    @abstractmethod
    def field_error(self, path: str, message: str) -> AwsError:
        """The error for a member that violates the service model."""

    @abstractmethod
    def error(self, error: AwsError, status: int) -> Response:
        """An error response in this protocol."""

    @abstractmethod
    def respond(self, body: dict[str, Any], status: int) -> Response:
        """A response in this protocol."""

    def _fault_response(self, fault: Fault) -> Response:
        code = fault.code or self.shapes.code_of(fault.status)
        message = {"ThrottlingException": "Rate exceeded"}.get(code, "This fault was injected")
        return self.error(AwsError(code, message), fault.status)


def check_signature(authorization: str | None) -> None:
    """The header must be a Signature Version 4 for this service.  The signature is not verified."""
    if authorization is None:
        raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token")
    parts = AUTHORIZATION.fullmatch(authorization)
    if parts is None:
        raise AwsError(
            "IncompleteSignatureException",
            "Authorization header requires 'Credential' parameter, 'Signature' parameter and"
            " 'SignedHeaders' parameter.",
        )
    if parts["region"] != REGION:
        raise AwsError(
            "InvalidSignatureException",
            f"Credential should be scoped to a valid region, not '{parts['region']}'.",
        )
    if parts["service"] != SIGNING_NAME:
        raise AwsError(
            "InvalidSignatureException",
            f"Credential should be scoped to correct service: '{SIGNING_NAME}'.",
        )


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body."""
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise AwsError("SerializationException", "Could not parse request body into JSON")
    return value


def json_response(body: dict[str, Any], status: int, media_type: str, **headers: str) -> Response:
    """A JSON response with AWS's request id header."""
    return Response(
        json.dumps(body),
        status,
        headers={"x-amzn-RequestId": str(uuid.uuid4()), **headers},
        media_type=media_type,
    )
