"""Salesforce's REST API: which path answers what."""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.faults import Fault
from sandbox.http import SimulatedSystem
from sandbox.salesforce import records, soql
from sandbox.salesforce.cursors import Cursors, Rows
from sandbox.salesforce.errors import USUAL_CODE, SalesforceError, TokenError
from sandbox.salesforce.schema import OBJECTS, TASK, Object, check_written, column
from sandbox.salesforce.token_endpoint import grant
from sandbox.world import World

Handler = Callable[[Request], Awaitable[Response]]

VERSIONS = range(31, 68)
"""Served API versions; 67.0 is Summer '26."""

BATCH = range(200, 2001)
"""What `Sforce-Query-Options: batchSize=…` may ask for; without it a page has 2,000 records."""


def app(world: World) -> Starlette:
    """The org: `https://localhost:…` is both its login and its instance address."""
    wire = SimulatedSystem(world, "salesforce", _refusal)
    rest = _RestApi(world)

    def route(
        methods: str, path: str, operation: str | Callable[[Request], str], answer: Handler
    ) -> list[Route]:
        endpoint = wire.endpoint(operation, _refusing(answer))
        # With and without the slash: clients differ, Salesforce does not care.
        return [Route(f"{path}{slash}", endpoint, methods=methods.split()) for slash in ("", "/")]

    def signed(
        methods: str, path: str, operation: str | Callable[[Request], str], answer: Handler
    ) -> list[Route]:
        path = f"/services/data/{{version}}{path}"
        return route(methods, path, operation, rest.signed_in(answer))

    return Starlette(
        routes=[
            *route("POST", "/services/oauth2/token", "Token", rest.token),
            *route("GET", "/services/data", "Versions", rest.versions),
            *signed("GET", "/limits", "Limits", rest.limits),
            *signed("GET", "/query", "Query", rest.query),
            *signed("GET", "/query/{locator}", "QueryMore", rest.query_more),
            *signed("POST", "/sobjects/{object}", _operation, rest.create),
            *signed("GET PATCH", "/sobjects/{object}/{id}", _operation, rest.record),
        ],
        exception_handlers={404: _unknown_path, 405: _unknown_method},
    )


@dataclass
class _RestApi:
    """The answers to good requests."""

    world: World
    used: int = 0
    """API requests so far; the daily limit counts them."""
    cursors: Cursors = field(default_factory=Cursors)

    def signed_in(self, answer: Handler) -> Handler:
        """Answer only those who hold a good token, within the limit, for a version we serve."""

        async def checked(request: Request) -> Response:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme not in ("Bearer", "OAuth") or not self.world.salesforce.knows(token):
                raise SalesforceError(401, "INVALID_SESSION_ID")
            if request.path_params["version"] not in (f"v{each}.0" for each in VERSIONS):
                raise SalesforceError(404, "NOT_FOUND")
            if self.used >= self.world.salesforce_daily_requests:
                raise SalesforceError(403, "REQUEST_LIMIT_EXCEEDED")
            self.used += 1
            response = await _refusing(answer)(request)
            limit = self.world.salesforce_daily_requests
            response.headers["Sforce-Limit-Info"] = f"api-usage={self.used}/{limit}"
            # The server's time is the one that stamps are made with.
            response.headers["Date"] = format_datetime(self.world.now(), usegmt=True)
            return response

        return checked

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        own_url = str(request.base_url).rstrip("/")
        access_token = grant(self.world, form, request.headers.get("Authorization"), own_url)
        return JSONResponse(
            {
                "access_token": access_token,
                "scope": "api",
                "instance_url": own_url,
                "id": f"{own_url}/id/00D000000000001EAA/005000000000001AAA",
                "token_type": "Bearer",
                "issued_at": str(int(time.time() * 1000)),
            }
        )

    async def versions(self, _: Request) -> Response:
        seasons = ("Winter", "Spring", "Summer")
        return JSONResponse(
            [
                {
                    "label": f"{seasons[(number - 59) % 3]} '{24 + (number - 59) // 3}",
                    "url": f"/services/data/v{number}.0",
                    "version": f"{number}.0",
                }
                for number in VERSIONS
            ]
        )

    async def limits(self, _: Request) -> Response:
        most = self.world.salesforce_daily_requests
        return JSONResponse({"DailyApiRequests": {"Max": most, "Remaining": most - self.used}})

    async def query(self, request: Request) -> Response:
        query = soql.parse(request.query_params.get("q", ""))
        found = query.select(list(records.all_of(self.world, query.of).values()))
        version = request.path_params["version"]
        rows = [records.shown(query.of, record, query.columns, version) for record in found]
        locator = self.cursors.open(rows) if len(rows) > _batch_size(request) else ""
        return _page(request, rows, locator, 0)

    async def query_more(self, request: Request) -> Response:
        locator, _, start = request.path_params["locator"].partition("-")
        if locator not in self.cursors or not start.isdigit():
            raise SalesforceError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return _page(request, self.cursors[locator], locator, int(start))

    async def create(self, request: Request) -> Response:
        of = _object(request)
        if of is not TASK:
            raise SalesforceError(
                400,
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                f"entity type cannot be inserted: {of.name}",
                [],
            )
        fields = check_written(of, await _json(request))
        task_id = records.create_task(self.world, fields)
        return JSONResponse({"id": task_id, "success": True, "errors": []}, 201)

    async def record(self, request: Request) -> Response:
        of = _object(request)
        record = records.existing(self.world, of, request.path_params["id"])
        _check_unmodified(request, record)
        if request.method == "PATCH":
            records.change(self.world, record, check_written(of, await _json(request)))
            return Response(status_code=204)
        named = request.query_params.get("fields")
        columns = []
        for path in named.split(",") if named else of.fields:
            found = column(of, path)
            if found is None:
                raise SalesforceError(
                    400, "INVALID_FIELD", f"No such column '{path}' on entity '{of.name}'"
                )
            columns.append(found)
        return JSONResponse(
            records.shown(of, record, columns, request.path_params["version"]),
            headers={"Last-Modified": format_datetime(records.changed_at(record), usegmt=True)},
        )


