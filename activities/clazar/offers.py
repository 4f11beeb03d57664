"""Clazar's offers: what has changed, and linking an offer to its opportunity.

Clazar's public API can read and link offers; it cannot create them.  The shape inside
`external_object_associations` is not published: the one used here is assumed.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, Field
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.clazar.client import ClazarClient
from offers.feed import FeedEntry
from offers.model import FrozenModel
from offers.preflight.marketplace import ObservedOffer

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
            ChangedOffer(offer=_seen(row), changed_at=_instant(row["last_modified_at"]))
            async for row in self._offers(position.since)
            if row.get("cloud_id")
            and position.known.get(row["cloud_id"]) != _instant(row["last_modified_at"])
        ]
        # The order of the list is not documented.
        changed.sort(key=lambda each: each.changed_at)
        return ClazarChanges(offers=tuple(changed[:CHANGE_LIMIT]))

    @activity.defn
    async def find_offers(self, wanted: FindOffers) -> tuple[ObservedOffer, ...]:
        """The matching offers that Clazar shows now, if there are any."""
        return tuple(
            [
                _seen(row)
                async for row in self._offers(wanted.created_after)
                if row.get("cloud_id")
                and (
                    row["cloud_id"] == wanted.offer_id
                    or (wanted.reference and wanted.reference in (row.get("name") or ""))
                )
            ]
        )

    @activity.defn
    async def link_offer(self, link: LinkOffer) -> None:
        """Link an offer to its opportunity, so that Clazar's own Salesforce sync shows it."""
        offer = await self._client.request("GET", f"/private_offers/{link.clazar_id}/")
        wanted = {"object_type": "Opportunity", "object_id": link.opportunity_id}
        associations = offer.get("external_object_associations") or {}
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

    async def _offers(self, changed_after: datetime) -> AsyncIterator[dict[str, Any]]:
        async for rows in self._client.pages(
            "/private_offers/",
            PAGE_SIZE,
            pause=PAUSE_SECONDS,
            response_format="common",
            last_modified_at_after=changed_after.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        ):
            for row in rows:
                yield row


def _seen(row: dict[str, Any]) -> ObservedOffer:
    tied_to = (row.get("external_object_associations") or {}).get("salesforce") or {}
    return ObservedOffer(
        offer_id=row["cloud_id"],
        name=row.get("name"),
        clazar_id=row["id"],
        linked_to=tied_to.get("object_id"),
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
