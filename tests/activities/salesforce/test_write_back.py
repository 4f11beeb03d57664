"""Writing offers to their opportunities in Salesforce."""

import asyncio

from activities.salesforce.write_back import Salesforce
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.salesforce_fields import opportunity_update
from offers.stage import Stage
from sandbox.server import Sandbox
from tests.support.builders import terms
from tests.support.vendors import run_activity
from tests.support.workflow_harness import OPPORTUNITY


async def test_write_back_writes_absolute_values(sandbox: Sandbox, salesforce: Salesforce) -> None:
    record = OfferRecord(opportunity_id=OPPORTUNITY, stage=Stage.SHARED, terms=terms())
    for _ in range(2):
        await asyncio.to_thread(run_activity, salesforce.write_back, opportunity_update(record))
    written = sandbox.world.salesforce.opportunities[OPPORTUNITY]
    assert written["Offer_Stage__c"] == "shared"
    assert written["Offer_Amount__c"] == 120000
    assert written["Offer_Link_Expires__c"].startswith("2026-04-01T23:59:59")
    first, second = (entry["fields"] for entry in written["_history"])
    assert first == second
