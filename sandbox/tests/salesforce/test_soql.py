"""SOQL: results, order and errors."""

import re

import pytest

from sandbox.salesforce import soql
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.records import as_answer, put_opportunity
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
        put_opportunity(world, fields)
        clock.advance(days=1)
    return world


def find(world: World, query: str) -> list[dict[str, object]]:
    """The records of a query's result; the parts of the query are joined by spaces."""
    parsed = soql.parse(query)
    found = parsed.select(list(world.salesforce.opportunities.values()))
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
        ("WHERE Amount <= 2500.5", ["O'Brien & Sons", "1000 Cottons"]),
        ("WHERE Amount >= 2500.50", ["Ardent", "O'Brien & Sons"]),
        ("WHERE Order_Form_Signed__c = TRUE", ["Ardent"]),
        ("WHERE Order_Form_Signed__c != true AND IsWon = true", []),
        ("WHERE IsWon = true", ["Ardent"]),
        ("WHERE IsClosed = false", ["100% Cotton", "1000 Cottons"]),
        ("WHERE CloseDate < 2026-02-15", ["Ardent"]),
        ("WHERE CloseDate >= 2026-02-15 AND CloseDate <= 2026-02-15", ["O'Brien & Sons"]),
        ("WHERE SystemModstamp > 2026-03-04T09:00:00Z", ["1000 Cottons"]),
        ("WHERE SystemModstamp >= 2026-03-04T10:00:00.000+01:00 LIMIT 1", ["100% Cotton"]),
        ("WHERE Accepted_At__c = 2026-02-20T10:00:00+0000", ["100% Cotton"]),
        ("WHERE StageName IN ('Closed Lost', 'Vendor Approval') LIMIT 1", ["O'Brien & Sons"]),
        ("WHERE StageName NOT IN ('Closed Lost', 'Vendor Approval')", ["Ardent", "1000 Cottons"]),
        ("WHERE AWS_Account_Id__c IN ('111122223333')", ["Ardent"]),
        (
            "WHERE Id IN ('006000000000002', '006000000000003AAA')",
            ["O'Brien & Sons", "100% Cotton"],
        ),
        ("WHERE Name LIKE '%cotton%'", ["100% Cotton", "1000 Cottons"]),
        (r"WHERE Name LIKE '100\% %'", ["100% Cotton"]),
        ("WHERE Name LIKE '100_ Cotton_'", ["1000 Cottons"]),
        ("WHERE Offer_Id__c LIKE '%'", []),
        ("WHERE Account.Name = 'O\\'Brien'", ["O'Brien & Sons"]),
        ("WHERE Owner.Email LIKE '%@example.com'", ["Ardent"]),
        ("WHERE NOT Amount = null", ["Ardent", "O'Brien & Sons", "1000 Cottons"]),
        ("WHERE (Name = 'Ardent' OR Amount = 7) AND IsWon = true", ["Ardent"]),
        ("WHERE Name = 'Ardent' OR (Amount > 1 AND IsClosed = true)", ["Ardent", "O'Brien & Sons"]),
        ("ORDER BY Amount", ["100% Cotton", "1000 Cottons", "O'Brien & Sons", "Ardent"]),
        ("ORDER BY Amount DESC NULLS LAST LIMIT 2", ["Ardent", "O'Brien & Sons"]),
        (
            "ORDER BY StageName ASC NULLS FIRST, SystemModstamp DESC",
            ["O'Brien & Sons", "1000 Cottons", "Ardent", "100% Cotton"],
        ),
        ("ORDER BY Name LIMIT 2 OFFSET 1", ["1000 Cottons", "Ardent"]),
    ],
)
def test_query_results(world: World, condition: str, found: list[str]) -> None:
    records = find(world, " ".join(["SELECT Name FROM Opportunity", condition]))

    assert [record["Name"] for record in records] == found


