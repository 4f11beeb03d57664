"""Faults at any call: still one acceptable offer, one mail to the buyer, and a payout."""

from dataclasses import replace

import pytest

from offers.stage import Stage
from sandbox.faults import Fault
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness, open_harness

CALLS = {
    "salesforce": ("Token", "Query", "UpdateOpportunity"),
    "catalog": (
        "ListChangeSets",
        "StartChangeSet",
        "DescribeChangeSet",
        "DescribeEntity",
        "ListEntities",
    ),
    "agreement": ("SearchAgreements", "DescribeAgreement"),
    "clazar": ("Authenticate", "GetPrivateOffer", "PatchPrivateOffer"),
}
FAULTS = [
    Fault("", "status", status=500),
    Fault("", "status", status=429, retry_after=3),
    Fault("", "drop_before"),
    Fault("", "drop_after"),
]


async def run_to_disbursement(harness: WorkflowHarness) -> None:
    harness.set_buyer(accepts_after=2)
    await harness.client.start_without_waiting(OPPORTUNITY)
    await harness.advance_until(Stage.SHARED)
    await harness.advance(hours=1)
    assert harness.count_acceptable_offers() == 1
    await harness.advance(days=3)
    await harness.watch_agreements()
    assert (await harness.advance(minutes=5)).stage is Stage.ACCEPTED
    await harness.advance(days=40)
    await harness.sweep_payouts()
    assert (await harness.advance_to_end()).stage is Stage.DISBURSED
    assert len(harness.world.aws.offers) == 1
    assert len(harness.world.aws.change_sets) == 1
    assert (
        len([m for m in harness.world.mail.messages if m.recipients == ["buyer@example.com"]]) == 1
    )
    assert harness.salesforce_fields()["Offer_Stage__c"] == "disbursed"
    (links,) = harness.world.clazar.links.values()
    assert links.external_object_associations


@pytest.mark.parametrize("system", CALLS)
async def test_each_fault_at_each_call(system: str) -> None:
    async with open_harness() as harness:
        harness.vendors.waiting += [
            replace(fault, system=system, operation=operation)
            for operation in CALLS[system]
            for fault in FAULTS
        ]
        await run_to_disbursement(harness)
        assert not harness.vendors.waiting, "a fault was not used"
