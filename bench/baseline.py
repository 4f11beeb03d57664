"""The bare baseline: an offer's activities, timers and signals, and nothing else."""

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


def start_fake_activity(queue: TaskQueue, what: str) -> workflow.ActivityHandle[Any]:
    """Start the fake of one of the offer's activities."""
    return workflow.start_activity(
        "run_baseline_activity", what, task_queue=queue, start_to_close_timeout=MINUTE
    )


@workflow.defn
class BareBaseline:
    """An offer that is accepted and paid out, as a plain script; `waiting`: from `shared` on.

    With `searchable` it upserts each stage into search attributes, as offers do.
    """

    def __init__(self) -> None:
        self._reported: set[str] = set()
        self._searchable = False

    @workflow.run
    async def run(self, waiting: bool, searchable: bool) -> None:
        """All steps, from the draft to the payout."""
        self._searchable = searchable
        if not waiting:
            await start_fake_activity(TaskQueue.PREFLIGHT, "check_deal")
            await start_fake_activity(TaskQueue.AWS_MARKETPLACE, "submit_offer")
            self._upsert_stage("generating")
            writing = start_fake_activity(TaskQueue.SALESFORCE, "generating")
            await start_fake_activity(TaskQueue.AWS_MARKETPLACE, "follow_change_set")
            await asyncio.gather(start_fake_activity(TaskQueue.EMAIL, "buyer-mail"), writing)
        self._upsert_stage("shared")
        await start_fake_activity(TaskQueue.SALESFORCE, f"shared {workflow.info().workflow_id}")
        await self._wait_for_report("accepted", timedelta(days=23))
        await start_fake_activity(TaskQueue.AWS_MARKETPLACE, "find_agreement")
        await self._notify("accepted")
        await self._wait_for_report("paid", timedelta(days=60))
        await self._notify("paid")

    async def _notify(self, what: str) -> None:
        self._upsert_stage(what)
        await asyncio.gather(
            start_fake_activity(TaskQueue.SALESFORCE, f"{what} {workflow.info().workflow_id}"),
            start_fake_activity(TaskQueue.EMAIL, f"{what} notice"),
        )

    def _upsert_stage(self, what: str) -> None:
        if self._searchable:
            stage = STAGE.value_set(f"bare {what}")
            workflow.upsert_search_attributes([stage, STAGE_SINCE.value_set(workflow.now())])

    async def _wait_for_report(self, what: str, within: timedelta) -> None:
        await workflow.wait_condition(lambda: what in self._reported, timeout=within)

    @workflow.signal
    def report(self, what: str) -> None:
        """An acceptance or a payout is reported."""
        self._reported.add(what)


@workflow.defn
class ReactionBaseline:
    """A signal, the call to AWS about it, and the write to Salesforce: the shortest reaction."""

    def __init__(self) -> None:
        self._reported = False

    @workflow.run
    async def run(self, offer_id: str, update: OpportunityUpdate) -> None:
        """`update`: what is written to Salesforce."""
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
    def report(self, what: str) -> None:  # noqa: ARG002
        """An acceptance is reported."""
        self._reported = True
