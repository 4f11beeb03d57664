"""Reading opportunities and customers from Salesforce."""

import asyncio
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.errors import Failure
from activities.salesforce.opportunities import Opportunities
from offers.policy.policy import Policy
from offers.preflight.draft import Draft, draft
from offers.preflight.report import Deal, preflight
from sandbox.server import Sandbox
from tests.support.builders import TODAY, facts
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
    with pytest.raises(
        ApplicationError, match=r"FIELD_MISSING\b.*no field Payment_Schedule__c"
    ) as raised:
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


async def read_price(sandbox: Sandbox, opportunities: Opportunities, amount: Any) -> Draft:
    """What is drafted from an opportunity with an amount."""
    sandbox.world.salesforce.put_opportunity(opportunity_fields(OPPORTUNITY, Amount=amount))
    read = await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    known = {name: value for name, value in read.facts.items() if value is not None}
    return draft(facts() | known, Policy(), TODAY, read.sources)


@pytest.mark.parametrize(
    ("amount", "price"),
    [
        (119999.99999999999, "USD 120,000.00"),
        (120000.00000000001, "USD 120,000.00"),
        (119999.98, "USD 119,999.98"),
        (120000, "USD 120,000.00"),
        (99999999.99, "USD 99,999,999.99"),
    ],
)
async def test_noise_of_a_number_is_left_out(
    sandbox: Sandbox, opportunities: Opportunities, amount: Any, price: str
) -> None:
    drafted = await read_price(sandbox, opportunities, amount)
    assert drafted.terms is not None
    assert str(drafted.terms.price) == price


@pytest.mark.parametrize("amount", [119999.9833, 119999.9999999])
async def test_number_that_is_shown_rounded_is_refused(
    sandbox: Sandbox, opportunities: Opportunities, amount: float
) -> None:
    drafted = await read_price(sandbox, opportunities, amount)
    (finding,) = drafted.findings
    assert finding.field.partition(".")[0] == "price"
    assert finding.source == "Amount"
    assert f"{amount} USD is finer" in finding.problem
    assert "Salesforce shows such a number rounded" in finding.remedy


@pytest.mark.parametrize("currency", ["EUR", None])
async def test_order_form_without_currency_is_in_that_of_the_opportunity(
    sandbox: Sandbox, opportunities: Opportunities, currency: str | None
) -> None:
    sandbox.world.salesforce.put_opportunity(
        opportunity_fields(OPPORTUNITY, CurrencyIsoCode=currency, Order_Form_Amount__c=120000)
    )
    form = (await asyncio.to_thread(opportunities.read, OPPORTUNITY)).order_form
    known = currency or "USD"
    for given in ("USD", "EUR"):
        drafted = draft(facts(price=f"120000.00 {given}"), Policy(), TODAY)
        found = preflight(drafted, Deal(order_form=form), Policy(), TODAY, {}).findings
        codes = {finding.code for finding in found if finding.field == "price"}
        assert ("order-form-amount" in codes) is (given != known)
        assert ("opportunity-currency" in codes) is (given != known)
