"""ListChangeSets and ListEntities of the Catalog API: filters, order, pages."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from sandbox.aws.catalog.change_set_request import field_error
from sandbox.aws.catalog.entities import arn, entity_ids, summarise_change_set, timestamp
from sandbox.aws.marketplace_state import ChangeSet, Offer
from sandbox.aws.paging import page
from sandbox.aws.protocol import AwsError
from sandbox.clock import end_of_day
from sandbox.world import World

RETENTION = timedelta(days=60)
"""How long AWS keeps a change set."""

DEFAULT_PAGE = 20
MAX_FILTERS = 8
CONDITIONS = {"ValueList", "WildCardValue", "DateRange"}
WILD_CARD_ONLY = ("BuyerAccounts",)
"""Filters that have no ValueList in the model."""

CHANGE_SET_FILTERS: dict[str, Callable[[dict[str, Any], list[str]], bool]] = {
    "EntityId": lambda row, values: bool(set(row["EntityIdList"]) & set(values)),
    "ChangeSetName": lambda row, values: row.get("ChangeSetName") in values,
    "Status": lambda row, values: row["Status"] in values,
    "AfterStartTime": lambda row, values: row["StartTime"] > values[0],
    "BeforeStartTime": lambda row, values: row["StartTime"] < values[0],
    "AfterEndTime": lambda row, values: row.get("EndTime", "") > values[0],
    "BeforeEndTime": lambda row, values: "" < row.get("EndTime", "") < values[0],
}


def is_listed(world: World, change_set: ChangeSet) -> bool:
    """Whether AWS still keeps a change set."""
    return world.now() - change_set.started_at <= RETENTION


def change_sets(world: World, request: dict[str, Any]) -> dict[str, Any]:
    """The response of ListChangeSets."""
    rows = [
        {**summarise_change_set(world, each), "EntityIdList": entity_ids(each)}
        for each in world.aws.change_sets.values()
        if is_listed(world, each)
    ]
    for index, each in enumerate(request.get("FilterList", [])):
        matches = CHANGE_SET_FILTERS.get(each.get("Name"))
        if matches is None or not each.get("ValueList"):
            raise field_error(f"/FilterList/{index}", f"Unknown filter {each.get('Name')}")
        rows = [row for row in rows if matches(row, each["ValueList"])]
    sort = request.get("Sort", {})
    by = sort.get("SortBy", "StartTime")
    if by not in ("StartTime", "EndTime"):
        raise field_error("/Sort/SortBy", f"Can't sort by {by}")
    rows.sort(
        key=lambda row: str(row.get(by, "")),
        reverse=sort.get("SortOrder", "DESCENDING") == "DESCENDING",
    )
    return _page(rows, request, "ChangeSetSummaryList")


def entities(world: World, request: dict[str, Any]) -> dict[str, Any]:
    """The response of ListEntities."""
    if request.get("FilterList") or request.get("Sort"):
        raise field_error("/FilterList", "Use EntityTypeFilters and EntityTypeSort")
    match request["EntityType"]:
        case "Offer":
            rows = [_offer(world, offer) for offer in world.aws.offers.values()]
            filters = request.get("EntityTypeFilters", {}).get("OfferFilters", {})
            sort = request.get("EntityTypeSort", {}).get("OfferSort", {})
        case "SaaSProduct":
            rows, filters, sort = [_product(world)], {}, {}
        case other:
            raise AwsError("ValidationException", f"The sandbox has no entities of type {other}")
    _check_filters(filters)
    for name, condition in filters.items():
        rows = [row for row in rows if _matches(_value(row, name), condition)]
    by = sort.get("SortBy", "LastModifiedDate")
    rows.sort(
        key=lambda row: str(_value(row, by) or ""),
        reverse=sort.get("SortOrder", "DESCENDING") == "DESCENDING",
    )
    return _page(rows, request, "EntitySummaryList")


def _check_filters(filters: dict[str, Any]) -> None:
    if len(filters) > MAX_FILTERS:
        raise field_error("/EntityTypeFilters", f"Provide up to {MAX_FILTERS} filters")
    if sum("WildCardValue" in condition for condition in filters.values()) > 1:
        raise field_error("/EntityTypeFilters", "Provide up to 1 wildcard filter")
    for name, condition in filters.items():
        known = {"WildCardValue"} if name in WILD_CARD_ONLY else CONDITIONS
        if not known & condition.keys():
            # ASSUMED: AWS rejects an unknown filter instead of ignoring it.
            raise field_error(f"/EntityTypeFilters/{name}", f"Provide {' or '.join(sorted(known))}")


def _offer(world: World, offer: Offer) -> dict[str, Any]:
    targeting = {"BuyerAccounts": offer.buyer_accounts, "CountryCodes": offer.country_codes}
    end = offer.availability_end
    summary = {
        "Name": offer.name,
        "ProductId": offer.product_id,
        "ReleaseDate": timestamp(offer.released_at) if offer.released_at else None,
        "AvailabilityEndDate": timestamp(end_of_day(end)) if end else None,
        "BuyerAccounts": offer.buyer_accounts,
        "State": offer.state,
        "Targeting": [name for name, value in targeting.items() if value] or ["None"],
        "TargetAgreementId": offer.replaces_agreement or offer.renews_agreement,
        # The model has no value for an amendment.
        "TargetAgreementIntent": "Renew" if offer.renews_agreement else None,
        "CreatedBySource": "AwsMarketplace" if offer.renews_agreement else "Seller",
    }
    return {
        "EntityType": "Offer",
        "EntityId": offer.id,
        "EntityArn": arn(world, "Offer", offer.id),
        "LastModifiedDate": timestamp(offer.last_modified or world.now()),
        "OfferSummary": {name: value for name, value in summary.items() if value is not None},
    }


def _product(world: World) -> dict[str, Any]:
    visibility = world.aws.product_visibility
    return {
        "Name": "Example SaaS",
        "EntityType": "SaaSProduct",
        "EntityId": world.aws.product_id,
        "EntityArn": arn(world, "SaaSProduct", world.aws.product_id),
        "LastModifiedDate": "2026-01-01T00:00:00Z",
        "Visibility": visibility,
        "SaaSProductSummary": {"ProductTitle": "Example SaaS", "Visibility": visibility},
    }


def _value(row: dict[str, Any], name: str) -> Any:
    return row[name] if name in row else row.get("OfferSummary", {}).get(name)


def _matches(value: Any, condition: dict[str, Any]) -> bool:
    values = value if isinstance(value, list) else [value]
    if "ValueList" in condition:
        return bool(set(values) & set(condition["ValueList"]))
    if "WildCardValue" in condition:
        # ASSUMED: the text may be anywhere in the value, and case is ignored.
        text = condition["WildCardValue"].strip("*%").lower()
        return any(text in str(each).lower() for each in values)
    span = condition["DateRange"]
    return value is not None and (
        span.get("AfterValue", value) <= value <= span.get("BeforeValue", value)
    )


def _page(rows: Sequence[Any], request: dict[str, Any], name: str) -> dict[str, Any]:
    try:
        shown, token = page(rows, request.get("MaxResults", DEFAULT_PAGE), request.get("NextToken"))
    except ValueError:
        raise field_error("/NextToken", "NextToken isn't valid") from None
    answer: dict[str, Any] = {name: list(shown)}
    if token:
        answer["NextToken"] = token
    return answer
