"""Clazar's offers: what has changed, and linking an offer to its opportunity.

Clazar's public API can read and link offers; it cannot create them.  The shape inside
`external_object_associations` is not published: the one used here is assumed.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, Field, ValidationError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.clazar.client import VENDOR, ClazarClient
from activities.errors import unavailable
from offers.feed import FeedEntry
from offers.model import FrozenModel
from offers.preflight.marketplace import ObservedOffer

OFFERS_PATH = "/private_offers/"
PAGE_SIZE = 100
PAUSE_SECONDS = 0.5
"""Between pages: the documented limit of Clazar is 120 requests a minute."""
CHANGE_LIMIT = 3000
"""Per call: stays below Temporal's 2 MB for a payload."""
LINK_LIMIT = 50
"""Offers linked per call: each takes two requests."""


class ClazarPosition(FrozenModel):
    """Where to start reading changed offers: UTC, Clazar's time of the last change."""

    since: AwareDatetime
    known: dict[str, AwareDatetime] = Field(default_factory=dict)
    """The changes that were read already, by offer id."""


class ChangedOffer(FeedEntry):
    """An offer that changed in Clazar."""

    offer: ObservedOffer


class ClazarChanges(FrozenModel):
    """A part of Clazar's change feed, the oldest change first."""

    offers: tuple[ChangedOffer, ...]


class LinkOffer(FrozenModel):
    """Which offer belongs to which opportunity."""

    clazar_id: str
    opportunity_id: str


class FindOffers(FrozenModel):
    """How an offer is recognised: by its id, or by the reference in its name."""

    offer_id: str | None = None
    reference: str | None = None
    """The reference in its name."""
    created_after: AwareDatetime
    """UTC; older offers are not searched."""


class Clazar:
    """Activities on Clazar."""

    def __init__(self, client: ClazarClient) -> None:
        self._client = client

    @activity.defn
    async def read_changes(self, position: ClazarPosition) -> ClazarChanges:
        """The offers of all opportunities that changed in Clazar since then.

        A long backlog takes several calls.
        """
        changed = [
            each
            async for each in self._offers(position.since)
            if position.known.get(each.offer.offer_id) != each.changed_at
        ]
        # The order of the list is not documented.
        changed.sort(key=lambda each: each.changed_at)
        return ClazarChanges(offers=tuple(changed[:CHANGE_LIMIT]))

    @activity.defn
    async def find_offers(self, wanted: FindOffers) -> tuple[ObservedOffer, ...]:
        """The matching offers that Clazar shows now, if there are any."""
        return tuple(
            [
                each.offer
                async for each in self._offers(wanted.created_after)
                if each.offer.offer_id == wanted.offer_id
                or (wanted.reference and wanted.reference in (each.offer.name or ""))
            ]
        )

    @activity.defn
    async def link_offer(self, link: LinkOffer) -> None:
        """Link an offer to its opportunity, so that Clazar's own Salesforce sync shows it."""
        offer = await self._client.request("GET", f"/private_offers/{link.clazar_id}/")
        if not isinstance(offer, dict):
            raise unavailable(VENDOR, "an offer is no object")
        wanted = {"object_type": "Opportunity", "object_id": link.opportunity_id}
        associations = offer.get("external_object_associations")
        associations = associations if isinstance(associations, dict) else {}
        if associations.get("salesforce") != wanted:
            await self._client.request(
                "PATCH",
                f"/private_offers/{link.clazar_id}/",
                # Whether PATCH merges or replaces is not documented: existing values are sent, too.
                json={"external_object_associations": {**associations, "salesforce": wanted}},
            )

    @activity.defn
    async def link_offers(self, links: list[LinkOffer]) -> list[str]:
        """Link offers until a call fails; returns Clazar's ids of those that were linked.

        The workflow of an offer that is left out links it later.
        """
        linked: list[str] = []
        for link in links[:LINK_LIMIT]:
            try:
                await self.link_offer(link)
            except ApplicationError as error:
                activity.logger.warning("offers were not linked, to be tried again: %s", error.type)
                break
            linked.append(link.clazar_id)
        return linked

    async def _offers(self, changed_after: datetime) -> AsyncIterator[ChangedOffer]:
        """What has changed; a row that does not fit is named in the log and passed over."""
        async for rows in self._client.pages(
            OFFERS_PATH,
            PAGE_SIZE,
            pause=PAUSE_SECONDS,
            response_format="common",
            last_modified_at_after=changed_after.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        ):
            for number, row in enumerate(rows):
                if isinstance(row, dict) and row.get("cloud_id") in (None, ""):
                    continue  # a draft
                try:
                    yield _changed(row)
                except (AttributeError, KeyError, TypeError, ValidationError) as error:
                    about = row.get("id") if isinstance(row, dict) else f"row {number}"
                    activity.logger.warning(
                        "Clazar's offer %s does not fit: %s", str(about)[:64], _field_in(error)
                    )


def _changed(row: dict[str, Any]) -> ChangedOffer:
    if not isinstance(row["id"], str):
        raise KeyError("id")  # by it the offer is linked
    observed = ObservedOffer(
        offer_id=row["cloud_id"],
        name=row.get("name"),
        clazar_id=row["id"],
        linked_to=_linked_to(row.get("external_object_associations")),
    )
    return ChangedOffer(offer=observed, changed_at=row["last_modified_at"])


def _linked_to(associations: Any) -> str | None:
    """The opportunity; None if the shape, which Clazar does not publish, is not the assumed one."""
    linked = associations.get("salesforce") if isinstance(associations, dict) else None
    found = linked.get("object_id") if isinstance(linked, dict) else None
    return found if isinstance(found, str) else None


def _field_in(error: Exception) -> str:
    """The field of a row that does not fit, without its value."""
    if isinstance(error, ValidationError):
        return ".".join(map(str, error.errors()[0]["loc"]))
    return str(error) if isinstance(error, KeyError) else "it is no object"
