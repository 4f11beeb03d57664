"""DescribeEntity, ListEntities and ListChangeSets."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from sandbox.tests.support.aws_seller import (
    BUYER,
    CATALOG,
    Details,
    Seller,
    change,
    status_and_code,
)


@pytest.fixture
def offers(seller: Seller) -> list[str]:
    """Three offers, created one day apart: two released for different buyers, and a draft."""
    other = {"PositiveTargeting": {"BuyerAccounts": ["444455556666"]}}
    made = []
    for details in (
        {"UpdateInformation": {"Name": "Alpha", "Description": "crm:1"}},
        {
            "UpdateInformation": {"Name": "Beta", "Description": "crm:2"},
            "UpdateTargeting": other,
            "UpdateAvailability": {"AvailabilityEndDate": "2026-03-20"},
        },
        {"UpdateInformation": {"Name": "Gamma", "Description": "c"}, "ReleaseOffer": None},
    ):
        start = {"UpdatePaymentScheduleTerms": _charge_on(seller)}
        made.append(seller.create_offer(**start, **details))
        seller.clock.advance(days=1)
    return made


def _charge_on(seller: Seller) -> Details:
    day = seller.clock.now.date().isoformat()
    entry = {"ChargeDate": day, "ChargeAmount": "1"}
    term = {"Type": "PaymentScheduleTerm", "CurrencyCode": "USD", "Schedule": [entry]}
    return {"Terms": [term]}


def listed(seller: Seller, filters: Details | None = None, **request: Any) -> list[str]:
    """The names of the offers in a list."""
    if filters:
        request["EntityTypeFilters"] = {"OfferFilters": filters}
    answer = seller.catalog.list_entities(Catalog=CATALOG, EntityType="Offer", **request)
    return [each["OfferSummary"]["Name"] for each in answer["EntitySummaryList"]]


def by(field: str, order: str = "ASCENDING") -> Details:
    return {"EntityTypeSort": {"OfferSort": {"SortBy": field, "SortOrder": order}}}


def test_offers_are_listed_newest_first_with_all_fields(seller: Seller, offers: list[str]) -> None:
    assert listed(seller) == ["Gamma", "Beta", "Alpha"]
    answer = seller.catalog.list_entities(Catalog=CATALOG, EntityType="Offer")
    first, *_, last = answer["EntitySummaryList"]
    assert last["EntityId"] == offers[0]
    assert last["LastModifiedDate"] == "2026-03-02T09:45:00Z"
    assert last["OfferSummary"] == {
        "Name": "Alpha",
        "ProductId": seller.world.aws.product_id,
        "ReleaseDate": "2026-03-02T09:45:00Z",
        "AvailabilityEndDate": "2026-04-01T23:59:59Z",
        "BuyerAccounts": [BUYER],
        "State": "Released",
        "Targeting": ["BuyerAccounts"],
        "CreatedBySource": "Seller",
    }
    assert first["OfferSummary"]["State"] == "Draft"
    assert "ReleaseDate" not in first["OfferSummary"]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"State": {"ValueList": ["Released"]}}, ["Alpha", "Beta"]),
        ({"State": {"ValueList": ["Draft", "Released"]}}, ["Alpha", "Beta", "Gamma"]),
        ({"Name": {"ValueList": ["Beta"]}}, ["Beta"]),
        ({"Name": {"WildCardValue": "*lph*"}}, ["Alpha"]),
        ({"BuyerAccounts": {"WildCardValue": "444455556666"}}, ["Beta"]),
        ({"Targeting": {"ValueList": ["CountryCodes"]}}, []),
        ({"ProductId": {"ValueList": ["prod-other"]}}, []),
        ({"CreatedBySource": {"ValueList": ["AwsMarketplace"]}}, []),
        ({"TargetAgreementId": {"ValueList": ["agmt-other"]}}, []),
        (
            {"LastModifiedDate": {"DateRange": {"AfterValue": "2026-03-03T00:00:00Z"}}},
            ["Beta", "Gamma"],
        ),
        (
            {
                "ReleaseDate": {
                    "DateRange": {
                        "AfterValue": "2026-03-01T00:00:00Z",
                        "BeforeValue": "2026-03-03T00:00:00Z",
                    }
                }
            },
            ["Alpha"],
        ),
        (
            {
                "AvailabilityEndDate": {"DateRange": {"BeforeValue": "2026-03-20T23:59:59Z"}},
                "State": {"ValueList": ["Released"]},
            },
            ["Beta"],
        ),
    ],
)
def test_filters(seller: Seller, offers: list[str], filters: Details, names: list[str]) -> None:
    assert listed(seller, filters, **by("Name")) == names


def test_filter_by_id(seller: Seller, offers: list[str]) -> None:
    assert listed(seller, {"EntityId": {"ValueList": [offers[1]]}}) == ["Beta"]


def test_filters_for_the_open_offers_of_one_buyer(seller: Seller, offers: list[str]) -> None:
    """The query of a seller before a second offer to the same account."""
    for number in range(60):
        accounts = [f"{222200000000 + number}", BUYER] if number % 2 else ["333344445555"]
        made = replace(
            seller.world.aws.offers[offers[0]],
            id=f"offer-{number:013d}",
            name=f"Many {number:02}",
            buyer_accounts=accounts,
            availability_end=date(2026, 4, 1) + timedelta(days=number),
        )
        seller.world.aws.offers[made.id] = made
    filters = {
        "BuyerAccounts": {"WildCardValue": BUYER},
        "ProductId": {"ValueList": [seller.world.aws.product_id]},
        "State": {"ValueList": ["Released"]},
        "AvailabilityEndDate": {
            "DateRange": {
                "AfterValue": "2026-04-11T00:00:00Z",
                "BeforeValue": "2026-05-25T23:59:59Z",
            }
        },
    }
    pages = seller.catalog.get_paginator("list_entities").paginate(
        Catalog=CATALOG,
        EntityType="Offer",
        EntityTypeFilters={"OfferFilters": filters},
        PaginationConfig={"PageSize": 10},
        **by("AvailabilityEndDate"),
    )

    found = [[each["OfferSummary"]["Name"] for each in page["EntitySummaryList"]] for page in pages]

    assert [len(page) for page in found] == [10, 10, 2]
    assert [name for page in found for name in page] == [
        f"Many {number:02}" for number in range(11, 55, 2)
    ]


def test_buyer_accounts_have_only_a_wildcard_filter(seller: Seller, offers: list[str]) -> None:
    """AWS's model has only a wildcard filter here, and boto3 sends nothing else."""
    request = {
        "Catalog": CATALOG,
        "EntityType": "Offer",
        "EntityTypeFilters": {"OfferFilters": {"BuyerAccounts": {"ValueList": [BUYER]}}},
    }
    signature = (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260302/us-east-1/aws-marketplace"
        f"/aws4_request, SignedHeaders=host, Signature={'0' * 64}"
    )
    refused = httpx.post(
        f"{seller.catalog.meta.endpoint_url}/ListEntities",
        json=request,
        headers={"Authorization": signature},
    )
    assert refused.status_code == 422
    assert "WildCardValue" in refused.json()["Message"]


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("Name", ["Gamma", "Beta", "Alpha"]),
        ("AvailabilityEndDate", ["Alpha", "Gamma", "Beta"]),
        ("LastModifiedDate", ["Gamma", "Beta", "Alpha"]),
    ],
)
def test_sort_order(seller: Seller, offers: list[str], field: str, names: list[str]) -> None:
    assert listed(seller, **by(field, "DESCENDING")) == names


