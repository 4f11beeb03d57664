"""Salesforce's REST API: tokens, queries, descriptions, tasks, and writes to opportunities."""

import json
import time
from dataclasses import dataclass
from decimal import Decimal
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.faults import Fault
from sandbox.http import Handler, SimulatedSystem, build_app
from sandbox.salesforce import soql
from sandbox.salesforce.describe import READ_ONLY, description
from sandbox.salesforce.errors import DEFAULT_CODE, SalesforceError, TokenError
from sandbox.salesforce.org import as_answer
from sandbox.salesforce.schema import check_written
from sandbox.salesforce.token_endpoint import issue_token
from sandbox.world import World

PAGE = 2000
"""Records in the answer to a query; the next page of a longer result is not simulated."""


def app(world: World) -> Starlette:
    """The org: `https://localhost:…` is both its login and its instance address."""
    system, rest = SimulatedSystem(world, "salesforce", _fault_response), _RestApi(world)
    data = "/services/data/v{version}"
    task, opportunity = f"{data}/sobjects/Task", f"{data}/sobjects/Opportunity"
    update_task, update_opportunity = rest.update("Task"), rest.update("Opportunity")
    describe = f"{data}/sobjects/{{name}}/describe"
    return build_app(
        [
            *system.routes("POST", "/services/oauth2/token", "Token", rest.token),
            *system.routes("GET", f"{data}/query", "Query", rest.query),
            *system.routes("GET", describe, "DescribeSObject", rest.describe),
            *system.routes("POST", task, "CreateTask", rest.create_task),
            *system.routes("PATCH", f"{task}/{{id}}", "UpdateTask", update_task),
            *system.routes(
                "PATCH", f"{opportunity}/{{id}}", "UpdateOpportunity", update_opportunity
            ),
        ],
        lambda message: SalesforceError(501, "NOT_SIMULATED", message).response,
    )


@dataclass
class _RestApi:
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
        query = soql.parse(request.query_params.get("q", ""), self.world.salesforce.readable)
        found = query.select(self.world.salesforce.records(query.sobject))
        version = f"v{request.path_params['version']}"
        rows = [as_answer(query.sobject, each, query.columns, version) for each in found[:PAGE]]
        answer = {"totalSize": len(found), "done": len(found) <= PAGE, "records": rows}
        if not answer["done"]:
            answer["nextRecordsUrl"] = f"/services/data/{version}/query/01g000000000001-{PAGE}"
        return self._response(answer)

    async def create_task(self, request: Request) -> Response:
        self._authenticate(request)
        task_id = self.world.salesforce.create_task(self._written("Task", await _json(request)))
        return self._response({"id": task_id, "success": True, "errors": []}, 201)

    def update(self, name: str) -> Handler:
        async def answer(request: Request) -> Response:
            self._authenticate(request)
            fields = self._written(name, await _json(request))
            org = self.world.salesforce
            org.update(org.objects[name.lower()], request.path_params["id"], fields)
            return Response(status_code=204)

        return answer

    async def describe(self, request: Request) -> Response:
        self._authenticate(request)
        org = self.world.salesforce
        readable = org.readable(request.path_params["name"])
        if readable is None:
            raise SalesforceError(404, "NOT_FOUND", "The requested resource does not exist")
        access = org.object_access.get(readable.name, READ_ONLY)
        version = f"v{request.path_params['version']}"
        return self._response(description(readable, org.editable(readable.name), access, version))

    def _written(self, name: str, body: Any) -> dict[str, Any]:
        """The fields of a create or update, checked."""
        org = self.world.salesforce
        readable = org.readable(name)
        assert readable is not None
        return check_written(readable, body, org.editable(name))

    def _authenticate(self, request: Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        oauth = self.world.salesforce.oauth
        if scheme not in ("Bearer", "OAuth") or not oauth.is_valid_token(token):
            raise SalesforceError(401, "INVALID_SESSION_ID", "Session expired or invalid")

    def _response(self, content: Any, status: int = 200) -> Response:
        # The same time as in the records' timestamps.
        return JSONResponse(
            content, status, {"Date": format_datetime(self.world.now(), usegmt=True)}
        )


async def _json(request: Request) -> Any:
    """The body, with decimal numbers as Decimal."""
    try:
        return json.loads(await request.body(), parse_float=Decimal)
    except ValueError as error:
        raise SalesforceError(400, "JSON_PARSER_ERROR", str(error)) from None


def _fault_response(fault: Fault) -> Response:
    if fault.operation == "Token":
        return TokenError(fault.code or "unknown_error", "retry", fault.status).response
    code = fault.code or DEFAULT_CODE.get(fault.status, "UNKNOWN_EXCEPTION")
    return SalesforceError(fault.status, code).response
