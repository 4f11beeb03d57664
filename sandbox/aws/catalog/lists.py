"""ListChangeSets and ListEntities of the Catalog API: filters, order, pages."""

from datetime import timedelta
from typing import Any

from sandbox.aws.catalog.change_set_request import field_error
from sandbox.aws.catalog.entities import entity_ids, summarise_change_set, targeting
from sandbox.aws.marketplace_state import ChangeSet, Offer, given
from sandbox.aws.protocol import Members, NotSimulated, page
from sandbox.clock import end_of_day, timestamp
from sandbox.world import World

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


def is_listed(world: World, change_set: ChangeSet) -> bool:
    return world.now() - change_set.started_at <= RETENTION


def change_sets(world: World, request: Members) -> Members:
    found = [each for each in world.aws.change_sets.values() if is_listed(world, each)]
    for each in request.get("FilterList", []):
        if each.get("Name") != "ChangeSetName":
            raise NotSimulated(f"filter {each.get('Name')} of ListChangeSets")
        found = [row for row in found if row.name in each.get("ValueList", [])]
    found.sort(key=lambda row: row.started_at, reverse=True)
    rows = [
        {**summarise_change_set(world, each), "EntityIdList": entity_ids(each)} for each in found
    ]
    return _page(rows, request, "ChangeSetSummaryList")


def entities(world: World, request: Members) -> Members:
    if request["EntityType"] != "Offer":
        raise NotSimulated(f"EntityType {request['EntityType']} of ListEntities")
    filters = request.get("EntityTypeFilters", {"OfferFilters": {}})
    if filters.keys() != {"OfferFilters"}:
        raise NotSimulated(f"{', '.join(filters)} of ListEntities")
    rows = [_offer(world, offer) for offer in world.aws.offers.values()]
    for name, condition in filters["OfferFilters"].items():
        kind = OFFER_FILTERS.get(name)
        if condition.keys() != {kind}:
            # AWS's model has no other condition for some filters.
            raise NotSimulated(f"filter {name} by {', '.join(condition)} of ListEntities")
        rows = [row for row in rows if _matches(row["OfferSummary"].get(name), condition)]
    rows.sort(key=lambda row: str(row["LastModifiedDate"]), reverse=True)
    return _page(rows, request, "EntitySummaryList")


def _offer(world: World, offer: Offer) -> Members:
    end = offer.availability_end
    summary = {
        "Name": offer.name,
        "ProductId": offer.product_id,
        "ReleaseDate": timestamp(offer.released_at) if offer.released_at else None,
        "AvailabilityEndDate": timestamp(end_of_day(end)) if end else None,
        "BuyerAccounts": offer.buyer_accounts,
        "State": offer.state,
        "Targeting": list(targeting(offer)) or ["None"],
        "TargetAgreementId": offer.replaces_agreement or offer.renews_agreement,
        # The model has no value for an amendment.
        "TargetAgreementIntent": "Renew" if offer.renews_agreement else None,
        "CreatedBySource": "AwsMarketplace" if offer.renews_agreement else "Seller",
    }
    return {
        "EntityType": "Offer",
        "EntityId": offer.id,
        "EntityArn": world.aws.arn("Offer", offer.id),
        "LastModifiedDate": timestamp(offer.last_modified or world.now()),
        "OfferSummary": given(summary),
    }


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
    return {name: shown} | ({"NextToken": token} if token else {})
