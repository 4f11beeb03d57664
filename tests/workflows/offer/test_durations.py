"""How long publication took, and how late an acceptance was known."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio import workflow
from temporalio.runtime import MetricBuffer, MetricBufferDurationFormat, Runtime, TelemetryConfig

from offers.lifecycle.record import OfferRecord, StageEntry
from offers.stage import Stage
from tests.support.agreements import agreement
from tests.support.workflow_harness import WorkflowHarness
from workflows.offer.durations import ACCEPTANCE_DELAY, PUBLICATION, record_durations


@pytest.fixture
def buffer(monkeypatch: pytest.MonkeyPatch) -> MetricBuffer:
    """What workflows record."""
    buffer = MetricBuffer(1000, MetricBufferDurationFormat.SECONDS)
    runtime = Runtime(telemetry=TelemetryConfig(metrics=buffer, attach_service_name=False))
    monkeypatch.setattr(workflow, "metric_meter", lambda: runtime.metric_meter)
    return buffer


async def test_durations_are_recorded_once(harness: WorkflowHarness, buffer: MetricBuffer) -> None:
    """In business time."""
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


@pytest.mark.parametrize("before", [Stage.DISBURSED, Stage.REPLACED])
def test_an_acceptance_that_is_not_new_is_not_recorded(buffer: MetricBuffer, before: Stage) -> None:
    """A payout failed, or an amendment was rolled back."""
    entry = StageEntry(stage=Stage.ACCEPTED, at=datetime(2026, 9, 1, tzinfo=UTC))
    record = OfferRecord(
        opportunity_id="006TEST00000001YDA",
        stage=Stage.ACCEPTED,
        history=(entry,),
        agreement=agreement(),
    )
    record_durations(record, before)
    assert buffer.retrieve_updates() == []
    record_durations(record, Stage.SHARED)
    assert len(buffer.retrieve_updates()) == 1
