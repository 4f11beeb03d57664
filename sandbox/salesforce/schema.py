"""The object types of the simulated org, their fields, and the values of fields."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.record_ids import is_well_formed, long_id

Value = str | bool | Decimal | date | datetime | None
"""The value of a field, in types that compare as in Salesforce."""


class FieldType(Enum):
    """Field types, with the names in Salesforce's messages."""

    ID = "id"
    REFERENCE = "reference"
    STRING = "string"
    TEXT_AREA = "textarea"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    CURRENCY = "currency"
    DOUBLE = "double"


@dataclass(frozen=True)
class Field:
    """One field of an object."""

    name: str
    type: FieldType
    length: int = 255
    """Maximum number of characters, for text."""
    read_only: bool = False
    required: bool = False
    label: str = ""
    """The name in messages; empty: the same as `name`."""


@dataclass(frozen=True)
class SObject:
    """One object type."""

    name: str
    prefix: str
    """The first three characters of its record ids."""
    fields: dict[str, Field]
    """By lower-case name, as Salesforce ignores case."""
    parents: dict[str, "SObject"] = field(default_factory=dict)
    """By lower-case name of the relationship, such as `account` in `Account.Name`."""


def _object(name: str, prefix: str, fields: list[Field], **parents: SObject) -> SObject:
    own = [Field("Id", FieldType.ID, 18, read_only=True), *fields]
    return SObject(name, prefix, {each.name.lower(): each for each in own}, parents)


def _system_fields() -> list[Field]:
    return [
        Field(name, FieldType.DATETIME, read_only=True)
        for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp")
    ]


ACCOUNT = _object("Account", "001", [Field("Name", FieldType.STRING)])
USER = _object(
    "User",
    "005",
    [
        Field("Name", FieldType.STRING, 121),
        Field("Email", FieldType.STRING, 80),
        Field("TimeZoneSidKey", FieldType.STRING, 40),
    ],
)

