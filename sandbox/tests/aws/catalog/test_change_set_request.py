"""Errors that AWS returns at once: requests that violate the model, and invalid details."""

from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import (
    CATALOG,
    SESSION,
    Details,
    Seller,
    change,
    pricing,
    schedule,
    status_and_code,
    targeting,
    upfront,
    validity,
)

INVALID_DETAILS: list[tuple[str, Any, str]] = [
    ("CreateOffer", {}, "ProductId"),
    ("CreateOffer", {"ProductId": "prod-examplesaas01", "Name": "a<b"}, "Name"),
    ("UpdateInformation", {"Name": "n" * 151}, "Name"),
    ("UpdateInformation", {"Description": "d" * 256}, "Description"),
    ("UpdateTargeting", targeting(), "BuyerAccounts"),
    ("UpdateTargeting", targeting("1234"), "BuyerAccounts"),
    ("UpdatePricingTerms", pricing("-1"), "Price"),
    ("UpdatePricingTerms", pricing("0.0001"), "Price"),
    ("UpdatePricingTerms", pricing("100000001"), "Price"),
    ("UpdatePricingTerms", pricing(0.0), "Price"),  # type: ignore[arg-type]
    ("UpdatePricingTerms", pricing(quantity=0), "MaxQuantity"),
    ("UpdateValidityTerms", validity(AgreementEndDate="2026-13-01"), "AgreementEndDate"),
    ("UpdatePaymentScheduleTerms", schedule(("2026-03-02", "1.005")), "ChargeAmount"),
    ("UpdatePaymentScheduleTerms", schedule(("02.03.2026", "1")), "ChargeDate"),
    ("UpdatePaymentScheduleTerms", schedule(), "Schedule"),
    ("UpdateAvailability", {"AvailabilityEndDate": "2026-04-01T00:00:00Z"}, "AvailabilityEndDate"),
]


@pytest.mark.parametrize(("kind", "details", "field"), INVALID_DETAILS)
def test_invalid_details(seller: Seller, kind: str, details: Any, field: str) -> None:
    with pytest.raises(ClientError) as refused:
        seller.start(seller.offer_changes(**{kind: details}))
    assert status_and_code(refused.value) == (422, "ValidationException")
    response: Any = refused.value.response
    entries = response["ValidationExceptionFieldList"]
    assert any(field in entry["Field"] for entry in entries), entries
    assert {entry["ChangeType"] for entry in entries} == {kind}
    assert not seller.world.aws.change_sets


