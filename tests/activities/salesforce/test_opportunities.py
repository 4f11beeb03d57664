"""Reading opportunities and customers from Salesforce."""

import asyncio
from typing import Any

import pytest

from activities.salesforce.opportunities import Opportunities
from sandbox.server import Sandbox
from tests.support.workflow_harness import OPPORTUNITY, opportunity_fields


async def test_opportunity_amount_is_exact(opportunities: Opportunities) -> None:
    read = await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    assert read.facts["price"] == {"amount": "120000.55", "currency": "USD"}
    assert read.facts["buyer_time_zone"] == "Europe/Berlin"
    assert read.order_form.of("signed") is True


@pytest.mark.parametrize("matched_by", ["account", "company"])
async def test_customer_has_other_uses_of_the_account_and_the_last_purchase(
    sandbox: Sandbox, opportunities: Opportunities, matched_by: str
) -> None:
    by_company: dict[str, Any] = {"AccountId": None} if matched_by == "company" else {}
    other_customer: dict[str, Any] = {
        "AccountId": "0015g00000XyZaBAAV",
        "Account": {"Name": "Example Two"},
    }
    others: dict[str, dict[str, Any]] = {
        "006OTHERS000001": other_customer | {"AWS_Account_Id__c": "1111-2222-3333"},
        "006OTHERS000002": other_customer | {"AWS_Account_Id__c": "444455556666, 1111 2222 3333"},
        "006OTHERS000003": other_customer | {"AWS_Account_Id__c": "444455556666"},
        "006BEFORE000001": {
            "AWS_Account_Id__c": "777788889999",
            "Offer_Stage__c": "disbursed",
            "Accepted_At__c": "2025-03-02T09:00:00.000+0000",
        },
        "006BEFORE000002": {
            "AWS_Account_Id__c": "000000000012",
            "Offer_Stage__c": "accepted",
            "Accepted_At__c": "2024-03-02T09:00:00.000+0000",
        },
    }
    for each, fields in others.items():
        sandbox.world.salesforce.put_opportunity(opportunity_fields(each, **by_company | fields))
    sandbox.world.salesforce.put_opportunity(opportunity_fields(OPPORTUNITY, **by_company))
    read = await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    customer = await asyncio.to_thread(opportunities.customer, OPPORTUNITY, read, ("111122223333",))
    assert [(use.opportunity_id[:15], use.company) for use in customer.others] == [
        ("006OTHERS000001", "Example Two"),
        ("006OTHERS000002", "Example Two"),
    ]
    assert customer.last_purchase is not None
    assert customer.last_purchase.buyer_accounts == ("777788889999",)
    assert sandbox.world.writes == 0
