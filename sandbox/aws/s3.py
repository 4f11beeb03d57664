"""Amazon S3: moto's, with path-style addresses.  Signatures are not verified."""

from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.aws import presigned_url
from sandbox.billing import data_feed
from sandbox.faults import Fault
from sandbox.http import SimulatedSystem
from sandbox.world import World

DEFAULT_CODE = {400: "InvalidRequest", 403: "AccessDenied", 404: "NoSuchKey", 503: "SlowDown"}
OBJECT_OPERATIONS = {
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "PUT": "PutObject",
    "DELETE": "DeleteObject",
}
LISTS = ("ListObjectsV2", "ListObjectVersions")
SUBRESOURCES = frozenset({"acl", "attributes", "partNumber", "tagging", "uploadId", "uploads"})
"""Query parameters of operations that are not simulated."""


def app(world: World) -> Starlette:
    s3 = S3(world)
    world.operations |= {("s3", name) for name in (*OBJECT_OPERATIONS.values(), *LISTS)}
    endpoint = SimulatedSystem(world, "s3", _fault_response).endpoint(_operation, s3.handle)
    return Starlette(routes=[Route("/{path:path}", endpoint, methods=[*OBJECT_OPERATIONS, "POST"])])


class S3:
    """Passes requests on to moto, except those that moto would answer although S3 rejects them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._moto: Callable[..., Any] | None = None

    async def handle(self, request: Request) -> Response:
        body = await request.body()
        if _operation(request) == "Unknown":
            what = f"{request.method} {request.url.path}?{request.url.query}"
            return _error(501, "NotImplemented", f"not simulated: {what}")
        query = request.query_params
        if "authorization" not in request.headers:
            if not presigned_url.is_presigned(query):
                return _error(403, "AccessDenied", "Access Denied")
            if reason := presigned_url.why_invalid(query):
                return _error(403, "AccessDenied", reason)
        if request.path_params["path"].split("/")[0] == self.world.aws.storage.feed_bucket:
            data_feed.deliver_due(self.world)
        return self._pass_on(request, body)

    def _pass_on(self, request: Request, body: bytes) -> Response:
        # Imported only here, as most runs of the sandbox use no S3.
        from moto.moto_server.werkzeug_app import create_backend_app
        from werkzeug.test import Client

        storage = self.world.aws.storage
        storage.backend()
        self._moto = self._moto or create_backend_app("s3")
        answer = Client(self._moto).open(
            request.scope["raw_path"].decode(),
            base_url=str(request.base_url),
            method=request.method,
            query_string=request.url.query,
            headers=[*request.headers.items(), ("x-moto-account-id", storage.account)],
            data=body,
        )
        return Response(answer.data, answer.status_code, dict(answer.headers))


def _operation(request: Request) -> str:
    key = request.path_params["path"].partition("/")[2]
    if "x-amz-copy-source" in request.headers:
        return "Unknown"
    if key and not SUBRESOURCES & request.query_params.keys():
        return OBJECT_OPERATIONS.get(request.method, "Unknown")
    if request.method == "GET" and request.query_params.get("list-type") == "2":
        return "ListObjectsV2"
    if not key and request.method == "GET" and "versions" in request.query_params:
        return "ListObjectVersions"
    return "Unknown"


def _fault_response(fault: Fault) -> Response:
    code = fault.code or DEFAULT_CODE.get(fault.status, "InternalError")
    return _error(fault.status, code, "This fault was injected")


def _error(status: int, code: str, message: str) -> Response:
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Response(error, status, media_type="application/xml")
