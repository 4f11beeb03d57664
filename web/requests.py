"""What every request goes through: size, rate, headers, and where a change comes from."""

import secrets
from collections.abc import Mapping

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.settings import normal_origin
from web.api.problem import API, problem_response
from web.rejection import Rejection

LARGEST_BODY = 256 * 1024
"""Bytes: an offer's terms with eighty-six instalments have a tenth."""


def _is_too_large() -> Rejection:
    # Another one each time: an exception keeps the frames in which it was raised.
    return Rejection(
        413, "too-large", "the request is too large", f"Send at most {LARGEST_BODY} bytes"
    )


CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    # Not no-referrer: browsers send "Origin: null" with forms then.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class SecureHeaders:
    """Adds the headers that restrict what a page can do; nothing but files is stored by caches."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("cache-control", "no-store")
                if self._https:
                    headers["strict-transport-security"] = "max-age=31536000"
            await send(message)

        await self._app(scope, receive, with_headers)


class HeadAsGet:
    """Answers HEAD like GET: the server leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)


class LimitedBody:
    """Refuses what is larger than any request, before it is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdecimal() or len(declared) > 12 or int(declared) > LARGEST_BODY:
            await _too_large(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > LARGEST_BODY:
                raise _is_too_large()
            return message

        await self._app(scope, counted, send)


async def _too_large(scope: Scope, receive: Receive, send: Send) -> None:
    error = _is_too_large()
    if scope["path"].startswith(API):
        response = problem_response(error)
    else:
        response = PlainTextResponse(error.problem, error.status)
    await response(scope, receive, send)


PAGES = RateLimitItemPerMinute(600)
"""Of one session or address."""
CHANGES = RateLimitItemPerMinute(60)
PREFLIGHTS = RateLimitItemPerMinute(60)
"""Of one actor: each calls every vendor."""
SIGN_INS = RateLimitItemPerMinute(20)
PROGRAMS = RateLimitItemPerMinute(6000)
"""Of one key."""


class RateLimits:
    """Counts requests of each sender, in memory."""

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def count(self, limit: RateLimitItem, *sender: str) -> None:
        """Raises Rejection (429) if the sender asks too often."""
        if not await self._limiter.hit(limit, *sender):
            raise Rejection(
                429,
                "too-many-requests",
                "too many requests in a short time",
                "Try again in a minute",
                retry_after=60,
            )


def address_of(request: Request, proxies: int) -> str:
    """Who sends a request: the client, or what the last of our own proxies says of it."""
    direct = request.client.host if request.client else "unknown"
    if not proxies:
        return direct
    # A proxy may add a line of its own, and not lengthen that of the client.
    lines = ",".join(request.headers.getlist("x-forwarded-for"))
    said = [each.strip() for each in lines.split(",")]
    return said[-proxies] if len(said) >= proxies and said[-proxies] else direct


CSRF = "csrf"


def csrf_token(request: Request) -> str:
    """The session's token, which each of its forms carries."""
    token: str = request.session.setdefault(CSRF, secrets.token_urlsafe(24))
    return token


def _normal(address: str) -> str:
    try:
        return normal_origin(address)
    except ValueError:
        return ""


def check_origin(request: Request, form: Mapping[str, object], console_url: str | None) -> None:
    """Raises Rejection (403) unless a form of our own pages was sent."""
    origin = request.headers.get("origin")
    own = {_normal(each) for each in (str(request.url), console_url) if each}
    is_foreign = origin is not None and _normal(origin) not in own - {""}
    is_foreign |= request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
    sent, expected = form.get(CSRF), request.session.get(CSRF)
    is_ours = (
        isinstance(sent, str)
        and isinstance(expected, str)
        and secrets.compare_digest(sent.encode(), expected.encode())
    )
    if is_foreign or not is_ours:
        raise Rejection(
            403,
            "form-expired",
            "the form is not of this session any more",
            "Open the page again, and send it once more",
        )
