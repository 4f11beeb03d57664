"""Writing offers to their opportunities in Salesforce."""

import asyncio

import pytest
from temporalio.exceptions import ApplicationError

from activities.errors import Failure
from activities.salesforce.write_back import ClazarHandoffTask, Salesforce
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.salesforce_fields import OpportunityUpdate, opportunity_update
from offers.stage import Stage
from sandbox.server import Sandbox
from tests.support.builders import terms
from tests.support.vendors import run_activity
from tests.support.workflow_harness import OPPORTUNITY, opportunity_fields


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


@pytest.mark.parametrize(("currency", "amount"), [("USD", 120000), (None, 120000), ("EUR", None)])
async def test_amounts_are_in_the_currency_of_the_record(
    sandbox: Sandbox, salesforce: Salesforce, currency: str | None, amount: int | None
) -> None:
    sandbox.world.salesforce.put_opportunity(
        opportunity_fields(OPPORTUNITY, CurrencyIsoCode=currency)
    )
    record = OfferRecord(opportunity_id=OPPORTUNITY, stage=Stage.SHARED, terms=terms())
    await asyncio.to_thread(run_activity, salesforce.write_back, opportunity_update(record))
    written = sandbox.world.salesforce.opportunities[OPPORTUNITY]
    assert written["Offer_Amount__c"] == amount
    assert written["Offer_Stage__c"] == "shared"
    said = "Amounts are left empty: the offer is in USD, this in EUR"
    assert written["Offer_Attention__c"] == (None if amount else said)


def test_what_waits_is_said_beside_the_currency() -> None:
    update = OpportunityUpdate(
        opportunity_id=OPPORTUNITY,
        stage=Stage.SHARED,
        values={"attention": "x" * 255, "amount": 1.0},
        currency="USD",
    )
    attention = str(update.without_amounts("EUR")["attention"])
    assert len(attention) <= 255
    assert attention.startswith("x" * 100)
    assert attention.endswith("the offer is in USD, this in EUR")


@pytest.mark.parametrize("kind", ["malformed", "html", "truncated", "oversized"])
async def test_answer_that_is_not_from_salesforce(
    sandbox: Sandbox, salesforce: Salesforce, kind: str
) -> None:
    """A proxy's page has status 200, too: the stage would count as written."""
    record = OfferRecord(opportunity_id=OPPORTUNITY, stage=Stage.SHARED, terms=terms())
    task = ClazarHandoffTask(opportunity_id=OPPORTUNITY, revision=1, terms=terms())
    faults = sandbox.world.faults.salesforce
    for operation, activity, argument in (
        ("UpdateOpportunity", salesforce.write_back, opportunity_update(record)),
        ("CreateTask", salesforce.open_handoff_task, task),
        ("UpdateTask", salesforce.close_handoff_task, task),
        ("Query", salesforce.close_handoff_task, task),
    ):
        faults.add(kind, operation, size=1000)
        with pytest.raises(ApplicationError) as raised:
            await asyncio.to_thread(run_activity, activity, argument)
        assert raised.value.type == Failure.UNAVAILABLE
        await asyncio.to_thread(run_activity, activity, argument)
    assert len(sandbox.world.salesforce.tasks) == 1
