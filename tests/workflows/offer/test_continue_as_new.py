"""Runs that continue as new: nothing is lost, nothing is done twice."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import groupby
from typing import Any

import pytest

from offers.ids import workflow_id
from offers.lifecycle.summary import OfferSummary
from offers.stage import Stage
from tests.replay.record import POLICIES, SCENARIOS
from tests.support.continue_as_new import continue_as_new_always
from tests.support.long_tests import with_long
from tests.support.workflow_harness import OPPORTUNITY, POLICY, WorkflowHarness, open_harness
from workflows.offer.workflow import OfferWorkflow

Scenario = Callable[[WorkflowHarness], Awaitable[str | None]]

RANDOM = re.compile(
    r"\b(?:offer|agmt|agreement|acr|inv)-[a-z0-9-]+"  # ids of AWS
    r"|\b[0-9a-z]{24,}\b|\b[0-9A-Z]{10,15}\b|\b00T\w{15}\b|https?://\S+"
    r"|(?<=:)[0-9a-f]{10}\b"  # references of findings
    r"|\b\d{1,2}\s+[A-Z][a-z]+\s+\d{4},?\s+\d\d:\d\d\s+UTC"  # in mails, whose lines are broken
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+00:?00)?"
)
"""Ids and times."""

CONTINUED = {
    "disbursed_in_parts": {Stage.SHARED, Stage.ACCEPTED, Stage.DISBURSED},
    "payout_failed_and_retried": {Stage.SHARED, Stage.ACCEPTED, Stage.DISBURSED},
    "expired": {Stage.SHARED, Stage.EXPIRED},
    "withdrawn_after_sharing": {Stage.SHARED, Stage.CANCELLED},
    "rejected_then_corrected": {Stage.FAILED, Stage.SHARED},
    "approved_after_a_revision": {Stage.DRAFT, Stage.SHARED},
    "confirmed_by_the_buyer": {Stage.DRAFT, Stage.SHARED},
    "declined_and_recreated_in_clazar": {Stage.SUBMITTED, Stage.SHARED},
    "extended_then_amended": {Stage.SHARED, Stage.EXPIRED},
    "amended_after_acceptance": {Stage.SHARED, Stage.ACCEPTED},
    "cancellation_requested": {Stage.ACCEPTED, Stage.TERMINATED},
    "refunded": {Stage.SHARED, Stage.DISBURSED},
}
"""By scenario, stages in which its run must have continued; test_continue_as_new of end_to_end has
`replaced`.  While AWS creates the offer, no run continues."""


async def outcome(scenario: Scenario, *, in_one_run: bool) -> Any:
    """What an offer's life has led to, without times and ids."""
    policy = POLICIES.get(scenario.__name__, POLICY)
    async with open_harness(policy=policy) as harness:
        path = await scenario(harness) or OPPORTUNITY
        await harness.settle()
        world = harness.world
        record = await harness.client.record(path)
        if in_one_run:  # the time-skipping server hands no memo on to the next run
            handle = harness.temporal_client.get_workflow_handle(workflow_id(path))
            memo = await (await handle.describe()).memo()
            assert OfferSummary.from_memo(memo) == OfferSummary.of(record)
        result = {
            # The fingerprint is of the data with its times.
            "record": record.model_dump(mode="json", exclude={"payout_fingerprint"}),
            "mails": sorted(
                without_ids_and_times([*mail.recipients, mail.subject, mail.text])
                for mail in world.mail.messages
            ),
            "salesforce": harness.salesforce_fields() | {"_history": written(harness)},
            "offers in AWS": [vars(offer) for offer in world.aws.offers.values()],
            "change sets": [
                [change.type for change in change_set.changes]
                for change_set in world.aws.change_sets.values()
            ],
            "links": [vars(links) for links in world.clazar.links.values()],
            "tasks": [*world.salesforce.tasks.values()],
            "acceptable": harness.count_acceptable_offers(),
        }
    return without_ids_and_times(result)


def written(harness: WorkflowHarness) -> list[str]:
    """The stages written to Salesforce, of the offer and of its amendment, without repetitions."""
    stages = (
        f"{name}: {value}"
        for entry in harness.salesforce_fields()["_history"]
        for name, value in entry["fields"].items()
        if name.endswith("Stage__c")
    )
    return [stage for stage, _ in groupby(stages)]


def without_ids_and_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {RANDOM.sub("?", name): without_ids_and_times(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_ids_and_times(each) for each in value]
    if isinstance(value, datetime):
        return "?"
    return RANDOM.sub("?", value) if isinstance(value, str) else value


@pytest.mark.parametrize(
    "name", with_long(SCENARIOS, short=("disbursed_in_parts", "extended_then_amended"))
)
async def test_life_ends_as_in_one_run(name: str) -> None:
    scenario = SCENARIOS[name]
    in_one_run = await outcome(scenario, in_one_run=True)
    with continue_as_new_always() as continued:
        assert await outcome(scenario, in_one_run=False) == in_one_run
    assert set(continued) >= CONTINUED.get(scenario.__name__, set())


async def test_failed_offer_keeps_its_one_attention() -> None:
    with continue_as_new_always() as continued:
        async with open_harness() as harness:
            harness.world.aws.change_set_processing.failures.append("INVALID_TAX_INFORMATION")
            await harness.start()
            before = (await harness.advance_until(Stage.FAILED)).attentions
            for _ in range(2):
                await harness.settle()
                await harness.handle.signal(OfferWorkflow.change_set_finished, "of-another-offer")
            assert (await harness.settle()).attentions == before
    assert len(before) == 1
    assert continued.count(Stage.FAILED) >= 2
