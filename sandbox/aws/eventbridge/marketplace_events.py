"""What AWS tells of itself by EventBridge, as its page on EventBridge events for sellers shows it.

Nobody hears any of it unless the sandbox was told of an EventBridge.
"""

import uuid
from datetime import datetime
from typing import Any

from sandbox.aws.eventbridge.event_bus import Event
from sandbox.world import Agreement, CancellationRequest, ChangeSet, Offer, World

CATALOG = "aws.marketplacecatalog"
AGREEMENTS = "aws.agreement-marketplace"
DISBURSEMENTS = "aws.marketplace"

ENDINGS = ("CANCELLED", "EXPIRED", "TERMINATED", "RENEWED", "REPLACED")
"""Of these AWS tells.  ASSUMED: of a roll-back it does not, as no page says that it does."""


def change_set_ended(world: World, change_set: ChangeSet) -> None:
    """A change set has come to its end.  These details alone are in PascalCase."""
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
    _tell(world, CATALOG, kind, [_entity(world, "ChangeSet", change_set.id)], detail)


def offer_released(world: World, offer: Offer) -> None:
    """Buyers can accept an offer."""
    seller = {"accountId": world.seller_account, "name": "Seller Account Name"}
    expires = f"{offer.availability_end}T00:00:00Z" if offer.availability_end else None
    _tell(
        world,
        CATALOG,
        "Offer Released",
        [_entity(world, "Offer", offer.id)],
        _detail(
            offer={
                "id": offer.id,
                "arn": f"arn:aws:catalog:us-east-1:{world.seller_account}:Offer/{offer.id}",
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


def agreement_created(world: World, agreement: Agreement, offer: Offer) -> None:
    """A buyer has accepted, or AWS has renewed."""
    intent = "REPLACE" if offer.replaces_agreement else "NEW"
    # ASSUMED: of what was before, only a renewal tells.
    before = {}
    if offer.renews_agreement:
        intent, before = "RENEW", {"previousAgreementId": offer.renews_agreement}
    _tell_of(
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
            **before,
        },
    )


def agreement_ended(world: World, agreement: Agreement) -> None:
    """An agreement is not in force any more."""
    if agreement.status in ENDINGS:
        _tell_of(world, "Ended", agreement, {"id": agreement.id, "status": agreement.status})


def cancellation_changed(world: World, request: CancellationRequest) -> None:
    """The seller's request to cancel was made, answered, withdrawn or refused."""
    agreement = world.agreements[request.agreement_id]
    status = request.status.replace("_", " ").title()
    _tell(
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


def disbursement_paused(world: World) -> None:
    """The seller's bank data are not valid."""
    instrument = f"arn:aws:payments:us-east-1:{world.seller_account}:paymentinstrument:123"
    _tell(world, DISBURSEMENTS, "Disbursement Paused", [instrument], _detail())


def _tell_of(world: World, change: str, agreement: Agreement, told: dict[str, Any]) -> None:
    _tell(
        world,
        AGREEMENTS,
        f"Purchase Agreement {change} - Proposer",
        [f"arn:aws:aws-marketplace::aws:agreement:{agreement.id}"],
        _detail(
            agreement=told,
            # The seller sells what is its own.
            resaleAuthorization=None,
            acceptor={"accountId": agreement.acceptor},
            proposer={"accountId": world.seller_account},
            offer={"id": agreement.offer_id},
        ),
    )


def _tell(
    world: World, source: str, kind: str, resources: list[str], detail: dict[str, Any]
) -> None:
    if world.event_bus:
        event = Event(source, kind, world.now(), resources, detail)
        world.event_bus.put(event, world.faults.strike("events", kind))


def _detail(**told: Any) -> dict[str, Any]:
    return {"requestId": str(uuid.uuid4()), "catalog": "AWSMarketplace", **told}


def _entity(world: World, kind: str, entity_id: str) -> str:
    seller = world.seller_account
    return f"arn:aws:aws-marketplace:us-east-1:{seller}:AWSMarketplace/{kind}/{entity_id}"


def _instant(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
