"""Offers under way meet new code: recorded lives must replay without a difference."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from offers.lifecycle.record import OfferRecord
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter
from tests.replay.record import HISTORIES, SCENARIOS
from workflows.common.interceptors import DropUnfitSignals
from workflows.offer.messages import OfferRequest
from workflows.offer.workflow import OfferWorkflow


def recorded(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(f"offer/{path.stem}", path.read_text(encoding="utf-8"))


def test_every_scenario_is_recorded() -> None:
    assert {path.stem for path in HISTORIES.glob("*.json")} == set(SCENARIOS)


@pytest.mark.parametrize("path", sorted(HISTORIES.glob("*.json")), ids=lambda path: path.stem)
async def test_a_recorded_life_replays(path: Path) -> None:
    replayer = Replayer(
        workflows=[OfferWorkflow],
        data_converter=data_converter(TemporalSettings()),
        interceptors=[DropUnfitSignals()],
    )
    await replayer.replay_workflow(recorded(path))


@workflow.defn(name="OfferWorkflow", sandboxed=False)
class BrokenTwin(OfferWorkflow):
    """The same, but for a pause that nobody guarded."""

    @workflow.init
    def __init__(self, request: OfferRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: OfferRequest) -> OfferRecord:
        await asyncio.sleep(1)
        return await super().run(request)


async def test_a_change_that_nobody_guarded_is_found() -> None:
    replayer: Any = Replayer(
        workflows=[BrokenTwin], data_converter=data_converter(TemporalSettings())
    )
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(recorded(HISTORIES / "expired.json"))
