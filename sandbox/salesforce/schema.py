"""The object types of the simulated org, their fields, and the values of fields."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any

from sandbox.salesforce.errors import SalesforceError

Value = str | bool | Decimal | date | datetime | None
ID_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def long_id(record_id: str) -> str:
    """The 18-character form of an id, which is the same in upper and lower case.

    Each of the three added characters encodes five characters of the id: one bit per upper-case
    letter, with the first character as the lowest bit.
    """
    if len(record_id) != 15:
        return record_id
    chunks = (record_id[start : start + 5] for start in (0, 5, 10))
    return record_id + "".join(
        ID_SUFFIX[sum(1 << place for place, letter in enumerate(chunk) if letter.isupper())]
        for chunk in chunks
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


def _boolean(stored: Any) -> bool:
    if isinstance(stored, bool):
        return stored
    raise ValueError(f"{stored} is not a boolean")


@dataclass(frozen=True)
class FieldType:
    name: str
    """In Salesforce's messages."""
    read: Callable[[Any], Value] = str
    """Reads a stored JSON value."""
    literal: str = "string"
    """The kind of SOQL literal that it is compared with."""
    json_types: tuple[type, ...] = (str,)
    """The types of a value in a request."""


ID = FieldType("id", long_id)
REFERENCE = FieldType("reference", long_id)
STRING = FieldType("string")
TEXT_AREA = FieldType("textarea")
BOOLEAN = FieldType("boolean", _boolean, "boolean", (bool,))
DATE = FieldType("date", date.fromisoformat, "date")
DATETIME = FieldType("datetime", _instant, "datetime")
# A number as a JSON string is accepted (ASSUMED from known messages for other text).
CURRENCY = FieldType("currency", _number, "number", (int, Decimal, str))
DOUBLE = FieldType("double", _number, "number", (int, Decimal, str))


@dataclass(frozen=True)
class Field:
    name: str
    type: FieldType
    length: int = 255
    """Maximum number of characters, for text."""
    read_only: bool = False


@dataclass(frozen=True)
class SObject:
    name: str
    prefix: str
    """The first three characters of its record ids."""
    fields: dict[str, Field]
    """By lower-case name, as Salesforce ignores case."""
    parents: dict[str, "SObject"] = field(default_factory=dict)
    """By lower-case name of the relationship, such as `account` in `Account.Name`."""


def _object(name: str, prefix: str, *fields: list[Field], **parents: SObject) -> SObject:
    every = [Field("Id", ID, 18, read_only=True), *chain(*fields)]
    return SObject(name, prefix, {each.name.lower(): each for each in every}, parents)


def _fields(kind: FieldType, *names: str, length: int = 255, **options: bool) -> list[Field]:
    return [Field(name, kind, length, **options) for name in names]


def _texts(length: int, *names: str) -> list[Field]:
    return _fields(STRING, *names, length=length)


_SYSTEM_FIELDS = _fields(
    DATETIME, "CreatedDate", "LastModifiedDate", "SystemModstamp", read_only=True
)