OPPORTUNITY = _object(
    "Opportunity",
    "006",
    [
        Field("Name", FieldType.STRING, 120, required=True),
        Field("AccountId", FieldType.REFERENCE, 18),
        Field("OwnerId", FieldType.REFERENCE, 18),
        Field("Amount", FieldType.CURRENCY),
        Field("CurrencyIsoCode", FieldType.STRING, 3),
        Field("StageName", FieldType.STRING, required=True, label="Stage"),
        Field("CloseDate", FieldType.DATE, required=True, label="Close Date"),
        Field("IsClosed", FieldType.BOOLEAN, read_only=True),
        Field("IsWon", FieldType.BOOLEAN, read_only=True),
        *_system_fields(),
        Field("AWS_Account_Id__c", FieldType.STRING, label="AWS Account Id"),
        Field("Billing_Method__c", FieldType.STRING, label="Billing Method"),
        Field("Buyer_Name__c", FieldType.STRING, label="Buyer Name"),
        Field("Buyer_Email__c", FieldType.STRING, 80, label="Buyer Email"),
        Field("Buyer_Time_Zone__c", FieldType.STRING, 64, label="Buyer Time Zone"),
        Field("Contract_Months__c", FieldType.DOUBLE, label="Contract Months"),
        Field("Offer_Expires_On__c", FieldType.DATE, label="Offer Expires On"),
        Field("Order_Form_Signed__c", FieldType.BOOLEAN, label="Order Form Signed"),
        Field("Order_Form_Company__c", FieldType.STRING, label="Order Form Company"),
        Field("Order_Form_Amount__c", FieldType.CURRENCY, label="Order Form Amount"),
        Field("Order_Form_Currency__c", FieldType.STRING, 3, label="Order Form Currency"),
        Field("Order_Form_Months__c", FieldType.DOUBLE, label="Order Form Months"),
        Field("Order_Form_Payment_Terms__c", FieldType.STRING, label="Order Form Payment Terms"),
        Field("Contract_Start__c", FieldType.DATE, label="Contract Start"),
        Field("Dimensions__c", FieldType.TEXT_AREA, 4_000, label="Dimensions"),
        Field("Payment_Schedule__c", FieldType.TEXT_AREA, 32_000, label="Payment Schedule"),
        Field("Net_Payment_Days__c", FieldType.DOUBLE, label="Net Payment Days"),
        Field("Eula_Documents__c", FieldType.TEXT_AREA, 32_000, label="Eula Documents"),
        Field("Renewal__c", FieldType.STRING, 40, label="Renewal"),
        Field("Offer_Stage__c", FieldType.STRING, 40, label="Offer Stage"),
        Field("Offer_Id__c", FieldType.STRING, 64, label="Offer Id"),
        Field("Offer_Url__c", FieldType.STRING, label="Offer Url"),
        Field("Offer_Link_Expires__c", FieldType.DATETIME, label="Offer Link Expires"),
        Field("Change_Set_Id__c", FieldType.STRING, 64, label="Change Set Id"),
        Field("Agreement_Id__c", FieldType.STRING, 64, label="Agreement Id"),
        Field("Accepted_At__c", FieldType.DATETIME, label="Accepted At"),
        Field("Offer_Amount__c", FieldType.CURRENCY, label="Offer Amount"),
        Field("Listing_Fee__c", FieldType.CURRENCY, label="Listing Fee"),
        Field("Net_Amount__c", FieldType.CURRENCY, label="Net Amount"),
        Field("Disbursed_Amount__c", FieldType.CURRENCY, label="Disbursed Amount"),
        Field("Disbursed_On__c", FieldType.DATE, label="Disbursed On"),
        Field("Invoiced_Amount__c", FieldType.CURRENCY, label="Invoiced Amount"),
        Field("Invoiced_On__c", FieldType.DATE, label="Invoiced On"),
        Field("Payment_Due_On__c", FieldType.DATE, label="Payment Due On"),
        Field("Collected_On__c", FieldType.DATE, label="Collected On"),
        Field("Payout_State__c", FieldType.STRING, label="Payout State"),
        Field("Payout_Expected_On__c", FieldType.DATE, label="Payout Expected On"),
        Field("Bank_Trace_Ids__c", FieldType.STRING, label="Bank Trace Ids"),
        Field("Agreement_Status__c", FieldType.STRING, 40, label="Agreement Status"),
        Field("Initial_Agreement_Id__c", FieldType.STRING, 64, label="Initial Agreement Id"),
        Field("Amendment_Stage__c", FieldType.STRING, 40, label="Amendment Stage"),
        Field("Amendment_Offer_Id__c", FieldType.STRING, 64, label="Amendment Offer Id"),
        Field("Offer_Attention__c", FieldType.STRING, label="Offer Attention"),
        Field("Offer_Updated_At__c", FieldType.DATETIME, label="Offer Updated At"),
    ],
    account=ACCOUNT,
    owner=USER,
)

TASK = _object(
    "Task",
    "00T",
    [
        Field("Subject", FieldType.STRING),
        Field("WhatId", FieldType.REFERENCE, 18, label="Related To ID"),
        Field("OwnerId", FieldType.REFERENCE, 18, label="Assigned To ID"),
        Field("Description", FieldType.TEXT_AREA, 32_000),
        Field("Status", FieldType.STRING, required=True),
        Field("Priority", FieldType.STRING, required=True),
        Field("ActivityDate", FieldType.DATE),
        *_system_fields(),
        Field("Offer_Reference__c", FieldType.STRING, 80, label="Offer Reference"),
    ],
)

OBJECTS = {each.name.lower(): each for each in (OPPORTUNITY, TASK)}


@dataclass(frozen=True)
class Column:
    """A field and its path from an object type."""

    path: str
    """With the names of the schema, such as `Amount` or `Owner.Email`."""
    field: Field


def find_column(sobject: SObject, path: str) -> Column | None:
    """The column at a path, ignoring case; None if there is none."""
    *relations, name = path.lower().split(".")
    for relation in relations:
        if relation not in sobject.parents:
            return None
        sobject = sobject.parents[relation]
    found = sobject.fields.get(name)
    if found is None:
        return None
    return Column(".".join([*(each.capitalize() for each in relations), found.name]), found)


def parse_value(definition: Field, stored: Any) -> Value:
    """A stored JSON value as a comparable one.  Raises ValueError for a value of another type."""
    if stored is None or stored == "":
        return False if definition.type is FieldType.BOOLEAN else None
    try:
        return _READERS.get(definition.type, _text)(stored)
    except InvalidOperation as error:
        raise ValueError(str(error)) from error


