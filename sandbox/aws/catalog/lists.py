"""The Catalog API's lists: filters, order, pages."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from sandbox.aws.catalog.change_set_request import invalid
from sandbox.aws.catalog.entities import arn, entity_ids, summarise_change_set, timestamp
from sandbox.aws.paging import page
from sandbox.aws.protocol import AwsError
from sandbox.clock import end_of_day
from sandbox.world import ChangeSet, Offer, World

HISTORY = timedelta(days=60)
"""How long AWS remembers a change set."""

DEFAULT_PAGE = 20
MAX_FILTERS = 8
CONDITIONS = {"ValueList", "WildCardValue", "DateRange"}
WILD_CARD_ONLY = ("BuyerAccounts",)
"""Filters for which the model has no list of values."""

CHANGE_SET_FILTERS: dict[str, Callable[[dict[str, Any], list[str]], bool]] = {
    "EntityId": lambda row, values: bool(set(row["EntityIdList"]) & set(values)),
    "ChangeSetName": lambda row, values: row.get("ChangeSetName") in values,
    "Status": lambda row, values: row["Status"] in values,
    "AfterStartTime": lambda row, values: row["StartTime"] > values[0],
    "BeforeStartTime": lambda row, values: row["StartTime"] < values[0],
    "AfterEndTime": lambda row, values: row.get("EndTime", "") > values[0],
    "BeforeEndTime": lambda row, values: "" < row.get("EndTime", "") < values[0],
}


def remembered(world: World, change_set: ChangeSet) -> bool:
    """Whether AWS still knows of a change set."""
    return world.now() - change_set.started_at <= HISTORY


def change_sets(world: World, request: dict[str, Any]) -> dict[str, Any]:
    """An answer of ListChangeSets."""
    rows = [
        {**summarise_change_set(world, each), "EntityIdList": entity_ids(each)}
        for each in world.change_sets.values()
        if remembered(world, each)
    ]
    for index, each in enumerate(request.get("FilterList", [])):
        passes = CHANGE_SET_FILTERS.get(each.get("Name"))
        if passes is None or not each.get("ValueList"):
            raise invalid(f"/FilterList/{index}", f"Unknown filter {each.get('Name')}")
        rows = [row for row in rows if passes(row, each["ValueList"])]
    sort = request.get("Sort", {})
    by = sort.get("SortBy", "StartTime")
    if by not in ("StartTime", "EndTime"):
        raise invalid("/Sort/SortBy", f"Can't sort by {by}")
    rows.sort(
        key=lambda row: str(row.get(by, "")),
        reverse=sort.get("SortOrder", "DESCENDING") == "DESCENDING",
    )
    return _page(rows, request, "ChangeSetSummaryList")


def entities(world: World, request: dict[str, Any]) -> dict[str, Any]:
    """An answer of ListEntities."""
    if request.get("FilterList") or request.get("Sort"):
        raise invalid("/FilterList", "Use EntityTypeFilters and EntityTypeSort")
    match request["EntityType"]:
        case "Offer":
            rows = [_offer(world, offer) for offer in world.offers.values()]
            filters = request.get("EntityTypeFilters", {}).get("OfferFilters", {})
            sort = request.get("EntityTypeSort", {}).get("OfferSort", {})
        case "SaaSProduct":
            rows, filters, sort = [_product(world)], {}, {}
        case other:
            raise AwsError("ValidationException", f"The sandbox has no entities of type {other}")
    _check_filters(filters)
    for name, condition in filters.items():
        rows = [row for row in rows if _passes(_fact(row, name), condition)]
    by = sort.get("SortBy", "LastModifiedDate")
    rows.sort(
        key=lambda row: str(_fact(row, by) or ""),
        reverse=sort.get("SortOrder", "DESCENDING") == "DESCENDING",
    )
    return _page(rows, request, "EntitySummaryList")


def _check_filters(filters: dict[str, Any]) -> None:
    if len(filters) > MAX_FILTERS:
        raise invalid("/EntityTypeFilters", f"Provide up to {MAX_FILTERS} filters")
    if sum("WildCardValue" in condition for condition in filters.values()) > 1:
        raise invalid("/EntityTypeFilters", "Provide up to 1 wildcard filter")
    for name, condition in filters.items():
        known = {"WildCardValue"} if name in WILD_CARD_ONLY else CONDITIONS
        if not known & condition.keys():
            # ASSUMED: else a filter that AWS does not know would find everything.
            raise invalid(f"/EntityTypeFilters/{name}", f"Provide {' or '.join(sorted(known))}")


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
        # The model has no word for an amendment.
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
    visibility = world.product_visibility
    return {
        "Name": "Example SaaS",
        "EntityType": "SaaSProduct",
        "EntityId": world.product_id,
        "EntityArn": arn(world, "SaaSProduct", world.product_id),
        "LastModifiedDate": "2026-01-01T00:00:00Z",
        "Visibility": visibility,
        "SaaSProductSummary": {"ProductTitle": "Example SaaS", "Visibility": visibility},
    }


def _fact(row: dict[str, Any], name: str) -> Any:
    return row[name] if name in row else row.get("OfferSummary", {}).get(name)


def _passes(fact: Any, condition: dict[str, Any]) -> bool:
    facts = fact if isinstance(fact, list) else [fact]
    if "ValueList" in condition:
        return bool(set(facts) & set(condition["ValueList"]))
    if "WildCardValue" in condition:
        # ASSUMED: the text stands anywhere, capitals or not.
        wanted = condition["WildCardValue"].strip("*%").lower()
        return any(wanted in str(each).lower() for each in facts)
    span = condition["DateRange"]
    return fact is not None and (
        span.get("AfterValue", fact) <= fact <= span.get("BeforeValue", fact)
    )


def _page(rows: Sequence[Any], request: dict[str, Any], name: str) -> dict[str, Any]:
    try:
        shown, token = page(rows, request.get("MaxResults", DEFAULT_PAGE), request.get("NextToken"))
    except ValueError:
        raise invalid("/NextToken", "NextToken isn't one that was given out") from None
    answer: dict[str, Any] = {name: list(shown)}
    if token:
        answer["NextToken"] = token
    return answer
