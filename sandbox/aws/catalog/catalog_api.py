"""The AWS Marketplace Catalog API for a seller (protocol: rest-json)."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.aws.catalog import lists
from sandbox.aws.catalog.change_set_request import field_error
from sandbox.aws.catalog.change_sets import ChangeSets
from sandbox.aws.catalog.entities import (
    arn,
    describe_change,
    describe_offer,
    describe_product,
    summarise_change_set,
)
from sandbox.aws.marketplace_state import ChangeSet
from sandbox.aws.protocol import AwsError, AwsService, json_object, json_response
from sandbox.aws.shapes import Shapes
from sandbox.world import World

SHAPES = Shapes("marketplace-catalog")

CALLS_PER_SECOND = {
    "StartChangeSet": 5,
    "DescribeChangeSet": 10,
    "ListChangeSets": 5,
    "CancelChangeSet": 5,
    "DescribeEntity": 20,
    "ListEntities": 10,
}
"""For one account (AWS Marketplace developer guide: quotas of the Catalog API)."""


class CatalogService(AwsService):
    """rest-json: members are in the query or the body, error codes in a header."""

    async def members(self, operation: str, request: Request) -> dict[str, Any]:
        if request.method == "POST":
            return json_object(await request.body())
        return dict(self.shapes.query(operation, dict(request.query_params)))

    def field_error(self, path: str, message: str) -> AwsError:
        return field_error(path, message)

    def error(self, error: AwsError, status: int) -> Response:
        body = {"Message": error.message, **error.members}
        return json_response(body, status, "application/json", **{"x-amzn-ErrorType": error.code})

    def respond(self, body: dict[str, Any], status: int) -> Response:
        return json_response(body, status, "application/json")


def submit(world: World, request: dict[str, Any]) -> ChangeSet:
    """Start a change set for another client of the same seller, without HTTP.

    Raises AwsError, as StartChangeSet answers it.
    """
    if complaints := SHAPES.violations("StartChangeSet", request):
        raise field_error(complaints[0].path, complaints[0].message)
    return ChangeSets(world).start(request)


def app(world: World) -> Starlette:
    """The operations that a seller of private offers needs."""
    service = CatalogService(world, "catalog", SHAPES, CALLS_PER_SECOND)
    catalog = Catalog(world)
    operations = {
        "StartChangeSet": ("POST", catalog.start_change_set),
        "DescribeChangeSet": ("GET", catalog.describe_change_set),
        "ListChangeSets": ("POST", catalog.list_change_sets),
        "CancelChangeSet": ("PATCH", catalog.cancel_change_set),
        "DescribeEntity": ("GET", catalog.describe_entity),
        "ListEntities": ("POST", catalog.list_entities),
    }
    return Starlette(
        routes=[
            Route(
                f"/{name}",
                service.system.endpoint(name, service.handler(name, operation)),
                methods=[method],
            )
            for name, (method, operation) in operations.items()
        ]
    )


class Catalog:
    """The operations on change sets and entities."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.change_sets = ChangeSets(world)

    def start_change_set(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._reference(self.change_sets.start(request))

    def describe_change_set(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeChangeSet: the status of a change set, and the errors of its changes."""
        change_set = self._change_set(request)
        described = {
            **summarise_change_set(self.world, change_set),
            "Intent": "APPLY",
            "ChangeSet": [describe_change(change) for change in change_set.changes],
        }
        if change_set.failure_description:
            described["FailureDescription"] = change_set.failure_description
        return described

    def list_change_sets(self, request: dict[str, Any]) -> dict[str, Any]:
        _check_catalog(request)
        return lists.change_sets(self.world, request)

    def cancel_change_set(self, request: dict[str, Any]) -> dict[str, Any]:
        change_set = self._change_set(request)
        self.change_sets.cancel(change_set)
        return self._reference(change_set)

    def describe_entity(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeEntity, for an offer or the product."""
        _check_catalog(request)
        entity_id = request["EntityId"]
        if entity_id in self.world.aws.offers:
            return describe_offer(self.world, self.world.aws.offers[entity_id])
        if entity_id == self.world.aws.product_id:
            return describe_product(self.world)
        raise AwsError("ResourceNotFoundException", f"Entity {entity_id} isn't found.")

    def list_entities(self, request: dict[str, Any]) -> dict[str, Any]:
        _check_catalog(request)
        return lists.entities(self.world, request)

    def _change_set(self, request: dict[str, Any]) -> ChangeSet:
        _check_catalog(request)
        change_set = self.world.aws.change_sets.get(request["ChangeSetId"])
        if change_set is None or not lists.is_listed(self.world, change_set):
            raise AwsError(
                "ResourceNotFoundException", f"Change set {request['ChangeSetId']} isn't found."
            )
        return change_set

    def _reference(self, change_set: ChangeSet) -> dict[str, Any]:
        return {
            "ChangeSetId": change_set.id,
            "ChangeSetArn": arn(self.world, "ChangeSet", change_set.id),
        }


def _check_catalog(request: dict[str, Any]) -> None:
    if request["Catalog"] != "AWSMarketplace":
        raise field_error("/Catalog", "Catalog must be AWSMarketplace")
