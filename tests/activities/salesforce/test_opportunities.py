"""Reading opportunities and customers from Salesforce."""

import asyncio
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.errors import Failure
from activities.salesforce.opportunities import Opportunities
from sandbox.server import Sandbox
from tests.support.vendors import failure_type
from tests.support.workflow_harness import OPPORTUNITY, opportunity_fields


async def test_opportunity_amount_is_exact(opportunities: Opportunities) -> None:
    read = await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    assert read.facts["price"] == {"amount": "120000.55", "currency": "USD"}
    assert read.facts["buyer_time_zone"] == "Europe/Berlin"
    assert read.order_form.of("signed") is True


async def test_field_names_are_compared_without_case(
    sandbox: Sandbox, opportunities: Opportunities, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = "2026-06-01 60000.00\n2026-12-01 60000.55"
    org = sandbox.world.salesforce
    org.put_opportunity(opportunity_fields(OPPORTUNITY, Payment_Schedule__c=schedule))
    fields = opportunities._fields
    read = fields.read | {"payment_schedule": "payment_schedule__C", "company": "account.NAME"}
    monkeypatch.setattr(opportunities, "_fields", fields.model_copy(update={"read": read}))
    found = await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    assert found.facts["payment_schedule"] == schedule
    assert found.facts["company"] == "Example Corp"


async def test_field_that_the_answer_lacks_is_not_empty(
    opportunities: Opportunities, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = opportunities._query

    def without_schedule(*arguments: Any) -> list[dict[str, Any]]:
        found = query(*arguments)
        return [{n: v for n, v in each.items() if n != "Payment_Schedule__c"} for each in found]

    monkeypatch.setattr(opportunities, "_query", without_schedule)
    with pytest.raises(ApplicationError, match="no field Payment_Schedule__c") as raised:
        await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    assert failure_type(raised) == Failure.REJECTED


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
