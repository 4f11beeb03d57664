"""The field map, held against the org's own description of its fields."""

from collections.abc import Callable
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.errors import Failure
from activities.salesforce.client import SalesforceClient
from activities.salesforce.describe import describe
from activities.salesforce.field_check import (
    FieldCheck,
    currency_problems,
    task_problems,
)
from activities.salesforce.field_map import FieldMap
from runtime.settings import WorkerSettings, read_settings
from sandbox.salesforce.metadata import Access, ObjectAccess
from sandbox.salesforce.org import Salesforce
from sandbox.salesforce.schema import DOUBLE, PICKLIST, STRING, TEXT_AREA
from sandbox.server import Sandbox


@pytest.fixture
def org(sandbox: Sandbox) -> Salesforce:
    return sandbox.world.salesforce


@pytest.fixture
def client(sandbox: Sandbox) -> SalesforceClient:
    settings = read_settings(WorkerSettings)
    return SalesforceClient(settings.salesforce_login, settings.salesforce_ca)


@pytest.fixture
def fields(sandbox: Sandbox) -> FieldMap:
    return read_settings(WorkerSettings).fields()


def test_the_example_fits_the_package(client: SalesforceClient, fields: FieldMap) -> None:
    assert FieldCheck(client, fields).problems() == []
    assert FieldCheck(client, fields).findings() == ()
    assert list(currency_problems(fields, describe(client, "Opportunity"))) == []
    assert list(task_problems(describe(client, "Task"))) == []


Change = Callable[[Salesforce], Any]

READ_ONLY = Access(readable=True, editable=False)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda org: org.remove_field("Opportunity.Offer_Stage__c"),
            ("write.stage", "there is no such field, or our user may not see it", True),
        ),
        (
            lambda org: org.access.pop("Opportunity.Buyer_Email__c"),
            ("read.buyer_email", "there is no such field, or our user may not see it", False),
        ),
        (
            lambda org: org.access.update({"Opportunity.Offer_Url__c": READ_ONLY}),
            ("write.offer_url", "our user may not write it", True),
        ),
        (
            lambda org: org.change_field("Opportunity.Accepted_At__c", type=STRING, length=255),
            ("write.accepted_at", "it is of type string, not datetime", True),
        ),
        (
            lambda org: org.change_field("Opportunity.Disbursed_On__c", type=TEXT_AREA, length=255),
            ("write.disbursed_on", "it is of type textarea, not date", True),
        ),
        (
            lambda org: org.change_field("Opportunity.Listing_Fee__c", type=STRING, length=255),
            ("write.listing_fee", "it is of type string, not currency or double", True),
        ),
        (
            lambda org: org.change_field("Opportunity.Net_Amount__c", scale=0),
            ("write.net_amount", "it has 0 decimals, and amounts have 2", False),
        ),
        (
            lambda org: org.change_field("Opportunity.Net_Amount__c", precision=10),
            ("write.net_amount", "it has 8 digits before the point", False),
        ),
        (
            lambda org: org.change_field("Opportunity.Offer_Attention__c", length=80),
            ("write.attention", "it holds 80 characters, and up to 255 are written", False),
        ),
        (
            lambda org: org.change_field("Opportunity.Agreement_Id__c", length=20),
            ("write.agreement_id", "it holds 20 characters, and up to 64 are written", False),
        ),
        (
            lambda org: org.change_field(
                "Opportunity.Offer_Stage__c", is_restricted=True, values=("draft", "shared")
            ),
            ("write.stage", "the restricted picklist has no accepted, cancelled, disbursed", True),
        ),
        (
            lambda org: org.change_field(
                "Opportunity.Offer_Id__c", type=PICKLIST, is_restricted=True
            ),
            ("write.offer_id", "a restricted picklist does not take it", True),
        ),
        (
            lambda org: org.change_field("Opportunity.Offer_Stage__c", type=TEXT_AREA, length=255),
            ("write.stage", "Salesforce cannot search for it (type textarea)", False),
        ),
        (
            lambda org: org.change_field("Opportunity.AWS_Account_Id__c", type=TEXT_AREA),
            ("read.buyer_accounts", "Salesforce cannot search for it (type textarea)", False),
        ),
        (
            lambda org: org.change_field("Opportunity.Order_Form_Signed__c", type=STRING),
            ("order_form.signed", "it is of type string, not boolean", False),
        ),
        (
            lambda org: org.change_field("Opportunity.Buyer_Name__c", type=DOUBLE),
            ("read.buyer_name", "it is of type double, not combobox or", False),
        ),
        (
            lambda org: org.access.pop("Opportunity.AccountId"),
            (
                "read.company",
                "Opportunity has no relationship Account, or our user may not see it",
                False,
            ),
        ),
        (
            lambda org: org.remove_field("User.TimeZoneSidKey"),
            ("read.owner_time_zone", "there is no such field, or our user may not see it", False),
        ),
    ],
)
def test_a_field_that_does_not_fit(
    org: Salesforce,
    client: SalesforceClient,
    fields: FieldMap,
    change: Change,
    expected: tuple[str, str, bool],
) -> None:
    change(org)
    found = FieldCheck(client, fields).problems()
    name, problem, prevents_writing = expected
    assert {each.name for each in found} >= {name}
    (one,) = (each for each in found if each.name == name)
    assert one.problem.startswith(problem)
    assert one.prevents_writing is prevents_writing
    prevented = [each.field for each in FieldCheck(client, fields).findings()]
    assert prevented == ([name] if prevents_writing else [])


