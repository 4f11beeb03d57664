"""Object types, their fields, and the values of fields."""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
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
PICKLIST = FieldType("picklist")
EMAIL = FieldType("email")
URL = FieldType("url")
TEXT_AREA = FieldType("textarea")
BOOLEAN = FieldType("boolean", _boolean, "boolean", (bool,))
DATE = FieldType("date", date.fromisoformat, "date")
DATETIME = FieldType("datetime", _instant, "datetime")
# A number as a JSON string is accepted (ASSUMED from known messages for other text).
CURRENCY = FieldType("currency", _number, "number", (int, Decimal, str))
DOUBLE = FieldType("double", _number, "number", (int, Decimal, str))
TEXTS = frozenset({STRING, PICKLIST, EMAIL, URL, TEXT_AREA})


@dataclass(frozen=True)
class Field:
    name: str
    type: FieldType
    length: int = 0
    """Maximum number of characters, for text."""
    is_read_only: bool = False
    """Whether Salesforce itself sets it."""
    is_secured: bool = True
    """Whether users need a permission for it: not for fields that a record must have."""
    label: str = ""
    help_text: str | None = None
    values: tuple[str, ...] = ()
    """Of a picklist."""
    is_restricted: bool = False
    """Whether a picklist takes no other values."""
    precision: int = 0
    """The digits of a number, of which `scale` are behind the point; 0: as many as there are."""
    scale: int = 0
    parent: str | None = None
    """For a reference: the object type that it refers to, such as `Account`."""
    relationship: str | None = None
    """For a reference: the name of the path to its parent, such as `Owner`."""


@dataclass(frozen=True)
class SObject:
    name: str
    prefix: str
    """The first three characters of its record ids."""
    fields: dict[str, Field]
    """By lower-case name, as Salesforce ignores case."""
    parents: dict[str, "SObject"] = field(default_factory=dict)
    """By lower-case name of the relationship, such as `account` in `Account.Name`."""


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


def check_written(readable: SObject, body: Any, editable: Container[str]) -> dict[str, Any]:
    """The fields of a create or update, with the schema's names.  Raises SalesforceError.

    `readable` has the fields that the user sees, `editable` the names of those they may write.
    """
    if not isinstance(body, dict):
        raise SalesforceError(400, "JSON_PARSER_ERROR", "The HTTP entity body must be an object")
    accepted = {}
    for name, value in body.items():
        definition = readable.fields.get(name.lower())
        if definition is None:
            message = f"No such column '{name}' on sobject of type {readable.name}"
            raise SalesforceError(400, "INVALID_FIELD", message)
        if definition.name not in editable:
            message = (
                f"Unable to create/update fields: {definition.name}. Please check the security"
                " settings of this field and verify that it is read/write for your profile or"
                " permission set."
            )
            raise SalesforceError(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, definition.name)
        accepted[definition.name] = _checked(definition, value)
    return accepted


def _checked(definition: Field, sent: Any) -> str | bool | float | None:
    name, kind = definition.name, definition.type
    if kind is REFERENCE and sent and not is_record_id(sent):
        message = f"{name}: id value of incorrect type: {sent}"
        raise SalesforceError(400, "MALFORMED_ID", message, name)
    try:
        if sent is not None and type(sent) not in kind.json_types:
            raise ValueError(sent)  # noqa: TRY301  answered as any other invalid value
        value = parse_value(definition, sent)
    except ValueError:
        message = f"Cannot deserialize instance of {kind.name} from value {sent}"
        raise SalesforceError(400, "JSON_PARSER_ERROR", message) from None
    if refused := why_refused(definition, value):
        raise SalesforceError(400, *refused, name)
    return as_json(value)


def why_refused(definition: Field, value: Value) -> tuple[str, str] | None:
    """The code and message with which Salesforce refuses a value of the right type."""
    label = definition.label or definition.name
    match value:
        case str() if definition.type in TEXTS and len(value) > definition.length:
            too_large = f"data value too large: {value} (max length={definition.length})"
            return "STRING_TOO_LONG", f"{label}: {too_large}"
        case str() if definition.is_restricted and value not in definition.values:
            code = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
            return code, f"{label}: bad value for restricted picklist field: {value}"
        case str() if definition.type is EMAIL and not EMAIL_ADDRESS.fullmatch(value):
            return "INVALID_EMAIL_ADDRESS", f"{label}: invalid email address: {value}"
        case Decimal() if definition.precision:
            whole_digits = definition.precision - definition.scale
            if abs(value) >= Decimal(10) ** whole_digits:
                outside = f"value outside of valid range on numeric field: {value}"
                return "NUMBER_OUTSIDE_VALID_RANGE", f"{label}: {outside}"
    return None


EMAIL_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
"""Salesforce checks more (ASSUMED)."""
