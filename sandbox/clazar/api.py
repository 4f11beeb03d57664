"""Clazar's REST API: tokens, lists and their pages, and the two fields a client may write.

Error bodies are not published.  They are worded here as Django REST Framework words them, which
the published conventions look like (ASSUMED).
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

from sandbox.clazar import disbursements
from sandbox.clazar.records import COLLECTIONS, Record, timestamp
from sandbox.faults import Fault
from sandbox.rates import Rate
from sandbox.wire import Wire
from sandbox.world import ClazarLinks, World

Answer = Callable[[Request], Awaitable[Response]]

WRITABLE = ("custom_properties", "external_object_associations")
LINKABLE = ("private_offers", "contracts", "buyers")
"""Collections whose records take a PATCH; the rest can only be read."""

PAGE_SIZE = 100
"""Records on a page, and the most a client gets by asking for more."""
ANALYTICS_PAGE_SIZE = 5000

USUAL_DETAIL = {
    401: "Given token not valid for any token type",
    403: "You do not have permission to perform this action.",
    404: "Not found.",
    429: "Request was throttled.",
    500: "Internal server error.",
    503: "Service temporarily unavailable.",
}


class Refused(Exception):
    """A request that Clazar does not do."""

    def __init__(
        self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        self.response = JSONResponse(body, status, headers)
        super().__init__(body)


def app(world: World) -> Starlette:
    """Clazar's API at its root, without a version, as `https://api.clazar.io` has it."""
    wire = Wire(world, "clazar", _refusal)
    rest = _Rest(world, Rate(120, 60 / world.scale), Rate(30, 60 / world.scale))

    def route(path: str, operation: str, answer: Answer, method: str = "GET") -> Route:
        return Route(path, wire.endpoint(operation, _refusing(answer)), methods=[method])

    def reading(path: str, operation: str, answer: Answer) -> list[Route]:
        # A GET works with and without the slash; nothing else does.
        return [route(path, operation, answer), route(f"{path}/", operation, answer)]

    routes = [route("/authenticate/", "Authenticate", rest.authenticate, "POST")]
    for name in COLLECTIONS:
        many = name.title().replace("_", "")
        one = many.removesuffix("s")
        if name in LINKABLE:
            patch = rest.signed_in(rest.patch(name))
            routes.append(route(f"/{name}/{{id}}/", f"Patch{one}", patch, "PATCH"))
        routes += reading(f"/{name}", f"List{many}", rest.signed_in(rest.listing(name)))
        routes += reading(f"/{name}/{{id}}", f"Get{one}", rest.signed_in(rest.single(name)))
    dataset = rest.signed_in(rest.disbursements, analytics=True)
    routes += reading(
        "/analytics/datasets/aws_marketplace_disbursements", "GetDisbursements", dataset
    )
    starlette = Starlette(routes=routes, exception_handlers={404: _no_such, 405: _no_such})
    starlette.router.redirect_slashes = False
    return starlette


