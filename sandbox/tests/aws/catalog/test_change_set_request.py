"""Errors that AWS returns at once: requests that violate the model, and invalid details."""

from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import (
    BUYER,
    CATALOG,
    Details,
    Seller,
    change,
    legal,
    pricing,
    schedule,
    status_and_code,
    upfront,
    validity,
)

INVALID_DETAILS: list[tuple[str, Any, str]] = [
    ("CreateOffer", {}, "ProductId"),
    ("CreateOffer", {"ProductId": "p" * 51}, "ProductId"),
    ("CreateOffer", {"ProductId": "prod-examplesaas01", "Name": "a<b"}, "Name"),
    ("UpdateInformation", {"Name": "n" * 151}, "Name"),
    ("UpdateInformation", {"Name": ""}, "Name"),
    ("UpdateInformation", {"Description": "d" * 256}, "Description"),
    ("UpdateInformation", {"Nmae": "Example"}, "Nmae"),
    (
        "UpdateInformation",
        {"PreExistingAgreement": {"AcquisitionChannel": "Web", "PricingModel": "Contract"}},
        "AcquisitionChannel",
    ),
    ("UpdateTargeting", {}, "PositiveTargeting"),
    ("UpdateTargeting", {"PositiveTargeting": {}}, "PositiveTargeting"),
    ("UpdateTargeting", {"PositiveTargeting": {"BuyerAccounts": []}}, "BuyerAccounts"),
    ("UpdateTargeting", {"PositiveTargeting": {"BuyerAccounts": ["1234"]}}, "BuyerAccounts"),
    ("UpdateTargeting", {"PositiveTargeting": {"BuyerAccounts": [111122223333]}}, "BuyerAccounts"),
    ("UpdatePricingTerms", {**pricing(), "PricingModel": "Lease"}, "PricingModel"),
    ("UpdatePricingTerms", {"PricingModel": "Contract", "Terms": []}, "Terms"),
    ("UpdatePricingTerms", pricing("-1"), "Price"),
    ("UpdatePricingTerms", pricing("0.0001"), "Price"),
    ("UpdatePricingTerms", pricing("100000001"), "Price"),
    ("UpdatePricingTerms", pricing(0.0), "Price"),  # type: ignore[arg-type]
    ("UpdatePricingTerms", pricing(quantity=0), "MaxQuantity"),
    ("UpdateValidityTerms", {"Terms": []}, "Terms"),
    ("UpdateValidityTerms", validity(AgreementEndDate="2026-13-01"), "AgreementEndDate"),
    ("UpdatePaymentScheduleTerms", schedule(("2026-03-02", "1.005")), "ChargeAmount"),
    ("UpdatePaymentScheduleTerms", schedule(("02.03.2026", "1")), "ChargeDate"),
    ("UpdatePaymentScheduleTerms", schedule(), "Schedule"),
    ("UpdateLegalTerms", legal(Type="StandardEula"), "Version"),
    ("UpdateLegalTerms", legal(Type="Handshake"), "Documents"),
    (
        "UpdateLegalTerms",
        {"Terms": [{"Type": "LegalTerm", "Documents": [{"Type": "CustomEula", "Url": "u"}] * 2}]},
        "Documents",
    ),
    ("UpdateAvailability", {"AvailabilityEndDate": "2026-04-01T00:00:00Z"}, "AvailabilityEndDate"),
    ("UpdateAvailability", {"AvailabilityEndDate": 20260401}, "AvailabilityEndDate"),
    ("ReleaseOffer", {"Now": True}, "Now"),
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


def _renamed(changes: list[Details], index: int, **fields: Any) -> list[Details]:
    return [{**each, **fields} if at == index else each for at, each in enumerate(changes)]


def _with(changes: list[Details], *more: Details) -> list[Details]:
    return [*changes, *more]


INVALID_CHANGE_SETS: dict[str, Any] = {
    "an unknown change type": (
        lambda changes: _renamed(changes, 1, ChangeType="CancelOffer"),
        "UnknownOperation",
    ),
    "a change for resellers": (
        lambda changes: _renamed(changes, 1, ChangeType="UpdateMarkup"),
        "UnknownOperation",
    ),
    "a change type against the pattern": (
        lambda changes: _renamed(changes, 1, ChangeType="updateInformation"),
        "FieldValidationFailed",
    ),
    "text that is not JSON": (
        lambda changes: [{**_without_details(changes[0]), "Details": "{ProductId}"}],
        "CannotParse",
    ),
    "details twice": (
        lambda changes: _renamed(changes, 0, Details="{}"),
        "FieldValidationFailed",
    ),
    "no details": (
        lambda changes: [_without_details(changes[0])],
        "FieldValidationFailed",
    ),
    "the same change twice": (
        lambda changes: _with(changes, changes[1]),
        "FieldValidationFailed",
    ),
    "the same name twice": (
        lambda changes: _with(changes, changes[0]),
        "FieldValidationFailed",
    ),
    "a reference to nothing": (
        lambda changes: changes[1:],
        "FieldValidationFailed",
    ),
    "a malformed reference": (
        lambda changes: _with(changes, change("ReleaseOffer", {}, "$CreateOffer.Identifier")),
        "FieldValidationFailed",
    ),
    "no entity": (
        lambda changes: _with(changes, change("ReleaseOffer", {})),
        "FieldValidationFailed",
    ),
    "an entity to create": (
        lambda _: [change("CreateOffer", {"ProductId": "prod-examplesaas01"}, "offer-1")],
        "FieldValidationFailed",
    ),
    "an entity of another type": (
        lambda changes: _renamed(changes, 0, Entity={"Type": "AmiProduct@1.0"}),
        "FieldValidationFailed",
    ),
    "a product as an offer": (
        lambda _: [change("ReleaseOffer", {}, "prod-examplesaas01")],
        "FieldValidationFailed",
    ),
    "a name with digits": (
        lambda changes: _renamed(changes, 0, ChangeName="Create1"),
        "FieldValidationFailed",
    ),
    "more than 20 changes": (
        lambda _: [change("CreateOffer", {"ProductId": "prod-examplesaas01"}) for _ in range(21)],
        "FieldValidationFailed",
    ),
}


def _without_details(sent: Details) -> Details:
    return {name: value for name, value in sent.items() if name != "DetailsDocument"}


@pytest.mark.parametrize("case", INVALID_CHANGE_SETS)
def test_invalid_change_sets(seller: Seller, case: str) -> None:
    alter, reason = INVALID_CHANGE_SETS[case]
    with pytest.raises(ClientError) as refused:
        seller.start(alter(seller.offer_changes()))
    assert status_and_code(refused.value) == (422, "ValidationException")
    response: Any = refused.value.response
    assert [entry["Reason"] for entry in response["ValidationExceptionFieldList"]] == [reason]
    assert not seller.world.aws.change_sets


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Intent", "VALIDATE"),
        ("Intent", "GUESS"),
        ("ClientRequestToken", "with space"),
        ("ClientRequestToken", "t" * 65),
        ("ChangeSetName", "n" * 101),
        ("ChangeSetName", "a|b"),
    ],
)
def test_invalid_request_members(seller: Seller, field: str, value: str) -> None:
    with pytest.raises(ClientError) as refused:
        seller.start(seller.offer_changes(), **{field: value})
    assert status_and_code(refused.value) == (422, "ValidationException")
    assert field in str(refused.value)


