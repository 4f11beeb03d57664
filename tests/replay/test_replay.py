"""New code meets running offers: recorded histories must replay without a difference."""

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


def read_history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(f"offer/{path.stem}", path.read_text(encoding="utf-8"))


def test_every_scenario_is_recorded() -> None:
    assert {path.stem for path in HISTORIES.glob("*.json")} == set(SCENARIOS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "path" in metafunc.fixturenames:
        folder = metafunc.config.getoption("--histories") or HISTORIES
        metafunc.parametrize("path", sorted(folder.glob("*.json")), ids=lambda path: path.stem)


async def test_recorded_history_replays(path: Path) -> None:
    replayer = Replayer(
        workflows=[OfferWorkflow],
        data_converter=data_converter(TemporalSettings()),
        interceptors=[DropUnfitSignals()],
    )
    await replayer.replay_workflow(read_history(path))


@workflow.defn(name="OfferWorkflow", sandboxed=False)
class UnversionedChange(OfferWorkflow):
    """The same with a sleep that no `workflow.patched` guards."""

    @workflow.init
    def __init__(self, request: OfferRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: OfferRequest) -> OfferRecord:
        await asyncio.sleep(1)
        return await super().run(request)


async def test_unversioned_change_is_found() -> None:
    replayer: Any = Replayer(
        workflows=[UnversionedChange], data_converter=data_converter(TemporalSettings())
    )
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(read_history(HISTORIES / "expired.json"))