def test_pages(seller: Seller, offers: list[str]) -> None:
    pages = seller.catalog.get_paginator("list_entities").paginate(
        Catalog=CATALOG, EntityType="Offer", PaginationConfig={"PageSize": 2}, **by("Name")
    )
    sizes = [len(page["EntitySummaryList"]) for page in pages]
    assert sizes == [2, 1]


@pytest.mark.parametrize(
    "request_",
    [
        {"NextToken": "bm9uc2Vuc2U="},
        {"NextToken": "nonsense"},
        {"MaxResults": 51},
        {"EntityType": "Nonsense"},
        {"FilterList": [{"Name": "EntityId", "ValueList": ["offer-1"]}]},
        {
            "EntityTypeFilters": {
                "OfferFilters": {
                    "Name": {"WildCardValue": "a"},
                    "BuyerAccounts": {"WildCardValue": "1"},
                }
            }
        },
        {
            "EntityTypeFilters": {
                "OfferFilters": {
                    **{
                        name: {"ValueList": ["some-value"]}
                        for name in ("EntityId", "Name", "ProductId", "TargetAgreementId")
                    },
                    "State": {"ValueList": ["Draft"]},
                    "Targeting": {"ValueList": ["None"]},
                    "CreatedBySource": {"ValueList": ["Seller"]},
                    "TargetAgreementIntent": {"ValueList": ["Renew"]},
                    "BuyerAccounts": {"WildCardValue": "1"},
                }
            }
        },
        {"EntityTypeFilters": {"OfferFilters": {"State": {"ValueList": ["Expired"]}}}},
        {
            "EntityTypeFilters": {
                "OfferFilters": {
                    "ReleaseDate": {"DateRange": {"AfterValue": "2026-02-01 00:00:00Z"}}
                }
            }
        },
        {"EntityTypeSort": {"OfferSort": {"SortBy": "Price"}}},
    ],
)
def test_invalid_lists(seller: Seller, request_: Details) -> None:
    with pytest.raises(ClientError) as refused:
        seller.catalog.list_entities(**{"Catalog": CATALOG, "EntityType": "Offer", **request_})
    assert status_and_code(refused.value) == (422, "ValidationException")


