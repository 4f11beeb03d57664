"""Processing of change sets, with boto3."""

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.marketplace_state import Buyer
from sandbox.tests.support.aws_seller import (
    BUYER,
    CATALOG,
    Seller,
    change,
    error_codes,
    status_and_code,
)


def test_an_offer_is_prepared_applied_and_released(seller: Seller) -> None:
    change_set_id = seller.start(
        seller.offer_changes(), ChangeSetName="opp-1 rev 1", ClientRequestToken="opp-1-rev1"
    )
    described = seller.describe(change_set_id)
    assert re.fullmatch(r"[a-z0-9]{25}", change_set_id)
    assert described["Status"] == "PREPARING"
    assert described["ChangeSetName"] == "opp-1 rev 1"
    assert described["StartTime"] == "2026-03-02T09:00:00Z"
    assert "EndTime" not in described
    assert described["ChangeSet"][0]["Entity"] == {"Type": "Offer@1.0"}

    seller.clock.advance(minutes=5)
    assert seller.describe(change_set_id)["Status"] == "APPLYING"
    assert not seller.world.aws.offers

    seller.clock.advance(minutes=40)
    described = seller.describe(change_set_id)
    assert described["Status"] == "SUCCEEDED"
    assert described["EndTime"] == "2026-03-02T09:45:00Z"
    identifiers = {each["Entity"]["Identifier"] for each in described["ChangeSet"]}
    (identifier,) = identifiers
    assert re.fullmatch(r"offer-[a-z0-9]{13}@1", identifier)


def test_the_created_offer_is_described(seller: Seller) -> None:
    offer_id = seller.create_offer()
    entity = seller.entity(offer_id)
    assert entity["EntityType"] == "Offer@1.0"
    assert entity["EntityIdentifier"] == f"{offer_id}@1"
    assert entity["EntityArn"].endswith(f":AWSMarketplace/Offer/{offer_id}")
    assert entity["LastModifiedDate"] == "2026-03-02T09:45:00Z"
    document = entity["DetailsDocument"]
    assert document["State"] == "Released"
    assert document["Name"] == "Example Corp - 12 months"
    assert document["Description"] == "crm:opp-1 rev 1"
    assert document["Rules"] == [
        {"Type": "AvailabilityRule", "AvailabilityEndDate": "2026-04-01T23:59:59.999Z"},
        {"Type": "TargetingRule", "PositiveTargeting": {"BuyerAccounts": [BUYER]}},
    ]
    terms = {term["Type"]: term for term in document["Terms"]}
    assert terms["FixedUpfrontPricingTerm"]["Price"] == "0"
    assert terms["PaymentScheduleTerm"]["Schedule"] == [
        {"ChargeDate": "2026-03-02T00:00:00.000Z", "ChargeAmount": "120000.00"}
    ]
    (eula,) = terms["LegalTerm"]["Documents"]
    assert eula["Version"] == "2022-07-14"
    assert eula["Url"].startswith("https://")


def test_an_offer_is_a_draft_until_it_is_released(seller: Seller) -> None:
    offer_id = seller.create_offer(ReleaseOffer=None)
    assert seller.entity(offer_id)["DetailsDocument"]["State"] == "Draft"
    done = seller.run([change("ReleaseOffer", {}, f"{offer_id}@1")])
    assert done["Status"] == "SUCCEEDED"
    assert done["ChangeSet"][0]["Entity"]["Identifier"] == f"{offer_id}@1"
    assert seller.entity(offer_id)["DetailsDocument"]["State"] == "Released"
    assert seller.entity(offer_id)["EntityIdentifier"] == f"{offer_id}@2"


def test_an_invalid_change_set_fails_early_and_changes_nothing(seller: Seller) -> None:
    seller.world.aws.buyers[BUYER] = Buyer(BUYER, exists=False)
    change_set_id = seller.start(seller.offer_changes())
    seller.clock.advance(minutes=5)
    failed = seller.describe(change_set_id)
    assert (failed["Status"], failed["FailureCode"]) == ("FAILED", "CLIENT_ERROR")
    assert failed["EndTime"] == "2026-03-02T09:05:00Z"
    assert error_codes(failed) == {"UpdateTargeting": ["INVALID_BUYER_ACCOUNTS"]}
    seller.clock.advance(days=1)
    assert seller.describe(change_set_id)["Status"] == "FAILED"
    assert not seller.world.aws.offers


def test_a_released_offer_is_updated_after_two_minutes(seller: Seller) -> None:
    offer_id = seller.create_offer()
    end = {"AvailabilityEndDate": "2026-05-01"}
    change_set_id = seller.start([change("UpdateAvailability", end, offer_id)])
    seller.clock.advance(minutes=2)
    described = seller.describe(change_set_id)
    assert described["Status"] == "SUCCEEDED"
    assert described["ChangeSet"][0]["Entity"]["Identifier"] == offer_id
    rules = seller.entity(offer_id)["DetailsDocument"]["Rules"]
    assert rules[0]["AvailabilityEndDate"] == "2026-05-01T23:59:59.999Z"


def test_a_past_end_date_withdraws_an_offer_and_a_later_one_restores_it(seller: Seller) -> None:
    offer_id = seller.create_offer()
    offer = seller.world.aws.offers[offer_id]
    assert seller.world.aws.acceptable(offer)
    for day, acceptable in (("2026-03-01", False), ("2026-05-01", True)):
        done = seller.run([change("UpdateAvailability", {"AvailabilityEndDate": day}, offer_id)])
        assert done["Status"] == "SUCCEEDED"
        assert seller.world.aws.acceptable(seller.world.aws.offers[offer_id]) is acceptable


