"""Salesforce's REST API: tokens, queries, tasks, and writes to opportunities."""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.faults import Fault
from sandbox.http import SimulatedSystem
from sandbox.salesforce import soql
from sandbox.salesforce.errors import DEFAULT_CODE, SalesforceError, TokenError, not_simulated
from sandbox.salesforce.org import as_answer
from sandbox.salesforce.schema import OPPORTUNITY, TASK, SObject, check_written
from sandbox.salesforce.token_endpoint import issue_token
from sandbox.world import World

Handler = Callable[[Request], Awaitable[Response]]

PAGE = 2000
"""Records in the answer to a query; the next page of a longer result is not simulated."""


def app(world: World) -> Starlette:
    """The org: `https://localhost:…` is both its login and its instance address."""
    system = SimulatedSystem(world, "salesforce", _fault_response)
    rest = _RestApi(world)

    def routes(method: str, path: str, operation: str, handler: Handler) -> list[Route]:
        endpoint = system.endpoint(operation, _with_error_response(handler))
        # With and without the final slash, as in Salesforce.
        return [Route(f"{path}{slash}", endpoint, methods=[method]) for slash in ("", "/")]

    data = "/services/data/v{version}"
    return Starlette(
        routes=[
            *routes("POST", "/services/oauth2/token", "Token", rest.token),
            *routes("GET", f"{data}/query", "Query", rest.query),
            *routes("POST", f"{data}/sobjects/Task", "CreateTask", rest.create_task),
            *routes("PATCH", f"{data}/sobjects/Task/{{id}}", "UpdateTask", rest.update(TASK)),
            *routes(
                "PATCH",
                f"{data}/sobjects/Opportunity/{{id}}",
                "UpdateOpportunity",
                rest.update(OPPORTUNITY),
            ),
        ],
        exception_handlers={404: _not_simulated, 405: _not_simulated},
    )


@dataclass
class _RestApi:
    """The request handlers."""

    world: World

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        own_url = str(request.base_url).rstrip("/")
        org = self.world.salesforce
        return JSONResponse(
            {
                "access_token": issue_token(org, form, request.headers, own_url),
                "scope": "api",
                "instance_url": own_url,
                "id": f"{own_url}/id/00D000000000001EAA/005000000000001AAA",
                "token_type": "Bearer",
                "issued_at": str(int(time.time() * 1000)),
            }
        )

    async def query(self, request: Request) -> Response:
        self._authenticate(request)
        query = soql.parse(request.query_params.get("q", ""))
        found = query.select(self.world.salesforce.records(query.sobject))
        version = f"v{request.path_params['version']}"
        rows = [as_answer(query.sobject, each, query.columns, version) for each in found[:PAGE]]
        answer = {"totalSize": len(found), "done": len(found) <= PAGE, "records": rows}
        if not answer["done"]:
            answer["nextRecordsUrl"] = f"/services/data/{version}/query/01g000000000001-{PAGE}"
        return self._response(answer)

    async def create_task(self, request: Request) -> Response:
        self._authenticate(request)
        task_id = self.world.salesforce.create_task(check_written(TASK, await _json(request)))
        return self._response({"id": task_id, "success": True, "errors": []}, 201)

    def update(self, sobject: SObject) -> Handler:
        async def answer(request: Request) -> Response:
            self._authenticate(request)
            fields = check_written(sobject, await _json(request))
            self.world.salesforce.update(sobject, request.path_params["id"], fields)
            return Response(status_code=204)

        return answer

    def _authenticate(self, request: Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        oauth = self.world.salesforce.oauth
        if scheme not in ("Bearer", "OAuth") or not oauth.is_valid_token(token):
            raise SalesforceError(401, "INVALID_SESSION_ID")

    def _response(self, content: Any, status: int = 200) -> Response:
        # The same time as in the records' timestamps.
        return JSONResponse(
            content, status, {"Date": format_datetime(self.world.now(), usegmt=True)}
        )


async def _json(request: Request) -> Any:
    """The body, with decimal numbers as Decimal."""
    if not request.headers.get("Content-Type", "").startswith("application/json"):
        raise SalesforceError(415, "UNSUPPORTED_MEDIA_TYPE", "Content type is not supported")
    try:
        return json.loads(await request.body(), parse_float=Decimal)
    except ValueError as error:
        raise SalesforceError(400, "JSON_PARSER_ERROR", str(error)) from None


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


async def _not_simulated(request: Request, _: Exception) -> Response:
    return not_simulated(f"{request.method} {request.url.path}").response()
