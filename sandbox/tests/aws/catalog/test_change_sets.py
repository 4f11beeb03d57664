"""Processing of change sets, with boto3."""

import re

import pytest
from botocore.exceptions import ClientError

from sandbox.tests.support.aws_seller import (
    BUYER,
    CATALOG,
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