def test_a_repeated_request_with_the_same_token_starts_one_change_set(seller: Seller) -> None:
    changes = seller.offer_changes()
    first = seller.start(changes, ClientRequestToken="opp-1-rev1")
    seller.clock.advance(days=1)
    assert seller.start(changes, ClientRequestToken="opp-1-rev1") == first
    seller.clock.advance(days=1)
    seller.world.advance()
    assert len(seller.world.aws.change_sets) == len(seller.world.aws.offers) == 1


def test_another_request_with_the_same_token_is_rejected(seller: Seller) -> None:
    seller.start(seller.offer_changes(), ClientRequestToken="opp-1-rev1")
    with pytest.raises(ClientError) as refused:
        seller.start(seller.offer_changes(UpdateLegalTerms=None), ClientRequestToken="opp-1-rev1")
    assert status_and_code(refused.value) == (422, "ValidationException")
    assert "token" in str(refused.value)


def test_requests_with_different_tokens_create_two_offers(seller: Seller) -> None:
    assert seller.start(seller.offer_changes()) != seller.start(seller.offer_changes())


def test_a_running_change_set_locks_its_offer(seller: Seller) -> None:
    offer_id = seller.create_offer()
    later = [change("UpdateAvailability", {"AvailabilityEndDate": "2026-05-01"}, offer_id)]
    running = seller.start(later)
    with pytest.raises(ClientError) as refused:
        seller.start(later)
    assert status_and_code(refused.value) == (423, "ResourceInUseException")
    assert running in str(refused.value)
    seller.clock.advance(minutes=3)
    assert seller.run(later)["Status"] == "SUCCEEDED"


def test_a_change_set_can_be_cancelled_while_it_is_preparing(seller: Seller) -> None:
    change_set_id = seller.start(seller.offer_changes())
    seller.catalog.cancel_change_set(Catalog=CATALOG, ChangeSetId=change_set_id)
    seller.clock.advance(hours=2)
    assert seller.describe(change_set_id)["Status"] == "CANCELLED"
    assert not seller.world.aws.offers


@pytest.mark.parametrize(
    ("minutes", "expected_error"),
    [(6, (423, "ResourceInUseException")), (60, (422, "ValidationException"))],
)
def test_a_change_set_cannot_be_cancelled_later(
    seller: Seller, minutes: int, expected_error: tuple[int, str]
) -> None:
    change_set_id = seller.start(seller.offer_changes())
    seller.clock.advance(minutes=minutes)
    with pytest.raises(ClientError) as refused:
        seller.catalog.cancel_change_set(Catalog=CATALOG, ChangeSetId=change_set_id)
    assert status_and_code(refused.value) == expected_error
    seller.clock.advance(hours=2)
    assert seller.describe(change_set_id)["Status"] == "SUCCEEDED"


def test_injected_failures(seller: Seller) -> None:
    seller.world.aws.change_set_processing.failures = ["SERVER_FAULT", "INVALID_TAX_INFORMATION"]
    fault = seller.run(seller.offer_changes())
    assert (fault["Status"], fault["FailureCode"]) == ("FAILED", "SERVER_FAULT")
    assert fault["FailureDescription"]
    expected_error = seller.run(seller.offer_changes())
    assert expected_error["FailureCode"] == "CLIENT_ERROR"
    assert error_codes(expected_error) == {"ReleaseOffer": ["INVALID_TAX_INFORMATION"]}
    assert seller.run(seller.offer_changes())["Status"] == "SUCCEEDED"


def test_the_error_for_an_old_revision_names_the_latest(seller: Seller) -> None:
    offer_id = seller.create_offer()
    done = seller.run([change("UpdateInformation", {"Name": "Other"}, f"{offer_id}@1")])
    assert done["Status"] == "SUCCEEDED"
    with pytest.raises(ClientError) as refused:
        seller.start([change("UpdateInformation", {"Name": "Third"}, f"{offer_id}@1")])
    assert status_and_code(refused.value) == (422, "ValidationException")
    assert f"{offer_id}@2" in str(refused.value)


def test_details_can_be_json_text(seller: Seller) -> None:
    offer_id = seller.create_offer()
    rename: dict[str, Any] = change("UpdateInformation", {}, offer_id)
    del rename["DetailsDocument"]
    done = seller.run([{**rename, "Details": '{"Name": "Other"}'}])
    assert done["ChangeSet"][0]["DetailsDocument"] == {"Name": "Other"}
    assert seller.entity(offer_id)["DetailsDocument"]["Name"] == "Other"


def test_one_change_set_adds_a_dimension_and_an_offer_that_uses_it(seller: Seller) -> None:
    dimension = {
        "Key": "extra",
        "Name": "Extra",
        "Description": "An extra",
        "Types": ["Entitled"],
        "Unit": "Units",
    }
    add: dict[str, Any] = change("AddDimensions", [dimension], seller.world.aws.product_id)
    add["Entity"]["Type"] = "SaaSProduct@1.0"
    terms = {
        "PricingModel": "Contract",
        "Terms": [
            {
                "Type": "FixedUpfrontPricingTerm",
                "CurrencyCode": "USD",
                "Price": "0",
                "Grants": [{"DimensionKey": "extra", "MaxQuantity": 1}],
            }
        ],
    }
    done = seller.run([add, *seller.offer_changes(UpdatePricingTerms=terms)])
    assert done["Status"] == "SUCCEEDED"
    assert seller.world.aws.dimensions == ("platform", "extra")
    assert "Details" not in done["ChangeSet"][0]


def test_change_sets_are_kept_for_sixty_days(seller: Seller) -> None:
    change_set_id = seller.start(seller.offer_changes())
    seller.clock.advance(days=60)
    assert seller.describe(change_set_id)["Status"] == "SUCCEEDED"
    seller.clock.advance(days=1)
    with pytest.raises(ClientError) as refused:
        seller.describe(change_set_id)
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
