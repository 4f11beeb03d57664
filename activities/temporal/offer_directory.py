"""The directory of running offers: which workflow an offer or agreement belongs to.

It is Temporal's own visibility store, asked by search attributes.
"""

from collections.abc import Collection, Iterable

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client
from temporalio.common import SearchAttributes

from offers.stage import Stage

NAMES_PER_QUERY = 100


class RunningOffer(BaseModel):
    """A running offer, as its search attributes tell."""

    model_config = ConfigDict(frozen=True)

    workflow_id: str
    offer_id: str
    agreement_id: str | None = None
    payout: str | None = None
    """The mark of the payout it knows of (`offers.payouts.model.Payout.mark`)."""


class OfferDirectory:
    """Looks up running offers."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def find_by_offer(self, offer_ids: list[str]) -> list[RunningOffer]:
        """The running offers among some offer ids; others are not ours or have ended."""
        found: list[RunningOffer] = []
        for start in range(0, len(offer_ids), NAMES_PER_QUERY):
            some = offer_ids[start : start + NAMES_PER_QUERY]
            found += await self._known(f"OfferId IN ({_quoted(some)})")
        return found

    async def find_by_offer_or_agreement(
        self, offer_ids: Collection[str], agreement_ids: Collection[str]
    ) -> list[RunningOffer]:
        """The running offers among some offer ids, and those that some agreements were made by.

        One query: for the few that are asked for at once.
        """
        conditions = [
            f"{attribute} IN ({_quoted(sorted(names))})"
            for attribute, names in (("OfferId", offer_ids), ("AgreementId", agreement_ids))
            if names
        ]
        return await self._known(f"({' OR '.join(conditions)})") if conditions else []

    async def find_by_stage(self, stages: Iterable[Stage]) -> list[RunningOffer]:
        """The running offers in some stages."""
        return await self._known(f"OfferStage IN ({_quoted(stages)})")

    async def _known(self, condition: str) -> list[RunningOffer]:
        query = f"WorkflowType = 'OfferWorkflow' AND ExecutionStatus = 'Running' AND {condition}"
        return [
            RunningOffer(
                workflow_id=execution.id,
                offer_id=execution.search_attributes["OfferId"][0],
                agreement_id=_one(execution.search_attributes, "AgreementId"),
                payout=_one(execution.search_attributes, "OfferPayout"),
            )
            async for execution in self._client.list_workflows(query)
            if execution.search_attributes.get("OfferId")
        ]


def _one(attributes: SearchAttributes, name: str) -> str | None:
    return next((str(each) for each in attributes.get(name, ())), None)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join("'" + name.replace("'", "") + "'" for name in names)
