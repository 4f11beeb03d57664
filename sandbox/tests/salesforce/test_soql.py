"""SOQL: results, order and errors."""

import re

import pytest

from sandbox.salesforce import soql
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.org import as_answer
from sandbox.tests.support.manual_clock import ManualClock
from sandbox.world import World


@pytest.fixture
def world(clock: ManualClock) -> World:
    """Four opportunities, written one day apart."""
    world = World(lambda: clock.now)
    for fields in (
        {
            "Id": "006000000000001",
            "Name": "Ardent",
            "StageName": "Closed Won",
            "Amount": 100000,
            "CloseDate": "2026-02-01",
            "Account": {"Name": "Ardent Ltd"},
            "Owner": {"Name": "Ada", "Email": "ada@example.com"},
            "Order_Form_Signed__c": True,
            "AWS_Account_Id__c": "111122223333",
        },
        {
            "Id": "006000000000002",
            "Name": "O'Brien & Sons",
            "StageName": "Closed Lost",
            "Amount": "2500.50",
            "CloseDate": "2026-02-15",
            "Account": {"Name": "O'Brien"},
        },
        {
            "Id": "006000000000003",
            "Name": "100% Cotton",
            "StageName": "Vendor Approval",
            "CloseDate": "2026-03-01",
            "Accepted_At__c": "2026-02-20T10:00:00Z",
        },
        {"Id": "006000000000004", "Name": "1000 Cottons", "StageName": "closed won", "Amount": 7},
    ):
        world.salesforce.put_opportunity(fields)
        clock.advance(days=1)
    return world


def find(world: World, query: str) -> list[dict[str, object]]:
    parsed = soql.parse(query, world.salesforce.readable)
    found = parsed.select(world.salesforce.opportunities)
    return [as_answer(parsed.sobject, record, parsed.columns, "v66.0") for record in found]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("", ["Ardent", "O'Brien & Sons", "100% Cotton", "1000 Cottons"]),
        ("WHERE Name = 'ardent'", ["Ardent"]),
        (r"WHERE Name = 'O\'Brien & Sons'", ["O'Brien & Sons"]),
        ("WHERE StageName = 'Closed Won'", ["Ardent", "1000 Cottons"]),
        ("WHERE StageName != 'Closed Won'", ["O'Brien & Sons", "100% Cotton"]),
        ("WHERE StageName <> 'Closed Won' AND Amount > 1", ["O'Brien & Sons"]),
        ("where stagename = 'Closed Won' and amount < 10", ["1000 Cottons"]),
        ("WHERE Amount = null", ["100% Cotton"]),
        ("WHERE Amount != null", ["Ardent", "O'Brien & Sons", "1000 Cottons"]),
        ("WHERE Amount != 7", ["Ardent", "O'Brien & Sons", "100% Cotton"]),
        ("WHERE Amount < 100000", ["O'Brien & Sons", "1000 Cottons"]),
        ("WHERE Amount >= 2500.50", ["Ardent", "O'Brien & Sons"]),
        ("WHERE Order_Form_Signed__c = TRUE", ["Ardent"]),
        ("WHERE Order_Form_Signed__c != true AND IsWon = true", []),
        ("WHERE IsClosed = false", ["100% Cotton", "1000 Cottons"]),
        ("WHERE CloseDate < 2026-02-15", ["Ardent"]),
        ("WHERE SystemModstamp > 2026-03-04T09:00:00Z", ["1000 Cottons"]),
        ("WHERE SystemModstamp >= 2026-03-04T10:00:00.000+01:00 LIMIT 1", ["100% Cotton"]),
        ("WHERE Accepted_At__c = 2026-02-20T10:00:00+0000", ["100% Cotton"]),
        ("WHERE StageName IN ('Closed Lost', 'Vendor Approval') LIMIT 1", ["O'Brien & Sons"]),
        (
            "WHERE Id IN ('006000000000002', '006000000000003AAA')",
            ["O'Brien & Sons", "100% Cotton"],
        ),
        ("WHERE StageName LIKE 'Closed %'", ["Ardent", "O'Brien & Sons", "1000 Cottons"]),
        ("WHERE Name LIKE '%cotton%'", ["100% Cotton", "1000 Cottons"]),
        (r"WHERE Name LIKE '100\% %'", ["100% Cotton"]),
        ("WHERE Name LIKE '100_ Cotton_'", ["1000 Cottons"]),
        ("WHERE Offer_Id__c LIKE '%'", []),
        ("WHERE Account.Name = 'O\\'Brien'", ["O'Brien & Sons"]),
        ("WHERE Owner.Email LIKE '%@example.com'", ["Ardent"]),
        ("WHERE (Name = 'Ardent' OR Amount = 7) AND IsWon = true", ["Ardent"]),
        ("WHERE Name = 'Ardent' OR (Amount > 1 AND IsClosed = true)", ["Ardent", "O'Brien & Sons"]),
        ("ORDER BY Amount", ["100% Cotton", "1000 Cottons", "O'Brien & Sons", "Ardent"]),
        ("ORDER BY Amount DESC LIMIT 2", ["100% Cotton", "Ardent"]),
        (
            "ORDER BY StageName ASC, SystemModstamp DESC",
            ["O'Brien & Sons", "1000 Cottons", "Ardent", "100% Cotton"],
        ),
    ],
)
def test_query_results(world: World, condition: str, found: list[str]) -> None:
    records = find(world, " ".join(["SELECT Name FROM Opportunity", condition]))
    assert [record["Name"] for record in records] == found