def test_the_product(seller: Seller) -> None:
    (summary,) = seller.catalog.list_entities(Catalog=CATALOG, EntityType="SaaSProduct")[
        "EntitySummaryList"
    ]
    assert summary["SaaSProductSummary"]["Visibility"] == "Public"
    document = seller.entity(summary["EntityId"])["DetailsDocument"]
    assert [each["Key"] for each in document["Dimensions"]] == ["platform"]


def test_an_unknown_entity(seller: Seller) -> None:
    with pytest.raises(ClientError) as refused:
        seller.entity("offer-unknown123456")
    assert status_and_code(refused.value) == (404, "ResourceNotFoundException")


def test_change_sets_are_listed(seller: Seller, offers: list[str]) -> None:
    rename = change("UpdateInformation", {"Name": "Delta"}, offers[0])
    running = seller.start([rename], ChangeSetName="rename")

    def ids(*filters: tuple[str, str], **request: Any) -> list[str]:
        if filters:
            request["FilterList"] = [{"Name": n, "ValueList": [v]} for n, v in filters]
        answer = seller.catalog.list_change_sets(Catalog=CATALOG, **request)
        return [each["ChangeSetId"] for each in answer["ChangeSetSummaryList"]]

    everything = ids()
    assert everything[0] == running
    assert len(everything) == 4
    oldest_first = ids(Sort={"SortBy": "StartTime", "SortOrder": "ASCENDING"})
    assert oldest_first == everything[::-1]
    assert ids(("EntityId", offers[0])) == [running, everything[-1]]
    assert ids(("EntityId", offers[0]), ("Status", "SUCCEEDED")) == [everything[-1]]
    assert ids(("ChangeSetName", "rename")) == [running]
    assert ids(("AfterStartTime", "2026-03-05T00:00:00Z")) == [running]
    assert ids(("BeforeStartTime", "2026-03-03T00:00:00Z")) == [everything[-1]]
    assert ids(("BeforeEndTime", "2026-03-03T00:00:00Z")) == [everything[-1]]
    assert len(ids(MaxResults=3)) == 3
    for wrong in (
        {"FilterList": [{"Name": "Colour", "ValueList": ["blue"]}]},
        {"Sort": {"SortBy": "Colour"}},
    ):
        with pytest.raises(ClientError) as refused:
            seller.catalog.list_change_sets(Catalog=CATALOG, **wrong)
        assert status_and_code(refused.value) == (422, "ValidationException")
