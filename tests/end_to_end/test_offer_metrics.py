"""The metrics of offers and Schedules, read from a real server."""

import asyncio
import time
from datetime import timedelta

from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig

from activities.temporal.offer_summaries import list_offers
from activities.temporal.vendor_problems import WAITING
from offers.clock import Clock
from offers.ids import workflow_id
from offers.lifecycle.attentions import AttentionCode
from offers.policy.policy import Policy
from offers.stage import Stage
from runtime import schedules
from runtime.offer_metrics import OfferMetrics
from runtime.schedules import POLICY, SWEEP, WATCH
from tests.support.offer_environment import PAUSE_SECONDS, TIMEOUT_SECONDS, OfferEnvironment


async def test_offers_and_schedules_are_shown_as_they_are(environment: OfferEnvironment) -> None:
    client, world = environment.temporal_client, environment.world
    buffer = MetricBuffer(10_000)
    meter = Runtime(
        telemetry=TelemetryConfig(metrics=buffer, attach_service_name=False)
    ).metric_meter
    metrics = OfferMetrics(client, schedules.intervals(Policy(), Clock()), meter)

    async def read() -> dict[tuple[str, ...], float]:
        """By the metric's name and its labels' values: what was set last."""
        await metrics.refresh()
        return {
            (
                each.metric.name.removeprefix("offerflow_"),
                *(str(value) for _, value in sorted(each.attributes.items())),
            ): each.value
            for each in buffer.retrieve_updates()
        }

    shared, waiting = environment.put_opportunities(1, 2)
    await environment.client.start(shared)
    await environment.wait_until(shared, lambda row: row.stage == Stage.SHARED)
    world.faults.smtp.answer(535, "RCPT", times=None)
    await environment.client.start(waiting)
    await environment.wait_until(waiting, lambda row: row.attention is not None)
    unchecked = "offer/no-worker-has-it"
    await client.start_workflow("OfferWorkflow", id=unchecked, task_queue="nobody")
    began = time.time()
    world.faults.agreement.answer(403, "SearchAgreements", times=None)
    for each in (POLICY, WATCH):
        await client.create_schedule(each, schedules.schedules(Policy(), Clock())[each])
        await client.get_schedule_handle(each).trigger()

    # Search lags behind.
    visible = (
        f"(TemporalScheduledById = '{POLICY}' AND ExecutionStatus = 'Completed')"
        f" OR (TemporalScheduledById = '{WATCH}' AND ExecutionStatus = 'Failed')"
        f" OR WorkflowId = '{unchecked}'"
    )
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while (await client.count_workflows(visible)).count < 3:  # noqa: ASYNC110
            await asyncio.sleep(PAUSE_SECONDS)
    seen = await read()
    assert seen["offers", "shared"] == 1
    assert seen["offers", "live"] == 1
    assert seen["offers", "draft"] == 1
    assert seen["attentions", "credentials-rejected", "email"] == 1
    created = {
        each: (await client.get_schedule_handle(each).describe()).info.created_at.timestamp()
        for each in (POLICY, WATCH)
    }
    assert seen["schedule_last_success_timestamp_seconds", POLICY] > created[POLICY]
    assert seen["schedule_last_success_timestamp_seconds", WATCH] == created[WATCH], "it failed"
    assert seen["schedule_last_success_timestamp_seconds", SWEEP] == 0
    assert seen["schedule_interval_seconds", POLICY] == timedelta(minutes=15).total_seconds()
    assert seen["refreshed_timestamp_seconds",] >= began

    # What is over becomes 0, and an offer that nobody follows any more is told.
    world.faults.clear()
    await environment.client.resume(waiting)
    await environment.wait_until(waiting, lambda row: row.stage == Stage.SHARED)
    await client.get_workflow_handle(workflow_id(shared)).terminate()
    await environment.wait_until_closed(shared)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while await list_offers(client, WAITING):  # noqa: ASYNC110
            await asyncio.sleep(PAUSE_SECONDS)
    seen = await read()
    assert seen["offers", "shared"] == 1
    assert seen["attentions", "credentials-rejected", "email"] == 0
    assert seen["attentions", "workflow-terminated", "none"] == 1
    await environment.client.start(shared)
    terminated = AttentionCode.WORKFLOW_TERMINATED
    await environment.wait_until(shared, lambda row: row.attention != terminated)
    assert (await read())["attentions", "workflow-terminated", "none"] == 0