def as_json(value: Value) -> str | bool | float | None:
    """A value in a JSON response.  Currencies and doubles are JSON numbers."""
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value


def timestamp(instant: datetime) -> str:
    """An instant in Salesforce's format, in UTC: `2026-01-02T03:04:05.000+0000`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def check_written(sobject: SObject, body: Any) -> dict[str, Any]:
    """The fields of a create or update, with the schema's names.  Raises SalesforceError."""
    if not isinstance(body, dict):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "The HTTP entity body must be an object")
    accepted = {}
    for name, value in body.items():
        definition = sobject.fields.get(name.lower())
        if definition is None:
            raise SalesforceError(
                400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}"
            )
        if definition.read_only:
            raise SalesforceError(
                400,
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                f"Unable to create/update fields: {definition.name}. Please check the security "
                "settings of this field and verify that it is read/write for your profile or "
                "permission set.",
                [definition.name],
            )
        accepted[definition.name] = _checked(definition, value)
    return accepted


def _checked(definition: Field, sent: Any) -> str | bool | float | None:
    label = definition.label or definition.name
    if sent in (None, "") and definition.required:
        raise SalesforceError(
            400,
            "REQUIRED_FIELD_MISSING",
            f"Required fields are missing: [{definition.name}]",
            [definition.name],
        )
    if sent is not None and type(sent) not in _ACCEPTED_JSON[definition.type]:
        raise _not_an_instance(definition, sent)
    if definition.type is FieldType.REFERENCE and sent and not is_well_formed(sent):
        raise SalesforceError(
            400, "MALFORMED_ID", f"{label}: id value of incorrect type: {sent}", [definition.name]
        )
    try:
        value = parse_value(definition, sent)
    except ValueError:
        raise _not_an_instance(definition, sent) from None
    if isinstance(value, str) and len(value) > definition.length:
        raise SalesforceError(
            400,
            "STRING_TOO_LONG",
            f"{label}: data value too large: {value} (max length={definition.length})",
            [definition.name],
        )
    return as_json(value)


def _not_an_instance(definition: Field, sent: Any) -> SalesforceError:
    return SalesforceError(
        400,
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {definition.type.value} from {_JSON_TOKEN[type(sent)]} "
        f"value {sent} or request may be missing a required field at [line:1, column:2]",
    )


def _instant(stored: str) -> datetime:
    instant = datetime.fromisoformat(stored)
    if "T" not in stored or instant.tzinfo is None:
        raise ValueError(f"{stored} is not an instant")
    return instant.astimezone(UTC).replace(microsecond=0)


def _number(stored: float | Decimal | str) -> Decimal:
    number = Decimal(str(stored))
    if not number.is_finite():
        raise ValueError(f"{stored} is not a number")
    return number


def _text(stored: Any) -> str:
    return str(stored)


def _boolean(stored: Any) -> bool:
    if isinstance(stored, bool):
        return stored
    raise ValueError(f"{stored} is not a boolean")


_READERS: dict[FieldType, Callable[[Any], Value]] = {
    FieldType.ID: long_id,
    FieldType.REFERENCE: long_id,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: date.fromisoformat,
    FieldType.DATETIME: _instant,
    FieldType.CURRENCY: _number,
    FieldType.DOUBLE: _number,
}

_ACCEPTED_JSON: dict[FieldType, tuple[type, ...]] = {
    FieldType.ID: (str,),
    FieldType.REFERENCE: (str,),
    FieldType.STRING: (str,),
    FieldType.TEXT_AREA: (str,),
    FieldType.BOOLEAN: (bool,),
    FieldType.DATE: (str,),
    FieldType.DATETIME: (str,),
    # A number as a JSON string is accepted (ASSUMED from known messages for other text).
    FieldType.CURRENCY: (int, Decimal, str),
    FieldType.DOUBLE: (int, Decimal, str),
}

_JSON_TOKEN = {
    bool: "VALUE_BOOLEAN",
    int: "VALUE_NUMBER_INT",
    Decimal: "VALUE_NUMBER_FLOAT",
    str: "VALUE_STRING",
    dict: "START_OBJECT",
    list: "START_ARRAY",
}
"""The JSON parser's name for the type of a value, as in Salesforce's messages."""