def test_an_org_with_one_currency(
    org: Salesforce, client: SalesforceClient, fields: FieldMap
) -> None:
    org.remove_field("Opportunity.CurrencyIsoCode")
    (found,) = FieldCheck(client, fields).problems()
    assert found.name == "read.currency"
    assert "remove the line if yours has one" in found.remedy
    read = {name: path for name, path in fields.read.items() if name != "currency"}
    without = fields.model_copy(update={"read": read})
    assert FieldCheck(client, without).problems() == []
    assert list(currency_problems(without, describe(client, "Opportunity"))) == []


def test_several_currencies_that_the_map_does_not_read(
    client: SalesforceClient, fields: FieldMap
) -> None:
    read = {name: path for name, path in fields.read.items() if name != "currency"}
    without = fields.model_copy(update={"read": read})
    (found,) = currency_problems(without, describe(client, "Opportunity"))
    assert found.problem == "the org has several currencies, and every amount is read as USD"


def test_tasks_that_the_user_may_not_create(org: Salesforce, client: SalesforceClient) -> None:
    org.object_access["Task"] = ObjectAccess(createable=False, updateable=False)
    expected = {"": "our user may not create and complete tasks"}
    assert dict(task_problems(describe(client, "Task"))) == expected
    org.object_access["Task"] = ObjectAccess(createable=True, updateable=True)
    org.remove_field("Task.Subject")
    org.access["Task.WhatId"] = READ_ONLY
    assert dict(task_problems(describe(client, "Task"))) == {
        "Subject": "there is no such field, or our user may not see it",
        "WhatId": "our user may not write it",
    }


def test_preflight_asks_again_while_something_is_wrong_and_not_when_all_is_well(
    sandbox: Sandbox, org: Salesforce, client: SalesforceClient, fields: FieldMap
) -> None:
    org.access["Opportunity.Offer_Url__c"] = READ_ONLY
    check = FieldCheck(client, fields)
    (finding,) = check.findings()
    assert (finding.code, finding.field, finding.source) == (
        "salesforce-field",
        "write.offer_url",
        "Offer_Url__c",
    )
    org.access["Opportunity.Offer_Url__c"] = Access(readable=True, editable=True)
    assert check.findings() == ()
    calls = sandbox.world.calls["salesforce", "DescribeSObject"]
    assert check.findings() == ()
    assert sandbox.world.calls["salesforce", "DescribeSObject"] == calls


def test_a_description_that_is_not_salesforces(
    sandbox: Sandbox, client: SalesforceClient, fields: FieldMap
) -> None:
    sandbox.world.faults.salesforce.add("oversized", "DescribeSObject")
    with pytest.raises(ApplicationError) as raised:
        FieldCheck(client, fields).problems()
    assert raised.value.type == Failure.UNAVAILABLE
