"""DescribeEntity of the product, ListEntities and ListChangeSets."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.tests.support.aws_seller import BUYER, CATALOG, Details, Seller, status_and_code

OTHER = "444455556666"


@pytest.fixture
def first(seller: Seller) -> str:
    """The first of six offers; each is changed later, and available longer, than the one before."""
    first = seller.create_offer()
    offer = seller.world.aws.offers[first]
    assert offer.last_modified
    for number in range(1, 6):
        later = replace(
            offer,
            id=f"offer-{number}",
            state="Draft" if number == 5 else "Released",
            buyer_accounts=[OTHER] if number == 2 else [OTHER, BUYER],
            product_id="prod-other" if number == 3 else offer.product_id,
            availability_end=date(2026, 4, 1) + timedelta(days=number),
            last_modified=offer.last_modified + timedelta(days=number),
        )
        seller.world.aws.offers[later.id] = later
    return first


def listed(seller: Seller, **filters: Details) -> list[str]:
    """The ids of the offers in a list."""
    pages = seller.catalog.get_paginator("list_entities").paginate(
        Catalog=CATALOG,
        EntityType="Offer",
        EntityTypeFilters={"OfferFilters": filters},
        PaginationConfig={"PageSize": 2},
    )
    return [each["EntityId"] for page in pages for each in page["EntitySummaryList"]]


def test_offers_are_listed_with_their_fields(seller: Seller, first: str) -> None:
    assert listed(seller) == [*(f"offer-{number}" for number in (5, 4, 3, 2, 1)), first]
    answer = seller.catalog.list_entities(Catalog=CATALOG, EntityType="Offer")
    last = answer["EntitySummaryList"][-1]
    assert last["LastModifiedDate"] == "2026-03-02T09:45:00Z"
    assert last["OfferSummary"] == {
        "Name": "Example Corp - 12 months",
        "ProductId": seller.world.aws.product_id,
        "ReleaseDate": "2026-03-02T09:45:00Z",
        "AvailabilityEndDate": "2026-04-01T23:59:59Z",
        "BuyerAccounts": [BUYER],
        "State": "Released",
        "Targeting": ["BuyerAccounts"],
        "CreatedBySource": "Seller",
    }


def test_filters_for_the_open_offers_of_one_buyer(seller: Seller, first: str) -> None:
    """The query of a seller before a second offer to the same account."""
    found = listed(
        seller,
        BuyerAccounts={"WildCardValue": BUYER},
        ProductId={"ValueList": [seller.world.aws.product_id]},
        State={"ValueList": ["Released"]},
        AvailabilityEndDate={"DateRange": {"AfterValue": "2026-04-02T00:00:00Z"}},
    )
    assert found == ["offer-4", "offer-1"]


INVALID = (422, "ValidationException")
NOT_SIMULATED = (501, "NotImplementedException")
STATUS = {"Name": "Status", "ValueList": ["FAILED"]}
REJECTED: list[tuple[str, Details, tuple[int, str]]] = [
    ("list_entities", {"NextToken": "nonsense"}, INVALID),
    ("list_entities", {"MaxResults": 51}, INVALID),
    ("describe_entity", {"EntityId": "offer-1"}, (404, "ResourceNotFoundException")),
    ("list_entities", {"EntityType": "SaaSProduct"}, NOT_SIMULATED),
    ("list_entities", {"EntityTypeSort": {"OfferSort": {"SortBy": "Name"}}}, NOT_SIMULATED),
    ("list_entities", {"EntityTypeFilters": {"SaaSProductFilters": {}}}, NOT_SIMULATED),
    (
        "list_entities",
        {"EntityTypeFilters": {"OfferFilters": {"Name": {"ValueList": ["Alpha"]}}}},
        NOT_SIMULATED,
    ),
    ("list_change_sets", {"FilterList": [STATUS]}, NOT_SIMULATED),
    ("list_change_sets", {"Sort": {"SortBy": "StartTime"}}, NOT_SIMULATED),
]


@pytest.mark.parametrize(("operation", "members", "error"), REJECTED)
def test_rejected_calls(
    seller: Seller, operation: str, members: Details, error: tuple[int, str]
) -> None:
    entity_type = {"EntityType": "Offer"} if operation == "list_entities" else {}
    with pytest.raises(ClientError) as refused:
        getattr(seller.catalog, operation)(**{"Catalog": CATALOG, **entity_type, **members})
    assert status_and_code(refused.value) == error
    assert ("not simulated: " in str(refused.value)) == (error == NOT_SIMULATED)


def test_the_product(seller: Seller) -> None:
    product = seller.entity(seller.world.aws.product_id)
    assert f":{seller.world.aws.seller_account}:" in product["EntityArn"]
    document = product["DetailsDocument"]
    assert document["Description"]["Visibility"] == "Public"
    assert [each["Key"] for each in document["Dimensions"]] == ["platform"]


def test_change_sets_are_listed_by_name(seller: Seller) -> None:
    started = []
    for name in ("first", "second"):
        started.append(seller.start(seller.offer_changes(), ChangeSetName=name))
        seller.clock.advance(minutes=1)

    def ids(**request: Any) -> list[str]:
        answer = seller.catalog.list_change_sets(Catalog=CATALOG, **request)
        return [each["ChangeSetId"] for each in answer["ChangeSetSummaryList"]]

    assert ids() == started[::-1]
    assert ids(MaxResults=1) == started[1:]
    assert ids(FilterList=[{"Name": "ChangeSetName", "ValueList": ["first"]}]) == started[:1]
