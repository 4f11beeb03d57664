"""Reads the Salesforce package in `salesforce/`, which the org is made from."""

from functools import cache
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import parse

from sandbox.salesforce.schema import (
    BOOLEAN,
    CURRENCY,
    DATE,
    DATETIME,
    DOUBLE,
    EMAIL,
    PICKLIST,
    STRING,
    TEXT_AREA,
    URL,
    Field,
    FieldType,
)

PACKAGE = Path(__file__).parents[2] / "salesforce" / "force-app" / "main" / "default"
INTEGRATION_USER = "Offerflow_Integration"
"""The permission set of the product's user."""
NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
TYPES: dict[str, tuple[FieldType, int]] = {
    "Checkbox": (BOOLEAN, 0),
    "Currency": (CURRENCY, 0),
    "Date": (DATE, 0),
    "DateTime": (DATETIME, 0),
    "Email": (EMAIL, 80),
    "LongTextArea": (TEXT_AREA, 0),
    "Number": (DOUBLE, 0),
    "Picklist": (PICKLIST, 255),
    "Text": (STRING, 0),
    "Url": (URL, 255),
}
"""By type in the metadata: the type in the API, and its length where the metadata gives none."""


class Access(NamedTuple):
    """What a user may do with a field."""

    readable: bool
    editable: bool


class ObjectAccess(NamedTuple):
    """What a user may do with the records of an object type."""

    createable: bool
    updateable: bool


@cache
def custom_fields() -> tuple[Field, ...]:
    """The custom fields of the Opportunity."""
    folder = PACKAGE / "objects" / "Opportunity" / "fields"
    return tuple(_field(_root(file)) for file in sorted(folder.glob("*.xml")))


@cache
def field_access(permission_set: str = INTEGRATION_USER) -> dict[str, Access]:
    """What the holder of a permission set may do, by object and field: `Opportunity.Amount`."""
    root = _permission_set(permission_set)
    return {
        _text(each, "field"): Access(_is_true(each, "readable"), _is_true(each, "editable"))
        for each in root.iterfind(f"{NAMESPACE}fieldPermissions")
    }


@cache
def object_access(permission_set: str = INTEGRATION_USER) -> dict[str, ObjectAccess]:
    """What the holder of a permission set may do, by object type; tasks have a permission of
    their own."""
    root = _permission_set(permission_set)
    access = {
        _text(each, "object"): ObjectAccess(
            _is_true(each, "allowCreate"), _is_true(each, "allowEdit")
        )
        for each in root.iterfind(f"{NAMESPACE}objectPermissions")
    }
    granted = {
        _text(each, "name")
        for each in root.iterfind(f"{NAMESPACE}userPermissions")
        if _is_true(each, "enabled")
    }
    edits_tasks = "EditTask" in granted
    return access | {"Task": ObjectAccess(edits_tasks, edits_tasks)}


def _permission_set(name: str) -> Element:
    return _root(PACKAGE / "permissionsets" / f"{name}.permissionset-meta.xml")


def _root(file: Path) -> Element:
    root = parse(file).getroot()
    if root is None:
        raise ValueError(f"{file} is empty")
    return root


def _field(definition: Element) -> Field:
    kind, length = TYPES[_text(definition, "type")]
    return Field(
        name=_text(definition, "fullName"),
        type=kind,
        length=int(_text(definition, "length", str(length))),
        label=_text(definition, "label"),
        help_text=_text(definition, "inlineHelpText"),
        values=tuple(
            str(each.text)
            for each in definition.iterfind(f".//{NAMESPACE}value/{NAMESPACE}fullName")
        ),
        is_restricted=_is_true(definition, f"valueSet/{NAMESPACE}restricted"),
        precision=int(_text(definition, "precision", "0")),
        scale=int(_text(definition, "scale", "0")),
    )


def _text(element: Element, path: str, default: str | None = None) -> str:
    text = element.findtext(f"{NAMESPACE}{path}", default)
    if text is None:
        raise ValueError(f"{PACKAGE}: an element {element.tag} has no {path}")
    return text


def _is_true(element: Element, path: str) -> bool:
    return _text(element, path, "false") == "true"
