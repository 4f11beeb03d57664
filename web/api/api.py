"""The HTTP API under /api/v1, and its description in OpenAPI 3.1."""

from functools import cache
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from web.api import changes, offers, reports
from web.api.call import SeenKeys
from web.api.problem import Problem
from web.pages.page import CurrentConsole
from web.requests import PAGES, address_of

PREFIX = "/api/v1"
DESCRIPTION = """\
Private offers on AWS Marketplace, from the signed opportunity to the payout.

Amounts are text with their currency, ids are text, days are `2027-01-31`, instants ISO 8601 in UTC.
Errors are problem details (RFC 9457). What takes longer than some seconds is answered with 202 and
a `Location`. Fields may be added to answers; none is renamed or removed.
"""
TAGS = [
    {"name": "offers", "description": "List, show, check and create offers"},
    {"name": "changes", "description": "Change offers, and decide about exceptions and refunds"},
    {"name": "reports", "description": "Money and renewals of all offers"},
]

PARTS = (
    offers.router,
    offers.preflight_router,
    changes.router,
    changes.reads,
    changes.for_all,
    reports.router,
)
router = APIRouter(prefix=PREFIX)
for part in PARTS:
    router.include_router(part)


ROUTES = [each for part in PARTS for each in part.routes if isinstance(each, APIRoute)]


def methods_at(path: str) -> set[str]:
    """What can be sent to an address; nothing if it is none of the API's."""
    within = path.removeprefix(PREFIX)
    return {
        method
        for route in ROUTES
        if route.path_regex.match(within)
        for method in route.methods or ()
    }


@cache
def description() -> dict[str, Any]:
    """The OpenAPI document."""
    found = get_openapi(
        title="Offerflow",
        version=version("offerflow"),
        openapi_version="3.1.0",
        description=DESCRIPTION,
        tags=TAGS,
        routes=router.routes,
    )
    for route in ROUTES:
        method = min(route.methods or ())
        described = found["paths"][PREFIX + route.path_format][method.lower()]["responses"]
        for status, answers in route.responses.items():
            for kind, content in answers["content"].items():
                # FastAPI leaves out what is null in it.
                described[str(status)]["content"][kind]["example"] = content["example"]
    components = found["components"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components["schemas"] |= problem.pop("$defs") | {"Problem": problem}
    components["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "A key that `offerflow api-keys create` has printed",
        }
    }
    found["security"] = [{"key": []}]
    return found


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request, console: CurrentConsole) -> Response:
    """The description, for everybody."""
    address = address_of(request, console.settings.offers_web_proxies)
    await console.limits.count(PAGES, address)
    return JSONResponse(description())


def add_to(app: FastAPI) -> None:
    """Serve the API."""
    app.state.seen_keys = SeenKeys()
    app.include_router(router)
