"""Reading opportunities and customers from Salesforce."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.errors import Failure
from activities.salesforce.client import SalesforceClient
from activities.salesforce.field_map import FieldMap
from activities.salesforce.opportunities import Opportunities, ReadOpportunity, ReadyAfter
from offers.policy.policy import Policy
from offers.preflight.customer import Customer, LastPurchase, OtherCustomersUse
from offers.preflight.draft import Draft, draft
from offers.preflight.report import Deal, preflight
from sandbox.server import Sandbox
from tests.support.builders import NOW, TODAY, facts
from tests.support.vendors import failure_type
from tests.support.workflow_harness import OPPORTUNITY, opportunity_fields


async def test_opportunity_amount_is_exact(opportunities: Opportunities) -> None:
    read = await asyncio.to_thread(opportunities.read, OPPORTUNITY)
    assert read.facts["price"] == {"amount": "120000.55", "currency": "USD"}
    assert read.facts["buyer_time_zone"] == "Europe/Berlin"
    assert read.facts["buyer_country"] == "DE"
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


class RecordingClient(SalesforceClient):
    """A client whose org answers each query with the same records."""

    def __init__(self, *records: dict[str, Any]) -> None:
        self.queries: list[str] = []
        self._records = list(records)

    def call(self, use: Callable[[Any], Any]) -> Any:
        """What is made of the records; the query is kept."""
        return use(self)

    def query(self, query: str) -> dict[str, Any]:
        """As simple-salesforce answers it."""
        self.queries.append(query)
        return {"records": self._records}


READ = {"company": "Account.Name", "buyer_accounts": "Buyer__c"}
WRITE = {"stage": "Stage__c", "accepted_at": "Accepted__c"}
FORM = {"signed": "Signed__c", "billing_method": "Billing__c"}


def with_fields(client: SalesforceClient, **changes: Any) -> Opportunities:
    known = {"read": READ, "write": WRITE, "order_form": FORM}
    fields = FieldMap.model_validate(known | changes)
    return Opportunities(client, fields, "AWS Marketplace")


def opportunity(**changes: Any) -> ReadOpportunity:
    known: dict[str, Any] = {
        "account_id": "001A",
        "facts": {"company": "Example's"},
        "sources": {},
        "order_form": {},
        "shown_stage": None,
        "shown_offer_id": None,
    }
    return ReadOpportunity.model_validate(known | changes)


USE = {"Id": "006B", "Account": {"Name": "Other"}, "Buyer__c": "444455556666", "Accepted__c": "x"}


@pytest.mark.parametrize(
    ("lacks", "account", "others", "purchase"),
    [
        (None, "001A", True, True),
        (None, None, True, True),
        ("company", "001A", True, True),
        ("company", None, False, False),
        ("buyer_accounts", "001A", False, False),
        ("stage", "001A", True, False),
        ("accepted_at", "001A", True, False),
    ],
)
def test_customer_as_far_as_the_field_map_goes(
    lacks: str | None, account: str | None, others: bool, purchase: bool
) -> None:
    client = RecordingClient(USE)
    fields = {"read": {n: f for n, f in READ.items() if n != lacks},
              "write": {n: f for n, f in WRITE.items() if n != lacks}}  # fmt: skip
    opportunities = with_fields(client, **fields)
    found = opportunities.customer("006A", opportunity(account_id=account), ["111122223333"])
    company = None if lacks == "company" else "Other"
    use = OtherCustomersUse(account_id="111122223333", opportunity_id="006B", company=company)
    assert found.others == ((use,) if others else ())
    last = LastPurchase(opportunity_id="006B", buyer_accounts=("444455556666",))
    assert found.last_purchase == (last if purchase else None)
    same = "AccountId != '001A'" if account else r"Account.Name != 'Example\'s'"
    assert all(same in query for query in client.queries[:others])
    for spelling in ("111122223333", "1111-2222-3333", "1111 2222 3333"):
        assert all(f"Buyer__c LIKE '%{spelling}%'" in q for q in client.queries[:others])
    assert len(client.queries) == others + purchase


def test_customer_without_an_account_or_a_company_is_not_looked_up() -> None:
    client = RecordingClient(USE)
    nameless = opportunity(account_id=None, facts={"company": None}, shown_stage="shared")
    found = with_fields(client).customer("006A", nameless, ["111122223333"])
    assert found == Customer(shown_stage="shared", stage_field="Stage__c")
    assert client.queries == []


@pytest.mark.parametrize("accounts", ["soon", None])
def test_last_purchase_by_accounts_that_cannot_be_read_is_none(accounts: Any) -> None:
    client = RecordingClient(USE | {"Buyer__c": accounts})
    found = with_fields(client).customer("006A", opportunity(), [])
    assert found.last_purchase is None
    (query,) = client.queries
    assert "AccountId = '001A' AND Id != '006A' AND Stage__c IN ('accepted'" in query
    assert "Accepted__c != null ORDER BY Accepted__c DESC LIMIT 1" in query


READY = {"Id": "0065g00000AbCdEAAV", "SystemModstamp": "2026-03-02T09:00:00.000+0000"}


@pytest.mark.parametrize(
    ("page", "condition"),
    [
        ({"changed_at": None}, "Stage__c = null ORDER BY"),
        ({"changed_at": NOW}, "SystemModstamp >= 2026-03-02T09:00:00+00:00 ORDER BY"),
        (
            {"changed_at": NOW, "opportunity_id": "006A"},
            "(SystemModstamp > 2026-03-02T09:00:00+00:00 OR (SystemModstamp ="
            " 2026-03-02T09:00:00+00:00 AND Id > '006A')) ORDER BY",
        ),
    ],
)
def test_query_for_ready_opportunities(page: dict[str, Any], condition: str) -> None:
    client = RecordingClient(READY)
    after = ReadyAfter.model_validate(page)
    (found,) = with_fields(client).find_ready_opportunities(after)
    assert (found.opportunity_id, found.changed_at) == (READY["Id"], NOW)
    assert with_fields(client, ready="Region__c = '{EU}'").find_ready_opportunities(after)
    first, second = client.queries
    signed = "WHERE Signed__c = true AND Billing__c = 'AWS Marketplace' AND Stage__c = null"
    for query in client.queries:
        assert query.startswith("SELECT Id, SystemModstamp FROM Opportunity ")
        assert signed in query
        assert query.endswith("ORDER BY SystemModstamp ASC, Id ASC LIMIT 100")
    assert condition in first
    assert " AND (Region__c = '{EU}')" in second


@pytest.mark.parametrize("lacks", ["stage", "signed", "billing_method"])
def test_ready_opportunities_need_three_fields(lacks: str) -> None:
    fields = {"write": {n: f for n, f in WRITE.items() if n != lacks},
              "order_form": {n: f for n, f in FORM.items() if n != lacks}}  # fmt: skip
    with pytest.raises(ApplicationError, match="NO_INTAKE") as raised:
        with_fields(RecordingClient(), **fields).find_ready_opportunities(
            ReadyAfter(changed_at=None)
        )
    assert failure_type(raised) == Failure.REJECTED


def test_each_field_of_an_opportunity_is_read() -> None:
    record = {
        "Id": "006A",
        "AccountId": "001A",
        "Account": {"Name": "Example Corp"},
        "Buyer__c": "111122223333",
        "Amount": 120000.0,
        "Currency__c": "EUR",
        "Months__c": 12.0,
        "Signed__c": True,
        "Billing__c": "AWS Marketplace",
        "Stage__c": "shared",
        "Offer__c": "offer-1",
    }
    more = {"amount": "Amount", "currency": "Currency__c", "duration_months": "Months__c"}
    client = RecordingClient(record)
    read = with_fields(
        client, read=READ | more, write={"stage": "Stage__c", "offer_id": "Offer__c"}
    ).read("006A")
    assert read.account_id == "001A"
    assert read.facts == {
        "company": "Example Corp",
        "buyer_accounts": "111122223333",
        "duration_months": 12,
        "price": {"amount": "120000", "currency": "EUR"},
    }
    assert read.sources == {
        "company": "Account.Name",
        "buyer_accounts": "Buyer__c",
        "price": "Amount",
        "price.currency": "Currency__c",
        "duration_months": "Months__c",
    }
    assert read.order_form.values == {"signed": True, "billing_method": "AWS Marketplace"}
    assert read.order_form.sources == FORM
    assert read.order_form.opportunity_currency == "EUR"
    assert (read.shown_stage, read.shown_offer_id) == ("shared", "offer-1")
    (query,) = client.queries
    assert query == (
        "SELECT Account.Name, AccountId, Amount, Billing__c, Buyer__c, Currency__c, Id, Months__c,"
        " Offer__c, Signed__c, Stage__c FROM Opportunity WHERE Id = '006A'"
    )
    bare = with_fields(RecordingClient(record), write={}, default_currency="GBP").read("006A")
    assert (bare.shown_stage, bare.shown_offer_id) == (None, None)
    assert "price" not in bare.facts
    assert bare.order_form.opportunity_currency == "GBP"
    with pytest.raises(ApplicationError, match="no opportunity 006A") as raised:
        with_fields(RecordingClient()).read("006A")
    assert failure_type(raised) == Failure.NOT_FOUND
