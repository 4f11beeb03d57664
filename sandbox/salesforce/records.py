"""The records of the pretended org: finding, reading, creating and changing them."""

from datetime import UTC, datetime
from typing import Any

from sandbox.salesforce.errors import SalesforceError
from sandbox.salesforce.ids import long_id, well_formed
from sandbox.salesforce.schema import (
    OPPORTUNITY,
    TASK,
    Object,
    Type,
    Value,
    as_json,
    field_at,
    read,
    timestamp,
)
from sandbox.world import World, new_id

Record = dict[str, Any]

HISTORY = "_history"
"""Where a record keeps the writes that came over the API; not a field."""


def put_opportunity(world: World, fields: Record) -> Record:
    """Create or change an opportunity as people in Salesforce do, so that its stamps move."""
    record_id = fields["Id"]
    record = find(world, OPPORTUNITY, record_id)
    if record is None:
        record = {"CreatedDate": timestamp(world.now()), HISTORY: []}
        world.opportunities[long_id(record_id)] = record
    record.update(fields)
    record["Id"] = long_id(record_id)
    _stamp(world, record)
    return record


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


def value_at(of: Object, record: Record, path: str) -> Value:
    """The value at a path such as `Owner.Email`, which `field_at` knows."""
    definition = field_at(of, path)
    assert definition is not None
    stored: Any = record
    for name in path.split("."):
        stored = _own(stored, name)
    if of is OPPORTUNITY and definition.name in _BY_STAGE and "." not in path:
        return _own(record, "StageName") in _BY_STAGE[definition.name]
    return read(definition, stored)


_BY_STAGE = {"IsWon": {"Closed Won"}, "IsClosed": {"Closed Won", "Closed Lost"}}
"""Fields that Salesforce derives from the stage."""


def shown(of: Object, record: Record, paths: list[str], version: str) -> Record:
    """A record as an answer shows it, parents as nested records."""
    answer: Record = {
        "attributes": {
            "type": of.name,
            "url": f"/services/data/{version}/sobjects/{of.name}/{record['Id']}",
        }
    }
    for path in paths:
        definition = field_at(of, path)
        assert definition is not None
        value = as_json(value_at(of, record, path))
        relation, dot, _ = path.partition(".")
        if not dot:
            answer[definition.name] = value
            continue
        parent = of.parents[relation.lower()]
        name = relation[0].upper() + relation[1:].lower()
        if not isinstance(_own(record, relation), dict):
            answer[name] = None
        else:
            nested = answer.setdefault(name, {"attributes": {"type": parent.name}})
            nested[definition.name] = value
    return answer


def _own(record: Any, name: str) -> Any:
    """What a record or parent holds under a name of any case."""
    if not isinstance(record, dict):
        return None
    if name in record:
        return record[name]
    return next((held for key, held in record.items() if key.lower() == name.lower()), None)


def _stamp(world: World, record: Record) -> None:
    record["LastModifiedDate"] = record["SystemModstamp"] = timestamp(world.now())


def all_paths(of: Object) -> list[str]:
    """Every field of the object itself."""
    return [each.name for each in of.fields.values()]


def is_long_text(of: Object, path: str) -> bool:
    """Whether the field is one that Salesforce can neither filter nor sort by."""
    definition = field_at(of, path)
    return definition is not None and definition.type is Type.TEXT_AREA
