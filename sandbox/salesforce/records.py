"""The records of the simulated org: find, read, create and update."""

from datetime import UTC, datetime
from typing import Any

from sandbox.random_ids import new_id
from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.record_ids import is_well_formed, long_id
from sandbox.salesforce.schema import (
    OPPORTUNITY,
    TASK,
    Column,
    SObject,
    Value,
    as_json,
    find_column,
    parse_value,
    timestamp,
)
from sandbox.world import World

Record = dict[str, Any]

HISTORY = "_history"
"""The key under which a record keeps its writes over the API; not a field."""


def put_opportunity(world: World, fields: Record) -> Record:
    """Create or update an opportunity as a Salesforce user does, and set its timestamps.

    Raises ValueError, naming the field, for an unknown field or an invalid value.
    """
    for name, value in fields.items():
        _check_put(OPPORTUNITY, name, value)
    record_id = fields.get("Id")
    if not is_well_formed(record_id):
        raise ValueError(f"Id: {record_id!r} is not a record id of 15 or 18 characters")
    record = find(world, OPPORTUNITY, str(record_id))
    if record is None:
        record = {"CreatedDate": timestamp(world.now()), HISTORY: []}
        world.salesforce.opportunities[long_id(str(record_id))] = record
    _stamp(world, record)
    record.update(fields, Id=long_id(str(record_id)))
    return record


def _check_put(sobject: SObject, name: str, value: Any) -> None:
    parent = sobject.parents.get(name.lower())
    if parent is not None and isinstance(value, dict):
        for inner, held in value.items():
            _check_put(parent, inner, held)
        return
    found = find_column(sobject, name)
    if found is None or found.path != name:
        known = ", ".join([each.name for each in sobject.fields.values()])
        raise ValueError(f"{sobject.name} has no field {name!r}; it has {known}")
    try:
        held = parse_value(found.field, value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from error
    if isinstance(held, str) and len(held) > found.field.length:
        raise ValueError(f"{name}: it has more than {found.field.length} characters")


def all_records(world: World, sobject: SObject) -> dict[str, Record]:
    """Every record of an object type by its id."""
    return world.salesforce.tasks if sobject is TASK else world.salesforce.opportunities


def find(world: World, sobject: SObject, record_id: str) -> Record | None:
    """The record with this id in its 15- or 18-character form."""
    records = all_records(world, sobject)
    for form in (record_id, long_id(record_id), record_id[:15]):
        if form in records:
            return records[form]
    return None


def find_or_error(world: World, sobject: SObject, record_id: str) -> Record:
    """The record with this id.  Raises SalesforceError for a malformed or unknown id."""
    if not is_well_formed(record_id) or not record_id.startswith(sobject.prefix):
        raise SalesforceError(
            400,
            "MALFORMED_ID",
            f"{sobject.name} ID: id value of incorrect type: {record_id}",
            ["Id"],
        )
    record = find(world, sobject, record_id)
    if record is None:
        raise SalesforceError(404, "NOT_FOUND")
    return record


def create_task(world: World, fields: Record) -> str:
    """Create a task; the record in its `WhatId` must exist."""
    related_id = fields.get("WhatId")
    if related_id and find(world, OPPORTUNITY, related_id) is None:
        raise SalesforceError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
    task_id = long_id(new_id(TASK.prefix, 12))
    defaults = {"Status": "Not Started", "Priority": "Normal"}
    record = {"Id": task_id, "CreatedDate": timestamp(world.now()), **defaults, **fields}
    _stamp(world, record)
    world.salesforce.tasks[task_id] = record
    return task_id


def update(world: World, record: Record, fields: Record) -> None:
    """Write validated fields, and add the write to the record's history."""
    record.update(fields)
    _stamp(world, record)
    history = record.setdefault(HISTORY, [])
    history.append({"at": world.now().isoformat(), "fields": fields})


def modified_at(record: Record) -> datetime:
    """The time of the last write, to the second."""
    stamp = record.get("SystemModstamp")
    return datetime.fromisoformat(stamp) if stamp else datetime.min.replace(tzinfo=UTC)


def value_at(record: Record, at: Column) -> Value:
    """The value of a record in a column; None if it or its parent is missing."""
    if at.path in _DERIVED_FROM_STAGE:
        return record.get("StageName") in _DERIVED_FROM_STAGE[at.path]
    held: Any = record
    for name in at.path.split("."):
        held = held.get(name) if isinstance(held, dict) else None
    return parse_value(at.field, held)


_DERIVED_FROM_STAGE = {"IsWon": {"Closed Won"}, "IsClosed": {"Closed Won", "Closed Lost"}}
"""Fields that Salesforce derives from the stage."""


def as_answer(sobject: SObject, record: Record, columns: list[Column], version: str) -> Record:
    """A record in a response, with its parents as nested records."""
    answer: Record = {
        "attributes": {
            "type": sobject.name,
            "url": f"/services/data/{version}/sobjects/{sobject.name}/{record['Id']}",
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
            kind = sobject.parents[relation.lower()].name
            answer.setdefault(relation, {"attributes": {"type": kind}})[name] = value
    return answer


def _stamp(world: World, record: Record) -> None:
    record["LastModifiedDate"] = record["SystemModstamp"] = timestamp(world.now())
