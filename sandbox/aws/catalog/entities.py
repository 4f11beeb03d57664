"""Offers, the product and change sets in the form of the Catalog API."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.aws.marketplace_state import Change, ChangeSet, Offer
from sandbox.world import World

EULA_COPIES = "https://aws-mp-offer-legal-artifacts-us-east-1-prod.s3.amazonaws.com"
"""The address of AWS's own copies of legal documents."""

MAX_DETAILS = 16384
"""Maximum length of `Details`; a document in `DetailsDocument` may be longer (ASSUMED)."""


def timestamp(instant: datetime) -> str:
    """An instant in the format of the API, in UTC, to the second."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def arn(world: World, kind: str, entity_id: str) -> str:
    """The ARN of an entity or change set of the seller."""
    account = world.aws.seller_account
    return f"arn:aws:aws-marketplace:us-east-1:{account}:AWSMarketplace/{kind}/{entity_id}"


def describe_offer(world: World, offer: Offer) -> dict[str, Any]:
    """The response of DescribeEntity for an offer."""
    document = {
        "Id": offer.id,
        "State": offer.state,
        "Name": offer.name,
        "Description": offer.description,
        "PreExistingAgreement": offer.pre_existing_agreement,
        "ProductId": offer.product_id,
        "Terms": [_term(offer, term) for term in offer.terms],
        "Rules": _rules(offer),
    }
    kept = {name: value for name, value in document.items() if value is not None}
    return {
        "EntityType": "Offer@1.0",
        "EntityIdentifier": f"{offer.id}@{offer.revision}",
        "EntityArn": arn(world, "Offer", offer.id),
        "LastModifiedDate": timestamp(offer.last_modified or world.now()),
        "Details": _text(kept),
        "DetailsDocument": kept,
    }


def describe_product(world: World) -> dict[str, Any]:
    """The response of DescribeEntity for the product, with the fields that an offer depends on."""
    document = {
        "Description": {"ProductTitle": "Example SaaS", "Visibility": world.aws.product_visibility},
        "Dimensions": [
            {"Key": key, "Name": key, "Types": ["Entitled"], "Unit": "Units"}
            for key in world.aws.dimensions
        ],
    }
    return {
        "EntityType": "SaaSProduct@1.0",
        "EntityIdentifier": f"{world.aws.product_id}@1",
        "EntityArn": arn(world, "SaaSProduct", world.aws.product_id),
        "LastModifiedDate": "2026-01-01T00:00:00Z",
        "Details": _text(document),
        "DetailsDocument": document,
    }


def describe_change(change: Change) -> dict[str, Any]:
    """A change in the response of DescribeChangeSet."""
    entity = {"Type": change.entity_type}
    if change.entity_id:
        entity["Identifier"] = change.entity_id
    described = {
        "ChangeType": change.type,
        "Entity": entity,
        "Details": _text(change.details),
        "DetailsDocument": change.details,
        "ErrorDetailList": change.errors,
        "ChangeName": change.name,
    }
    return {name: value for name, value in described.items() if value is not None}


def summarise_change_set(world: World, change_set: ChangeSet) -> dict[str, Any]:
    """The fields of a change set that lists and descriptions share."""
    ended = change_set.ended_at
    summary = {
        "ChangeSetId": change_set.id,
        "ChangeSetArn": arn(world, "ChangeSet", change_set.id),
        "ChangeSetName": change_set.name,
        "StartTime": timestamp(change_set.started_at),
        "EndTime": timestamp(ended) if ended else None,
        "Status": change_set.status,
        "FailureCode": change_set.failure_code,
    }
    return {name: value for name, value in summary.items() if value is not None}


def entity_ids(change_set: ChangeSet) -> list[str]:
    """The ids of the existing entities in a change set."""
    ids = [change.entity_id.partition("@")[0] for change in change_set.changes if change.entity_id]
    return sorted({each for each in ids if not each.startswith("$")})


def _text(document: Any) -> str | None:
    """A document as JSON text; None if it is too long for the model or no object."""
    text = json.dumps(document, separators=(",", ":"))
    return text if isinstance(document, dict) and len(text) <= MAX_DETAILS else None


def _term(offer: Offer, term: dict[str, Any]) -> dict[str, Any]:
    """A term as AWS returns it, which differs from the request."""
    match term["Type"]:
        case "FixedUpfrontPricingTerm":
            return {**term, "Price": f"{Decimal(term['Price']).normalize():f}"}
        case "PaymentScheduleTerm":
            schedule = [
                {**each, "ChargeDate": f"{each['ChargeDate']}T00:00:00.000Z"}
                for each in term["Schedule"]
            ]
            return {**term, "Schedule": schedule}
        case "ValidityTerm":
            # ASSUMED: real responses are known only for schedules and availability.
            times = {"AgreementStartDate": "00:00:00.000Z", "AgreementEndDate": "23:59:59.999Z"}
            days = {name: f"{term[name]}T{time}" for name, time in times.items() if name in term}
            return {**term, **days}
        case "LegalTerm":
            documents = [
                {**each, "Url": f"{EULA_COPIES}/{offer.id}/{each['Type']}"}
                for each in term["Documents"]
            ]
            return {**term, "Documents": documents}
        case _:
            return term


def _rules(offer: Offer) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = []
    if offer.availability_end:
        end = f"{offer.availability_end}T23:59:59.999Z"
        rules.append({"Type": "AvailabilityRule", "AvailabilityEndDate": end})
    targeting = {"BuyerAccounts": offer.buyer_accounts, "CountryCodes": offer.country_codes}
    if any(targeting.values()):
        positive = {name: value for name, value in targeting.items() if value}
        rules.append({"Type": "TargetingRule", "PositiveTargeting": positive})
    return rules