@dataclass
class _Rest:
    """The answers to good requests."""

    world: World
    rate: Rate
    analytics_rate: Rate

    def signed_in(self, answer: Answer, *, analytics: bool = False) -> Answer:
        """Answer only those who hold a good token and do not ask too often."""
        rate = self.analytics_rate if analytics else self.rate

        async def checked(request: Request) -> Response:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if not token:
                raise Refused(401, {"detail": "Authentication credentials were not provided."})
            if scheme.lower() != "bearer" or not self.world.clazar.knows(token):
                raise Refused(401, {"detail": USUAL_DETAIL[401]})
            wait = rate.wait() if self.world.clazar_rate_limits else 0
            if wait:
                seconds = math.ceil(wait)
                detail = f"Request was throttled. Expected available in {seconds} seconds."
                raise Refused(429, {"detail": detail}, {"Retry-After": str(seconds)})
            return await answer(request)

        return checked

    async def authenticate(self, request: Request) -> Response:
        """A token for credentials in JSON or as a form; other fields do not matter."""
        body = await request.body()
        if request.headers.get("Content-Type", "").startswith("application/json"):
            given = _object(body)
        else:
            given = dict(parse_qsl(body.decode(errors="replace")))
        missing = [name for name in ("client_id", "client_secret") if not given.get(name)]
        if missing:
            raise Refused(400, {name: ["This field is required."] for name in missing})
        if not self.world.clazar.admits(given["client_id"], given["client_secret"]):
            raise Refused(401, {"detail": "Invalid client credentials."})
        return JSONResponse(
            {
                "access_token": self.world.clazar.issue(),
                "token_type": "bearer",
                "expires_in": self.world.clazar.token_seconds,
            }
        )

    def listing(self, name: str) -> Answer:
        async def answer(request: Request) -> Response:
            found = COLLECTIONS[name](self.world)
            found = _of_buyer(request, _changed_after(request, found))
            return _page(request, [_formatted(request, each) for each in found], PAGE_SIZE)

        return answer

    def single(self, name: str) -> Answer:
        async def answer(request: Request) -> Response:
            return JSONResponse(_formatted(request, self._one(name, request)))

        return answer

    def patch(self, name: str) -> Answer:
        """Put whole new values (ASSUMED: not merged) into the fields a client may write."""

        async def answer(request: Request) -> Response:
            record = self._one(name, request)
            written = _object(await request.body())
            wrong: dict[str, list[str]] = {}
            for key, value in written.items():
                if key not in WRITABLE:
                    wrong[key] = ["This field cannot be changed."]
                elif not isinstance(value, dict):
                    kind = type(value).__name__
                    wrong[key] = [f'Expected a dictionary of items but got type "{kind}".']
            if wrong:
                raise Refused(400, wrong)
            cloud_id = record.get("cloud_id") or record["cloud_account_id"]
            links = self.world.clazar_links.setdefault(cloud_id, ClazarLinks())
            for key, value in written.items():
                setattr(links, key, value)
            links.written_at = self.world.now()
            return JSONResponse(_formatted(request, self._one(name, request)))

        return answer

    async def disbursements(self, request: Request) -> Response:
        return _page(request, disbursements.rows(self.world), ANALYTICS_PAGE_SIZE)

    def _one(self, name: str, request: Request) -> Record:
        wanted = request.path_params["id"]
        for record in COLLECTIONS[name](self.world):
            if record["id"] == wanted:
                return record
        raise Refused(404, {"detail": USUAL_DETAIL[404]})


def _formatted(request: Request, record: Record) -> Record:
    """Without `response_format=common` a record also carries the cloud's own details."""
    if request.query_params.get("response_format") == "common":
        return record
    return {**record, "metadata": {}}


def _changed_after(request: Request, found: list[Record]) -> list[Record]:
    since = request.query_params.get("last_modified_at_after")
    if since is None:
        return found
    try:
        after = timestamp(datetime.fromisoformat(since))
    except ValueError:
        raise Refused(400, {"last_modified_at_after": ["Enter a valid date/time."]}) from None
    return [each for each in found if each["last_modified_at"] > after]


def _of_buyer(request: Request, found: list[Record]) -> list[Record]:
    """Both ways of filtering are on record."""
    params = request.query_params
    buyer = params.get("filter[buyer_id]") or params.get("buyer_id")
    return [each for each in found if buyer in (None, each.get("buyer_id"))]


def _page(request: Request, found: list[Record], most: int) -> Response:
    """One page of a list as it is now.  Past the last page there is nothing (ASSUMED: no 404)."""
    number = _positive(request, "page", 1)
    size = min(_positive(request, "page_size", most), most)
    end = number * size
    following = None
    if end < len(found):
        following = str(request.url.include_query_params(page=number + 1))
    return JSONResponse(
        {"count": len(found), "next": following, "results": found[end - size : end]}
    )


def _positive(request: Request, name: str, otherwise: int) -> int:
    text = request.query_params.get(name, str(otherwise))
    if not text.isdecimal() or int(text) == 0:
        raise Refused(400, {name: ["Enter a whole number above 0."]})
    return int(text)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Refused(400, {"detail": f"JSON parse error - {error}"}) from None
    if not isinstance(value, dict):
        raise Refused(400, {"detail": "Invalid data. Expected a dictionary."})
    return value


def _refusing(answer: Answer) -> Answer:
    async def refuse(request: Request) -> Response:
        try:
            return await answer(request)
        except Refused as refused:
            return refused.response

    return refuse


def _refusal(fault: Fault) -> Response:
    detail = fault.code or USUAL_DETAIL.get(fault.status, "Error.")
    return JSONResponse({"detail": detail}, fault.status)


async def _no_such(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = USUAL_DETAIL.get(error.status_code, f'Method "{request.method}" not allowed.')
    return JSONResponse({"detail": detail}, error.status_code, error.headers)
