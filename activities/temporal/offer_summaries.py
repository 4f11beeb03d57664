"""Reads the summaries of offers from Temporal's list of workflows: no offer is asked."""

from collections.abc import Iterable
from dataclasses import dataclass

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from offers.lifecycle.summary import OfferSummary
from offers.stage import Stage

PAGE_SIZE = 1000
"""Temporal's limit."""

UNREADABLE = (
    "its summary cannot be read: check OFFERS_ENCRYPTION_KEYS, and that this program and the"
    " workers have the same version"
)


@dataclass(frozen=True)
class ListedOffer:
    """A run of an offer's workflow as Temporal lists it."""

    execution: WorkflowExecution
    summary: OfferSummary | None
    """None if there is none, or if it cannot be read."""

    @property
    def path(self) -> str:
        """The offer's path (`offers.ids.offer_path`)."""
        return self.execution.id.partition("/")[2]

    @property
    def is_running(self) -> bool:
        """Whether the run is open."""
        return self.execution.status is WorkflowExecutionStatus.RUNNING

    @property
    def stage(self) -> Stage:
        """By the search attributes."""
        return Stage(self.attribute("OfferStage") or Stage.DRAFT)

    @property
    def offer_id(self) -> str | None:
        """The id in AWS, by the search attributes."""
        return self.attribute("OfferId")

    @property
    def problem(self) -> str | None:
        """Why there is no summary; a first draft that nobody has checked yet needs none."""
        is_new = not self.execution.raw_info.memo.fields and self.stage is Stage.DRAFT
        return None if self.summary or is_new else UNREADABLE

    def attribute(self, name: str) -> str | None:
        """A search attribute of type Keyword."""
        values = self.execution.search_attributes.get(name, ())
        return next((str(each) for each in values), None)


async def list_offers(client: Client, condition: str) -> list[ListedOffer]:
    """The runs that meet a condition, the oldest first, without those that continued as new."""
    query = (
        f"WorkflowType = 'OfferWorkflow' AND ExecutionStatus != 'ContinuedAsNew' AND ({condition})"
    )
    found = [
        ListedOffer(execution, await _summary(execution))
        async for execution in client.list_workflows(query, page_size=PAGE_SIZE)
    ]
    found.sort(key=lambda each: (each.execution.start_time, each.execution.id))
    # Search may show a run that has just continued as new as running, together with the next one.
    newest = {each.path: each for each in found if each.is_running}
    return [each for each in found if not each.is_running or each is newest[each.path]]


def newest_runs(offers: Iterable[ListedOffer]) -> list[ListedOffer]:
    """Of each workflow the newest run; `offers` are sorted as `list_offers` does."""
    newest = {each.path: each for each in offers}
    return sorted(newest.values(), key=lambda each: (each.execution.start_time, each.execution.id))


async def _summary(execution: WorkflowExecution) -> OfferSummary | None:
    try:
        return OfferSummary.from_memo(await execution.memo())
    except Exception:  # whatever a codec raises; one offer must not break the list of all
        return None
