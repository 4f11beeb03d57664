"""Clazar's REST API: tokens, private offers with the two fields that a client can write, and the
dataset of disbursements.

Clazar does not publish its error bodies.  These are the ones of Django REST Framework, whose
conventions the published API follows (ASSUMED).
"""

import json
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.clazar import disbursement_dataset
from sandbox.clazar.clazar_state import ClazarLinks
from sandbox.clazar.private_offers import Resource, private_offers, timestamp
from sandbox.faults import Fault
from sandbox.http import Handler, RequestRejected, SimulatedSystem, build_app
from sandbox.rate_limit import RateLimit
from sandbox.world import World

WRITABLE = ("custom_properties", "external_object_associations")
PAGE_SIZE, ANALYTICS_PAGE_SIZE = 100, 5000
"""Rows on a page, by default and at most."""
DATASET = "/analytics/datasets/aws_marketplace_disbursements"


class ClazarError(RequestRejected):
    def __init__(
        self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(JSONResponse(body, status, headers))


def app(world: World) -> Starlette:
    """Clazar's API without a version in its paths, as at `https://api.clazar.io`."""
    system = SimulatedSystem(world, "clazar", _fault_response)
    rest = _RestApi(world, RateLimit(120, 60 / world.scale), RateLimit(30, 60 / world.scale))

    def route(method: str, path: str, operation: str, handler: Handler) -> Route:
        return Route(path, system.endpoint(operation, handler), methods=[method])

    return build_app(
        [
            route("POST", "/authenticate/", "Authenticate", rest.authenticate),
            route("GET", "/private_offers/", "ListPrivateOffers", rest.list_offers),
            route("GET", "/private_offers/{id}/", "GetPrivateOffer", rest.get_offer),
            route("PATCH", "/private_offers/{id}/", "PatchPrivateOffer", rest.patch_offer),
            *system.routes("GET", DATASET, "GetDisbursements", rest.disbursements),
        ],
        lambda message: JSONResponse({"detail": message}, 501),
    )


@dataclass
class _RestApi:
    world: World
    rate: RateLimit
    analytics_rate: RateLimit

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
        oauth = self.world.clazar.oauth
        if not oauth.credentials_match(credentials["client_id"], credentials["client_secret"]):
            raise ClazarError(401, {"detail": "Invalid client credentials."})
        token, seconds = oauth.issue_token(), oauth.token_seconds
        return JSONResponse({"access_token": token, "token_type": "bearer", "expires_in": seconds})

    async def list_offers(self, request: Request) -> Response:
        self._check(request, self.rate)
        found = private_offers(self.world)
        if since := request.query_params.get("last_modified_at_after"):
            try:
                after = timestamp(datetime.fromisoformat(since))
            except ValueError:
                message = ["Enter a valid date/time."]
                raise ClazarError(400, {"last_modified_at_after": message}) from None
            found = [each for each in found if each["last_modified_at"] > after]
        return _page(request, [_formatted(request, each) for each in found], PAGE_SIZE)

    async def get_offer(self, request: Request) -> Response:
        self._check(request, self.rate)
        return JSONResponse(_formatted(request, self._find(request)))

    async def patch_offer(self, request: Request) -> Response:
        """Replace the values of writable fields (ASSUMED: they are not merged)."""
        self._check(request, self.rate)
        cloud_id = self._find(request)["cloud_id"]
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
        links = self.world.clazar.links.setdefault(cloud_id, ClazarLinks())
        for key, value in written.items():
            setattr(links, key, value)
        links.written_at = self.world.now()
        return JSONResponse(_formatted(request, self._find(request)))

    async def disbursements(self, request: Request) -> Response:
        self._check(request, self.analytics_rate)
        return _page(request, disbursement_dataset.rows(self.world), ANALYTICS_PAGE_SIZE)

    def _check(self, request: Request, rate: RateLimit) -> None:
        """Require a valid token, and enforce the rate limit."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not token:
            raise ClazarError(401, {"detail": "Authentication credentials were not provided."})
        if scheme.lower() != "bearer" or not self.world.clazar.oauth.is_valid_token(token):
            raise ClazarError(401, {"detail": "Given token not valid for any token type"})
        wait = rate.acquire() if self.world.clazar.rate_limits else 0
        if wait:
            seconds = math.ceil(wait)
            detail = f"Request was throttled. Expected available in {seconds} seconds."
            raise ClazarError(429, {"detail": detail}, {"Retry-After": str(seconds)})

    def _find(self, request: Request) -> Resource:
        offer_id = request.path_params["id"]
        for offer in private_offers(self.world):
            if offer["id"] == offer_id:
                return offer
        raise ClazarError(404, {"detail": "Not found."})


def _formatted(request: Request, resource: Resource) -> Resource:
    """Without `response_format=common` a resource also has the cloud's own details."""
    if request.query_params.get("response_format") == "common":
        return resource
    return {**resource, "metadata": {}}


def _page(request: Request, found: list[Resource], max_size: int) -> Response:
    """One page of the current list.  A page after the last one is empty (ASSUMED: no 404)."""
    number = _positive_number(request, "page", 1)
    size = min(_positive_number(request, "page_size", max_size), max_size)
    end = number * size
    following = None
    if end < len(found):
        following = str(request.url.include_query_params(page=number + 1))
    results = found[end - size : end]
    return JSONResponse({"count": len(found), "next": following, "results": results})


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


def _fault_response(fault: Fault) -> Response:
    return JSONResponse({"detail": fault.code or "This fault was injected."}, fault.status)
