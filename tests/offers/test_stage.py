"""The transition table, which the code and the documentation share."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import data, sampled_from

from offers.lifecycle.record import OfferRecord
from offers.stage import TRANSITIONS, IllegalTransition, Stage

LIFECYCLE_PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"


@pytest.mark.parametrize("before", Stage)
@pytest.mark.parametrize("after", Stage)
def test_only_transitions_of_the_table_are_allowed(before: Stage, after: Stage) -> None:
    record = OfferRecord(opportunity_id="006000000000001AAA", stage=before)
    at = datetime(2026, 3, 2, tzinfo=UTC)
    if after in TRANSITIONS[before]:
        record.enter(after, at)
        assert record.stage is after
        assert record.history[-1].stage is after
    else:
        with pytest.raises(IllegalTransition, match=f"cannot go from {before} to {after}"):
            record.enter(after, at)
        assert record.stage is before
        assert not record.history


def test_every_stage_is_reachable_and_only_end_stages_are_final() -> None:
    reached = {Stage.DRAFT}
    while more := {after for before in reached for after in TRANSITIONS[before]} - reached:
        reached |= more
    assert reached == set(Stage)
    ends = {stage for stage in Stage if stage.is_end}
    assert {stage for stage in Stage if not TRANSITIONS[stage]} <= ends
    assert ends == {
        Stage.DISBURSED,
        Stage.EXPIRED,
        Stage.CANCELLED,
        Stage.REPLACED,
        Stage.TERMINATED,
    }


def test_every_stage_before_acceptance_can_be_cancelled() -> None:
    before_acceptance = set(Stage) - {Stage.ACCEPTED} - {s for s in Stage if s.is_end}
    assert all(Stage.CANCELLED in TRANSITIONS[stage] for stage in before_acceptance)
    assert Stage.CANCELLED not in TRANSITIONS[Stage.ACCEPTED]


def test_documentation_has_the_state_diagram() -> None:
    lines = ["stateDiagram-v2", f"    [*] --> {Stage.DRAFT}"]
    for before, steps in TRANSITIONS.items():
        lines += [f"    {before} --> {after}: {when}" for after, when in steps.items()]
        if before.is_end:
            lines.append(f"    {before} --> [*]")
    assert "\n".join(lines) + "\n" in LIFECYCLE_PAGE.read_text(encoding="utf-8")


class AnyTransitions(RuleBasedStateMachine):
    """Offers that take any transitions of the table."""

    def __init__(self) -> None:
        super().__init__()
        self.record = OfferRecord(opportunity_id="006000000000001AAA")
        self.now = datetime(2026, 3, 2, tzinfo=UTC)

    @precondition(lambda self: bool(TRANSITIONS[self.record.stage]))
    @rule(choice=data())
    def step(self, choice) -> None:  # type: ignore[no-untyped-def]
        self.now += timedelta(days=1)
        self.record.enter(
            choice.draw(sampled_from(sorted(TRANSITIONS[self.record.stage]))), self.now
        )
        if self.record.stage is Stage.DRAFT:
            revision = self.record.revision
            self.record.start_revision("rejected by AWS", self.now)
            assert self.record.revision == revision + 1

    @precondition(lambda self: not TRANSITIONS[self.record.stage])
    @rule(after=sampled_from(sorted(Stage)))
    def step_after_the_end(self, after: Stage) -> None:
        with pytest.raises(IllegalTransition):
            self.record.enter(after, self.now)

    @invariant()
    def payout_after_acceptance_and_sharing_after_release(self) -> None:
        if self.record.stage is Stage.DISBURSED:
            assert self.record.has_been(Stage.ACCEPTED)
        if self.record.stage in (Stage.SHARED, Stage.EXPIRED):
            assert self.record.has_been(Stage.LIVE) or self.record.has_been(Stage.ACCEPTED)

    @invariant()
    def history_follows_the_table_and_survives_json(self) -> None:
        stages = [Stage.DRAFT, *(entry.stage for entry in self.record.history)]
        assert all(after in TRANSITIONS[before] for before, after in pairwise(stages))
        assert OfferRecord.model_validate_json(self.record.model_dump_json()) == self.record


TestAnyTransitions = AnyTransitions.TestCase
# Of up to 50 transitions each; the table has 38.
TestAnyTransitions.settings = settings(max_examples=30)
