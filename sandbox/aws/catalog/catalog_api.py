"""The AWS Marketplace Catalog API for a seller (protocol: rest-json)."""

from datetime import timedelta
from typing import Any

from starlette.applications import Starlette

from sandbox.aws.catalog.change_set_request import field_error, not_found
from sandbox.aws.catalog.change_sets import ChangeSets
from sandbox.aws.catalog.entities import (
    describe_change,
    describe_offer,
    describe_product,
    summarise_change_set,
    summarise_offer,
)
from sandbox.aws.marketplace_state import ChangeSet, given
from sandbox.aws.protocol import AwsService, Members, NotSimulated, Operation, page
from sandbox.aws.shapes import Shapes
from sandbox.world import World

SHAPES = Shapes("marketplace-catalog")
RETENTION = timedelta(days=60)
"""How long AWS keeps a change set."""
DEFAULT_PAGE = 20
OFFER_FILTERS = {
    "BuyerAccounts": "WildCardValue",
    "ProductId": "ValueList",
    "State": "ValueList",
    "AvailabilityEndDate": "DateRange",
}
"""The simulated filters, and the only condition that is simulated for each."""


def submit(world: World, request: Members) -> ChangeSet:
    """Start a change set for another client of the same seller, without HTTP.

    Raises AwsError, as StartChangeSet answers it.
    """
    if violations := SHAPES.violations("StartChangeSet", request):
        raise field_error(*violations[0])
    return ChangeSets(world).start(request)


def app(world: World) -> Starlette:
    catalog = Catalog(world)
    start = "Catalog ChangeSet ChangeSetName ClientRequestToken"
    pages = "Catalog MaxResults NextToken"
    operations = {
        "StartChangeSet": Operation(catalog.start_change_set, 5, start),
        "DescribeChangeSet": Operation(catalog.describe_change_set, 10, "Catalog ChangeSetId"),
        "ListChangeSets": Operation(catalog.list_change_sets, 5, f"{pages} FilterList"),
        "CancelChangeSet": Operation(catalog.cancel_change_set, 5, "Catalog ChangeSetId"),
        "DescribeEntity": Operation(catalog.describe_entity, 20, "Catalog EntityId"),
        "ListEntities": Operation(
            catalog.list_entities, 10, f"{pages} EntityType EntityTypeFilters"
        ),
    }
    return AwsService(world, "catalog", SHAPES, field_error, operations).app


class Catalog:
    def __init__(self, world: World) -> None:
        self.world = world
        self.change_sets = ChangeSets(world)

    def start_change_set(self, request: Members) -> Members:
        return self._reference(self.change_sets.start(request))

    def describe_change_set(self, request: Members) -> Members:
        change_set = self._change_set(request["ChangeSetId"])
        return {
            **summarise_change_set(self.world, change_set),
            **given({"FailureDescription": change_set.failure_description}),
            "Intent": "APPLY",
            "ChangeSet": [describe_change(change) for change in change_set.changes],
        }

    def list_change_sets(self, request: Members) -> Members:
        """The latest first."""
        found = [each for each in self.world.aws.change_sets.values() if self._is_kept(each)]
        for each in request.get("FilterList", []):
            if each.get("Name") != "ChangeSetName":
                raise NotSimulated(f"filter {each.get('Name')} of ListChangeSets")
            found = [row for row in found if row.name in each.get("ValueList", [])]
        found.sort(key=lambda row: row.started_at, reverse=True)
        rows = [
            {**summarise_change_set(self.world, each), "EntityIdList": each.entity_ids}
            for each in found
        ]
        return _page(rows, request, "ChangeSetSummaryList")

    def cancel_change_set(self, request: Members) -> Members:
        change_set = self._change_set(request["ChangeSetId"])
        self.change_sets.cancel(change_set)
        return self._reference(change_set)

    def describe_entity(self, request: Members) -> Members:
        entity_id = request["EntityId"]
        if entity_id in self.world.aws.offers:
            return describe_offer(self.world, self.world.aws.offers[entity_id])
        if entity_id == self.world.aws.product_id:
            return describe_product(self.world)
        raise not_found(f"Entity {entity_id}")

    def list_entities(self, request: Members) -> Members:
        """The offers changed last come first."""
        if request["EntityType"] != "Offer":
            raise NotSimulated(f"EntityType {request['EntityType']} of ListEntities")
        filters = request.get("EntityTypeFilters", {"OfferFilters": {}})
        if filters.keys() != {"OfferFilters"}:
            raise NotSimulated(f"{', '.join(filters)} of ListEntities")
        rows = [summarise_offer(self.world, offer) for offer in self.world.aws.offers.values()]
        for name, condition in filters["OfferFilters"].items():
            if condition.keys() != {OFFER_FILTERS.get(name)}:
                # AWS's model has no other condition for some filters.
                raise NotSimulated(f"filter {name} by {', '.join(condition)} of ListEntities")
            rows = [row for row in rows if _matches(row["OfferSummary"].get(name), condition)]
        rows.sort(key=lambda row: str(row["LastModifiedDate"]), reverse=True)
        return _page(rows, request, "EntitySummaryList")

    def _is_kept(self, change_set: ChangeSet) -> bool:
        return self.world.now() - change_set.started_at <= RETENTION

    def _change_set(self, change_set_id: str) -> ChangeSet:
        change_set = self.world.aws.change_sets.get(change_set_id)
        if change_set is None or not self._is_kept(change_set):
            raise not_found(f"Change set {change_set_id}")
        return change_set

    def _reference(self, change_set: ChangeSet) -> Members:
        arn = self.world.aws.arn("ChangeSet", change_set.id)
        return {"ChangeSetId": change_set.id, "ChangeSetArn": arn}


def _matches(value: Any, condition: Members) -> bool:
    if "ValueList" in condition:
        return value in condition["ValueList"]
    if "WildCardValue" in condition:
        # ASSUMED: the text may be anywhere in the value.
        return any(condition["WildCardValue"].strip("*%") in each for each in value)
    span = condition["DateRange"]
    return value is not None and (
        span.get("AfterValue", value) <= value <= span.get("BeforeValue", value)
    )


def _page(rows: list[Members], request: Members, name: str) -> Members:
    try:
        shown, token = page(rows, request.get("MaxResults", DEFAULT_PAGE), request.get("NextToken"))
    except ValueError:
        raise field_error("/NextToken", "NextToken isn't valid") from None
    return given({name: shown, "NextToken": token})