def test_an_unknown_catalog(seller: Seller) -> None:
    with pytest.raises(ClientError) as refused:
        seller.catalog.start_change_set(Catalog="Other", ChangeSet=seller.offer_changes())
    assert status_and_code(refused.value) == (422, "ValidationException")


@pytest.mark.parametrize(
    "changes",
    [
        [change("CreateOffer", {"ProductId": "prod-another1234"})],
        [change("CreateReplacementOffer", {"AgreementId": "agmt-unknown"})],
        [change("ReleaseOffer", {}, "offer-unknown123456")],
    ],
)
def test_unknown_entities(seller: Seller, changes: list[Details]) -> None:
    with pytest.raises(ClientError) as refused:
        seller.start(changes)
    assert status_and_code(refused.value) == (404, "ResourceNotFoundException")


@pytest.mark.parametrize("operation", ["describe_change_set", "cancel_change_set"])
def test_an_unknown_change_set(seller: Seller, operation: str) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(seller.catalog, operation)(Catalog=CATALOG, ChangeSetId="unknown")
    assert status_and_code(refused.value) == (404, "ResourceNotFoundException")


@pytest.mark.parametrize(
    ("region", "authorization", "error"),
    [
        ("us-east-1", None, "MissingAuthenticationTokenException"),
        ("us-east-1", "Bearer token", "IncompleteSignatureException"),
        ("eu-central-1", "", "InvalidSignatureException"),
    ],
)
def test_invalid_authorization_headers(
    sandbox: Sandbox, region: str, authorization: str | None, error: str
) -> None:
    if authorization == "":
        config = Config(retries={"max_attempts": 0})
        client = boto3.client(
            "marketplace-catalog",
            region_name=region,
            endpoint_url=sandbox.addresses.catalog,
            aws_access_key_id="example",
            aws_secret_access_key="example",
            config=config,
        )
        with pytest.raises(ClientError) as refused:
            client.list_change_sets(Catalog=CATALOG)
        assert status_and_code(refused.value) == (403, error)
        return
    headers = {} if authorization is None else {"Authorization": authorization}
    for address in (f"{sandbox.addresses.catalog}/ListEntities", sandbox.addresses.agreement):
        target = {"X-Amz-Target": "AWSMPCommerceService_v20200301.SearchAgreements"}
        response = httpx.post(address, json={}, headers={**headers, **target})
        assert response.status_code == 403
        named = response.headers.get("x-amzn-ErrorType") or response.json()["__type"]
        assert named.endswith(error)


def test_a_body_that_is_not_json(seller: Seller, sandbox: Sandbox) -> None:
    signature = (
        "AWS4-HMAC-SHA256 Credential=example/20260302/us-east-1/aws-marketplace/aws4_request,"
        f" SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    )
    response = httpx.post(
        f"{sandbox.addresses.catalog}/StartChangeSet",
        content="not JSON",
        headers={"Authorization": signature},
    )
    assert response.status_code == 400
    assert response.headers["x-amzn-ErrorType"] == "SerializationException"


def test_the_base_change_set_of_these_tests_is_valid(seller: Seller) -> None:
    assert seller.run(seller.offer_changes())["Status"] == "SUCCEEDED"
    seller.create_offer(
        UpdatePricingTerms=upfront(("platform", "120000.00")),
        UpdateValidityTerms=None,
        UpdatePaymentScheduleTerms=None,
    )
    assert BUYER in str(seller.world.aws.offers)
