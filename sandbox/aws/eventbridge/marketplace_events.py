"""AWS Marketplace's events (AWS: EventBridge events for sellers).

They are sent only if the world has an event bus.
"""

import uuid
from datetime import datetime
from typing import Any

from sandbox.aws.eventbridge.event_bus import Event
from sandbox.aws.marketplace_state import Agreement, CancellationRequest, ChangeSet, Offer
from sandbox.world import World

CATALOG = "aws.marketplacecatalog"
AGREEMENTS = "aws.agreement-marketplace"
DISBURSEMENTS = "aws.marketplace"

REPORTED_END_STATUSES = ("CANCELLED", "EXPIRED", "TERMINATED", "RENEWED", "REPLACED")
"""Statuses for which AWS sends an event.  ASSUMED: none for a roll-back, as none is documented."""


def send_change_set_ended(world: World, change_set: ChangeSet) -> None:
    """A change set has ended.  Only this event has its details in PascalCase."""
    detail = {
        "requestId": str(uuid.uuid4()),
        "Catalog": "AWSMarketplace",
        "ChangeSetId": change_set.id,
        **({"ChangeSetName": change_set.name} if change_set.name else {}),
        "StartTime": _instant(change_set.started_at),
        "EndTime": _instant(change_set.ended_at or world.now()),
    }
    if change_set.failure_code:
        detail["FailureCode"] = change_set.failure_code
    kind = f"Change Set {change_set.status.capitalize()}"
    _send(world, CATALOG, kind, [_entity(world, "ChangeSet", change_set.id)], detail)


def send_offer_released(world: World, offer: Offer) -> None:
    """Buyers can accept an offer."""
    seller = {"accountId": world.aws.seller_account, "name": "Seller Account Name"}
    expires = f"{offer.availability_end}T00:00:00Z" if offer.availability_end else None
    _send(
        world,
        CATALOG,
        "Offer Released",
        [_entity(world, "Offer", offer.id)],
        _detail(
            offer={
                "id": offer.id,
                "arn": f"arn:aws:catalog:us-east-1:{world.aws.seller_account}:Offer/{offer.id}",
                "name": offer.name,
                "expirationDate": expires,
            },
            product={
                "id": offer.product_id,
                "arn": _entity(world, "SaaSProduct", offer.product_id),
                "title": "Product Title",
            },
            manufacturer=seller,
            sellerOfRecord=seller,
            targetedBuyerAccountIds=offer.buyer_accounts,
        ),
    )


def send_agreement_created(world: World, agreement: Agreement, offer: Offer) -> None:
    """A buyer has accepted, or AWS has renewed."""
    intent = "REPLACE" if offer.replaces_agreement else "NEW"
    # ASSUMED: only a renewal names the previous agreement.
    previous = {}
    if offer.renews_agreement:
        intent, previous = "RENEW", {"previousAgreementId": offer.renews_agreement}
    _send_agreement_event(
        world,
        "Created",
        agreement,
        {
            "id": agreement.id,
            "intent": intent,
            "status": agreement.status,
            "acceptanceTime": _instant(agreement.accepted_at),
            "startTime": _instant(agreement.start),
            "endTime": _instant(agreement.end),
            **previous,
        },
    )


def send_agreement_ended(world: World, agreement: Agreement) -> None:
    """An agreement is no longer active."""
    if agreement.status in REPORTED_END_STATUSES:
        _send_agreement_event(
            world, "Ended", agreement, {"id": agreement.id, "status": agreement.status}
        )


def send_cancellation_changed(world: World, request: CancellationRequest) -> None:
    """A cancellation request was sent, answered or withdrawn, or failed its validation."""
    agreement = world.aws.agreements[request.agreement_id]
    status = request.status.replace("_", " ").title()
    _send(
        world,
        AGREEMENTS,
        f"Agreement Cancellation Request {status} - Proposer",
        [],
        _detail(
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
                "createdAt": _instant(request.created_at),
                "updatedAt": _instant(request.updated_at),
            },
        ),
    )


def send_disbursement_paused(world: World) -> None:
    """AWS pauses payouts because the seller's bank data are not valid."""
    instrument = f"arn:aws:payments:us-east-1:{world.aws.seller_account}:paymentinstrument:123"
    _send(world, DISBURSEMENTS, "Disbursement Paused", [instrument], _detail())


def _send_agreement_event(
    world: World, change: str, agreement: Agreement, details: dict[str, Any]
) -> None:
    _send(
        world,
        AGREEMENTS,
        f"Purchase Agreement {change} - Proposer",
        [f"arn:aws:aws-marketplace::aws:agreement:{agreement.id}"],
        _detail(
            agreement=details,
            # The seller is no reseller.
            resaleAuthorization=None,
            acceptor={"accountId": agreement.acceptor},
            proposer={"accountId": world.aws.seller_account},
            offer={"id": agreement.offer_id},
        ),
    )


def _send(
    world: World, source: str, kind: str, resources: list[str], detail: dict[str, Any]
) -> None:
    if world.aws.event_bus:
        event = Event(source, kind, world.now(), resources, detail)
        world.aws.event_bus.send(event, world.faults.take("events", kind))


def _detail(**members: Any) -> dict[str, Any]:
    return {"requestId": str(uuid.uuid4()), "catalog": "AWSMarketplace", **members}


def _entity(world: World, kind: str, entity_id: str) -> str:
    seller = world.aws.seller_account
    return f"arn:aws:aws-marketplace:us-east-1:{seller}:AWSMarketplace/{kind}/{entity_id}"


def _instant(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
