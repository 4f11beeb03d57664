"""The records of the pretended org: finding, reading, creating and changing them."""

from datetime import UTC, datetime
from typing import Any

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.record_ids import long_id, well_formed
from sandbox.salesforce.schema import (
    OPPORTUNITY,
    TASK,
    Column,
    Object,
    Value,
    as_json,
    column,
    read,
    timestamp,
)
from sandbox.world import World, new_id

Record = dict[str, Any]

HISTORY = "_history"
"""Where a record keeps the writes that came over the API; not a field."""


def put_opportunity(world: World, fields: Record) -> Record:
    """Create or change an opportunity as people in Salesforce do, so that its stamps move.

    Raises ValueError, naming the field, if the org has no such field or it cannot hold that value.
    """
    for name, value in fields.items():
        _check_put(OPPORTUNITY, name, value)
    record_id = fields.get("Id")
    if not well_formed(record_id):
        raise ValueError(f"Id: {record_id!r} is not a record id of 15 or 18 characters")
    record = find(world, OPPORTUNITY, str(record_id))
    if record is None:
        record = {"CreatedDate": timestamp(world.now()), HISTORY: []}
        world.opportunities[long_id(str(record_id))] = record
    _stamp(world, record)
    record.update(fields, Id=long_id(str(record_id)))
    return record


def _check_put(of: Object, name: str, value: Any) -> None:
    parent = of.parents.get(name.lower())
    if parent is not None and isinstance(value, dict):
        for inner, held in value.items():
            _check_put(parent, inner, held)
        return
    found = column(of, name)
    if found is None or found.path != name:
        known = ", ".join([each.name for each in of.fields.values()])
        raise ValueError(f"{of.name} has no field {name!r}; it has {known}")
    try:
        held = read(found.field, value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from error
    if isinstance(held, str) and len(held) > found.field.length:
        raise ValueError(f"{name}: it has more than {found.field.length} characters")


def all_of(world: World, of: Object) -> dict[str, Record]:
    """Every record of an object by its id."""
    return world.tasks if of is TASK else world.opportunities


def find(world: World, of: Object, record_id: str) -> Record | None:
    """The record with this id in its short or long form."""
    records = all_of(world, of)
    for form in (record_id, long_id(record_id), record_id[:15]):
        if form in records:
            return records[form]
    return None


def existing(world: World, of: Object, record_id: str) -> Record:
    """The record with this id, or Salesforce's complaint that it is malformed or unknown."""
    if not well_formed(record_id) or not record_id.startswith(of.prefix):
        raise SalesforceError(
            400,
            "MALFORMED_ID",
            f"{of.name} ID: id value of incorrect type: {record_id}",
            ["Id"],
        )
    record = find(world, of, record_id)
    if record is None:
        raise SalesforceError(404, "NOT_FOUND")
    return record


def create_task(world: World, fields: Record) -> str:
    """Create a task; the id of the record it is about must exist."""
    about = fields.get("WhatId")
    if about and find(world, OPPORTUNITY, about) is None:
        raise SalesforceError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
    task_id = long_id(new_id(TASK.prefix, 12))
    defaults = {"Status": "Not Started", "Priority": "Normal"}
    record = {"Id": task_id, "CreatedDate": timestamp(world.now()), **defaults, **fields}
    _stamp(world, record)
    world.tasks[task_id] = record
    return task_id


def change(world: World, record: Record, fields: Record) -> None:
    """Write fields that were checked, and remember the write."""
    record.update(fields)
    _stamp(world, record)
    history = record.setdefault(HISTORY, [])
    history.append({"at": world.now().isoformat(), "fields": fields})


def changed_at(record: Record) -> datetime:
    """When a record was last written, to the second."""
    stamp = record.get("SystemModstamp")
    return datetime.fromisoformat(stamp) if stamp else datetime.min.replace(tzinfo=UTC)


def value_at(record: Record, at: Column) -> Value:
    """What a record holds in a column; null where it or its parent is missing."""
    if at.path in _BY_STAGE:
        return record.get("StageName") in _BY_STAGE[at.path]
    held: Any = record
    for name in at.path.split("."):
        held = held.get(name) if isinstance(held, dict) else None
    return read(at.field, held)


_BY_STAGE = {"IsWon": {"Closed Won"}, "IsClosed": {"Closed Won", "Closed Lost"}}
"""Fields that Salesforce derives from the stage."""


def shown(of: Object, record: Record, columns: list[Column], version: str) -> Record:
    """A record as an answer shows it, parents as nested records."""
    answer: Record = {
        "attributes": {
            "type": of.name,
            "url": f"/services/data/{version}/sobjects/{of.name}/{record['Id']}",
        }
    }
    for each in columns:
        value = as_json(value_at(record, each))
        relation, dot, name = each.path.partition(".")
        if not dot:
            answer[each.path] = value
        elif not isinstance(record.get(relation), dict):
            answer[relation] = None
        else:
            kind = of.parents[relation.lower()].name
            answer.setdefault(relation, {"attributes": {"type": kind}})[name] = value
    return answer


def _stamp(world: World, record: Record) -> None:
    record["LastModifiedDate"] = record["SystemModstamp"] = timestamp(world.now())