def test_a_query_by_timestamp_and_id_finds_all_records(world: World) -> None:
    """Paging by the last record of the previous page, during concurrent writes."""
    for number in range(5, 9):
        put_opportunity(world, {"Id": f"00600000000000{number}", "Name": "In the same second"})
    seen: list[object] = []
    after = "SystemModstamp >= 2026-01-01T00:00:00Z"
    while records := find(
        world,
        " ".join(
            [
                "SELECT Id, SystemModstamp FROM Opportunity WHERE",
                after,
                "ORDER BY SystemModstamp, Id LIMIT 3",
            ]
        ),
    ):
        seen += [record["Id"] for record in records]
        last = records[-1]
        stamp = str(last["SystemModstamp"])
        after = f"SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '{last['Id']}')"

    assert len(seen) == len(set(seen)) == 8


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
        ("SELECT FROM Opportunity", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id Opportunity", "MALFORMED_QUERY", "unexpected token: 'Opportunity'"),
        ("SELECT Id FROM Opportunity WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Opportunity WHERE Name ~ 'x'", "MALFORMED_QUERY", "unexpected token: '~"),
        ("SELECT Id FROM Opportunity WHERE Name = 'x", "MALFORMED_QUERY", "unexpected token"),
        (r"SELECT Id FROM Opportunity WHERE Name = '\q'", "MALFORMED_QUERY", "Illegal string"),
        ("SELECT Id FROM Opportunity WHERE Name IN ()", "MALFORMED_QUERY", "unexpected token: ')'"),
        ("SELECT Id FROM Opportunity LIMIT many", "MALFORMED_QUERY", "unexpected token: 'many'"),
        (
            "SELECT Id FROM Opportunity GROUP BY Name",
            "MALFORMED_QUERY",
            "unexpected token: 'GROUP'",
        ),
        ("SELECT Id, id FROM Opportunity", "MALFORMED_QUERY", "duplicate field selected: id"),
        (
            "SELECT Id FROM Opportunity WHERE Amount > 1 AND IsWon = true OR Amount < 5",
            "MALFORMED_QUERY",
            "unexpected token: 'OR'",
        ),
        (
            "SELECT Id FROM Opportunity WHERE CloseDate = 2026-13-45",
            "MALFORMED_QUERY",
            "invalid date: 2026-13-45",
        ),
        ("SELECT Id FROM Lead", "INVALID_TYPE", "sObject type 'Lead' is not supported"),
        (
            "SELECT Id, Nonsense__c FROM Opportunity",
            "INVALID_FIELD",
            "No such column 'Nonsense__c' on entity 'Opportunity'",
        ),
        ("SELECT Account.Foo FROM Opportunity", "INVALID_FIELD", "No such column 'Foo'"),
        ("SELECT Contact.Name FROM Opportunity", "INVALID_FIELD", "No such column"),
        ("SELECT Id FROM Opportunity ORDER BY Foo", "INVALID_FIELD", "No such column 'Foo'"),
        (
            "SELECT Id FROM Opportunity WHERE SystemModstamp > '2026-01-01T00:00:00Z'",
            "INVALID_FIELD",
            "must be of type datetime and should not be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Opportunity WHERE AWS_Account_Id__c = 111122223333",
            "INVALID_FIELD",
            "must be of type string and should be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Opportunity WHERE CloseDate > 2026-01-01T00:00:00Z",
            "INVALID_FIELD",
            "must be of type date",
        ),
        ("SELECT Id FROM Opportunity WHERE IsWon = 'true'", "INVALID_FIELD", "of type boolean"),
        (
            "SELECT Id FROM Opportunity WHERE Id = 'nonsense'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid ID field: nonsense",
        ),
        (
            "SELECT Id FROM Opportunity WHERE Amount LIKE '1%'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid operator",
        ),
        (
            "SELECT Id FROM Task WHERE Description = 'x'",
            "INVALID_FIELD",
            "field 'Description' can not be filtered in a query call",
        ),
        (
            "SELECT Id FROM Task ORDER BY Description",
            "INVALID_FIELD",
            "field 'Description' can not be sorted in a query call",
        ),
    ],
)
def test_rejected_queries(query: str, code: str, message: str) -> None:
    with pytest.raises(SalesforceError) as refused:
        soql.parse(query)

    assert (refused.value.status, refused.value.code) == (400, code)
    assert message in refused.value.message


def test_an_error_shows_the_position() -> None:
    with pytest.raises(SalesforceError) as refused:
        soql.parse("SELECT Id, Foo__c FROM Opportunity")

    message = refused.value.message
    assert message.startswith("\nSELECT Id, Foo__c FROM Opportunity\n           ^\n")
    assert "ERROR at Row:1:Column:12\n" in message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Id": None}, "Id: None is not a record id"),
        ({"Id": "nonsense"}, "Id: 'nonsense' is not a record id"),
        ({"Amounts": 1}, "Opportunity has no field 'Amounts'; it has Id, Name,"),
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
        put_opportunity(world, {"Id": "006000000000009", **fields})

    assert len(world.salesforce.opportunities) == 4
