"""Every call of Salesforce's REST API that is simulated, with the client library."""

import time
from collections.abc import Iterator
from typing import Any, cast

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceError,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_soql

from sandbox.salesforce.metadata import Access
from sandbox.server import Sandbox
from sandbox.tests.support.manual_clock import ManualClock

OPPORTUNITY = "006000000000001AAA"
CREDENTIALS = {
    "grant_type": "client_credentials",
    "client_id": "example-salesforce-client",
    "client_secret": "example-salesforce-secret",
}
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[requests.Session]:
    """A session with the org's certificate authority."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = sandbox.addresses.salesforce_ca
        yield session


@pytest.fixture
def client(sandbox: Sandbox, http: requests.Session) -> Any:
    """The client library, in an org with one opportunity."""
    sandbox.world.salesforce.put_opportunity(
        {"Id": OPPORTUNITY[:15], "Name": "Example", "StageName": "Closed Won"}
    )
    return Salesforce(
        session_id=sandbox.world.salesforce.oauth.issue_token(),
        instance_url=sandbox.addresses.salesforce,
        version="66.0",
        session=http,
    )


def request_token(sandbox: Sandbox, http: requests.Session, **options: Any) -> requests.Response:
    return http.post(f"{sandbox.addresses.salesforce}/services/oauth2/token", **options)


def test_an_opportunity_is_updated_and_found(
    client: Any, sandbox: Sandbox, clock: ManualClock
) -> None:
    clock.advance(hours=1)
    written = {"offer_stage__C": "live", "Offer_Amount__c": "0.10", "Offer_Url__c": None}
    assert client.Opportunity.update(OPPORTUNITY[:15], written) == 204
    query = "SELECT Offer_Stage__c, Offer_Amount__c, SystemModstamp FROM Opportunity"
    (found,) = client.query(query)["records"]
    assert (found["Offer_Stage__c"], found["Offer_Amount__c"]) == ("live", 0.1)
    assert found["SystemModstamp"] == "2026-03-02T10:00:00.000+0000"
    fields = {"Offer_Stage__c": "live", "Offer_Amount__c": 0.1, "Offer_Url__c": None}
    history = sandbox.world.salesforce.opportunities[OPPORTUNITY]["_history"]
    assert history == [{"at": "2026-03-02T10:00:00+00:00", "fields": fields}]


@pytest.mark.parametrize(
    ("record_id", "code"), [("006000000000009", "NOT_FOUND"), ("001000000000001", "MALFORMED_ID")]
)
def test_a_wrong_id(client: Any, record_id: str, code: str) -> None:
    with pytest.raises(SalesforceError, match=code):
        client.Opportunity.update(record_id, {})


def test_a_task_is_created_found_and_completed(client: Any, sandbox: Sandbox) -> None:
    created = client.Task.create({"Subject": "Create the offer", "WhatId": OPPORTUNITY})
    query = format_soql("SELECT Id, Status FROM Task WHERE WhatId = {}", OPPORTUNITY)
    (found,) = client.query(query)["records"]
    client.Task.update(found["Id"], {"Status": "Completed"})
    assert created == {"id": found["Id"], "success": True, "errors": []}
    assert found["Status"] == "Not Started"
    assert sandbox.world.salesforce.tasks[created["id"]]["Status"] == "Completed"


def test_a_long_result_has_2000_records(client: Any, sandbox: Sandbox) -> None:
    for number in range(2, 2003):
        sandbox.world.salesforce.put_opportunity({"Id": f"006{number:012d}", "Name": "x"})
    answer = client.query("SELECT Id FROM Opportunity")
    assert (answer["totalSize"], answer["done"], len(answer["records"])) == (2002, False, 2000)
    with pytest.raises(SalesforceError, match=r"not simulated: GET .*/query/"):
        client.query_more(answer["nextRecordsUrl"], identifier_is_url=True)


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"Foo__c": 1}, "INVALID_FIELD", "No such column 'Foo__c' on sobject of type Opportunity"),
        ({"SystemModstamp": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE", "fields: SystemModstamp"),
        (
            {"Offer_Attention__c": "x" * 256},
            "STRING_TOO_LONG",
            "Offer Attention: data value too large: x",
        ),
        ({"OwnerId": "nobody"}, "MALFORMED_ID", "OwnerId: id value of incorrect type: nobody"),
        ({"Disbursed_On__c": "01/02/2026"}, "JSON_PARSER_ERROR", "instance of date from value 01"),
        ({"Accepted_At__c": "2026-01-02 03:04:05"}, "JSON_PARSER_ERROR", "instance of datetime"),
        ({"Accepted_At__c": "2026-01-02T03:04:05"}, "JSON_PARSER_ERROR", "instance of datetime"),
        ({"Offer_Amount__c": "much"}, "JSON_PARSER_ERROR", "instance of currency from"),
        ({"Offer_Amount__c": True}, "JSON_PARSER_ERROR", "instance of currency"),
        (
            {"AWS_Account_Id__c": "1"},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "AWS_Account_Id__c. Please",
        ),
        ({"Offer_Amount__c": 10**16}, "NUMBER_OUTSIDE_VALID_RANGE", "Offer Amount: value outside"),
        ({"Offer_Id__c": ["offer"]}, "JSON_PARSER_ERROR", "instance of string"),
    ],
)
def test_an_invalid_value_is_rejected_and_nothing_is_written(
    client: Any, sandbox: Sandbox, fields: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        client.Opportunity.update(OPPORTUNITY, {"Offer_Stage__c": "live", **fields})
    content: Any = refused.value.content
    assert content[0]["errorCode"] == code
    assert message in content[0]["message"]
    assert "Offer_Stage__c" not in sandbox.world.salesforce.opportunities[OPPORTUNITY]


@pytest.mark.parametrize(
    ("field", "value", "refused_with"),
    [
        (
            "Net_Payment_Days__c",
            "31",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST "
            "Net Payment Days: bad value for restricted picklist field: 31",
        ),
        (
            "Buyer_Email__c",
            "nobody",
            "INVALID_EMAIL_ADDRESS Buyer Email: invalid email address: nobody",
        ),
        (
            "Order_Form_Signed__c",
            "yes",
            "JSON_PARSER_ERROR Cannot deserialize instance of boolean from value yes",
        ),
    ],
)
def test_a_value_that_the_field_does_not_take(
    client: Any, sandbox: Sandbox, field: str, value: str, refused_with: str
) -> None:
    with pytest.raises(ValueError, match=field):
        sandbox.world.salesforce.put_opportunity({"Id": OPPORTUNITY, field: value})
    sandbox.world.salesforce.access[f"Opportunity.{field}"] = Access(readable=True, editable=True)
    with pytest.raises(SalesforceMalformedRequest) as refused:
        client.Opportunity.update(OPPORTUNITY, {field: value})
    (content,) = cast(Any, refused.value.content)
    assert f"{content['errorCode']} {content['message']}" == refused_with


def test_a_picklist_that_is_not_restricted_takes_every_value(client: Any) -> None:
    assert client.Opportunity.update(OPPORTUNITY, {"Agreement_Status__c": "NEW_IN_AWS"}) == 204


def test_a_field_that_the_user_may_not_see_does_not_exist_for_them(
    client: Any, sandbox: Sandbox
) -> None:
    del sandbox.world.salesforce.access["Opportunity.Offer_Stage__c"]
    with pytest.raises(SalesforceMalformedRequest, match="No such column 'Offer_Stage__c'"):
        client.query("SELECT Offer_Stage__c FROM Opportunity")
    with pytest.raises(SalesforceMalformedRequest, match="No such column 'Offer_Stage__c'"):
        client.Opportunity.update(OPPORTUNITY, {"Offer_Stage__c": "live"})
    described = {each["name"] for each in client.Opportunity.describe()["fields"]}
    assert "Offer_Stage__c" not in described
    assert "Offer_Id__c" in described


def test_descriptions(client: Any, sandbox: Sandbox) -> None:
    described = client.Opportunity.describe()
    assert (described["name"], described["keyPrefix"]) == ("Opportunity", "006")
    fields = {each["name"]: each for each in described["fields"]}
    stage, amount, owner = (fields[n] for n in ("Offer_Stage__c", "Amount", "OwnerId"))
    assert (stage["type"], stage["length"], stage["updateable"]) == ("picklist", 255, True)
    assert "shared" in [each["value"] for each in stage["picklistValues"]]
    assert (amount["type"], amount["precision"], amount["scale"]) == ("currency", 18, 2)
    assert (amount["length"], amount["updateable"]) == (0, False)
    assert (owner["relationshipName"], owner["referenceTo"]) == ("Owner", ["User"])
    assert fields["Net_Payment_Days__c"]["restrictedPicklist"] is True
    assert fields["Payment_Schedule__c"]["filterable"] is False

    task = client.Task.describe()
    assert (task["createable"], task["updateable"]) == (True, True)
    assert {each["name"] for each in task["fields"] if each["createable"]} >= {"Subject", "WhatId"}
    assert client.User.describe()["updateable"] is False
    with pytest.raises(SalesforceResourceNotFound):
        client.Lead.describe()


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.Opportunity.get(OPPORTUNITY),
        lambda client: client.Opportunity.create({"Name": "x"}),
        lambda client: client.Lead.update("00Q000000000001", {}),
        lambda client: client.limits(),
    ],
)
def test_what_is_not_simulated(client: Any, call: Any) -> None:
    with pytest.raises(SalesforceError, match="not simulated: "):
        call(client)


@pytest.mark.parametrize(
    ("status", "code", "answered"),
    [
        (400, None, "UNABLE_TO_LOCK_ROW"),
        (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        (403, None, "REQUEST_LIMIT_EXCEEDED"),
        (503, None, "SERVER_UNAVAILABLE"),
    ],
)
def test_a_status_fault(
    client: Any, sandbox: Sandbox, status: int, code: str | None, answered: str
) -> None:
    sandbox.world.faults.salesforce.answer(status, "UpdateOpportunity", code=code)
    with pytest.raises(SalesforceError, match=answered) as raised:
        client.Opportunity.update(OPPORTUNITY, {"Offer_Stage__c": "live"})
    assert raised.value.status == status
    assert client.Opportunity.update(OPPORTUNITY, {"Offer_Stage__c": "live"}) == 204


def test_tokens_for_client_credentials(sandbox: Sandbox, http: requests.Session) -> None:
    basic = (CREDENTIALS["client_id"], CREDENTIALS["client_secret"])
    for options in (
        {"data": CREDENTIALS},
        {"data": {"grant_type": "client_credentials"}, "auth": basic},
    ):
        answer = request_token(sandbox, http, **options).json()
        assert answer["instance_url"] == sandbox.addresses.salesforce
        assert sandbox.world.salesforce.oauth.is_valid_token(answer["access_token"])


@pytest.mark.parametrize(
    ("form", "expected_error"),
    [
        ({"client_id": "other"}, "invalid_client_id"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": JWT_BEARER, "assertion": "nonsense"}, "invalid_grant"),
    ],
)
def test_a_rejected_token_request(
    sandbox: Sandbox, http: requests.Session, form: dict[str, str], expected_error: str
) -> None:
    answer = request_token(sandbox, http, data={**CREDENTIALS, **form})
    assert (answer.status_code, answer.json()["error"]) == (400, expected_error)


def test_tokens_for_a_signed_assertion(sandbox: Sandbox, http: requests.Session) -> None:
    key, other_key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    public_key = key.public_key().public_bytes(encoding, form).decode()

    def result(signed_with: rsa.RSAPrivateKey = key, **claims: Any) -> str | None:
        claims = {
            "iss": CREDENTIALS["client_id"],
            "sub": sandbox.world.salesforce.username,
            "aud": sandbox.addresses.salesforce,
            "exp": int(time.time()) + 180,
            **claims,
        }
        assertion = jwt.encode(claims, signed_with, "RS256")
        data = {"grant_type": JWT_BEARER, "assertion": assertion}
        description = request_token(sandbox, http, data=data).json().get("error_description")
        assert description is None or isinstance(description, str)
        return description

    assert result() is None
    assert result(aud="https://elsewhere.example") == "audience is invalid"
    assert result(exp=1) == "expired assertion"
    assert result(sub="x@example.com") == "user hasn't approved this consumer"
    assert result(iss="other") == "client identifier invalid"
    sandbox.world.salesforce.public_key = public_key
    assert result() is None
    assert result(other_key) == "invalid assertion"


def test_a_token_expires_and_can_be_revoked(client: Any, sandbox: Sandbox) -> None:
    client.query("SELECT Id FROM Opportunity")
    sandbox.world.salesforce.oauth.revoke_tokens()
    with pytest.raises(SalesforceExpiredSession):
        client.query("SELECT Id FROM Opportunity")
    sandbox.world.salesforce.oauth.token_seconds = 0
    token = sandbox.world.salesforce.oauth.issue_token()
    assert not sandbox.world.salesforce.oauth.is_valid_token(token)
