"""The object types of a new org: Salesforce's standard fields, and those of our package."""

from collections.abc import Iterable

from sandbox.salesforce.metadata import custom_fields
from sandbox.salesforce.schema import (
    BOOLEAN,
    CURRENCY,
    DATE,
    DATETIME,
    EMAIL,
    ID,
    PICKLIST,
    REFERENCE,
    STRING,
    TEXT_AREA,
    Field,
    FieldType,
    SObject,
)


def new_objects() -> dict[str, SObject]:
    """By lower-case name."""
    account = _object("Account", "001", _required(STRING, 255, "Name"))
    user = _object(
        "User",
        "005",
        _required(STRING, 121, "Name"),
        _required(EMAIL, 128, "Email"),
        _required(PICKLIST, 40, "TimeZoneSidKey"),
    )
    opportunity = _object(
        "Opportunity",
        "006",
        *_system_fields(),
        Field("AccountId", REFERENCE, 18, parent="Account", relationship="Account"),
        _owner(),
        _required(STRING, 120, "Name"),
        _required(PICKLIST, 255, "StageName"),
        _required(DATE, 0, "CloseDate"),
        _set_by_salesforce(BOOLEAN, "IsClosed"),
        _set_by_salesforce(BOOLEAN, "IsWon"),
        # Only in an org with multiple currencies.
        _required(PICKLIST, 3, "CurrencyIsoCode"),
        Field("Amount", CURRENCY, precision=18, scale=2),
        *custom_fields(),
        parents={"account": account, "owner": user},
    )
    task = _object(
        "Task",
        "00T",
        *_system_fields(),
        _owner(),
        Field("Subject", STRING, 255),
        _required(PICKLIST, 255, "Status"),
        _required(PICKLIST, 255, "Priority"),
        Field("WhatId", REFERENCE, 18, parent="Opportunity", relationship="What"),
        Field("Description", TEXT_AREA, 32_000),
        Field("ActivityDate", DATE),
    )
    return {each.name.lower(): each for each in (account, user, opportunity, task)}


def _object(
    name: str, prefix: str, *fields: Field, parents: dict[str, SObject] | None = None
) -> SObject:
    every: Iterable[Field] = (Field("Id", ID, 18, is_read_only=True, is_secured=False), *fields)
    return SObject(name, prefix, {each.name.lower(): each for each in every}, parents or {})


def _required(kind: FieldType, length: int, name: str) -> Field:
    return Field(name, kind, length, is_secured=False)


def _set_by_salesforce(kind: FieldType, name: str) -> Field:
    return Field(name, kind, is_read_only=True, is_secured=False)


def _system_fields() -> list[Field]:
    names = ("CreatedDate", "LastModifiedDate", "SystemModstamp")
    return [_set_by_salesforce(DATETIME, name) for name in names]


def _owner() -> Field:
    return Field("OwnerId", REFERENCE, 18, is_secured=False, parent="User", relationship="Owner")