ACCOUNT = _object("Account", "001", _texts(255, "Name"))
USER = _object(
    "User", "005", _texts(121, "Name"), _texts(80, "Email"), _texts(40, "TimeZoneSidKey")
)
OPPORTUNITY = _object(
    "Opportunity",
    "006",
    _SYSTEM_FIELDS,
    _fields(REFERENCE, "AccountId", "OwnerId", length=18),
    _texts(120, "Name"),
    _texts(255, "StageName"),
    _fields(DATE, "CloseDate"),
    _fields(BOOLEAN, "IsClosed", "IsWon", read_only=True),
    _fields(BOOLEAN, "Order_Form_Signed__c"),
    _texts(3, "CurrencyIsoCode", "Order_Form_Currency__c"),
    _texts(40, "Renewal__c", "Offer_Stage__c", "Agreement_Status__c", "Amendment_Stage__c"),
    _texts(
        64,
        "Buyer_Time_Zone__c",
        "Buyer_Country__c",
        "Offer_Id__c",
        "Change_Set_Id__c",
        "Agreement_Id__c",
    ),
    _texts(64, "Initial_Agreement_Id__c", "Amendment_Offer_Id__c", "Renews__c"),
    _texts(80, "Buyer_Email__c"),
    _texts(255, "AWS_Account_Id__c", "Billing_Method__c", "Buyer_Name__c", "Order_Form_Company__c"),
    _texts(255, "Order_Form_Payment_Terms__c", "Offer_Url__c", "Payout_State__c"),
    _texts(255, "Bank_Trace_Ids__c", "Offer_Attention__c", "Offer_Decisions__c"),
    _fields(TEXT_AREA, "Dimensions__c", length=4_000),
    _fields(TEXT_AREA, "Payment_Schedule__c", "Eula_Documents__c", length=32_000),
    _fields(CURRENCY, "Amount", "Order_Form_Amount__c", "Offer_Amount__c"),
    _fields(CURRENCY, "Listing_Fee__c", "Net_Amount__c", "Disbursed_Amount__c"),
    _fields(CURRENCY, "Invoiced_Amount__c"),
    _fields(DOUBLE, "Contract_Months__c", "Order_Form_Months__c", "Net_Payment_Days__c"),
    _fields(DATE, "Offer_Expires_On__c", "Contract_Start__c", "Disbursed_On__c"),
    _fields(DATE, "Invoiced_On__c", "Payment_Due_On__c", "Collected_On__c"),
    _fields(DATE, "Payout_Expected_On__c"),
    _fields(DATETIME, "Offer_Link_Expires__c", "Accepted_At__c", "Offer_Updated_At__c"),
    account=ACCOUNT,
    owner=USER,
)
TASK = _object(
    "Task",
    "00T",
    _SYSTEM_FIELDS,
    _texts(255, "Subject"),
    _texts(255, "Status", "Priority"),
    _fields(REFERENCE, "WhatId", "OwnerId", length=18),
    _fields(TEXT_AREA, "Description", length=32_000),
    _fields(DATE, "ActivityDate"),
)
OBJECTS = {each.name.lower(): each for each in (OPPORTUNITY, TASK)}


@dataclass(frozen=True)
class Column:
    """A field and its path from an object type."""

    path: str
    """With the names of the schema, such as `Amount` or `Owner.Email`."""
    field: Field


def find_column(sobject: SObject, path: str) -> Column | None:
    *relations, name = path.lower().split(".")
    for relation in relations:
        if relation not in sobject.parents:
            return None
        sobject = sobject.parents[relation]
    found = sobject.fields.get(name)
    if found is None:
        return None
    return Column(".".join([*(each.capitalize() for each in relations), found.name]), found)


def is_record_id(text: object) -> bool:
    return isinstance(text, str) and bool(re.fullmatch(r"[A-Za-z0-9]{15}([A-Z0-5]{3})?", text))


def parse_value(definition: Field, stored: Any) -> Value:
    """A stored JSON value by the type of its field.  Raises ValueError for another type."""
    if stored is None or stored == "":
        return False if definition.type is BOOLEAN else None
    try:
        return definition.type.read(stored)
    except (InvalidOperation, TypeError) as error:
        raise ValueError(f"{stored!r} is no {definition.type.name}") from error


def as_json(value: Value) -> str | bool | float | None:
    """A value in a JSON response.  Currencies and doubles are JSON numbers."""
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


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
            message = f"No such column '{name}' on sobject of type {sobject.name}"
            raise SalesforceError(400, "INVALID_FIELD", message)
        accepted[definition.name] = _checked(definition, value)
    return accepted


def _checked(definition: Field, sent: Any) -> str | bool | float | None:
    name, kind = definition.name, definition.type

    def rejected(code: str, message: str) -> SalesforceError:
        return SalesforceError(400, code, message, name)

    if definition.read_only:
        message = f"Unable to create/update fields: {name}. Please check its security settings."
        raise rejected("INVALID_FIELD_FOR_INSERT_UPDATE", message)
    if kind is REFERENCE and sent and not is_record_id(sent):
        raise rejected("MALFORMED_ID", f"{name}: id value of incorrect type: {sent}")
    try:
        if sent is not None and type(sent) not in kind.json_types:
            raise ValueError(sent)  # noqa: TRY301  answered as any other invalid value
        value = parse_value(definition, sent)
    except ValueError:
        message = f"Cannot deserialize instance of {kind.name} from value {sent}"
        raise SalesforceError(400, "JSON_PARSER_ERROR", message) from None
    if isinstance(value, str) and len(value) > definition.length:
        message = f"{name}: data value too large: {value} (max length={definition.length})"
        raise rejected("STRING_TOO_LONG", message)
    return as_json(value)
