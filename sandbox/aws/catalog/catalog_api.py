"""The AWS Marketplace Catalog API for a seller (protocol: rest-json)."""

from functools import partial

from starlette.applications import Starlette

from sandbox.aws.catalog import lists
from sandbox.aws.catalog.change_set_request import field_error, not_found
from sandbox.aws.catalog.change_sets import ChangeSets
from sandbox.aws.catalog.entities import (
    describe_change,
    describe_offer,
    describe_product,
    summarise_change_set,
)
from sandbox.aws.marketplace_state import ChangeSet, given
from sandbox.aws.protocol import AwsService, Members, Operation
from sandbox.aws.shapes import Shapes
from sandbox.world import World

SHAPES = Shapes("marketplace-catalog")


def submit(world: World, request: Members) -> ChangeSet:
    """Start a change set for another client of the same seller, without HTTP.

    Raises AwsError, as StartChangeSet answers it.
    """
    if violations := SHAPES.violations("StartChangeSet", request):
        raise field_error(*violations[0])
    return ChangeSets(world).start(request)


def app(world: World) -> Starlette:
    catalog = Catalog(world)
    entities, change_sets = partial(lists.entities, world), partial(lists.change_sets, world)
    start = "Catalog ChangeSet ChangeSetName ClientRequestToken"
    page = "Catalog MaxResults NextToken"
    operations = {
        "StartChangeSet": Operation(catalog.start_change_set, 5, start),
        "DescribeChangeSet": Operation(catalog.describe_change_set, 10, "Catalog ChangeSetId"),
        "ListChangeSets": Operation(change_sets, 5, f"{page} FilterList"),
        "CancelChangeSet": Operation(catalog.cancel_change_set, 5, "Catalog ChangeSetId"),
        "DescribeEntity": Operation(catalog.describe_entity, 20, "Catalog EntityId"),
        "ListEntities": Operation(entities, 10, f"{page} EntityType EntityTypeFilters"),
    }
    return AwsService(world, "catalog", SHAPES, field_error, operations).app


class Catalog:
    def __init__(self, world: World) -> None:
        self.world = world
        self.change_sets = ChangeSets(world)

    def start_change_set(self, request: Members) -> Members:
        return self._reference(self.change_sets.start(request))

    def describe_change_set(self, request: Members) -> Members:
        change_set = self._change_set(request)
        return {
            **summarise_change_set(self.world, change_set),
            **given({"FailureDescription": change_set.failure_description}),
            "Intent": "APPLY",
            "ChangeSet": [describe_change(change) for change in change_set.changes],
        }

    def cancel_change_set(self, request: Members) -> Members:
        change_set = self._change_set(request)
        self.change_sets.cancel(change_set)
        return self._reference(change_set)

    def describe_entity(self, request: Members) -> Members:
        entity_id = request["EntityId"]
        if entity_id in self.world.aws.offers:
            return describe_offer(self.world, self.world.aws.offers[entity_id])
        if entity_id == self.world.aws.product_id:
            return describe_product(self.world)
        raise not_found(f"Entity {entity_id}")

    def _change_set(self, request: Members) -> ChangeSet:
        change_set = self.world.aws.change_sets.get(request["ChangeSetId"])
        if change_set is None or not lists.is_listed(self.world, change_set):
            raise not_found(f"Change set {request['ChangeSetId']}")
        return change_set

    def _reference(self, change_set: ChangeSet) -> Members:
        change_set_id = change_set.id
        arn = self.world.aws.arn("ChangeSet", change_set_id)
        return {"ChangeSetId": change_set_id, "ChangeSetArn": arn}
