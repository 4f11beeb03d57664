"""Amazon S3: put, get, list and delete objects, with path-style addresses.

Requests are signed in their headers or, for a presigned URL, in their query.  Presigned URLs expire
in real time, not business time, because clients sign with their machine's clock.  Signatures are
not verified.  All other operations, such as multipart uploads, are answered with status 501.
"""

import base64
import hashlib
import uuid
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.aws.protocol import AUTHORIZATION, REGION
from sandbox.aws.s3 import chunked_encoding, listing, read_options
from sandbox.aws.s3.presigned_url import ALGORITHM, MAX_VALIDITY, PresignedUrl
from sandbox.billing import data_feed
from sandbox.faults import Fault
from sandbox.http import SimulatedSystem
from sandbox.world import World

OPERATIONS = {
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "PUT": "PutObject",
    "DELETE": "DeleteObject",
}
DEFAULT_CODE = {
    400: "InvalidRequest",
    403: "AccessDenied",
    404: "NoSuchKey",
    500: "InternalError",
    503: "SlowDown",
}
LIST = "ListObjectsV2"
DEFAULT_TYPE = "binary/octet-stream"
CHECKSUMS: dict[str, Callable[[bytes], bytes]] = {
    "x-amz-checksum-crc32": lambda content: zlib.crc32(content).to_bytes(4, "big"),
    "x-amz-checksum-sha1": lambda content: hashlib.sha1(content, usedforsecurity=False).digest(),
    "x-amz-checksum-sha256": lambda content: hashlib.sha256(content).digest(),
}
"""The checksums that are verified; S3's other algorithms are ignored."""
UNSUPPORTED_PARAMETERS = frozenset(
    {"acl", "partNumber", "tagging", "uploadId", "uploads", "versionId"}
)
"""Query parameters of operations that are not simulated."""


class S3Error(Exception):
    """A request that S3 rejects."""

    def __init__(self, status: int, code: str, message: str, **members: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.members = members
        """Further elements of the error, such as `Key`."""

    def response(self) -> Response:
        """The error as XML."""
        parts = {"Code": self.code, "Message": self.message, **self.members}
        parts["RequestId"] = request_id = uuid.uuid4().hex[:16].upper()
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in parts.items())
        return Response(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>',
            self.status,
            headers={"x-amz-request-id": request_id},
            media_type="application/xml",
        )


def app(world: World) -> Starlette:
    """S3 at the address in `AWS_ENDPOINT_URL_S3`."""
    endpoint = SimulatedSystem(world, "s3", _fault_response).endpoint(
        _operation, _ObjectStore(world).handle
    )
    return Starlette(routes=[Route("/{path:path}", endpoint, methods=list(OPERATIONS))])


def _operation(request: Request) -> str:
    key = request.path_params["path"].partition("/")[2]
    listed = request.method == "GET" and request.query_params.get("list-type") == "2"
    return LIST if listed and not key else OPERATIONS[request.method]


@dataclass
class _ObjectStore:
    world: World

    async def handle(self, request: Request) -> Response:
        # Read the body even if the request fails: clients send all of it before they read.
        body = await request.body()
        try:
            _check_signed(request)
            if _operation(request) == LIST:
                return self._list(request)
            location = self._bucket_and_key(request)
            match request.method:
                case "PUT":
                    return self._put(location, request, body)
                case "DELETE":
                    self.world.aws.objects.pop(location, None)
                    return _response(status=204)
                case _:
                    return self._get(location, request)
        except S3Error as error:
            return error.response()

    def _bucket_and_key(self, request: Request) -> tuple[str, str]:
        bucket, _, key = request.path_params["path"].partition("/")
        if not key or UNSUPPORTED_PARAMETERS & request.query_params.keys():
            raise S3Error(
                501,
                "NotImplemented",
                "A header you provided implies functionality that is not implemented.",
            )
        self._open_bucket(bucket)
        return bucket, key

    def _open_bucket(self, bucket: str) -> None:
        storage = self.world.aws.storage
        if bucket == storage.feed_bucket:
            data_feed.deliver_due(self.world)
        elif bucket not in storage.buckets:
            raise S3Error(
                404, "NoSuchBucket", "The specified bucket does not exist", BucketName=bucket
            )

    def _list(self, request: Request) -> Response:
        bucket = request.path_params["path"].strip("/")
        self._open_bucket(bucket)
        keys = [key for object_bucket, key in self.world.aws.objects if object_bucket == bucket]

        def contents(key: str) -> dict[str, str]:
            content = self.world.aws.objects[bucket, key]
            modified = listing.instant(self._modified((bucket, key)))
            size = str(len(content))
            return {
                "LastModified": modified,
                "ETag": _etag(content),
                "Size": size,
                "StorageClass": "STANDARD",
            }

        try:
            page = listing.page(bucket, keys, request.query_params, contents)
        except ValueError as error:
            raise S3Error(400, "InvalidArgument", str(error)) from None
        return _response(page.encode(), headers={"Content-Type": "application/xml"})

    def _put(self, location: tuple[str, str], request: Request, body: bytes) -> Response:
        content = _decoded_content(request.headers, body)
        self.world.aws.objects[location] = content
        self.world.aws.storage.types[location] = request.headers.get("Content-Type", DEFAULT_TYPE)
        self.world.aws.storage.modified[location] = self.world.now()
        return _response(headers={"ETag": _etag(content)})

    def _get(self, location: tuple[str, str], request: Request) -> Response:
        content = self.world.aws.objects.get(location)
        if content is None:
            raise S3Error(404, "NoSuchKey", "The specified key does not exist.", Key=location[1])
        headers = {
            "ETag": _etag(content),
            "Content-Type": self._type(location),
            "Last-Modified": format_datetime(self._modified(location), usegmt=True),
            "Accept-Ranges": "bytes",
        }
        failed = read_options.failed_condition(request.headers, headers["ETag"])
        if failed == 412:
            raise S3Error(412, "PreconditionFailed", "A pre-condition you specified did not hold")
        if failed:
            return _response(status=failed, headers=headers)
        part = _range(request, len(content))
        if part is not None:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(content)}"
            return _response(content[part.start : part.stop], 206, headers)
        if request.headers.get("x-amz-checksum-mode") == "ENABLED":
            headers["x-amz-checksum-crc32"] = _checksum("x-amz-checksum-crc32", content)
        return _response(content, headers=headers)

    def _modified(self, location: tuple[str, str]) -> datetime:
        return self.world.aws.storage.modified.get(location, self.world.now()).astimezone(UTC)

    def _type(self, location: tuple[str, str]) -> str:
        return self.world.aws.storage.types.get(location, DEFAULT_TYPE)


