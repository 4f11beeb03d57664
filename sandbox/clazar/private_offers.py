"""Clazar's private offers: AWS's offers in the form of Clazar's API.

The fields are those of Clazar's normalised responses (`response_format=common`).  Clazar does not
publish the values for states and types, so `status` and `offer_type` are ASSUMED.
"""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.aws.marketplace_state import Offer
from sandbox.clazar.clazar_state import ClazarLinks
from sandbox.clock import end_of_day
from sandbox.marketplace.offer_terms import find_term
from sandbox.world import World

Resource = dict[str, Any]

OFFER_URL = "https://aws.amazon.com/marketplace/saas/ordering?productId={product}&offerId={offer}"
"""The form of real links for buyers; AWS does not document it."""


def clazar_id(cloud_id: str) -> str:
    """Clazar's id of a resource: always the same UUID for the same AWS id."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://clazar.example/{cloud_id}"))


def timestamp(instant: datetime) -> str:
    """An instant in Clazar's format: UTC with microseconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def private_offers(world: World) -> list[Resource]:
    """Every released private offer, wherever it was created, in the order of release."""
    offers = [
        (offer.released_at, offer)
        for offer in world.aws.offers.values()
        if (offer.buyer_accounts or offer.replaces_agreement)
        and offer.released_at
        and _is_visible(world, offer.released_at)
    ]
    return [_private_offer(world, *each) for each in sorted(offers, key=lambda each: each[0])]


def _is_visible(world: World, changed_at: datetime) -> bool:
    """Whether Clazar shows a change that was made in AWS at this instant."""
    return changed_at + _delay(world) <= world.now()


def _delay(world: World) -> timedelta:
    return timedelta(minutes=world.clazar.delay_minutes)


def _private_offer(world: World, released_at: datetime, offer: Offer) -> Resource:
    accepted = [
        each
        for each in world.aws.agreements.values()
        if each.offer_id == offer.id and _is_visible(world, each.accepted_at)
    ]
    # ASSUMED: an offer whose acceptance was rolled back is open again.
    agreement = next((each for each in accepted if each.status != "ROLLED_BACK"), None)
    expiration = end_of_day(offer.availability_end) if offer.availability_end else None
    is_past = expiration and expiration < world.now()
    legal = (find_term(offer.terms, "LegalTerm") or {}).get("Documents") or [{}]
    links = world.clazar.links.get(offer.id, ClazarLinks())
    changes = [released_at, offer.last_modified or released_at] + [
        each.last_update if each.status == "ROLLED_BACK" else each.accepted_at for each in accepted
    ]
    visible = [each + _delay(world) for each in changes if _is_visible(world, each)]
    if links.written_at:
        visible.append(links.written_at)
    return {
        "id": clazar_id(offer.id),
        "name": offer.name,
        "cloud": "aws",
        "cloud_id": offer.id,
        "cloud_url": OFFER_URL.format(product=offer.product_id, offer=offer.id),
        "listing_id": clazar_id(offer.product_id),
        "offer_type": "agreement_based_offer" if offer.replaces_agreement else "private_offer",
        "status": "accepted" if agreement else "expired" if is_past else "published",
        "duration": (find_term(offer.terms, "ValidityTerm") or {}).get("AgreementDuration"),
        "eula_type": legal[0].get("Type"),
        "published_at": timestamp(released_at),
        "accepted_at": timestamp(agreement.accepted_at) if agreement else None,
        "expiration_at": timestamp(expiration) if expiration else None,
        # Text, not a boolean, as in real responses.
        "archived": "false",
        "custom_properties": links.custom_properties,
        "external_object_associations": links.external_object_associations,
        "last_modified_at": timestamp(max(visible)),
    }
