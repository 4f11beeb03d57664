"""Queries over many records, page by page, during concurrent writes; and tasks."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox.faults import Fault
from sandbox.server import Sandbox
from sandbox.tests.support.manual_clock import ManualClock
from sandbox.tests.support.salesforce_org import OPPORTUNITY_ID, OrgClient, status_and_code

SMALL = {"Sforce-Query-Options": "batchSize=200"}
ALL = (
    "SELECT Id, Name, Amount FROM Opportunity WHERE Amount = 1 ORDER BY SystemModstamp ASC, Id ASC"
)


@pytest.fixture
def org(sandbox: Sandbox) -> Iterator[OrgClient]:
    org = OrgClient(sandbox)
    with org.http:
        yield org


def fill(org: OrgClient, count: int, **fields: Any) -> None:
    for number in range(1, count + 1):
        org.put_opportunity(Id=f"006{number:012d}", Name=f"Deal {number}", Amount=1, **fields)


def following(org: OrgClient, page: dict[str, Any], **headers: str) -> httpx.Response:
    signed = {"Authorization": f"Bearer {org.token}", **headers}
    return org.http.get(page["nextRecordsUrl"], headers=signed)


def test_all_pages_show_the_first_result(org: OrgClient) -> None:
    fill(org, 300)
    first = org.query(ALL, **SMALL).json()
    org.put_opportunity(Id=first["records"][0]["Id"], Amount=2)
    org.put_opportunity(Id="006000000000299", Name="Renamed", Amount=2)
    org.put_opportunity(Id="006000000000999", Name="New", Amount=1)

    second = following(org, first).json()

    assert (first["totalSize"], first["done"], len(first["records"])) == (300, False, 200)
    assert (second["totalSize"], second["done"], len(second["records"])) == (300, True, 100)
    names = [record["Name"] for record in first["records"] + second["records"]]
    assert names == [f"Deal {number}" for number in range(1, 301)]
    assert "nextRecordsUrl" not in second


def test_the_last_page_can_be_read_again(org: OrgClient) -> None:
    fill(org, 250)
    first = org.query(ALL, **SMALL).json()
    org.world.faults.waiting.append(Fault("salesforce", "drop_after", "QueryMore"))

    with pytest.raises(httpx.RemoteProtocolError):
        following(org, first)

    assert len(following(org, first).json()["records"]) == 50


def test_the_eleventh_cursor_closes_the_oldest(org: OrgClient) -> None:
    fill(org, 250)
    first, *others = [org.query(ALL, **SMALL).json() for _ in range(11)]
    for _ in range(11):
        assert org.query("SELECT Id FROM Opportunity LIMIT 1", **SMALL).json()["done"]

    assert status_and_code(following(org, first)) == (400, "INVALID_QUERY_LOCATOR")
    assert {following(org, each).status_code for each in others} == {200}


@pytest.mark.parametrize(
    ("asked", "given"),
    [({}, 2000), ({"Sforce-Query-Options": "batchSize=500"}, 500), (SMALL, 200)],
    ids=["default", "500", "200"],
)
def test_page_size(org: OrgClient, asked: dict[str, str], given: int) -> None:
    fill(org, 2001)

    page = org.query("SELECT Id FROM Opportunity", **asked).json()

    assert (len(page["records"]), page["totalSize"]) == (given, 2001)
    assert len(following(org, page, **asked).json()["records"]) == min(given, 2001 - given)


def test_a_query_over_many_records_is_fast(org: OrgClient, clock: ManualClock) -> None:
    fill(org, 1500, Account={"Name": "Example Corp"}, Order_Form_Amount__c="120000.00")
    since = clock.advance(minutes=1)
    org.put_opportunity(Id="006000000000700", Amount=1)
    conditions = [
        "WHERE StageName = 'Closed Won' AND Order_Form_Amount__c != null "
        "AND (Offer_Stage__c = null OR Offer_Stage__c IN ('draft', 'failed')) "
        "ORDER BY SystemModstamp ASC, Id ASC",
        f"WHERE SystemModstamp >= {since:%Y-%m-%dT%H:%M:%SZ} ORDER BY SystemModstamp, Id LIMIT 50",
        "WHERE Account.Name LIKE 'example%' AND IsWon = true",
    ]
    fields = (
        "Id, Name, AccountId, Account.Name, Amount, CurrencyIsoCode, StageName, CloseDate,"
        " Order_Form_Company__c, Order_Form_Amount__c, Order_Form_Months__c, Dimensions__c,"
        " Payment_Schedule__c, Contract_Start__c, SystemModstamp"
    )
    found, slowest = [], 0.0
    for condition in conditions:
        # CPU time, as other processes may use this machine, too.
        started = time.process_time()
        answer = org.query(" ".join(["SELECT", fields, "FROM Opportunity", condition])).json()
        slowest = max(slowest, time.process_time() - started)
        found.append(answer["totalSize"])

    assert found == [1500, 1, 1500]
    assert slowest < 1, "half a second, on a machine with nothing else to do"


def test_long_text_fields(org: OrgClient) -> None:
    said = {
        "Order_Form_Company__c": "Example Corp",
        "Order_Form_Amount__c": 120000.5,
        "Order_Form_Currency__c": "EUR",
        "Order_Form_Months__c": 12.0,
        "Order_Form_Payment_Terms__c": "Net 30",
        "Payment_Schedule__c": "x" * 32_000,
        "Net_Payment_Days__c": 30.0,
        "Eula_Documents__c": "y" * 32_000,
        "Renewal__c": "External",
        "Contract_Start__c": "2026-05-01",
        "Dimensions__c": "z" * 4_000,
        "AWS_Account_Id__c": "111122223333, 444455556666",
    }
    org.put_opportunity(**said, AccountId="001000000000001")

    record = org.call("GET", f"/sobjects/Opportunity/{OPPORTUNITY_ID}").json()
    condition = (
        "Order_Form_Currency__c = 'EUR' AND Contract_Start__c >= 2026-05-01"
        " AND AccountId = '001000000000001AAA'"
    )
    query = ["SELECT AccountId,", ", ".join(said), "FROM Opportunity WHERE", condition]
    found = org.query(" ".join(query)).json()

    assert {name: record[name] for name in said} == said
    (row,) = found["records"]
    assert {name: row[name] for name in said} == said
    assert row["AccountId"] == "001000000000001AAA"


@pytest.mark.parametrize(
    ("field", "length"),
    [("Dimensions__c", 4_000), ("AWS_Account_Id__c", 255), ("Order_Form_Currency__c", 3)],
)
def test_text_over_the_control_api_is_limited_too(org: OrgClient, field: str, length: int) -> None:
    with pytest.raises(ValueError, match=f"{field}: it has more than {length} characters"):
        org.put_opportunity(**{field: "x" * (length + 1)})


def test_long_text_cannot_be_filtered(org: OrgClient) -> None:
    refused = org.query("SELECT Id FROM Opportunity WHERE Payment_Schedule__c = null")

    assert status_and_code(refused) == (400, "INVALID_FIELD")


# Tasks


@pytest.fixture
def task(org: OrgClient) -> str:
    """The path of a task that has a reference."""
    org.put_opportunity()
    fields = {
        "Subject": "Make the offer in Clazar",
        "WhatId": OPPORTUNITY_ID,
        "Offer_Reference__c": "offer-example-1",
    }
    return f"/sobjects/Task/{org.call('POST', '/sobjects/Task', json=fields).json()['id']}"


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (f"WhatId = '{OPPORTUNITY_ID}'", 1),
        (f"WhatId = '{OPPORTUNITY_ID[:15]}'", 1),
        ("WhatId = '006000000000009AAA'", 0),
        ("Offer_Reference__c = 'offer-example-1'", 1),
        ("Offer_Reference__c LIKE 'offer-%' AND Subject LIKE 'Make %'", 1),
        ("Offer_Reference__c != null AND (Status != 'Completed' OR Subject = null)", 1),
        ("Status IN ('Completed', 'Deferred')", 0),
    ],
)
def test_a_task_is_found_by_its_reference(
    org: OrgClient, task: str, condition: str, found: int
) -> None:
    query = ["SELECT Id, Status, Offer_Reference__c FROM Task WHERE", condition]
    answer = org.query(" ".join(query)).json()

    assert answer["totalSize"] == found


def test_a_task_is_updated(org: OrgClient, task: str, clock: ManualClock) -> None:
    clock.advance(hours=1)
    done = {"Status": "Completed", "Description": "Offer offer-1"}
    assert org.call("PATCH", task, json=done).status_code == 204

    shown = org.call("GET", task).json()
    assert {name: shown[name] for name in done} == done
    assert shown["Offer_Reference__c"] == "offer-example-1"
    assert shown["CreatedDate"] < shown["SystemModstamp"] == "2026-03-02T10:00:00.000+0000"
    assert status_and_code(org.call("PATCH", task, json={"Offer_Reference__c": "x" * 81})) == (
        400,
        "STRING_TOO_LONG",
    )
    assert status_and_code(org.call("PATCH", task, json={"Status": None})) == (
        400,
        "REQUIRED_FIELD_MISSING",
    )