def _operation(request: Request) -> str:
    """Such as `GetOpportunity`, `UpdateOpportunity` or `CreateTask`."""
    verb = {"PATCH": "Update", "POST": "Create"}.get(request.method, "Get")
    of = OBJECTS.get(request.path_params["object"].lower())
    return f"{verb}{of.name if of else 'Unknown'}"


def _object(request: Request) -> Object:
    found = OBJECTS.get(request.path_params["object"].lower())
    if found is None:
        raise SalesforceError(404, "NOT_FOUND")
    return found


async def _json(request: Request) -> Any:
    """The body, numbers kept exact."""
    if not request.headers.get("Content-Type", "").startswith("application/json"):
        raise SalesforceError(415, "UNSUPPORTED_MEDIA_TYPE", "Content type is not supported")
    try:
        return json.loads(await request.body(), parse_float=Decimal)
    except ValueError as error:
        raise SalesforceError(400, "JSON_PARSER_ERROR", str(error)) from None


def _batch_size(request: Request) -> int:
    option = request.headers.get("Sforce-Query-Options", "").replace(" ", "")
    asked = option.removeprefix("batchSize=")
    if not asked.isdigit():
        return BATCH.stop - 1
    return min(max(int(asked), BATCH.start), BATCH.stop - 1)


def _page(request: Request, rows: Rows, locator: str, start: int) -> Response:
    """One batch of a result, and where the next one is."""
    end = start + _batch_size(request)
    answer: dict[str, Any] = {
        "totalSize": len(rows),
        "done": end >= len(rows),
        "records": rows[start:end],
    }
    if not answer["done"]:
        version = request.path_params["version"]
        answer["nextRecordsUrl"] = f"/services/data/{version}/query/{locator}-{end}"
    return JSONResponse(answer)


def _check_unmodified(request: Request, record: records.Record) -> None:
    """`If-Unmodified-Since`, which HTTP writes to the second.  The 412's body is ASSUMED."""
    since = request.headers.get("If-Unmodified-Since")
    if since is None:
        return
    try:
        unmodified_since = parsedate_to_datetime(since)
    except ValueError:
        raise SalesforceError(
            400, "INVALID_HEADER", f"invalid If-Unmodified-Since: {since}"
        ) from None
    if records.changed_at(record) > unmodified_since:
        raise SalesforceError(412, "PRECONDITION_FAILED", "The record has been modified")


def _refusing(answer: Handler) -> Handler:
    """Turn a refusal into its answer."""

    async def refuse(request: Request) -> Response:
        try:
            return await answer(request)
        except (SalesforceError, TokenError) as error:
            return error.response()

    return refuse


def _refusal(fault: Fault) -> Response:
    if fault.operation == "Token":
        return TokenError(fault.code or "unknown_error", "retry", fault.status).response()
    code = fault.code or USUAL_CODE.get(fault.status, "UNKNOWN_EXCEPTION")
    return SalesforceError(fault.status, code).response()


async def _unknown_path(_: Request, __: Exception) -> Response:
    return SalesforceError(404, "NOT_FOUND").response()


async def _unknown_method(request: Request, __: Exception) -> Response:
    message = f"HTTP Method '{request.method}' not allowed"
    return SalesforceError(405, "METHOD_NOT_ALLOWED", message).response()
