"""Whatever goes wrong once, at whatever call: one acceptable offer, told of once, followed on."""

from dataclasses import replace

import pytest

from offers.stage import Stage
from sandbox.faults import Fault
from tests.support.life import OPPORTUNITY, Life, living

CALLS = [
    ("salesforce", "Token"),
    ("salesforce", "Query"),
    ("salesforce", "UpdateOpportunity"),
    ("catalog", "ListChangeSets"),
    ("catalog", "StartChangeSet"),
    ("catalog", "DescribeChangeSet"),
    ("catalog", "DescribeEntity"),
    ("catalog", "ListEntities"),
    ("agreement", "SearchAgreements"),
    ("agreement", "DescribeAgreement"),
    ("clazar", "Authenticate"),
    ("clazar", "GetPrivateOffer"),
    ("clazar", "PatchPrivateOffer"),
]
FAULTS = [
    Fault("", "status", status=500),
    Fault("", "status", status=429, retry_after=3),
    Fault("", "drop_before"),
    Fault("", "drop_after"),
]


async def live_through(life: Life) -> None:
    life.buyer(accepts_after=2)
    await life.desk.start_without_waiting(OPPORTUNITY)
    await life.reaches(Stage.SHARED)
    await life.passes(hours=1)
    assert life.acceptable_offers() == 1
    await life.passes(days=3)
    await life.report_acceptance()
    assert (await life.passes(minutes=5)).stage is Stage.ACCEPTED
    await life.passes(days=40)
    await life.report_payout()
    assert (await life.end()).stage is Stage.DISBURSED
    assert len(life.world.offers) == 1
    assert len(life.world.change_sets) == 1
    assert len([m for m in life.world.mails if m.recipients == ["buyer@example.com"]]) == 1
    assert life.in_salesforce()["Offer_Stage__c"] == "disbursed"
    (links,) = life.world.clazar_links.values()
    assert links.external_object_associations


@pytest.mark.parametrize("call", CALLS, ids="-".join)
async def test_one_fault_at_one_call(call: tuple[str, str]) -> None:
    system, operation = call
    async with living() as life:
        life.world.faults.waiting += [
            replace(fault, system=system, operation=operation) for fault in FAULTS
        ]
        await live_through(life)
        assert not life.world.faults.waiting, "each fault has struck"
