"""Clazar's REST API: tokens, lists in pages, and the two fields that a client can write.

Clazar does not publish its error bodies.  These are the ones of Django REST Framework, whose
conventions the published API follows (ASSUMED).
"""

import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.clazar import disbursement_dataset
from sandbox.clazar.clazar_state import ClazarLinks
from sandbox.clazar.resources import COLLECTIONS, Resource, timestamp
from sandbox.faults import Fault
from sandbox.http import SimulatedSystem
from sandbox.rate_limit import RateLimit
from sandbox.world import World

Handler = Callable[[Request], Awaitable[Response]]

WRITABLE = ("custom_properties", "external_object_associations")
LINKABLE = ("private_offers", "contracts", "buyers")
"""Collections whose resources accept a PATCH; the others are read-only."""

PAGE_SIZE = 100
"""Resources on a page by default and at most."""
ANALYTICS_PAGE_SIZE = 5000

DEFAULT_DETAIL = {
    401: "Given token not valid for any token type",
    403: "You do not have permission to perform this action.",
    404: "Not found.",
    429: "Request was throttled.",
    500: "Internal server error.",
    503: "Service temporarily unavailable.",
}


class ClazarError(Exception):
    """A request that Clazar rejects."""

    def __init__(
        self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        self.response = JSONResponse(body, status, headers)
        super().__init__(body)


def app(world: World) -> Starlette:
    """Clazar's API without a version in its paths, as at `https://api.clazar.io`."""
    system = SimulatedSystem(world, "clazar", _fault_response)
    rest = _RestApi(world, RateLimit(120, 60 / world.scale), RateLimit(30, 60 / world.scale))

    def route(path: str, operation: str, handler: Handler, method: str = "GET") -> Route:
        endpoint = system.endpoint(operation, _with_error_response(handler))
        return Route(path, endpoint, methods=[method])

    def get_routes(path: str, operation: str, handler: Handler) -> list[Route]:
        # A GET works with and without the final slash; other methods need it.
        return [route(path, operation, handler), route(f"{path}/", operation, handler)]

    routes = [route("/authenticate/", "Authenticate", rest.authenticate, "POST")]
    for name in COLLECTIONS:
        plural = name.title().replace("_", "")
        singular = plural.removesuffix("s")
        if name in LINKABLE:
            patch = rest.authenticated(rest.patch(name))
            routes.append(route(f"/{name}/{{id}}/", f"Patch{singular}", patch, "PATCH"))
        routes += get_routes(f"/{name}", f"List{plural}", rest.authenticated(rest.listing(name)))
        routes += get_routes(
            f"/{name}/{{id}}", f"Get{singular}", rest.authenticated(rest.detail(name))
        )
    dataset = rest.authenticated(rest.disbursements, analytics=True)
    routes += get_routes(
        "/analytics/datasets/aws_marketplace_disbursements", "GetDisbursements", dataset
    )
    starlette = Starlette(routes=routes, exception_handlers={404: _http_error, 405: _http_error})
    starlette.router.redirect_slashes = False
    return starlette


@dataclass
class _RestApi:
    """The request handlers."""

    world: World
    rate: RateLimit
    analytics_rate: RateLimit

    def authenticated(self, handler: Handler, *, analytics: bool = False) -> Handler:
        """Require a valid token, and enforce the rate limit."""
        rate = self.analytics_rate if analytics else self.rate

        async def handle(request: Request) -> Response:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if not token:
                raise ClazarError(401, {"detail": "Authentication credentials were not provided."})
            if scheme.lower() != "bearer" or not self.world.clazar.oauth.is_valid_token(token):
                raise ClazarError(401, {"detail": DEFAULT_DETAIL[401]})
            wait = rate.acquire() if self.world.clazar.rate_limits else 0
            if wait:
                seconds = math.ceil(wait)
                detail = f"Request was throttled. Expected available in {seconds} seconds."
                raise ClazarError(429, {"detail": detail}, {"Retry-After": str(seconds)})
            return await handler(request)

        return handle

    async def authenticate(self, request: Request) -> Response:
        """A token for credentials in JSON or form encoding; other fields are ignored."""
        body = await request.body()
        if request.headers.get("Content-Type", "").startswith("application/json"):
            credentials = _json_object(body)
        else:
            credentials = dict(parse_qsl(body.decode(errors="replace")))
        missing = [name for name in ("client_id", "client_secret") if not credentials.get(name)]
        if missing:
            raise ClazarError(400, {name: ["This field is required."] for name in missing})
        if not self.world.clazar.oauth.credentials_match(
            credentials["client_id"], credentials["client_secret"]
        ):
            raise ClazarError(401, {"detail": "Invalid client credentials."})
        return JSONResponse(
            {
                "access_token": self.world.clazar.oauth.issue_token(),
                "token_type": "bearer",
                "expires_in": self.world.clazar.oauth.token_seconds,
            }
        )

    def listing(self, name: str) -> Handler:
        async def answer(request: Request) -> Response:
            found = COLLECTIONS[name](self.world)
            found = _filter_by_buyer(request, _filter_by_modification(request, found))
            return _page(request, [_formatted(request, each) for each in found], PAGE_SIZE)

        return answer

    def detail(self, name: str) -> Handler:
        async def answer(request: Request) -> Response:
            return JSONResponse(_formatted(request, self._find(name, request)))

        return answer

    def patch(self, name: str) -> Handler:
        """Replace the values of writable fields (ASSUMED: they are not merged)."""

        async def answer(request: Request) -> Response:
            resource = self._find(name, request)
            written = _json_object(await request.body())
            errors: dict[str, list[str]] = {}
            for key, value in written.items():
                if key not in WRITABLE:
                    errors[key] = ["This field cannot be changed."]
                elif not isinstance(value, dict):
                    kind = type(value).__name__
                    errors[key] = [f'Expected a dictionary of items but got type "{kind}".']
            if errors:
                raise ClazarError(400, errors)
            cloud_id = resource.get("cloud_id") or resource["cloud_account_id"]
            links = self.world.clazar.links.setdefault(cloud_id, ClazarLinks())
            for key, value in written.items():
                setattr(links, key, value)
            links.written_at = self.world.now()
            return JSONResponse(_formatted(request, self._find(name, request)))

        return answer

    async def disbursements(self, request: Request) -> Response:
        return _page(request, disbursement_dataset.rows(self.world), ANALYTICS_PAGE_SIZE)

    def _find(self, name: str, request: Request) -> Resource:
        resource_id = request.path_params["id"]
        for resource in COLLECTIONS[name](self.world):
            if resource["id"] == resource_id:
                return resource
        raise ClazarError(404, {"detail": DEFAULT_DETAIL[404]})


def _formatted(request: Request, resource: Resource) -> Resource:
    """Without `response_format=common` a resource also has the cloud's own details."""
    if request.query_params.get("response_format") == "common":
        return resource
    return {**resource, "metadata": {}}


def _filter_by_modification(request: Request, found: list[Resource]) -> list[Resource]:
    since = request.query_params.get("last_modified_at_after")
    if since is None:
        return found
    try:
        after = timestamp(datetime.fromisoformat(since))
    except ValueError:
        raise ClazarError(400, {"last_modified_at_after": ["Enter a valid date/time."]}) from None
    return [each for each in found if each["last_modified_at"] > after]


def _filter_by_buyer(request: Request, found: list[Resource]) -> list[Resource]:
    """Both parameter names are on record."""
    params = request.query_params
    buyer = params.get("filter[buyer_id]") or params.get("buyer_id")
    return [each for each in found if buyer in (None, each.get("buyer_id"))]


def _page(request: Request, found: list[Resource], max_size: int) -> Response:
    """One page of the current list.  A page after the last one is empty (ASSUMED: no 404)."""
    number = _positive_number(request, "page", 1)
    size = min(_positive_number(request, "page_size", max_size), max_size)
    end = number * size
    following = None
    if end < len(found):
        following = str(request.url.include_query_params(page=number + 1))
    return JSONResponse(
        {"count": len(found), "next": following, "results": found[end - size : end]}
    )


def _positive_number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or int(text) == 0:
        raise ClazarError(400, {name: ["Enter a whole number above 0."]})
    return int(text)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise ClazarError(400, {"detail": f"JSON parse error - {error}"}) from None
    if not isinstance(value, dict):
        raise ClazarError(400, {"detail": "Invalid data. Expected a dictionary."})
    return value


def _with_error_response(handler: Handler) -> Handler:
    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except ClazarError as error:
            return error.response

    return handle


def _fault_response(fault: Fault) -> Response:
    detail = fault.code or DEFAULT_DETAIL.get(fault.status, "Error.")
    return JSONResponse({"detail": detail}, fault.status)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = DEFAULT_DETAIL.get(error.status_code, f'Method "{request.method}" not allowed.')
    return JSONResponse({"detail": detail}, error.status_code, error.headers)
