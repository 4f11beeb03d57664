"""The simulated Salesforce org: its records and fields, and the product's access to them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sandbox.oauth_client import OAuthClient
from sandbox.random_ids import new_id
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.metadata import Access, ObjectAccess, field_access, object_access
from sandbox.salesforce.objects import new_objects
from sandbox.salesforce.schema import (
    Column,
    SObject,
    Value,
    as_json,
    find_column,
    is_record_id,
    long_id,
    parse_value,
    timestamp,
    why_refused,
)

Record = dict[str, Any]

HISTORY = "_history"
"""The key under which a record keeps its writes over the API; not a field."""
_DERIVED_FROM_STAGE = {"IsWon": {"Closed Won"}, "IsClosed": {"Closed Won", "Closed Lost"}}
"""Fields that Salesforce derives from the stage."""


class Salesforce:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.oauth = OAuthClient("example-salesforce-client", "example-salesforce-secret", 2 * 3600)
        self.username = "offers@example.com"
        """The user that a JWT bearer assertion may name as its subject."""
        self.public_key: str | None = None
        """PEM; None: the signature of an assertion is not checked."""
        self.opportunities: dict[str, Record] = {}
        """By id: the values of their fields, parents as nested dicts, and under `_history` every
        write over the API."""
        self.tasks: dict[str, Record] = {}
        """By id."""
        self.objects = new_objects()
        """By lower-case name, with the fields that the org has."""
        self.access: dict[str, Access] = dict(field_access())
        """What the product's user may do with the fields that need a permission, by object and
        field, such as `Opportunity.Amount`; nothing with those that are not here."""

        self.object_access: dict[str, ObjectAccess] = dict(object_access())
        """What the product's user may do with records, by object type; it may read them all."""

    def remove_field(self, name: str) -> None:
        """Delete a field, such as `Opportunity.Amount`, or never have had it."""
        sobject, _, field = name.partition(".")
        del self.objects[sobject.lower()].fields[field.lower()]

    def change_field(self, name: str, **changes: Any) -> None:
        """Change members of `Field`, such as its type."""
        sobject, _, field = name.partition(".")
        fields = self.objects[sobject.lower()].fields
        fields[field.lower()] = replace(fields[field.lower()], **changes)

    def readable(self, name: str) -> SObject | None:
        """An object type with the fields that the product's user sees; None if there is none."""
        sobject = self.objects.get(name.lower())
        if sobject is None:
            return None
        fields = {
            key: each
            for key, each in sobject.fields.items()
            if not each.is_secured or self._access(sobject.name, each.name).readable
        }
        return replace(sobject, fields=fields)

    def editable(self, name: str) -> frozenset[str]:
        """The names of the fields that the product's user may write."""
        sobject = self.objects[name.lower()]
        return frozenset(
            each.name
            for each in sobject.fields.values()
            if not each.is_read_only
            and (not each.is_secured or self._access(sobject.name, each.name).editable)
        )

    def _access(self, sobject: str, field: str) -> Access:
        return self.access.get(f"{sobject}.{field}", Access(readable=False, editable=False))

    def put_opportunity(self, fields: Record) -> Record:
        """Create or update an opportunity as a Salesforce user does, and set its timestamps.

        Raises ValueError, naming the field, for an unknown field or an invalid value.
        """
        for name, value in fields.items():
            _check_put(self.objects["opportunity"], name, value)
        record_id = fields.get("Id")
        if not is_record_id(record_id):
            raise ValueError(f"Id: {record_id!r} is not a record id of 15 or 18 characters")
        key = long_id(str(record_id))
        created = {"CreatedDate": timestamp(self._now()), HISTORY: []}
        record = self.opportunities.setdefault(key, created)
        self._stamp(record)
        record.update(fields, Id=key)
        return record

    def create_task(self, fields: Record) -> str:
        """Create a task from checked fields; the record in its `WhatId` must exist."""
        related_id = fields.get("WhatId")
        if related_id and long_id(related_id) not in self.opportunities:
            raise SalesforceError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        task_id = long_id(new_id(self.objects["task"].prefix, 12))
        defaults = {"Status": "Not Started", "Priority": "Normal"}
        record = {"Id": task_id, "CreatedDate": timestamp(self._now()), **defaults, **fields}
        self._stamp(record)
        self.tasks[task_id] = record
        return task_id

    def update(self, sobject: SObject, record_id: str, fields: Record) -> None:
        """Write checked fields, and add the write to the record's history."""
        if not is_record_id(record_id) or not record_id.startswith(sobject.prefix):
            message = f"{sobject.name} ID: id value of incorrect type: {record_id}"
            raise SalesforceError(400, "MALFORMED_ID", message, "Id")
        record = self.records(sobject).get(long_id(record_id))
        if record is None:
            raise SalesforceError(404, "NOT_FOUND", "The requested resource does not exist")
        record.update(fields)
        self._stamp(record)
        entry = {"at": self._now().isoformat(), "fields": fields}
        record.setdefault(HISTORY, []).append(entry)

    def records(self, sobject: SObject) -> dict[str, Record]:
        return self.tasks if sobject.name == "Task" else self.opportunities

    def _stamp(self, record: Record) -> None:
        record["LastModifiedDate"] = record["SystemModstamp"] = timestamp(self._now())


def value_at(record: Record, column: Column) -> Value:
    """The value of a record in a column; None if it or its parent is missing."""
    if column.path in _DERIVED_FROM_STAGE:
        return record.get("StageName") in _DERIVED_FROM_STAGE[column.path]
    held: Any = record
    for name in column.path.split("."):
        held = held.get(name) if isinstance(held, dict) else None
    return parse_value(column.field, held)


def as_answer(sobject: SObject, record: Record, columns: list[Column], version: str) -> Record:
    """A record in a response, with its parents as nested records."""
    url = f"/services/data/{version}/sobjects/{sobject.name}/{record['Id']}"
    answer: Record = {"attributes": {"type": sobject.name, "url": url}}
    for each in columns:
        value = as_json(value_at(record, each))
        relation, dot, name = each.path.partition(".")
        if not dot:
            answer[each.path] = value
        elif not isinstance(record.get(relation), dict):
            answer[relation] = None
        else:
            kind = sobject.parents[relation.lower()].name
            answer.setdefault(relation, {"attributes": {"type": kind}})[name] = value
    return answer


def _check_put(sobject: SObject, name: str, value: Any) -> None:
    parent = sobject.parents.get(name.lower())
    if parent is not None and isinstance(value, dict):
        for inner, held in value.items():
            _check_put(parent, inner, held)
        return
    found = find_column(sobject, name)
    if found is None or found.path != name:
        known = ", ".join(each.name for each in sobject.fields.values())
        raise ValueError(f"{sobject.name} has no field {name!r}; it has {known}")
    try:
        parsed = parse_value(found.field, value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if refused := why_refused(found.field, parsed):
        raise ValueError(f"{name}: {refused[0]}, {refused[1]}")
