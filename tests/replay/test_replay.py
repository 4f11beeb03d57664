"""New code meets running offers: recorded histories must replay without a difference.

The message of a failing test says what to do.
"""

import asyncio
from difflib import unified_diff
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from offers.lifecycle.record import OfferRecord
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter
from runtime.upgrade_check import replay
from tests.replay.fingerprint import fingerprint
from tests.replay.record import (
    FINGERPRINTED,
    FINGERPRINTS,
    HISTORIES,
    SCENARIOS,
    run_scenario,
)
from workflows.common.interceptors import DropUnfitSignals
from workflows.offer.messages import OfferRequest
from workflows.offer.workflow import OfferWorkflow

WHAT_TO_DO = """
Running offers meet this code. If the change is not intended, undo it. If it is:
- Once a version is released: guard the change with `workflow.patched`; keep the recorded history.
  Then write the fingerprints of what the code does now, and review their difference:
  .venv/bin/python -m tests.replay.record --fingerprints
- While nothing is released: record the scenario again:
  .venv/bin/python -m tests.replay.record {scenario}
See docs/development.md, "Changing a workflow"."""


@pytest.fixture
def histories(pytestconfig: pytest.Config) -> Path:
    """The folder of the recorded histories: ours, or those of another Python version."""
    folder: Path = pytestconfig.getoption("--histories") or HISTORIES
    return folder


def read_history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(f"offer/{path.stem}", path.read_text(encoding="utf-8"))


def test_every_scenario_is_recorded() -> None:
    assert {path.stem for path in HISTORIES.glob("*.json")} == set(SCENARIOS)
    assert {path.stem for path in FINGERPRINTS.glob("*.txt")} == set(FINGERPRINTED)


async def check(path: Path, workflow_class: type = OfferWorkflow) -> None:
    """Fail with the first event that this code cannot follow, and what to do."""
    history, scenario = read_history(path), path.stem
    checked = await replay(history, data_converter(TemporalSettings()), [workflow_class])
    if checked.problem:
        pytest.fail(
            f"The recorded history of {scenario} does not replay: {checked.problem}."
            f" [{checked.reason}]{WHAT_TO_DO.format(scenario=scenario)}",
            pytrace=False,
        )


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
async def test_recorded_history_replays(scenario: str, histories: Path) -> None:
    await check(histories / f"{scenario}.json")


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
async def test_recorded_history_replays_in_the_sandbox(scenario: str, histories: Path) -> None:
    """The SDK's sandbox refuses what a workflow must not do; workers run without it."""
    replayer = Replayer(
        workflows=[OfferWorkflow],
        data_converter=data_converter(TemporalSettings()),
        interceptors=[DropUnfitSignals()],
        # email-validator imports parts of itself in its functions.
        workflow_runner=SandboxedWorkflowRunner(
            SandboxRestrictions.default.with_passthrough_modules("email_validator", "idna")
        ),
    )
    await replayer.replay_workflow(read_history(histories / f"{scenario}.json"))


@pytest.mark.parametrize("scenario", FINGERPRINTED)
async def test_commands_are_those_of_the_fingerprint(scenario: str) -> None:
    """Also what replay does not notice: arguments, summaries, and what comes after the history."""
    path = FINGERPRINTS / f"{scenario}.txt"
    before = path.read_text(encoding="utf-8").splitlines()
    now = fingerprint(await run_scenario(scenario)).splitlines()
    difference = "\n".join(unified_diff(before, now, path.name, "this code", n=0, lineterm=""))
    if difference:
        pytest.fail(
            f"The commands of the scenario {scenario} have changed:\n{difference}"
            + WHAT_TO_DO.format(scenario=scenario),
            pytrace=False,
        )


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
    with pytest.raises(
        pytest.fail.Exception, match=r"event 6, ActivityTaskScheduled \(check_deal\)"
    ):
        await check(HISTORIES / "expired.json", UnversionedChange)
