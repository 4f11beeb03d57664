"""AWS Marketplace's events (AWS: EventBridge events for sellers).

They are sent only if the world has an event bus.
"""

import json
import uuid
from typing import Any

from sandbox.aws.marketplace_state import (
    Agreement,
    CancellationRequest,
    ChangeSet,
    Offer,
    given,
)
from sandbox.clock import timestamp
from sandbox.world import World

CATALOG = "aws.marketplacecatalog"
AGREEMENTS = "aws.agreement-marketplace"

REPORTED_END_STATUSES = ("CANCELLED", "EXPIRED", "TERMINATED", "RENEWED", "REPLACED")
"""Statuses for which AWS sends an event.  ASSUMED: none for a roll-back, as none is documented."""


def send_change_set_ended(world: World, change_set: ChangeSet) -> None:
    """A change set has ended.  Only this event has its details in PascalCase."""
    detail = {
        "requestId": str(uuid.uuid4()),
        "Catalog": "AWSMarketplace",
        "ChangeSetId": change_set.id,
        "ChangeSetName": change_set.name,
        "StartTime": timestamp(change_set.started_at),
        "EndTime": timestamp(change_set.ended_at or world.now()),
        "FailureCode": change_set.failure_code,
    }
    kind = f"Change Set {change_set.status.capitalize()}"
    _send(world, CATALOG, kind, [world.aws.arn("ChangeSet", change_set.id)], given(detail))


def send_offer_released(world: World, offer: Offer) -> None:
    seller = {"accountId": world.aws.seller_account, "name": "Seller Account Name"}
    expires = f"{offer.availability_end}T00:00:00Z" if offer.availability_end else None
    detail = _detail(
        offer={
            "id": offer.id,
            "arn": f"arn:aws:catalog:us-east-1:{world.aws.seller_account}:Offer/{offer.id}",
            "name": offer.name,
            "expirationDate": expires,
        },
        product={
            "id": offer.product_id,
            "arn": world.aws.arn("SaaSProduct", offer.product_id),
            "title": "Product Title",
        },
        manufacturer=seller,
        sellerOfRecord=seller,
        targetedBuyerAccountIds=offer.buyer_accounts,
    )
    _send(world, CATALOG, "Offer Released", [world.aws.arn("Offer", offer.id)], detail)


def send_agreement_created(world: World, agreement: Agreement, offer: Offer) -> None:
    """A buyer has accepted, or AWS has renewed.  ASSUMED: only a renewal names the previous one."""
    intent = "REPLACE" if offer.replaces_agreement else "NEW"
    details = {
        "id": agreement.id,
        "intent": "RENEW" if offer.renews_agreement else intent,
        "status": agreement.status,
        "acceptanceTime": timestamp(agreement.accepted_at),
        "startTime": timestamp(agreement.start),
        "endTime": timestamp(agreement.end),
        "previousAgreementId": offer.renews_agreement,
    }
    _send_agreement_event(world, "Created", agreement, given(details))


def send_agreement_ended(world: World, agreement: Agreement) -> None:
    if agreement.status in REPORTED_END_STATUSES:
        details = {"id": agreement.id, "status": agreement.status}
        _send_agreement_event(world, "Ended", agreement, details)


def _send_agreement_event(
    world: World, change: str, agreement: Agreement, details: dict[str, Any]
) -> None:
    detail = _detail(
        agreement=details,
        # The seller is no reseller.
        resaleAuthorization=None,
        acceptor={"accountId": agreement.acceptor},
        proposer={"accountId": world.aws.seller_account},
        offer={"id": agreement.offer_id},
    )
    resource = f"arn:aws:aws-marketplace::aws:agreement:{agreement.id}"
    _send(world, AGREEMENTS, f"Purchase Agreement {change} - Proposer", [resource], detail)


def send_cancellation_changed(world: World, request: CancellationRequest) -> None:
    """A cancellation request was sent, answered or withdrawn, or failed its validation."""
    agreement = world.aws.agreements[request.agreement_id]
    status = request.status.replace("_", " ").title()
    detail = _detail(
        agreement={
            "id": agreement.id,
            "acceptorId": agreement.acceptor,
            "productId": agreement.product_id,
            "offerId": agreement.offer_id,
        },
        agreementCancellationRequest={
            "id": request.id,
            "reasonCode": request.reason_code,
            "reasonMessage": request.description or "",
            "statusCode": request.status,
            "statusMessage": request.status_message or "",
            "createdAt": timestamp(request.created_at),
            "updatedAt": timestamp(request.updated_at),
        },
    )
    _send(world, AGREEMENTS, f"Agreement Cancellation Request {status} - Proposer", [], detail)


def send_disbursement_paused(world: World) -> None:
    """AWS pauses payouts because the seller's bank data are not valid."""
    instrument = f"arn:aws:payments:us-east-1:{world.aws.seller_account}:paymentinstrument:123"
    _send(world, "aws.marketplace", "Disbursement Paused", [instrument], _detail())


def _send(
    world: World, source: str, kind: str, resources: list[str], detail: dict[str, Any]
) -> None:
    if world.aws.event_bus:
        event = {
            "Source": source,
            "DetailType": kind,
            "Time": world.now(),
            "Resources": resources,
            "Detail": json.dumps(detail),
        }
        world.aws.event_bus.send(event, world.faults.take("events", kind))


def _detail(**members: Any) -> dict[str, Any]:
    return {"requestId": str(uuid.uuid4()), "catalog": "AWSMarketplace", **members}
