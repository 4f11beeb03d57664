"""How long publication took, and how late an acceptance was known."""

from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.runtime import MetricBuffer, MetricBufferDurationFormat, Runtime, TelemetryConfig

from tests.support.workflow_harness import WorkflowHarness
from workflows.offer.durations import ACCEPTANCE_DELAY, PUBLICATION


async def test_durations_are_recorded_once(
    harness: WorkflowHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In business time."""
    buffer = MetricBuffer(1000, MetricBufferDurationFormat.SECONDS)
    meter = Runtime(
        telemetry=TelemetryConfig(metrics=buffer, attach_service_name=False)
    ).metric_meter
    monkeypatch.setattr(workflow, "metric_meter", lambda: meter)
    harness.set_buyer(accepts_after=1)
    await harness.share()
    await harness.advance(days=3)
    await harness.watch_agreements()
    await harness.settle()
    updates = buffer.retrieve_updates()
    recorded = {each.metric.name: each for each in updates}
    assert sorted(recorded) == [ACCEPTANCE_DELAY, PUBLICATION]
    assert len(updates) == len(recorded)
    publication = timedelta(seconds=recorded[PUBLICATION].value)
    assert timedelta(minutes=45) <= publication < timedelta(minutes=55)
    assert recorded[PUBLICATION].attributes == {"method": "aws"}
    delay = timedelta(seconds=recorded[ACCEPTANCE_DELAY].value)
    assert timedelta(days=1, hours=22) < delay < timedelta(days=2, hours=2)
