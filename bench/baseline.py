"""The bare twin: the same activities, timers and signals, and nothing that makes it an offer."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AwsAgreements
    from activities.salesforce.write_back import Salesforce
    from activities.task_queues import TaskQueue
    from offers.lifecycle.salesforce_fields import OpportunityUpdate
    from workflows.offer.search_attributes import STAGE, STAGE_SINCE

MINUTE = timedelta(minutes=1)


def call(queue: TaskQueue, what: str) -> workflow.ActivityHandle[Any]:
    """Start the activity that stands in for one of the offer's."""
    return workflow.start_activity("bare", what, task_queue=queue, start_to_close_timeout=MINUTE)


@workflow.defn
class BareOffer:
    """A happy life as a plain script, from the draft to the money; `waiting`: from `shared` on.

    With `searchable`, each stage is shown in search, as an offer's is.
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._searchable = False

    @workflow.run
    async def run(self, waiting: bool, searchable: bool) -> None:
        """The story."""
        self._searchable = searchable
        if not waiting:
            await call(TaskQueue.PREFLIGHT, "check_deal")
            await call(TaskQueue.AWS_MARKETPLACE, "submit_offer")
            self._show("generating")
            writing = call(TaskQueue.SALESFORCE, "generating")
            await call(TaskQueue.AWS_MARKETPLACE, "follow_change_set")
            await asyncio.gather(call(TaskQueue.EMAIL, "letter"), writing)
        self._show("shared")
        await call(TaskQueue.SALESFORCE, f"shared {workflow.info().workflow_id}")
        await self._signalled("accepted", timedelta(days=23))
        await call(TaskQueue.AWS_MARKETPLACE, "find_agreement")
        await self._told("accepted")
        await self._signalled("paid", timedelta(days=60))
        await self._told("paid")

    async def _told(self, what: str) -> None:
        self._show(what)
        await asyncio.gather(
            call(TaskQueue.SALESFORCE, f"{what} {workflow.info().workflow_id}"),
            call(TaskQueue.EMAIL, f"{what} notice"),
        )

    def _show(self, what: str) -> None:
        if self._searchable:
            stage = STAGE.value_set(f"bare {what}")
            workflow.upsert_search_attributes([stage, STAGE_SINCE.value_set(workflow.now())])

    async def _signalled(self, what: str, within: timedelta) -> None:
        await workflow.wait_condition(lambda: what in self._seen, timeout=within)

    @workflow.signal
    def seen(self, what: str) -> None:
        """What the world reports."""
        self._seen.add(what)


@workflow.defn
class BareReaction:
    """A signal, AWS's word on it, and Salesforce told: the shortest way there is."""

    def __init__(self) -> None:
        self._reported = False

    @workflow.run
    async def run(self, offer_id: str, update: OpportunityUpdate) -> None:
        """`update` is what Salesforce is told."""
        await workflow.wait_condition(lambda: self._reported)
        await workflow.execute_activity_method(
            AwsAgreements.find_agreement,
            offer_id,
            task_queue=TaskQueue.AWS_MARKETPLACE,
            start_to_close_timeout=MINUTE,
        )
        await workflow.execute_activity_method(
            Salesforce.write_back,
            update,
            task_queue=TaskQueue.SALESFORCE,
            start_to_close_timeout=MINUTE,
        )

    @workflow.signal
    def seen(self, what: str) -> None:  # noqa: ARG002
        """The world reports it."""
        self._reported = True