def test_values_in_a_response(world: World) -> None:
    first, second = find(
        world,
        "SELECT id, Amount, CloseDate, SystemModstamp, IsWon, Owner.Name, Owner.Email, "
        "Account.Name FROM opportunity WHERE Amount != null LIMIT 2",
    )
    assert first == {
        "attributes": {
            "type": "Opportunity",
            "url": "/services/data/v66.0/sobjects/Opportunity/006000000000001AAA",
        },
        "Id": "006000000000001AAA",
        "Amount": 100000.0,
        "CloseDate": "2026-02-01",
        "SystemModstamp": "2026-03-02T09:00:00.000+0000",
        "IsWon": True,
        "Owner": {"attributes": {"type": "User"}, "Name": "Ada", "Email": "ada@example.com"},
        "Account": {"attributes": {"type": "Account"}, "Name": "Ardent Ltd"},
    }
    assert second["Amount"] == 2500.5
    assert second["Owner"] is None


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id,", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT FROM Opportunity", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id Opportunity", "MALFORMED_QUERY", "unexpected token: 'Opportunity'"),
        ("SELECT Id, id FROM Opportunity", "MALFORMED_QUERY", "duplicate field selected: id"),
        ("SELECT Id FROM Lead", "INVALID_TYPE", "sObject type 'Lead' is not supported"),
        ("SELECT Foo__c FROM Opportunity", "INVALID_FIELD", "No such column 'Foo__c' on entity"),
        ("SELECT Account.Foo FROM Opportunity", "INVALID_FIELD", "No such column 'Foo'"),
        ("SELECT Contact.Name FROM Opportunity", "INVALID_FIELD", "No such column"),
        ("WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("WHERE Name ~ 'x'", "MALFORMED_QUERY", "unexpected token: '~"),
        ("WHERE Name = 'x", "MALFORMED_QUERY", "unexpected token"),
        ("WHERE Name", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("WHERE Name = OwnerId", "MALFORMED_QUERY", "unexpected token: 'OwnerId'"),
        ("WHERE (Name = 'x'", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("WHERE Name = 'x')", "MALFORMED_QUERY", "unexpected token: ')'"),
        (r"WHERE Name = '\q'", "MALFORMED_QUERY", "Illegal string"),
        ("WHERE Name IN ()", "MALFORMED_QUERY", "unexpected token: ')'"),
        ("WHERE CloseDate = 2026-13-45", "MALFORMED_QUERY", "invalid date: 2026-13-45"),
        ("WHERE Amount > 1 AND IsWon = true OR Amount < 5", "MALFORMED_QUERY", "token: 'OR'"),
        ("LIMIT many", "MALFORMED_QUERY", "unexpected token: 'many'"),
        ("ORDER BY Foo", "INVALID_FIELD", "No such column 'Foo'"),
        (
            "WHERE SystemModstamp > '2026-01-01T00:00:00Z'",
            "INVALID_FIELD",
            "should not be enclosed",
        ),
        ("WHERE AWS_Account_Id__c = 111122223333", "INVALID_FIELD", "of type string and should be"),
        ("WHERE CloseDate > 2026-01-01T00:00:00Z", "INVALID_FIELD", "must be of type date"),
        ("WHERE IsWon = 'true'", "INVALID_FIELD", "of type boolean"),
        ("WHERE Dimensions__c = 'x'", "INVALID_FIELD", "can not be filtered in a query call"),
        ("ORDER BY Dimensions__c", "INVALID_FIELD", "can not be sorted in a query call"),
        ("WHERE Id = 'nonsense'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: nonsense"),
        ("WHERE Amount LIKE '1%'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator"),
    ],
)
def test_rejected_queries(world: World, query: str, code: str, message: str) -> None:
    if query.startswith(("WHERE", "ORDER", "LIMIT")):
        query = " ".join(["SELECT Id FROM Opportunity", query])
    with pytest.raises(SalesforceError) as refused:
        soql.parse(query, world.salesforce.readable)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("SELECT COUNT() FROM Opportunity", "COUNT"),
        ("SELECT Id FROM Opportunity GROUP BY Name", "GROUP"),
        ("SELECT Id FROM Opportunity WHERE Name NOT IN ('x')", "NOT"),
        ("SELECT Id FROM Opportunity ORDER BY Name NULLS LAST", "NULLS"),
        ("SELECT Id FROM Opportunity LIMIT 1 OFFSET 1", "OFFSET"),
    ],
)
def test_what_is_not_simulated(world: World, query: str, name: str) -> None:
    with pytest.raises(SalesforceError, match=f"not simulated: SOQL {name}"):
        soql.parse(query, world.salesforce.readable)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Id": None}, "Id: None is not a record id"),
        ({"Id": "nonsense"}, "Id: 'nonsense' is not a record id"),
        ({"Amounts": 1}, "Opportunity has no field 'Amounts'; it has Id, "),
        ({"amount": 1}, "Opportunity has no field 'amount'"),
        (
            {"Owner": {"Mail": "x"}},
            "User has no field 'Mail'; it has Id, Name, Email, TimeZoneSidKey",
        ),
        ({"Amount": "much"}, "Amount: "),
        ({"CloseDate": "1.3.2026"}, "CloseDate: "),
        ({"Order_Form_Signed__c": "yes"}, "Order_Form_Signed__c: yes is not a boolean"),
        ({"CloseDate": 5}, "CloseDate: "),
    ],
)
def test_invalid_opportunities_are_rejected(
    world: World, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        world.salesforce.put_opportunity({"Id": "006000000000009", **fields})
    assert len(world.salesforce.opportunities) == 4
