"""Salesforce's records over REST: reading, writing, paging, limits and faults."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from sandbox.faults import Fault
from sandbox.server import Sandbox
from sandbox.tests.support.manual_clock import ManualClock
from sandbox.tests.support.salesforce_org import OPPORTUNITY_ID, OrgClient, status_and_code

RECORD = f"/sobjects/Opportunity/{OPPORTUNITY_ID}"


@pytest.fixture
def org(sandbox: Sandbox) -> Iterator[OrgClient]:
    """One opportunity, created with a 15-character id."""
    org = OrgClient(sandbox)
    org.put_opportunity(
        Id=OPPORTUNITY_ID[:15],
        Name="Ardent",
        Amount=120000,
        CloseDate="2026-02-01",
        Owner={"Name": "Ada", "Email": "ada@example.com"},
    )
    with org.http:
        yield org


@pytest.fixture
def client(org: OrgClient) -> Any:
    """The client library of the product, with a token from the caller."""
    session = requests.Session()
    session.trust_env = False
    session.verify = org.sandbox.addresses.salesforce_ca
    return Salesforce(
        session_id=org.token,
        instance_url=org.sandbox.addresses.salesforce,
        version="66.0",
        session=session,
    )


# With simple-salesforce


def test_simple_salesforce_reads_and_writes(
    client: Any, org: OrgClient, clock: ManualClock
) -> None:
    clock.advance(hours=1)
    written = client.Opportunity.update(
        OPPORTUNITY_ID, {"Offer_Stage__c": "live", "Offer_Amount__c": 120000.25}
    )
    read = client.Opportunity.get(OPPORTUNITY_ID[:15])

    assert written == 204
    assert read["Id"] == OPPORTUNITY_ID
    assert read["Offer_Stage__c"] == "live"
    assert read["Offer_Amount__c"] == 120000.25
    assert read["SystemModstamp"] == "2026-03-02T10:00:00.000+0000"
    assert read["CreatedDate"] == "2026-03-02T09:00:00.000+0000"
    assert client.limits()["DailyApiRequests"]["Remaining"] == 99_997
    assert client.api_usage["api-usage"].used == 3


def test_simple_salesforce_reads_all_pages(client: Any, org: OrgClient) -> None:
    for number in range(1, 451):
        org.put_opportunity(Id=f"006{number:012d}", Name=f"Deal {number}")

    found = list(
        client.query_all_iter(
            "SELECT Id FROM Opportunity WHERE Name LIKE 'Deal %' ORDER BY Id",
            headers={"Sforce-Query-Options": "batchSize=200"},
        )
    )

    assert len({record["Id"] for record in found}) == 450
    assert org.world.calls["salesforce", "Query"] == 1


def test_simple_salesforce_creates_a_task(client: Any, org: OrgClient) -> None:
    task = {"Subject": "Make the offer in Clazar", "WhatId": OPPORTUNITY_ID}

    created = client.Task.create(task)

    assert created["success"] is True
    assert created["errors"] == []
    assert org.world.salesforce.tasks[created["id"]]["Status"] == "Not Started"
    (found,) = client.query("SELECT Subject, WhatId FROM Task")["records"]
    assert found["WhatId"] == OPPORTUNITY_ID
    assert found["Subject"] == "Make the offer in Clazar"


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (Fault("salesforce", "status", status=401), SalesforceExpiredSession),
        (Fault("salesforce", "status", status=400), SalesforceMalformedRequest),
        (Fault("salesforce", "status", status=403), SalesforceRefusedRequest),
        (Fault("salesforce", "status", status=404), SalesforceResourceNotFound),
        (Fault("salesforce", "status", status=503), SalesforceGeneralError),
        (Fault("salesforce", "drop_before"), requests.ConnectionError),
        (Fault("salesforce", "drop_after"), requests.ConnectionError),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_simple_salesforce_with_faults(
    client: Any, org: OrgClient, fault: Fault, raised: type[Exception]
) -> None:
    org.world.faults.waiting.append(fault)

    with pytest.raises(raised):
        client.Opportunity.update(OPPORTUNITY_ID, {"Offer_Stage__c": "live"})

    assert client.Opportunity.get(OPPORTUNITY_ID)["Offer_Stage__c"] == (
        "live" if fault.kind == "drop_after" else None
    )


# As plain HTTP


def test_versions_are_listed_without_a_token(org: OrgClient) -> None:
    versions = org.http.get("/services/data/").json()

    assert versions[-1] == {
        "label": "Summer '26",
        "url": "/services/data/v67.0",
        "version": "67.0",
    }


def test_limits_and_usage(org: OrgClient) -> None:
    answer = org.call("GET", "/limits/")

    assert answer.json()["DailyApiRequests"] == {"Max": 100_000, "Remaining": 99_999}
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=1/100000"
    assert answer.headers["Date"] == "Mon, 02 Mar 2026 09:00:00 GMT"


def test_requests_over_the_daily_limit_are_rejected(org: OrgClient) -> None:
    org.world.salesforce.daily_requests = 1

    assert org.call("GET", RECORD).status_code == 200
    assert status_and_code(org.call("GET", RECORD)) == (403, "REQUEST_LIMIT_EXCEEDED")


def test_some_fields_of_a_record(org: OrgClient) -> None:
    answer = org.call("GET", RECORD, params={"fields": "Name,Amount,Owner.Email"})

    assert answer.json() == {
        "attributes": {
            "type": "Opportunity",
            "url": f"/services/data/v66.0{RECORD}",
        },
        "Name": "Ardent",
        "Amount": 120000.0,
        "Owner": {"attributes": {"type": "User"}, "Email": "ada@example.com"},
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/sobjects/Opportunity/006000000000009AAA", 404, "NOT_FOUND"),
        ("PATCH", "/sobjects/Opportunity/006000000000009AAA", 404, "NOT_FOUND"),
        ("GET", "/sobjects/Opportunity/nonsense", 400, "MALFORMED_ID"),
        ("PATCH", "/sobjects/Opportunity/001000000000001AAA", 400, "MALFORMED_ID"),
        ("GET", "/sobjects/Lead/00Q000000000001AAA", 404, "NOT_FOUND"),
        ("GET", f"{RECORD}?fields=Foo", 400, "INVALID_FIELD"),
        ("GET", "/query/01gnonsense-200", 400, "INVALID_QUERY_LOCATOR"),
        ("GET", "/query", 400, "MALFORMED_QUERY"),
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("DELETE", RECORD, 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/sobjects/Opportunity", 400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
    ],
)
def test_rejected_paths(org: OrgClient, method: str, path: str, status: int, code: str) -> None:
    body: dict[str, Any] | None = {} if method in ("PATCH", "POST") else None

    assert status_and_code(org.call(method, path, json=body)) == (status, code)


def test_an_unknown_version_is_not_found(org: OrgClient) -> None:
    answer = org.http.get(
        f"/services/data/v99.0{RECORD}", headers={"Authorization": f"Bearer {org.token}"}
    )

    assert status_and_code(answer) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("fields", "code", "message", "error_fields"),
    [
        (
            {"Foo__c": 1},
            "INVALID_FIELD",
            "No such column 'Foo__c' on sobject of type Opportunity",
            None,
        ),
        (
            {"SystemModstamp": "2026-01-01T00:00:00Z"},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Unable to create/update fields: SystemModstamp",
            ["SystemModstamp"],
        ),
        (
            {"StageName": None},
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [StageName]",
            ["StageName"],
        ),
        (
            {"Offer_Attention__c": "x" * 256},
            "STRING_TOO_LONG",
            f"Offer Attention: data value too large: {'x' * 256} (max length=255)",
            ["Offer_Attention__c"],
        ),
        (
            {"OwnerId": "nobody"},
            "MALFORMED_ID",
            "OwnerId: id value of incorrect type: nobody",
            ["OwnerId"],
        ),
        (
            {"Disbursed_On__c": "01/02/2026"},
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of date from VALUE_STRING value 01/02/2026",
            None,
        ),
        (
            {"Accepted_At__c": "2026-01-02 03:04:05"},
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of datetime from VALUE_STRING",
            None,
        ),
        (
            {"Accepted_At__c": "2026-01-02T03:04:05"},
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of datetime",
            None,
        ),
        (
            {"Offer_Amount__c": "much"},
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of currency from VALUE_STRING value much",
            None,
        ),
        (
            {"Offer_Amount__c": True},
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of currency from VALUE_BOOLEAN",
            None,
        ),
        (
            {"AWS_Account_Id__c": 111122223333},
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of string from VALUE_NUMBER_INT value 111122223333",
            None,
        ),
        (
            {"Order_Form_Signed__c": "yes"},
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of boolean from VALUE_STRING value yes",
            None,
        ),
        (
            {"Offer_Id__c": ["offer"]},
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of string from START_ARRAY",
            None,
        ),
    ],
)
def test_an_invalid_value_is_rejected_and_nothing_is_written(
    org: OrgClient, fields: dict[str, Any], code: str, message: str, error_fields: list[str] | None
) -> None:
    answer = org.call("PATCH", RECORD, json={"Offer_Stage__c": "live", **fields})

    assert status_and_code(answer) == (400, code)
    (only,) = answer.json()
    assert message in only["message"]
    assert only.get("fields") == error_fields
    assert org.call("GET", RECORD).json()["Offer_Stage__c"] is None


@pytest.mark.parametrize(
    ("sent", "content_type", "expected_error"),
    [
        ("{", "application/json", (400, "JSON_PARSER_ERROR")),
        ("[]", "application/json", (400, "JSON_PARSER_ERROR")),
        ("{}", "text/plain", (415, "UNSUPPORTED_MEDIA_TYPE")),
    ],
)
def test_a_body_that_is_no_record(
    org: OrgClient, sent: str, content_type: str, expected_error: tuple[int, str]
) -> None:
    answer = org.call("PATCH", RECORD, content=sent, headers={"Content-Type": content_type})

    assert status_and_code(answer) == expected_error


def test_the_history_of_writes(org: OrgClient, clock: ManualClock) -> None:
    clock.advance(minutes=5)
    org.call("PATCH", RECORD, json={"offer_stage__C": "live", "Offer_Amount__c": "0.10"})
    clock.advance(minutes=5)
    org.call(
        "PATCH",
        RECORD,
        json={"Accepted_At__c": "2026-03-02T11:10:00+02:00", "Offer_Stage__c": None},
    )

    record = org.world.salesforce.opportunities[OPPORTUNITY_ID]
    assert record["_history"] == [
        {
            "at": "2026-03-02T09:05:00+00:00",
            "fields": {"Offer_Stage__c": "live", "Offer_Amount__c": 0.1},
        },
        {
            "at": "2026-03-02T09:10:00+00:00",
            "fields": {"Accepted_At__c": "2026-03-02T09:10:00.000+0000", "Offer_Stage__c": None},
        },
    ]
    assert record["Offer_Stage__c"] is None


def test_conditional_writes(org: OrgClient, clock: ManualClock) -> None:
    seen = org.call("GET", RECORD).headers["Last-Modified"]
    assert seen == "Mon, 02 Mar 2026 09:00:00 GMT"
    condition = {"If-Unmodified-Since": seen}

    assert org.call("PATCH", RECORD, json={}, headers=condition).status_code == 204
    clock.advance(seconds=1)
    org.put_opportunity(Id=OPPORTUNITY_ID, Name="Changed by a person")
    refused = org.call("PATCH", RECORD, json={"Offer_Stage__c": "x"}, headers=condition)
    assert status_and_code(refused) == (412, "PRECONDITION_FAILED")
    nonsense = {"If-Unmodified-Since": "yesterday"}
    assert org.call("PATCH", RECORD, json={}, headers=nonsense).status_code == 400


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"WhatId": "006000000000009AAA"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"WhatId": "deal"}, "MALFORMED_ID"),
        ({"Status": None}, "REQUIRED_FIELD_MISSING"),
        ({"Subject": "x" * 256}, "STRING_TOO_LONG"),
        ({"Colour": "red"}, "INVALID_FIELD"),
    ],
)
def test_invalid_tasks_are_rejected(org: OrgClient, fields: dict[str, Any], code: str) -> None:
    answer = org.call("POST", "/sobjects/Task", json={"Subject": "Call", **fields})

    assert status_and_code(answer) == (400, code)
    assert not org.world.salesforce.tasks


@pytest.mark.parametrize(
    ("status", "code", "answered"),
    [
        (400, None, "UNABLE_TO_LOCK_ROW"),
        (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        (403, None, "REQUEST_LIMIT_EXCEEDED"),
        (500, None, "UNKNOWN_EXCEPTION"),
        (503, None, "SERVER_UNAVAILABLE"),
    ],
)
def test_fault_responses(org: OrgClient, status: int, code: str | None, answered: str) -> None:
    org.world.faults.waiting.append(
        Fault("salesforce", "status", "UpdateOpportunity", status=status, code=code, retry_after=7)
    )

    assert org.call("GET", RECORD).status_code == 200
    refused = org.call("PATCH", RECORD, json={"Offer_Stage__c": "live"})
    assert status_and_code(refused) == (status, answered)
    assert refused.headers["Retry-After"] == "7"
    assert org.call("PATCH", RECORD, json={"Offer_Stage__c": "live"}).status_code == 204
    assert org.world.calls["salesforce", "UpdateOpportunity"] == 2
    assert org.world.calls["salesforce", "GetOpportunity"] == 1


def test_a_task_with_a_lost_response_exists(org: OrgClient) -> None:
    org.world.faults.waiting.append(Fault("salesforce", "drop_after", "CreateTask"))

    with pytest.raises(httpx.RemoteProtocolError):
        org.call("POST", "/sobjects/Task", json={"Subject": "Once"})

    assert [task["Subject"] for task in org.world.salesforce.tasks.values()] == ["Once"]


def test_a_client_times_out(org: OrgClient) -> None:
    org.world.faults.waiting.append(Fault("salesforce", "timeout_before", "UpdateOpportunity"))

    with pytest.raises(httpx.ReadTimeout):
        org.call(
            "PATCH", RECORD, json={"Offer_Stage__c": "live"}, timeout=httpx.Timeout(5, read=0.2)
        )

    assert org.call("GET", RECORD).json()["Offer_Stage__c"] is None
