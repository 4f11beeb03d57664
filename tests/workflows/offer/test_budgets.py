"""What one life may cost; docs/figures.md has what it costs."""

from bench.action_cost import cost
from bench.lifecycle_cost import accepted
from tests.support.workflow_harness import WorkflowHarness


async def test_accepted_and_paid_offer_stays_within_its_budgets(harness: WorkflowHarness) -> None:
    await accepted(harness)
    used = cost(await harness.handle.fetch_history())
    assert used.actions <= 30, used.by_kind
    assert used.events <= 116
    assert used.bytes <= 32_000
