"""The objects of the pretended org, their fields, and what a field can hold."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.record_ids import long_id, well_formed

Value = str | bool | Decimal | date | datetime | None
"""What a field holds, in types that compare as Salesforce compares."""


class Type(Enum):
    """Field types, by the name Salesforce's messages use."""

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
    type: Type
    length: int = 255
    """Characters, for text."""
    read_only: bool = False
    required: bool = False
    label: str = ""
    """As messages name it; empty: the name."""


@dataclass(frozen=True)
class Object:
    """One object type."""

    name: str
    prefix: str
    """First three characters of its record ids."""
    fields: dict[str, Field]
    """By lower-cased name: Salesforce does not care about case."""
    parents: dict[str, "Object"] = field(default_factory=dict)
    """By lower-cased name of the relationship, such as `account` in `Account.Name`."""


def _object(name: str, prefix: str, fields: list[Field], **parents: Object) -> Object:
    own = [Field("Id", Type.ID, 18, read_only=True), *fields]
    return Object(name, prefix, {each.name.lower(): each for each in own}, parents)


def _system_fields() -> list[Field]:
    return [
        Field(name, Type.DATETIME, read_only=True)
        for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp")
    ]


ACCOUNT = _object("Account", "001", [Field("Name", Type.STRING)])
USER = _object(
    "User",
    "005",
    [
        Field("Name", Type.STRING, 121),
        Field("Email", Type.STRING, 80),
        Field("TimeZoneSidKey", Type.STRING, 40),
    ],
)

OPPORTUNITY = _object(
    "Opportunity",
    "006",
    [
        Field("Name", Type.STRING, 120, required=True),
        Field("AccountId", Type.REFERENCE, 18),
        Field("OwnerId", Type.REFERENCE, 18),
        Field("Amount", Type.CURRENCY),
        Field("CurrencyIsoCode", Type.STRING, 3),
        Field("StageName", Type.STRING, required=True, label="Stage"),
        Field("CloseDate", Type.DATE, required=True, label="Close Date"),
        Field("IsClosed", Type.BOOLEAN, read_only=True),
        Field("IsWon", Type.BOOLEAN, read_only=True),
        *_system_fields(),
        Field("AWS_Account_Id__c", Type.STRING, label="AWS Account Id"),
        Field("Billing_Method__c", Type.STRING, label="Billing Method"),
        Field("Buyer_Name__c", Type.STRING, label="Buyer Name"),
        Field("Buyer_Email__c", Type.STRING, 80, label="Buyer Email"),
        Field("Buyer_Time_Zone__c", Type.STRING, 64, label="Buyer Time Zone"),
        Field("Contract_Months__c", Type.DOUBLE, label="Contract Months"),
        Field("Offer_Expires_On__c", Type.DATE, label="Offer Expires On"),
        Field("Order_Form_Signed__c", Type.BOOLEAN, label="Order Form Signed"),
        Field("Order_Form_Company__c", Type.STRING, label="Order Form Company"),
        Field("Order_Form_Amount__c", Type.CURRENCY, label="Order Form Amount"),
        Field("Order_Form_Currency__c", Type.STRING, 3, label="Order Form Currency"),
        Field("Order_Form_Months__c", Type.DOUBLE, label="Order Form Months"),
        Field("Order_Form_Payment_Terms__c", Type.STRING, label="Order Form Payment Terms"),
        Field("Contract_Start__c", Type.DATE, label="Contract Start"),
        Field("Dimensions__c", Type.TEXT_AREA, 4_000, label="Dimensions"),
        Field("Payment_Schedule__c", Type.TEXT_AREA, 32_000, label="Payment Schedule"),
        Field("Net_Payment_Days__c", Type.DOUBLE, label="Net Payment Days"),
        Field("Eula_Documents__c", Type.TEXT_AREA, 32_000, label="Eula Documents"),
        Field("Renewal__c", Type.STRING, 40, label="Renewal"),
        Field("Offer_Stage__c", Type.STRING, 40, label="Offer Stage"),
        Field("Offer_Id__c", Type.STRING, 64, label="Offer Id"),
        Field("Offer_Url__c", Type.STRING, label="Offer Url"),
        Field("Offer_Link_Expires__c", Type.DATETIME, label="Offer Link Expires"),
        Field("Change_Set_Id__c", Type.STRING, 64, label="Change Set Id"),
        Field("Agreement_Id__c", Type.STRING, 64, label="Agreement Id"),
        Field("Accepted_At__c", Type.DATETIME, label="Accepted At"),
        Field("Offer_Amount__c", Type.CURRENCY, label="Offer Amount"),
        Field("Listing_Fee__c", Type.CURRENCY, label="Listing Fee"),
        Field("Net_Amount__c", Type.CURRENCY, label="Net Amount"),
        Field("Disbursed_Amount__c", Type.CURRENCY, label="Disbursed Amount"),
        Field("Disbursed_On__c", Type.DATE, label="Disbursed On"),
        Field("Invoiced_Amount__c", Type.CURRENCY, label="Invoiced Amount"),
        Field("Invoiced_On__c", Type.DATE, label="Invoiced On"),
        Field("Payment_Due_On__c", Type.DATE, label="Payment Due On"),
        Field("Collected_On__c", Type.DATE, label="Collected On"),
        Field("Payout_State__c", Type.STRING, label="Payout State"),
        Field("Payout_Expected_On__c", Type.DATE, label="Payout Expected On"),
        Field("Bank_Trace_Ids__c", Type.STRING, label="Bank Trace Ids"),
        Field("Agreement_Status__c", Type.STRING, 40, label="Agreement Status"),
        Field("Initial_Agreement_Id__c", Type.STRING, 64, label="Initial Agreement Id"),
        Field("Amendment_Stage__c", Type.STRING, 40, label="Amendment Stage"),
        Field("Amendment_Offer_Id__c", Type.STRING, 64, label="Amendment Offer Id"),
        Field("Offer_Attention__c", Type.STRING, label="Offer Attention"),
        Field("Offer_Updated_At__c", Type.DATETIME, label="Offer Updated At"),
    ],
    account=ACCOUNT,
    owner=USER,
)