PRODUCT = {"ProductId": "prod-examplesaas01"}
CREATE = change("CreateOffer", PRODUCT, name="CreateOffer")
WITHOUT_DETAILS = {"ChangeType": "CreateOffer", "Entity": {"Type": "Offer@1.0"}}
REFERENCE = "$CreateOffer.Entity.Identifier"
RELEASE = change("ReleaseOffer", {}, REFERENCE)
USAGE = {"Type": "UsageBasedPricingTerm"}
(CARD,) = upfront(("platform", "1"))["Terms"]
TWO_CARDS = {**CARD, "RateCards": CARD["RateCards"] * 2}
COUNTRIES = {"PositiveTargeting": {"BuyerAccounts": ["111122223333"], "CountryCodes": ["US"]}}
INVALID, NOT_FOUND, NOT_SIMULATED = 422, 404, 501
INVALID_CHANGES: list[tuple[int, list[Details], str]] = [
    (INVALID, [{**CREATE, "ChangeType": "create"}], "/ChangeSet/0/ChangeType"),
    (INVALID, [{**CREATE, "ChangeName": "Create1"}], "/ChangeSet/0/ChangeName"),
    (INVALID, [WITHOUT_DETAILS], "Provide either Details or DetailsDocument"),
    (INVALID, [CREATE, RELEASE, RELEASE], "/ChangeSet/2/ChangeType"),
    (INVALID, [RELEASE], "No change creates CreateOffer"),
    (INVALID, [change("ReleaseOffer", {}, "$C.Identifier")], "a reference of the form"),
    (INVALID, [change("ReleaseOffer", {})], "needs an Identifier"),
    (INVALID, [change("CreateOffer", PRODUCT, "offer-1")], "takes no Identifier"),
    (INVALID, [CREATE] * 21, "at most 20"),
    (NOT_FOUND, [change("CreateOffer", {"ProductId": "prod-other"})], "prod-other"),
    (NOT_FOUND, [change("ReleaseOffer", {}, "offer-unknown")], "offer-unknown"),
    (NOT_FOUND, [change("CreateReplacementOffer", {"AgreementId": "agmt-1"})], "agmt-1"),
    (NOT_SIMULATED, [{**RELEASE, "ChangeType": "AddDimensions"}], "AddDimensions of Offer@1.0"),
    (NOT_SIMULATED, [{**CREATE, "Entity": {"Type": "AmiProduct@1.0"}}], "of AmiProduct@1.0"),
    (NOT_SIMULATED, [change("ReleaseOffer", {}, "offer-1@2")], "an Identifier with a revision"),
    (NOT_SIMULATED, [{**WITHOUT_DETAILS, "Details": "{}"}], "only DetailsDocument"),
    (NOT_SIMULATED, [change("CreateOffer", {**PRODUCT, "OfferSetId": "o"})], "/OfferSetId"),
    (NOT_SIMULATED, [change("UpdateTargeting", COUNTRIES, REFERENCE)], "/CountryCodes"),
    *(
        (NOT_SIMULATED, [change("UpdatePricingTerms", details, REFERENCE)], name)
        for details, name in [
            ({**pricing(), "PricingModel": "Usage"}, "PricingModel Usage"),
            (upfront(("platform", "1"), allowed=(True, False)), "Constraints with Allowed"),
            ({"PricingModel": "Contract", "Terms": [TWO_CARDS]}, "a second rate card"),
            ({"PricingModel": "Contract", "Terms": [USAGE]}, "UsageBasedPricingTerm"),
        ]
    ),
]
ERROR = {
    INVALID: "ValidationException",
    NOT_FOUND: "ResourceNotFoundException",
    NOT_SIMULATED: "NotImplementedException",
}


@pytest.mark.parametrize(("status", "changes", "text"), INVALID_CHANGES)
def test_invalid_changes(seller: Seller, status: int, changes: list[Details], text: str) -> None:
    check_rejected(seller, status, text, ChangeSet=changes)


@pytest.mark.parametrize(
    ("status", "members", "text"),
    [
        (INVALID, {"ClientRequestToken": "a b"}, "ClientRequestToken"),
        (INVALID, {"ClientRequestToken": "t" * 65}, "at most 64"),
        (INVALID, {"ChangeSetName": "a|b"}, "ChangeSetName"),
        (NOT_SIMULATED, {"Intent": "VALIDATE"}, "Intent of StartChangeSet"),
        (NOT_SIMULATED, {"ChangeSetTags": [{"Key": "a", "Value": "b"}]}, "ChangeSetTags of"),
        (NOT_SIMULATED, {"Catalog": "Other"}, "catalog Other"),
    ],
)
def test_invalid_members(seller: Seller, status: int, members: Details, text: str) -> None:
    check_rejected(seller, status, text, ChangeSet=seller.offer_changes(), **members)


def check_rejected(seller: Seller, status: int, text: str, **request: Any) -> None:
    with pytest.raises(ClientError) as refused:
        seller.catalog.start_change_set(**{"Catalog": CATALOG, **request})
    assert status_and_code(refused.value) == (status, ERROR[status])
    assert text in str(refused.value)
    assert ("not simulated: " in str(refused.value)) == (status == NOT_SIMULATED)
    assert not seller.world.aws.change_sets


def test_authorization(sandbox: Sandbox) -> None:
    clients = {
        api: SESSION.client(
            f"marketplace-{api}",
            region_name="eu-central-1",
            endpoint_url=getattr(sandbox.addresses, api),
        )
        for api in ("catalog", "agreement")
    }
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        clients["catalog"].list_change_sets(Catalog=CATALOG)
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        clients["agreement"].describe_agreement(agreementId="agmt-1")
    unsigned = httpx.post(f"{sandbox.addresses.catalog}/ListEntities", json={})
    assert unsigned.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
