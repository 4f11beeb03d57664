"""Change sets, entities and their lists, with boto3."""

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.tests.support.aws_seller import (
    BUYER,
    CATALOG,
    Details,
    Seller,
    error_codes,
    status_and_code,
)


def test_an_offer_is_prepared_applied_and_released(seller: Seller) -> None:
    change_set_id = seller.start(seller.offer_changes(), ChangeSetName="opp-1 rev 1")
    described = seller.describe(change_set_id)
    assert re.fullmatch(r"[a-z0-9]{25}", change_set_id)
    assert (described["Status"], described["ChangeSetName"]) == ("PREPARING", "opp-1 rev 1")
    assert described["StartTime"] == "2026-03-02T09:00:00Z"
    assert "EndTime" not in described
    assert described["ChangeSet"][0]["Entity"] == {"Type": "Offer@1.0"}
    seller.clock.advance(minutes=5)
    assert seller.describe(change_set_id)["Status"] == "APPLYING"
    assert not seller.world.aws.offers
    seller.clock.advance(minutes=40)
    described = seller.describe(change_set_id)
    assert (described["Status"], described["EndTime"]) == ("SUCCEEDED", "2026-03-02T09:45:00Z")
    (identifier,) = {each["Entity"]["Identifier"] for each in described["ChangeSet"]}
    assert re.fullmatch(r"offer-[a-z0-9]{13}@1", identifier)


def test_the_created_offer_is_described(seller: Seller) -> None:
    offer_id = seller.create_offer()
    seller.world.aws.offers[offer_id].country_codes = ["US"]
    entity = seller.entity(offer_id)
    assert (entity["EntityType"], entity["EntityIdentifier"]) == ("Offer@1.0", f"{offer_id}@1")
    assert entity["EntityArn"].endswith(f":AWSMarketplace/Offer/{offer_id}")
    assert entity["LastModifiedDate"] == "2026-03-02T09:45:00Z"
    document = entity["DetailsDocument"]
    assert (document["State"], document["Name"]) == ("Released", "Example Corp - 12 months")
    assert document["Description"] == "crm:opp-1 rev 1"
    targeting = {"BuyerAccounts": [BUYER], "CountryCodes": ["US"]}
    assert document["Rules"] == [
        {"Type": "AvailabilityRule", "AvailabilityEndDate": "2026-04-01T23:59:59.999Z"},
        {"Type": "TargetingRule", "PositiveTargeting": targeting},
    ]
    terms = {term["Type"]: term for term in document["Terms"]}
    assert terms["FixedUpfrontPricingTerm"]["Price"] == "0"
    assert terms["PaymentScheduleTerm"]["Schedule"] == [
        {"ChargeDate": "2026-03-02T00:00:00.000Z", "ChargeAmount": "120000.00"}
    ]
    (eula,) = terms["LegalTerm"]["Documents"]
    assert eula["Version"] == "2022-07-14"
    assert eula["Url"].startswith("https://")


def test_a_token_belongs_to_one_request(seller: Seller) -> None:
    seller.start(seller.offer_changes(), ClientRequestToken="opp-1-rev1")
    with pytest.raises(ClientError, match="token") as refused:
        seller.start(seller.offer_changes(ReleaseOffer=None), ClientRequestToken="opp-1-rev1")
    assert status_and_code(refused.value) == (422, "ValidationException")


def test_injected_failures(seller: Seller) -> None:
    seller.world.aws.change_set_processing.failures = ["SERVER_FAULT", "INVALID_TAX_INFORMATION"]
    fault = seller.run(seller.offer_changes())
    assert (fault["Status"], fault["FailureCode"]) == ("FAILED", "SERVER_FAULT")
    assert fault["FailureDescription"]
    rejected = seller.run(seller.offer_changes())
    assert error_codes(rejected) == {"ReleaseOffer": ["INVALID_TAX_INFORMATION"]}
    assert seller.run(seller.offer_changes())["Status"] == "SUCCEEDED"


def test_change_sets_are_kept_for_sixty_days(seller: Seller) -> None:
    change_set_id = seller.start(seller.offer_changes())
    seller.clock.advance(days=60)
    assert seller.describe(change_set_id)["Status"] == "SUCCEEDED"
    seller.clock.advance(days=1)
    for call in (seller.catalog.describe_change_set, seller.catalog.cancel_change_set):
        with pytest.raises(ClientError) as refused:
            call(Catalog=CATALOG, ChangeSetId=change_set_id)
        assert status_and_code(refused.value) == (404, "ResourceNotFoundException")
    assert not seller.catalog.list_change_sets(Catalog=CATALOG)["ChangeSetSummaryList"]


def test_at_most_twenty_offers_are_in_progress(seller: Seller) -> None:
    for _ in range(20):
        seller.start(seller.offer_changes())
    seller.world.aws.throttle = True
    with pytest.raises(ClientError) as refused:
        seller.start(seller.offer_changes())
    assert status_and_code(refused.value) == (402, "ServiceQuotaExceededException")
    seller.clock.advance(hours=1)
    assert seller.start(seller.offer_changes())


# Entities and lists -------------------------------------------------------------------------------

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
