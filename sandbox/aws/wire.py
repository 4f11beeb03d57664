"""How AWS's services are spoken to: who may, how often, and how answers and errors are written."""

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
from sandbox.rates import Rate
from sandbox.wire import Answer, Wire
from sandbox.world import World

REGION = "us-east-1"
SIGNING_NAME = "aws-marketplace"

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/, ]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)"
    r"/aws4_request, ?SignedHeaders=[a-z0-9;\-]+, ?Signature=[0-9a-f]{64}"
)

Operation = Callable[[dict[str, Any]], dict[str, Any]]


class AwsError(Exception):
    """A request that AWS refuses."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        self.code = code
        self.message = message
        self.members = members
        """What the error's shape holds besides its message."""
        super().__init__(message)


class AwsService(ABC):
    """One of AWS's services; its protocol is left to the subclass."""

    def __init__(
        self, world: World, system: str, shapes: Shapes, calls_per_second: dict[str, int]
    ) -> None:
        self.world = world
        self.shapes = shapes
        second = 1 / world.scale
        self._rates = {name: Rate(calls, second) for name, calls in calls_per_second.items()}
        self.wire = Wire(world, system, self._refuse)

    def answer(self, name: str, operation: Operation) -> Answer:
        """Answers requests of one operation."""

        async def answer(request: Request) -> Response:
            try:
                check_signature(request.headers.get("Authorization"))
                self._throttle(name)
                members = await self.members(name, request)
                if complaints := self.shapes.complaints(name, members):
                    raise self.invalid(complaints[0].path, complaints[0].message)
                answered = operation(members)
            except AwsError as error:
                return self.error(error, self.shapes.status_of(error.code))
            self.shapes.assert_answer(name, answered)
            return self.respond(answered, 200)

        return answer

    def _throttle(self, name: str) -> None:
        if self.world.throttle and self._rates[name].wait() > 0:
            raise AwsError("ThrottlingException", "Rate exceeded")

    @abstractmethod
    async def members(self, operation: str, request: Request) -> dict[str, Any]:
        """What the request says."""

    @abstractmethod
    def invalid(self, path: str, message: str) -> AwsError:
        """The error for a member that is against the model."""

    @abstractmethod
    def error(self, error: AwsError, status: int) -> Response:
        """An error as this protocol writes it."""

    @abstractmethod
    def respond(self, body: dict[str, Any], status: int) -> Response:
        """A body as this protocol writes it."""

    def _refuse(self, fault: Fault) -> Response:
        code = fault.code or self.shapes.code_of(fault.status)
        message = {"ThrottlingException": "Rate exceeded"}.get(code, "There was a fault on demand")
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
    """The body of a request, which must be a JSON object."""
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise AwsError("SerializationException", "Could not parse request body into JSON")
    return value


def json_response(body: dict[str, Any], status: int, media_type: str, **headers: str) -> Response:
    """A response with the request id that every answer of AWS has."""
    return Response(
        json.dumps(body),
        status,
        headers={"x-amzn-RequestId": str(uuid.uuid4()), **headers},
        media_type=media_type,
    )
