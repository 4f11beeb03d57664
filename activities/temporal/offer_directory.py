"""Finds the workflow of an offer or agreement by Temporal's search attributes."""

from collections.abc import Collection, Iterable

from temporalio.client import Client, WorkflowExecution
from temporalio.common import SearchAttributes

from offers.lifecycle.summary import MoneySummary
from offers.model import FrozenModel
from offers.stage import Stage

NAMES_PER_QUERY = 100
RUNNING = "WorkflowType = 'OfferWorkflow' AND ExecutionStatus = 'Running'"


class RunningOffer(FrozenModel):
    """The search attributes of a running offer."""

    workflow_id: str
    offer_id: str
    agreement_id: str | None = None
    payout: str | None = None
    """By `find_with_payout`: the fingerprint of the payout data that it has."""


class OfferDirectory:
    """Looks up running offers."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def find_by_offer(self, offer_ids: list[str]) -> list[RunningOffer]:
        """The running offers with these ids; others are not ours or have ended."""
        found: list[RunningOffer] = []
        for start in range(0, len(offer_ids), NAMES_PER_QUERY):
            some = offer_ids[start : start + NAMES_PER_QUERY]
            found += [offer for _, offer in await self._known(f"OfferId IN ({_quoted(some)})")]
        return found

    async def find_by_offer_or_agreement(
        self, offer_ids: Collection[str], agreement_ids: Collection[str]
    ) -> list[RunningOffer]:
        """The running offers with these ids, and those of these agreements.

        It is one query, so not for many ids.
        """
        conditions = [
            f"{attribute} IN ({_quoted(sorted(names))})"
            for attribute, names in (("OfferId", offer_ids), ("AgreementId", agreement_ids))
            if names
        ]
        if not conditions:
            return []
        return [offer for _, offer in await self._known(f"({' OR '.join(conditions)})")]

    async def find_by_stage(self, stages: Iterable[Stage]) -> list[RunningOffer]:
        """The running offers in these stages."""
        return [offer for _, offer in await self._known(f"OfferStage IN ({_quoted(stages)})")]

    async def find_with_payout(self, stages: Iterable[Stage]) -> list[RunningOffer]:
        """The running offers in these stages, with the payout data that they have."""
        return [
            offer.model_copy(update={"payout": await _fingerprint(execution)})
            for execution, offer in await self._known(f"OfferStage IN ({_quoted(stages)})")
        ]

    async def find_running(self) -> list[str]:
        """The workflow ids of all running offers."""
        return sorted({execution.id async for execution in self._client.list_workflows(RUNNING)})

    async def _known(self, condition: str) -> list[tuple[WorkflowExecution, RunningOffer]]:
        query = f"{RUNNING} AND {condition}"
        newest: dict[str, WorkflowExecution] = {}
        # Search may show a run that has just continued as new as running, together with the next.
        async for execution in self._client.list_workflows(query):
            known = newest.get(execution.id)
            if known is None or known.start_time < execution.start_time:
                newest[execution.id] = execution
        return [
            (
                execution,
                RunningOffer(
                    workflow_id=execution.id,
                    offer_id=execution.search_attributes["OfferId"][0],
                    agreement_id=_one(execution.search_attributes, "AgreementId"),
                ),
            )
            for execution in newest.values()
            if execution.search_attributes.get("OfferId")
        ]


async def _fingerprint(execution: WorkflowExecution) -> str | None:
    try:
        money = await execution.memo_value("money", {})
        return MoneySummary.model_validate(money).fingerprint
    except Exception:  # whatever a codec raises: an offer that cannot be read is signalled
        return None


def _one(attributes: SearchAttributes, name: str) -> str | None:
    return next((str(each) for each in attributes.get(name, ())), None)


def _quoted(names: Iterable[str]) -> str:
    return ", ".join("'" + name.replace("'", "") + "'" for name in names)
