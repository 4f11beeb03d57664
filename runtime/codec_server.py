"""Decrypts for the Temporal UI: the browser sends it what Temporal stores, and shows the answer.

Only reading: the UI does not say to which workflow a value will go, so nothing is encrypted here,
and a request made in the UI is refused by the offer.  The command line makes requests.
"""

import json
from collections.abc import Awaitable, Callable
from secrets import compare_digest

from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload, Payloads

from runtime.codec import ENCODING, EncryptionCodec, InvalidKeys

LARGEST_REQUEST = 16 * 1024 * 1024
"""Bytes: the server's limit of one answer is 4 MB, and base64 makes it longer by a third."""


def codec_app(codec: EncryptionCodec, *, token: str, origin: str, host: str) -> Starlette:
    """The endpoint's ASGI application.

    `token`: what a caller shows, in the path before `/decode` or as a bearer.  `origin`: of the UI,
    such as http://localhost:8233; no other page may call it.  `host`: where it listens; a request
    for another host is refused, so that no foreign name can lead to it.
    """
    return Starlette(
        routes=[
            Route("/decode", _decode(codec, token), methods=["POST"]),
            Route("/{token}/decode", _decode(codec, token), methods=["POST"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=[host, "localhost", "127.0.0.1"]),
            Middleware(
                CORSMiddleware,
                allow_origins=[origin],
                allow_methods=["POST"],
                allow_headers=["authorization", "content-type", "x-namespace"],
            ),
        ],
    )


def _decode(codec: EncryptionCodec, token: str) -> Callable[[Request], Awaitable[Response]]:
    async def decode(request: Request) -> Response:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        shown = request.path_params.get("token", bearer)
        if not compare_digest(shown.encode(), token.encode()):
            return PlainTextResponse("the token is missing or wrong", 403)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_REQUEST:
                return PlainTextResponse("the request is too large", 413)
        try:
            payloads = json_format.Parse(bytes(body), Payloads()).payloads
        except (json_format.ParseError, UnicodeDecodeError, RecursionError):
            return PlainTextResponse("the body is no JSON of payloads", 400)
        decoded = Payloads(payloads=[await _decoded(codec, each) for each in payloads])
        return Response(json_format.MessageToJson(decoded), media_type="application/json")

    return decode


async def _decoded(codec: EncryptionCodec, payload: Payload) -> Payload:
    if payload.metadata.get("encoding") != ENCODING:
        return payload
    try:
        (readable,) = await codec.decode([payload])
    except InvalidKeys as error:
        readable = Payload(
            metadata={"encoding": b"json/plain"}, data=json.dumps(f"not readable: {error}").encode()
        )
    return readable
