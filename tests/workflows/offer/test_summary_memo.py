"""The workflow's memo always says what the record says, in few events."""

import json
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType

from offers.ids import workflow_id
from offers.lifecycle.summary import OfferSummary
from offers.stage import Stage
from sandbox.faults import Fault
from tests.support.workflow_harness import WorkflowHarness

UPSERTED = EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED


async def assert_memo_is_current(harness: WorkflowHarness) -> None:
    record = await harness.record()
    memo = await (await harness.handle.describe()).memo()
    if record.history:
        assert OfferSummary.from_memo(memo) == OfferSummary.of(record), record.stage


async def upserts(harness: WorkflowHarness) -> list[tuple[int, dict[str, Any]]]:
    """The workflow task of each upsert of the memo, and the parts that it has."""
    events = (await harness.handle.fetch_history()).events
    modified = [
        event.workflow_properties_modified_event_attributes
        for event in events
        if event.event_type == UPSERTED
    ]
    return [
        (
            each.workflow_task_completed_event_id,
            {name: json.loads(part.data) for name, part in each.upserted_memo.fields.items()},
        )
        for each in modified
    ]


async def test_memo_is_current_in_each_stage(harness: WorkflowHarness) -> None:
    harness.set_buyer(accepts_after=24)
    await harness.start()
    for stage in (Stage.GENERATING, Stage.SHARED):
        await harness.advance_until(stage)
        await assert_memo_is_current(harness)
    await harness.advance(days=25)
    await harness.watch_agreements()
    await harness.advance_until(Stage.ACCEPTED)
    await assert_memo_is_current(harness)
    await harness.sweep_payouts()
    await harness.settle()
    await assert_memo_is_current(harness)
    await harness.advance(days=33)
    await harness.sweep_payouts()
    await harness.advance_until(Stage.DISBURSED)
    await assert_memo_is_current(harness)
    found = await upserts(harness)
    tasks = [task for task, _ in found]
    assert len(tasks) == len(set(tasks)), "a workflow task upserts the memo twice"
    assert [(parts["progress"]["stage"], set(parts)) for _, parts in found] == [
        ("generating", {"deal", "progress"}),
        ("shared", {"progress"}),
        ("accepted", {"progress", "money"}),
        ("accepted", {"progress", "money"}),
        ("disbursed", {"progress", "money"}),
    ]


async def test_attention_of_a_draft_is_in_the_memo(harness: WorkflowHarness) -> None:
    harness.put_opportunity(AWS_Account_Id__c="12")
    await harness.start()
    await assert_memo_is_current(harness)
    described = await harness.temporal_client.get_workflow_handle(
        workflow_id(harness.opportunity_id)
    ).describe()
    summary = OfferSummary.from_memo(await described.memo())
    assert [each.code for each in summary.progress.attentions] == ["terms-invalid"]


async def test_momentary_stage_is_in_the_memo_only_if_its_call_fails(
    harness: WorkflowHarness,
) -> None:
    fault = Fault("catalog", "status", "StartChangeSet", times=None, status=503)
    harness.vendors.waiting.append(fault)
    await harness.start()
    await harness.sleep(timedelta(seconds=1))
    await assert_memo_is_current(harness)
    summary = OfferSummary.from_memo(await (await harness.handle.describe()).memo())
    assert summary.progress.stage is Stage.SUBMITTED
    harness.vendors.clear()
    await harness.advance_until(Stage.SHARED)
    stages = [parts["progress"]["stage"] for _, parts in await upserts(harness)]
    assert stages == ["submitted", "generating", "shared"]
