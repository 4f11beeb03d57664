"""Offers, the product and change sets in the form of the Catalog API."""

from decimal import Decimal
from typing import Any

from sandbox.aws.marketplace_state import Change, ChangeSet, Offer, given
from sandbox.clock import end_of_day, timestamp
from sandbox.world import World

EULA_COPIES = "https://aws-mp-offer-legal-artifacts-us-east-1-prod.s3.amazonaws.com"
"""The address of AWS's own copies of legal documents."""


def describe_offer(world: World, offer: Offer) -> dict[str, Any]:
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
    modified = timestamp(offer.last_modified or world.now())
    return _entity(world, "Offer", f"{offer.id}@{offer.revision}", modified, given(document))


def describe_product(world: World) -> dict[str, Any]:
    """The response of DescribeEntity for the product, with the fields that an offer depends on."""
    document = {
        "Description": {"ProductTitle": "Example SaaS", "Visibility": world.aws.product_visibility},
        "Dimensions": [
            {"Key": key, "Name": key, "Types": ["Entitled"], "Unit": "Units"}
            for key in world.aws.dimensions
        ],
    }
    revision = f"{world.aws.product_id}@1"
    return _entity(world, "SaaSProduct", revision, "2026-01-01T00:00:00Z", document)


def _entity(
    world: World, kind: str, revision: str, modified: str, document: dict[str, Any]
) -> dict[str, Any]:
    return {
        "EntityType": f"{kind}@1.0",
        "EntityIdentifier": revision,
        "EntityArn": world.aws.arn(kind, revision.partition("@")[0]),
        "LastModifiedDate": modified,
        "DetailsDocument": document,
    }


def describe_change(change: Change) -> dict[str, Any]:
    described = {
        "ChangeType": change.type,
        "Entity": given({"Type": change.entity_type, "Identifier": change.entity_id}),
        "DetailsDocument": change.details,
        "ErrorDetailList": change.errors,
        "ChangeName": change.name,
    }
    return given(described)


def summarise_change_set(world: World, change_set: ChangeSet) -> dict[str, Any]:
    """The fields of a change set that lists and descriptions share."""
    ended = change_set.ended_at
    summary = {
        "ChangeSetId": change_set.id,
        "ChangeSetArn": world.aws.arn("ChangeSet", change_set.id),
        "ChangeSetName": change_set.name,
        "StartTime": timestamp(change_set.started_at),
        "EndTime": timestamp(ended) if ended else None,
        "Status": change_set.status,
        "FailureCode": change_set.failure_code,
    }
    return given(summary)


def summarise_offer(world: World, offer: Offer) -> dict[str, Any]:
    end = offer.availability_end
    summary = {
        "Name": offer.name,
        "ProductId": offer.product_id,
        "ReleaseDate": timestamp(offer.released_at) if offer.released_at else None,
        "AvailabilityEndDate": timestamp(end_of_day(end)) if end else None,
        "BuyerAccounts": offer.buyer_accounts,
        "State": offer.state,
        "Targeting": list(_targeting(offer)) or ["None"],
        "TargetAgreementId": offer.replaces_agreement or offer.renews_agreement,
        # The model has no value for an amendment.
        "TargetAgreementIntent": "Renew" if offer.renews_agreement else None,
        "CreatedBySource": "AwsMarketplace" if offer.renews_agreement else "Seller",
    }
    return {
        "EntityType": "Offer",
        "EntityId": offer.id,
        "EntityArn": world.aws.arn("Offer", offer.id),
        "LastModifiedDate": timestamp(offer.last_modified or world.now()),
        "OfferSummary": given(summary),
    }


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


def _targeting(offer: Offer) -> dict[str, list[str]]:
    targets = {"BuyerAccounts": offer.buyer_accounts, "CountryCodes": offer.country_codes}
    return {name: value for name, value in targets.items() if value}


def _rules(offer: Offer) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = []
    if offer.availability_end:
        end = f"{offer.availability_end}T23:59:59.999Z"
        rules.append({"Type": "AvailabilityRule", "AvailabilityEndDate": end})
    if positive := _targeting(offer):
        rules.append({"Type": "TargetingRule", "PositiveTargeting": positive})
    return rules