TASK = _object(
    "Task",
    "00T",
    [
        Field("Subject", Type.STRING),
        Field("WhatId", Type.REFERENCE, 18, label="Related To ID"),
        Field("OwnerId", Type.REFERENCE, 18, label="Assigned To ID"),
        Field("Description", Type.TEXT_AREA, 32_000),
        Field("Status", Type.STRING, required=True),
        Field("Priority", Type.STRING, required=True),
        Field("ActivityDate", Type.DATE),
        *_system_fields(),
        Field("Offer_Reference__c", Type.STRING, 80, label="Offer Reference"),
    ],
)

OBJECTS = {each.name.lower(): each for each in (OPPORTUNITY, TASK)}


@dataclass(frozen=True)
class Column:
    """A field as it is reached from an object."""

    path: str
    """Names as the org writes them, such as `Amount` or `Owner.Email`."""
    field: Field


def column(of: Object, path: str) -> Column | None:
    """The column at a path of any case; None if there is none."""
    *relations, name = path.lower().split(".")
    for relation in relations:
        if relation not in of.parents:
            return None
        of = of.parents[relation]
    found = of.fields.get(name)
    if found is None:
        return None
    return Column(".".join([*(each.capitalize() for each in relations), found.name]), found)


def read(definition: Field, stored: Any) -> Value:
    """A stored JSON value as one that compares.  Raises ValueError if it is none of that type."""
    if stored is None or stored == "":
        return False if definition.type is Type.BOOLEAN else None
    try:
        return _READERS.get(definition.type, _text)(stored)
    except InvalidOperation as error:
        raise ValueError(str(error)) from error


def as_json(value: Value) -> str | bool | float | None:
    """A value as it goes into a JSON answer.  Currency and numbers go as JSON numbers."""
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value


def timestamp(instant: datetime) -> str:
    """An instant as Salesforce writes it: `2026-01-02T03:04:05.000+0000`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def check_written(of: Object, body: Any) -> dict[str, Any]:
    """The fields of a create or update by their own names, if all of them may be written so."""
    if not isinstance(body, dict):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "The HTTP entity body must be an object")
    accepted = {}
    for name, value in body.items():
        definition = of.fields.get(name.lower())
        if definition is None:
            raise SalesforceError(
                400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {of.name}"
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
    if definition.type is Type.REFERENCE and sent and not well_formed(sent):
        raise SalesforceError(
            400, "MALFORMED_ID", f"{label}: id value of incorrect type: {sent}", [definition.name]
        )
    try:
        value = read(definition, sent)
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


def _truth(stored: Any) -> bool:
    if isinstance(stored, bool):
        return stored
    raise ValueError(f"{stored} is not a boolean")


_READERS: dict[Type, Callable[[Any], Value]] = {
    Type.ID: long_id,
    Type.REFERENCE: long_id,
    Type.BOOLEAN: _truth,
    Type.DATE: date.fromisoformat,
    Type.DATETIME: _instant,
    Type.CURRENCY: _number,
    Type.DOUBLE: _number,
}

_ACCEPTED_JSON: dict[Type, tuple[type, ...]] = {
    Type.ID: (str,),
    Type.REFERENCE: (str,),
    Type.STRING: (str,),
    Type.TEXT_AREA: (str,),
    Type.BOOLEAN: (bool,),
    Type.DATE: (str,),
    Type.DATETIME: (str,),
    # A number in quotes is taken if it reads as one (ASSUMED from the messages seen for text).
    Type.CURRENCY: (int, Decimal, str),
    Type.DOUBLE: (int, Decimal, str),
}

_JSON_TOKEN = {
    bool: "VALUE_BOOLEAN",
    int: "VALUE_NUMBER_INT",
    Decimal: "VALUE_NUMBER_FLOAT",
    str: "VALUE_STRING",
    dict: "START_OBJECT",
    list: "START_ARRAY",
}
"""The parser's names for what was sent instead."""
