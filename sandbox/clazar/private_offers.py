"""Clazar's private offers: AWS's offers in the form of Clazar's API.

The fields are those of Clazar's normalised responses (`response_format=common`).  Clazar does not
publish the values for states and types; the tables of such values are marked ASSUMED.
"""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.aws.marketplace_state import Agreement, Offer
from sandbox.clazar.clazar_state import ClazarLinks
from sandbox.clock import end_of_day
from sandbox.world import World

Resource = dict[str, Any]

OFFER_STATUS = {"open": "published", "accepted": "accepted", "past": "expired"}
"""ASSUMED."""

OFFER_TYPE = {"new": "private_offer", "replacement": "agreement_based_offer"}
"""ASSUMED."""

OFFER_URL = "https://aws.amazon.com/marketplace/saas/ordering?productId={product}&offerId={offer}"
"""The form of real links for buyers; AWS does not document it."""


def clazar_id(cloud_id: str) -> str:
    """Clazar's id of a resource: always the same UUID for the same AWS id."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://clazar.example/{cloud_id}"))


def timestamp(instant: datetime) -> str:
    """An instant in Clazar's format: UTC with microseconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def visible_at(world: World, changed_at: datetime) -> datetime:
    """When Clazar shows a change that was made in AWS at this instant."""
    return changed_at + timedelta(minutes=world.clazar.delay_minutes)


def is_visible(world: World, changed_at: datetime | None) -> bool:
    """Whether Clazar shows a change that was made in AWS at this instant."""
    return changed_at is not None and visible_at(world, changed_at) <= world.now()


def private_offers(world: World) -> list[Resource]:
    """Every released private offer, wherever it was created, in the order of release."""
    offers = [
        offer
        for offer in world.aws.offers.values()
        if (offer.buyer_accounts or offer.replaces_agreement)
        and is_visible(world, offer.released_at)
    ]
    return [_private_offer(world, offer) for offer in sorted(offers, key=_released)]


def _private_offer(world: World, offer: Offer) -> Resource:
    assert offer.released_at is not None
    # ASSUMED: an offer whose acceptance was rolled back is open again.
    accepted = [each for each in _agreements(world) if each.offer_id == offer.id]
    agreement = next((each for each in accepted if each.status != "ROLLED_BACK"), None)
    expiration = end_of_day(offer.availability_end) if offer.availability_end else None
    state = "open"
    if agreement:
        state = "accepted"
    elif expiration and expiration < world.now():
        state = "past"
    legal = _term(offer.terms, "LegalTerm").get("Documents") or [{}]
    changes = [
        offer.released_at,
        offer.last_modified,
        *(
            each.last_update if each.status == "ROLLED_BACK" else each.accepted_at
            for each in accepted
        ),
    ]
    return {
        "id": clazar_id(offer.id),
        "name": offer.name,
        "cloud": "aws",
        "cloud_id": offer.id,
        "cloud_url": OFFER_URL.format(product=offer.product_id, offer=offer.id),
        "listing_id": clazar_id(offer.product_id),
        "offer_type": OFFER_TYPE["replacement" if offer.replaces_agreement else "new"],
        "status": OFFER_STATUS[state],
        "duration": _term(offer.terms, "ValidityTerm").get("AgreementDuration"),
        "eula_type": legal[0].get("Type"),
        "published_at": timestamp(offer.released_at),
        "accepted_at": timestamp(agreement.accepted_at) if agreement else None,
        "expiration_at": timestamp(expiration) if expiration else None,
        # Text, not a boolean, as in real responses.
        "archived": "false",
        **_links(world, offer.id, changes),
    }


def _links(world: World, cloud_id: str, changes: list[datetime | None]) -> Resource:
    """The fields that clients wrote, and the time of the last change by a client or in AWS."""
    links = world.clazar.links.get(cloud_id, ClazarLinks())
    visible = [visible_at(world, each) for each in changes if each and is_visible(world, each)]
    if links.written_at:
        visible.append(links.written_at)
    return {
        "custom_properties": links.custom_properties,
        "external_object_associations": links.external_object_associations,
        "last_modified_at": timestamp(max(visible)),
    }


def _agreements(world: World) -> list[Agreement]:
    found = [each for each in world.aws.agreements.values() if is_visible(world, each.accepted_at)]
    return sorted(found, key=lambda each: each.accepted_at)


def _released(offer: Offer) -> datetime:
    assert offer.released_at is not None
    return offer.released_at


def _term(terms: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next((term for term in terms if term.get("Type") == kind), {})