def _range(request: Request, size: int) -> range | None:
    try:
        return read_options.requested_range(request.headers, size)
    except read_options.RangeNotSatisfiable as error:
        raise S3Error(416, "InvalidRange", str(error)) from None


def _check_signed(request: Request) -> None:
    header, query = request.headers.get("Authorization"), request.query_params
    if header is not None:
        _check_header(header)
    elif "X-Amz-Algorithm" in query or "X-Amz-Signature" in query:
        _check_presigned(query)
    elif "Signature" in query:
        raise S3Error(
            400,
            "InvalidRequest",
            f"The authorization mechanism you have provided is not supported. Please use"
            f" {ALGORITHM}.",
        )
    else:
        # The bucket is private.
        raise S3Error(403, "AccessDenied", "Access Denied")


def _check_header(header: str) -> None:
    parts = AUTHORIZATION.fullmatch(header)
    if parts is None or (parts["region"], parts["service"]) != (REGION, "s3"):
        raise S3Error(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")


def _check_presigned(query: Mapping[str, str]) -> None:
    link = PresignedUrl.parse(query)
    if link is None or not 0 < link.valid_for.total_seconds() <= MAX_VALIDITY.total_seconds():
        raise S3Error(
            400,
            "AuthorizationQueryParametersError",
            f"Query-string authentication needs the parameters of {ALGORITHM}; X-Amz-Expires must"
            " be less than a week (in seconds).",
        )
    now = datetime.now(UTC)
    if link.is_not_yet_valid(now):
        raise S3Error(403, "AccessDenied", "Request is not valid yet")
    if link.is_expired(now):
        raise S3Error(403, "AccessDenied", "Request has expired")


def _decoded_content(headers: Mapping[str, str], body: bytes) -> bytes:
    """The content to store.  Raises S3Error if its length, hash or checksum is wrong."""
    trailers: Mapping[str, str] = {}
    digest = headers.get("x-amz-content-sha256", "")
    if digest.startswith("STREAMING-"):
        try:
            body, trailers = chunked_encoding.decode(body)
        except chunked_encoding.InvalidEncoding as error:
            raise S3Error(400, "IncompleteBody", str(error)) from None
        if headers.get("x-amz-decoded-content-length") != str(len(body)):
            raise S3Error(400, "IncompleteBody", "The length of the content is another one.")
    elif digest != "UNSIGNED-PAYLOAD" and digest != hashlib.sha256(body).hexdigest():
        raise S3Error(
            400,
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )
    for name in CHECKSUMS:
        sent = headers.get(name) or trailers.get(name)
        if sent is not None and sent != _checksum(name, body):
            algorithm = name.rpartition("-")[2].upper()
            raise S3Error(
                400, "BadDigest", f"The {algorithm} you specified did not match what we received."
            )
    return body


def _checksum(name: str, content: bytes) -> str:
    return base64.b64encode(CHECKSUMS[name](content)).decode()


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def _response(
    content: bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    request_id = uuid.uuid4().hex[:16].upper()
    return Response(content, status, {"x-amz-request-id": request_id, **(headers or {})})


def _fault_response(fault: Fault) -> Response:
    code = fault.code or DEFAULT_CODE.get(fault.status, "InternalError")
    return S3Error(fault.status, code, "This fault was injected").response()
