"""The AWS Marketplace Catalog API, as a seller sees it (protocol: rest-json)."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.aws.catalog import lists
from sandbox.aws.catalog.change_set_request import invalid
from sandbox.aws.catalog.change_sets import ChangeSets
from sandbox.aws.catalog.entities import (
    arn,
    describe_change,
    describe_offer,
    describe_product,
    summarise_change_set,
)
from sandbox.aws.protocol import AwsError, AwsService, json_object, json_response
from sandbox.aws.shapes import Shapes
from sandbox.world import ChangeSet, World

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
    """Members travel in the address or the body; an error is named in a header."""

    async def members(self, operation: str, request: Request) -> dict[str, Any]:
        """What the request says."""
        if request.method == "POST":
            return json_object(await request.body())
        return dict(self.shapes.query(operation, dict(request.query_params)))

    def invalid(self, path: str, message: str) -> AwsError:
        """The error for a member that is against the model."""
        return invalid(path, message)

    def error(self, error: AwsError, status: int) -> Response:
        """An error as this protocol writes it."""
        body = {"Message": error.message, **error.members}
        return json_response(body, status, "application/json", **{"x-amzn-ErrorType": error.code})

    def respond(self, body: dict[str, Any], status: int) -> Response:
        """A body as this protocol writes it."""
        return json_response(body, status, "application/json")


def submit(world: World, request: dict[str, Any]) -> ChangeSet:
    """Start a change set for another client of the same seller, without HTTP.

    Raises AwsError, as StartChangeSet answers it.
    """
    if complaints := SHAPES.complaints("StartChangeSet", request):
        raise invalid(complaints[0].path, complaints[0].message)
    return ChangeSets(world).start(request)


def app(world: World) -> Starlette:
    """The six operations that a seller of private offers needs."""
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
                service.wire.endpoint(name, service.answer(name, operation)),
                methods=[method],
            )
            for name, (method, operation) in operations.items()
        ]
    )


class Catalog:
    """What the operations do."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.change_sets = ChangeSets(world)

    def start_change_set(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take a change set on."""
        return self._reference(self.change_sets.start(request))

    def describe_change_set(self, request: dict[str, Any]) -> dict[str, Any]:
        """How far a change set is, and what is wrong with it."""
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
        """The change sets that pass the filters."""
        _check_catalog(request)
        return lists.change_sets(self.world, request)

    def cancel_change_set(self, request: dict[str, Any]) -> dict[str, Any]:
        """Stop a change set."""
        change_set = self._change_set(request)
        self.change_sets.cancel(change_set)
        return self._reference(change_set)

    def describe_entity(self, request: dict[str, Any]) -> dict[str, Any]:
        """An offer as it is now, or the product."""
        _check_catalog(request)
        entity_id = request["EntityId"]
        if entity_id in self.world.offers:
            return describe_offer(self.world, self.world.offers[entity_id])
        if entity_id == self.world.product_id:
            return describe_product(self.world)
        raise AwsError("ResourceNotFoundException", f"Entity {entity_id} isn't found.")

    def list_entities(self, request: dict[str, Any]) -> dict[str, Any]:
        """The entities of a type that pass the filters."""
        _check_catalog(request)
        return lists.entities(self.world, request)

    def _change_set(self, request: dict[str, Any]) -> ChangeSet:
        _check_catalog(request)
        change_set = self.world.change_sets.get(request["ChangeSetId"])
        if change_set is None or not lists.remembered(self.world, change_set):
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
        raise invalid("/Catalog", "Catalog must be AWSMarketplace")
