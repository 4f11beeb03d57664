"""Clazar: what has changed there, and tying an offer to its opportunity.

Clazar's public API reads and links; it cannot create offers.  The shape inside
`external_object_associations` is not published: the one used here is assumed.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.clazar.client import ClazarClient
from offers.preflight.marketplace import ObservedOffer

PAGE_SIZE = 100
PAUSE_SECONDS = 0.5
"""Between the pages of a list: Clazar allows 120 requests a minute."""
CHANGE_LIMIT = 3000
"""In one reading: well within a payload's two megabytes."""
LINK_LIMIT = 50
"""Tied in one go: two requests each."""


class ClazarPosition(BaseModel):
    """From which instant (UTC, by Clazar's time of last change) its offers are read."""

    model_config = ConfigDict(frozen=True)

    since: AwareDatetime
    known: dict[str, AwareDatetime] = {}
    """By offer id, the change that has been read already."""


class ChangedOffer(BaseModel):
    """An offer that Clazar has changed, and when."""

    model_config = ConfigDict(frozen=True)

    offer: ObservedOffer
    changed_at: AwareDatetime


class ClazarChanges(BaseModel):
    """The news of Clazar's change feed, the oldest first."""

    model_config = ConfigDict(frozen=True)

    offers: tuple[ChangedOffer, ...]


class LinkOffer(BaseModel):
    """Which offer belongs to which opportunity."""

    model_config = ConfigDict(frozen=True)

    clazar_id: str
    opportunity_id: str


class FindOffers(BaseModel):
    """By what an offer is recognised: its id, or what a person wrote into its name."""

    model_config = ConfigDict(frozen=True)

    offer_id: str | None = None
    reference: str | None = None
    """The reference in its name."""
    created_after: AwareDatetime
    """An instant (UTC) before it was made: older entries are not looked through."""


class Clazar:
    """Activities on Clazar."""

    def __init__(self, client: ClazarClient) -> None:
        self._client = client

    @activity.defn
    async def read_changes(self, position: ClazarPosition) -> ClazarChanges:
        """The offers that Clazar has touched since an instant, for all opportunities at once.

        What a long backlog leaves over comes with the next reading.
        """
        changed = [
            ChangedOffer(offer=_seen(row), changed_at=_instant(row["last_modified_at"]))
            async for row in self._offers(position.since)
            if row.get("cloud_id")
            and position.known.get(row["cloud_id"]) != _instant(row["last_modified_at"])
        ]
        # In which order Clazar lists them is not documented.
        changed.sort(key=lambda each: each.changed_at)
        return ClazarChanges(offers=tuple(changed[:CHANGE_LIMIT]))

    @activity.defn
    async def find_offers(self, wanted: FindOffers) -> tuple[ObservedOffer, ...]:
        """What Clazar shows now of what is looked for, perhaps nothing."""
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
        """Tie an offer to its opportunity, so that Clazar's own sync with Salesforce shows it."""
        offer = await self._client.request("GET", f"/private_offers/{link.clazar_id}/")
        wanted = {"object_type": "Opportunity", "object_id": link.opportunity_id}
        associations = offer.get("external_object_associations") or {}
        if associations.get("salesforce") != wanted:
            await self._client.request(
                "PATCH",
                f"/private_offers/{link.clazar_id}/",
                # Whether PATCH merges or replaces is not documented: send what was there, too.
                json={"external_object_associations": {**associations, "salesforce": wanted}},
            )

    @activity.defn
    async def link_offers(self, links: list[LinkOffer]) -> list[str]:
        """Tie the offers of one reading, as far as nothing goes wrong; gives Clazar's ids of them.

        An offer that is left out sees to it by itself, with more patience.
        """
        tied: list[str] = []
        for link in links[:LINK_LIMIT]:
            try:
                await self.link_offer(link)
            except ApplicationError as error:
                activity.logger.warning("offers are not tied for now: %s", error.type)
                break
            tied.append(link.clazar_id)
        return tied

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
