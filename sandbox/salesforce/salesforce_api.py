"""The routes of Salesforce's REST API."""

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
from sandbox.salesforce.errors import DEFAULT_CODE, SalesforceError, TokenError
from sandbox.salesforce.schema import OBJECTS, TASK, SObject, check_written, find_column
from sandbox.salesforce.token_endpoint import issue_token
from sandbox.world import World

Handler = Callable[[Request], Awaitable[Response]]

VERSIONS = range(31, 68)
"""Served API versions; 67.0 is Summer '26."""

BATCH = range(200, 2001)
"""Allowed values of `Sforce-Query-Options: batchSize=…`; without it a page has 2,000 records."""


def app(world: World) -> Starlette:
    """The org: `https://localhost:…` is both its login and its instance address."""
    system = SimulatedSystem(world, "salesforce", _fault_response)
    rest = _RestApi(world)

    def route(
        methods: str, path: str, operation: str | Callable[[Request], str], handler: Handler
    ) -> list[Route]:
        endpoint = system.endpoint(operation, _with_error_response(handler))
        # With and without the final slash, as in Salesforce.
        return [Route(f"{path}{slash}", endpoint, methods=methods.split()) for slash in ("", "/")]

    def authenticated(
        methods: str, path: str, operation: str | Callable[[Request], str], handler: Handler
    ) -> list[Route]:
        path = f"/services/data/{{version}}{path}"
        return route(methods, path, operation, rest.authenticated(handler))

    return Starlette(
        routes=[
            *route("POST", "/services/oauth2/token", "Token", rest.token),
            *route("GET", "/services/data", "Versions", rest.versions),
            *authenticated("GET", "/limits", "Limits", rest.limits),
            *authenticated("GET", "/query", "Query", rest.query),
            *authenticated("GET", "/query/{locator}", "QueryMore", rest.query_more),
            *authenticated("POST", "/sobjects/{object}", _operation, rest.create),
            *authenticated("GET PATCH", "/sobjects/{object}/{id}", _operation, rest.record),
        ],
        exception_handlers={404: _unknown_path, 405: _unknown_method},
    )


@dataclass
class _RestApi:
    """The request handlers."""

    world: World
    requests_used: int = 0
    """API requests so far; the daily limit counts them."""
    cursors: Cursors = field(default_factory=Cursors)

    def authenticated(self, handler: Handler) -> Handler:
        """Require a valid token and a known version, and enforce the daily limit."""

        async def handle(request: Request) -> Response:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme not in ("Bearer", "OAuth") or not self.world.salesforce.oauth.is_valid_token(
                token
            ):
                raise SalesforceError(401, "INVALID_SESSION_ID")
            if request.path_params["version"] not in (f"v{each}.0" for each in VERSIONS):
                raise SalesforceError(404, "NOT_FOUND")
            if self.requests_used >= self.world.salesforce.daily_requests:
                raise SalesforceError(403, "REQUEST_LIMIT_EXCEEDED")
            self.requests_used += 1
            response = await _with_error_response(handler)(request)
            limit = self.world.salesforce.daily_requests
            response.headers["Sforce-Limit-Info"] = f"api-usage={self.requests_used}/{limit}"
            # The same time as in the records' timestamps.
            response.headers["Date"] = format_datetime(self.world.now(), usegmt=True)
            return response

        return handle

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        own_url = str(request.base_url).rstrip("/")
        access_token = issue_token(self.world, form, request.headers.get("Authorization"), own_url)
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
        maximum = self.world.salesforce.daily_requests
        remaining = maximum - self.requests_used
        return JSONResponse({"DailyApiRequests": {"Max": maximum, "Remaining": remaining}})

    async def query(self, request: Request) -> Response:
        query = soql.parse(request.query_params.get("q", ""))
        found = query.select(list(records.all_records(self.world, query.sobject).values()))
        version = request.path_params["version"]
        rows = [
            records.as_answer(query.sobject, record, query.columns, version) for record in found
        ]
        locator = self.cursors.open(rows) if len(rows) > _batch_size(request) else ""
        return _page(request, rows, locator, 0)

    async def query_more(self, request: Request) -> Response:
        locator, _, start = request.path_params["locator"].partition("-")
        if locator not in self.cursors or not start.isdigit():
            raise SalesforceError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return _page(request, self.cursors[locator], locator, int(start))

    async def create(self, request: Request) -> Response:
        sobject = _object(request)
        if sobject is not TASK:
            raise SalesforceError(
                400,
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                f"entity type cannot be inserted: {sobject.name}",
                [],
            )
        fields = check_written(sobject, await _json(request))
        task_id = records.create_task(self.world, fields)
        return JSONResponse({"id": task_id, "success": True, "errors": []}, 201)

    async def record(self, request: Request) -> Response:
        sobject = _object(request)
        record = records.find_or_error(self.world, sobject, request.path_params["id"])
        _check_unmodified(request, record)
        if request.method == "PATCH":
            records.update(self.world, record, check_written(sobject, await _json(request)))
            return Response(status_code=204)
        requested = request.query_params.get("fields")
        columns = []
        for path in requested.split(",") if requested else sobject.fields:
            found = find_column(sobject, path)
            if found is None:
                raise SalesforceError(
                    400, "INVALID_FIELD", f"No such column '{path}' on entity '{sobject.name}'"
                )
            columns.append(found)
        return JSONResponse(
            records.as_answer(sobject, record, columns, request.path_params["version"]),
            headers={"Last-Modified": format_datetime(records.modified_at(record), usegmt=True)},
        )


