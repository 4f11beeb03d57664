"""The object types of the simulated org, their fields, and the values of fields."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from itertools import chain
from typing import Any

from sandbox.salesforce.errors import SalesforceError

Value = str | bool | Decimal | date | datetime | None
ID_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


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

    @property
    def label(self) -> str:
        """The name in messages."""
        return _LABELS.get(self.name) or self.name.removesuffix("__c").replace("_", " ")


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


def _object(name: str, prefix: str, *fields: list[Field], **parents: SObject) -> SObject:
    every = [Field("Id", FieldType.ID, 18, read_only=True), *chain(*fields)]
    return SObject(name, prefix, {each.name.lower(): each for each in every}, parents)


def _fields(kind: FieldType, *names: str, length: int = 255, **options: bool) -> list[Field]:
    return [Field(name, kind, length, **options) for name in names]


def _texts(length: int, *names: str, **options: bool) -> list[Field]:
    return _fields(FieldType.STRING, *names, length=length, **options)


_LABELS = {
    "StageName": "Stage",
    "CloseDate": "Close Date",
    "WhatId": "Related To ID",
    "OwnerId": "Owner ID",
    "AccountId": "Account ID",
}
_SYSTEM_FIELDS = _fields(
    FieldType.DATETIME, "CreatedDate", "LastModifiedDate", "SystemModstamp", read_only=True
)

ACCOUNT = _object("Account", "001", _texts(255, "Name"))
USER = _object(
    "User", "005", _texts(121, "Name"), _texts(80, "Email"), _texts(40, "TimeZoneSidKey")
)
OPPORTUNITY = _object(
    "Opportunity",
    "006",
    _SYSTEM_FIELDS,
    _fields(FieldType.REFERENCE, "AccountId", "OwnerId", length=18),
    _texts(120, "Name", required=True),
    _texts(255, "StageName", required=True),
    _fields(FieldType.DATE, "CloseDate", required=True),
    _fields(FieldType.BOOLEAN, "IsClosed", "IsWon", read_only=True),
    _fields(FieldType.BOOLEAN, "Order_Form_Signed__c"),
    _texts(3, "CurrencyIsoCode", "Order_Form_Currency__c"),
    _texts(40, "Renewal__c", "Offer_Stage__c", "Agreement_Status__c", "Amendment_Stage__c"),
    _texts(64, "Buyer_Time_Zone__c", "Offer_Id__c", "Change_Set_Id__c", "Agreement_Id__c"),
    _texts(64, "Initial_Agreement_Id__c", "Amendment_Offer_Id__c"),
    _texts(80, "Buyer_Email__c"),
    _texts(255, "AWS_Account_Id__c", "Billing_Method__c", "Buyer_Name__c", "Order_Form_Company__c"),
    _texts(255, "Order_Form_Payment_Terms__c", "Offer_Url__c", "Payout_State__c"),
    _texts(255, "Bank_Trace_Ids__c", "Offer_Attention__c"),
    _fields(FieldType.TEXT_AREA, "Dimensions__c", length=4_000),
    _fields(FieldType.TEXT_AREA, "Payment_Schedule__c", "Eula_Documents__c", length=32_000),
    _fields(FieldType.CURRENCY, "Amount", "Order_Form_Amount__c", "Offer_Amount__c"),
    _fields(FieldType.CURRENCY, "Listing_Fee__c", "Net_Amount__c", "Disbursed_Amount__c"),
    _fields(FieldType.CURRENCY, "Invoiced_Amount__c"),
    _fields(FieldType.DOUBLE, "Contract_Months__c", "Order_Form_Months__c", "Net_Payment_Days__c"),
    _fields(FieldType.DATE, "Offer_Expires_On__c", "Contract_Start__c", "Disbursed_On__c"),
    _fields(FieldType.DATE, "Invoiced_On__c", "Payment_Due_On__c", "Collected_On__c"),
    _fields(FieldType.DATE, "Payout_Expected_On__c"),
    _fields(FieldType.DATETIME, "Offer_Link_Expires__c", "Accepted_At__c", "Offer_Updated_At__c"),
    account=ACCOUNT,
    owner=USER,
)
TASK = _object(
    "Task",
    "00T",
    _SYSTEM_FIELDS,
    _texts(255, "Subject"),
    _texts(255, "Status", "Priority", required=True),
    _fields(FieldType.REFERENCE, "WhatId", "OwnerId", length=18),
    _fields(FieldType.TEXT_AREA, "Description", length=32_000),
    _fields(FieldType.DATE, "ActivityDate"),
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


def is_record_id(text: object) -> bool:
    """Whether this has the form of a record id."""
    return isinstance(text, str) and bool(re.fullmatch(r"[A-Za-z0-9]{15}([A-Z0-5]{3})?", text))


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


def parse_value(definition: Field, stored: Any) -> Value:
    """A stored JSON value by the type of its field.  Raises ValueError for another type."""
    if stored is None or stored == "":
        return False if definition.type is FieldType.BOOLEAN else None
    try:
        value = _READERS.get(definition.type, str)(stored)
    except (InvalidOperation, TypeError) as error:
        raise ValueError(f"{stored!r} is no {definition.type.value}") from error
    return value


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
    def rejected(code: str, message: str) -> SalesforceError:
        return SalesforceError(400, code, message, [definition.name])

    if sent in (None, "") and definition.required:
        raise rejected(
            "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{definition.name}]"
        )
    if definition.type is FieldType.REFERENCE and sent and not is_record_id(sent):
        raise rejected("MALFORMED_ID", f"{definition.label}: id value of incorrect type: {sent}")
    try:
        value = _parse_sent(definition, sent)
    except ValueError:
        raise SalesforceError(
            400,
            "JSON_PARSER_ERROR",
            f"Cannot deserialize instance of {definition.type.value} from "
            f"{_JSON_TOKEN[type(sent)]} value {sent} or request may be missing a required field "
            "at [line:1, column:2]",
        ) from None
    if isinstance(value, str) and len(value) > definition.length:
        raise rejected(
            "STRING_TOO_LONG",
            f"{definition.label}: data value too large: {value} (max length={definition.length})",
        )
    return as_json(value)


def _parse_sent(definition: Field, sent: Any) -> Value:
    if sent is not None and type(sent) not in _ACCEPTED_JSON.get(definition.type, (str,)):
        raise ValueError(f"{definition.name} has another type")
    return parse_value(definition, sent)


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
    FieldType.BOOLEAN: (bool,),
    # A number as a JSON string is accepted (ASSUMED from known messages for other text).
    FieldType.CURRENCY: (int, Decimal, str),
    FieldType.DOUBLE: (int, Decimal, str),
}
"""The types of a value in a request; text where there is no entry."""
_JSON_TOKEN = {
    bool: "VALUE_BOOLEAN",
    int: "VALUE_NUMBER_INT",
    Decimal: "VALUE_NUMBER_FLOAT",
    str: "VALUE_STRING",
    dict: "START_OBJECT",
    list: "START_ARRAY",
}
"""The JSON parser's name for the type of a value, as in Salesforce's messages."""