def _operation(request: Request) -> str:
    """Such as `GetOpportunity`, `UpdateOpportunity` or `CreateTask`."""
    verb = {"PATCH": "Update", "POST": "Create"}.get(request.method, "Get")
    sobject = OBJECTS.get(request.path_params["object"].lower())
    return f"{verb}{sobject.name if sobject else 'Unknown'}"


def _object(request: Request) -> SObject:
    found = OBJECTS.get(request.path_params["object"].lower())
    if found is None:
        raise SalesforceError(404, "NOT_FOUND")
    return found


async def _json(request: Request) -> Any:
    """The body, with decimal numbers as Decimal."""
    if not request.headers.get("Content-Type", "").startswith("application/json"):
        raise SalesforceError(415, "UNSUPPORTED_MEDIA_TYPE", "Content type is not supported")
    try:
        return json.loads(await request.body(), parse_float=Decimal)
    except ValueError as error:
        raise SalesforceError(400, "JSON_PARSER_ERROR", str(error)) from None


def _batch_size(request: Request) -> int:
    option = request.headers.get("Sforce-Query-Options", "").replace(" ", "")
    requested = option.removeprefix("batchSize=")
    if not requested.isdigit():
        return BATCH.stop - 1
    return min(max(int(requested), BATCH.start), BATCH.stop - 1)


def _page(request: Request, rows: Rows, locator: str, start: int) -> Response:
    """One batch of a result, and the address of the next one."""
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
    """`If-Unmodified-Since`, to the second.  The body of the 412 response is ASSUMED."""
    since = request.headers.get("If-Unmodified-Since")
    if since is None:
        return
    try:
        unmodified_since = parsedate_to_datetime(since)
    except ValueError:
        raise SalesforceError(
            400, "INVALID_HEADER", f"invalid If-Unmodified-Since: {since}"
        ) from None
    if records.modified_at(record) > unmodified_since:
        raise SalesforceError(412, "PRECONDITION_FAILED", "The record has been modified")


def _with_error_response(handler: Handler) -> Handler:
    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except (SalesforceError, TokenError) as error:
            return error.response()

    return handle


def _fault_response(fault: Fault) -> Response:
    if fault.operation == "Token":
        return TokenError(fault.code or "unknown_error", "retry", fault.status).response()
    code = fault.code or DEFAULT_CODE.get(fault.status, "UNKNOWN_EXCEPTION")
    return SalesforceError(fault.status, code).response()


async def _unknown_path(_: Request, __: Exception) -> Response:
    return SalesforceError(404, "NOT_FOUND").response()


async def _unknown_method(request: Request, __: Exception) -> Response:
    message = f"HTTP Method '{request.method}' not allowed"
    return SalesforceError(405, "METHOD_NOT_ALLOWED", message).response()
