"""Whether the field map fits the org: each field is there, of a fitting type, and ours to use."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from activities.salesforce.client import SalesforceClient
from activities.salesforce.describe import FieldDescription, ObjectDescription, describe
from activities.salesforce.field_map import FieldMap, ReadName
from offers.agreements.agreement import AgreementStatus
from offers.findings import Finding
from offers.lifecycle.salesforce_fields import AMOUNTS, TEXT_LENGTH, WriteName
from offers.model import FrozenModel
from offers.money import MINOR_DIGITS, MOST_DECIMALS
from offers.payouts.model import PayoutState
from offers.preflight.order_form import OrderFormName
from offers.stage import Stage
from offers.terms.terms import HIGHEST_PRICE

OPPORTUNITY, TASK = "Opportunity", "Task"
CLEAN_FOR_SECONDS = 3600
"""How long preflight trusts that a field map without problems stays so."""

TEXTS = frozenset({"string", "picklist", "textarea", "email", "phone", "url", "combobox"})
NUMBERS = frozenset({"currency", "double", "int", "long", "percent"})
REFERENCES = frozenset({"id", "reference"})

READ_TYPES: Mapping[ReadName, frozenset[str]] = {
    "amount": NUMBERS | TEXTS,
    "duration_months": NUMBERS | TEXTS,
    "net_payment_days": NUMBERS | TEXTS,
    "starts_on": TEXTS | {"date"},
    "availability_end": TEXTS | {"date"},
    "renews": TEXTS | REFERENCES,
}
"""Text for all others."""
ORDER_FORM_TYPES: Mapping[OrderFormName, frozenset[str]] = {
    "signed": frozenset({"boolean"}),
    "amount": NUMBERS | TEXTS,
    "duration_months": NUMBERS | TEXTS,
}
"""Text for all others."""
DAYS: frozenset[WriteName] = frozenset(
    {"disbursed_on", "invoiced_on", "payment_due_on", "collected_on", "payout_expected_on"}
)
INSTANTS: frozenset[WriteName] = frozenset({"expires_at", "accepted_at", "updated_at"})
VALUES: Mapping[WriteName, type[StrEnum]] = {
    "stage": Stage,
    "amendment_stage": Stage,
    "agreement_status": AgreementStatus,
    "payout_state": PayoutState,
}
"""What is written from a fixed list."""
LENGTHS: Mapping[WriteName, int] = {
    **dict.fromkeys(("attention", "decisions", "bank_trace_ids"), TEXT_LENGTH),
    "offer_url": TEXT_LENGTH,
}
"""The length of text fields for what is written."""
ID_LENGTH = 64
"""The longest id of an agreement in AWS's API model."""
FILTERED = frozenset(
    {
        "read.buyer_accounts",
        "order_form.signed",
        "order_form.billing_method",
        "write.stage",
        "write.accepted_at",
    }
)
"""The names whose fields are conditions of our queries."""

MISSING = "there is no such field, or our user may not see it"
DEPLOY = "Create the field, let our user see it, or correct the field map"


class FieldProblem(FrozenModel):
    """What is wrong with a field of the map."""

    name: str
    """In the map, such as `write.stage`."""
    field: str
    """Of the Opportunity, or a path through a parent."""
    problem: str
    remedy: str
    prevents_writing: bool = False
    """Whether Salesforce would refuse every write of it."""

    @property
    def finding(self) -> Finding:
        """For preflight."""
        return Finding(
            code="salesforce-field",
            field=self.name,
            source=self.field,
            problem=self.problem,
            remedy=self.remedy,
        )


class FieldCheck:
    """Holds the field map against what Salesforce says of the org's fields."""

    def __init__(self, client: SalesforceClient, fields: FieldMap) -> None:
        self._client = client
        self._fields = fields
        self._clean_until = 0.0

    def problems(self) -> list[FieldProblem]:
        """What is wrong with each field of the map.  Raises the ApplicationError to fail with."""
        return list(field_problems(self._fields, lambda name: describe(self._client, name)))

    def findings(self) -> tuple[Finding, ...]:
        """Of the fields that cannot be written.  Asks at most once an hour while there are none.

        Raises the ApplicationError to fail with.
        """
        if time.monotonic() < self._clean_until:
            return ()
        opportunity = describe(self._client, OPPORTUNITY)
        problems = list(_write_problems(self._fields, opportunity))
        found = tuple(each.finding for each in problems if each.prevents_writing)
        if not found:
            self._clean_until = time.monotonic() + CLEAN_FOR_SECONDS
        return found


def field_problems(
    fields: FieldMap, described: Callable[[str], ObjectDescription]
) -> Iterator[FieldProblem]:
    """`described` gives an object type by its name; each is asked for once."""
    objects: dict[str, ObjectDescription] = {}

    def known(name: str) -> ObjectDescription:
        if name not in objects:
            objects[name] = described(name)
        return objects[name]

    for read_name, path in fields.read.items():
        types = READ_TYPES.get(read_name, TEXTS)
        yield from _read_problems(f"read.{read_name}", path, types, known)
    for form_name, path in fields.order_form.items():
        types = ORDER_FORM_TYPES.get(form_name, TEXTS)
        yield from _read_problems(f"order_form.{form_name}", path, types, known)
    yield from _write_problems(fields, known(OPPORTUNITY))


def currency_problems(fields: FieldMap, opportunity: ObjectDescription) -> Iterator[FieldProblem]:
    """Whether the map names the currency of a deal as the org keeps it."""
    standard = "CurrencyIsoCode"
    if standard.lower() in opportunity.fields and "currency" not in fields.read:
        yield FieldProblem(
            name="read.currency",
            field=standard,
            problem=f"the org has several currencies, and every amount is read as"
            f" {fields.default_currency}",
            remedy=f'Add currency = "{standard}" under [read]',
        )


def _read_problems(
    name: str, path: str, types: frozenset[str], described: Callable[[str], ObjectDescription]
) -> Iterator[FieldProblem]:
    def problem(what: str, remedy: str) -> FieldProblem:
        return FieldProblem(name=name, field=path, problem=what, remedy=remedy)

    sobject = described(OPPORTUNITY)
    *relations, field = path.split(".")
    for relation in relations:
        if (parent := _parent(sobject, relation)) is None:
            yield problem(
                f"{sobject.name} has no relationship {relation}, or our user may not see it",
                "Correct the path in the field map",
            )
            return
        sobject = described(parent)
    found = sobject.fields.get(field.lower())
    if found is None:
        is_currency = path == "CurrencyIsoCode"
        yield problem(
            MISSING,
            "Only an org with several currencies has it: remove the line if yours has one,"
            " and set default_currency"
            if is_currency
            else DEPLOY,
        )
        return
    if found.type not in types:
        yield problem(_wrong_type(found, types), "Name another field, or change its type")
    elif name in FILTERED and not found.filterable:
        yield problem(*_not_filterable(found))


def _parent(sobject: ObjectDescription, relation: str) -> str | None:
    for field in sobject.fields.values():
        if (field.relationship_name or "").lower() == relation.lower() and field.reference_to:
            # An owner can be a queue, too: the fields that we read are those of a user.
            return "User" if "User" in field.reference_to else field.reference_to[0]
    return None


class _Fit(NamedTuple):
    """What is wrong with a field that is written."""

    problem: str
    remedy: str
    prevents_writing: bool


def _write_problems(fields: FieldMap, opportunity: ObjectDescription) -> Iterator[FieldProblem]:
    for name, field in fields.write.items():
        found = opportunity.fields.get(field.lower())
        for problem, remedy, prevents_writing in _unfit(name, found, _decimals(fields)):
            yield FieldProblem(
                name=f"write.{name}",
                field=field,
                problem=problem,
                remedy=remedy,
                prevents_writing=prevents_writing,
            )


def _unfit(name: WriteName, field: FieldDescription | None, decimals: int) -> Iterable[_Fit]:
    if field is None:
        return [_Fit(MISSING, DEPLOY, prevents_writing=True)]
    if not field.updateable:
        remedy = "Let our user edit it by a permission set, or name a field that is no formula"
        return [_Fit("our user may not write it", remedy, prevents_writing=True)]
    types = _write_types(name)
    if field.type not in types:
        remedy = "Name another field, or change its type"
        return [_Fit(_wrong_type(field, types), remedy, prevents_writing=True)]
    if f"write.{name}" in FILTERED and not field.filterable:
        return [_Fit(*_not_filterable(field), prevents_writing=False)]
    if field.type in NUMBERS:
        return _number_problems(field, decimals)
    return _text_problems(name, field) if field.type in TEXTS else []


def _write_types(name: WriteName) -> frozenset[str]:
    if name in AMOUNTS:
        return frozenset({"currency", "double"})
    if name in DAYS:
        return frozenset({"date"})
    if name in INSTANTS:
        return frozenset({"datetime"})
    return TEXTS - {"email", "phone"} if name == "offer_url" else TEXTS - {"email", "phone", "url"}


def _number_problems(field: FieldDescription, decimals: int) -> Iterator[_Fit]:
    if field.scale < decimals:
        what = f"it has {field.scale} decimals, and amounts have {decimals}"
        yield _Fit(what, f"Give it {decimals} decimals", prevents_writing=False)
    digits = len(str(int(HIGHEST_PRICE)))
    if field.precision - field.scale < digits:
        what = f"it has {field.precision - field.scale} digits before the point"
        yield _Fit(what, f"Give it {digits}", prevents_writing=False)


def _text_problems(name: WriteName, field: FieldDescription) -> Iterator[_Fit]:
    values = VALUES.get(name)
    if field.restricted_picklist and values is not None:
        if missing := sorted(set(values) - set(field.picklist_values)):
            what = f"the restricted picklist has no {', '.join(missing)}"
            yield _Fit(what, "Add the values, or lift the restriction", prevents_writing=True)
        return
    if field.restricted_picklist:
        what = "a restricted picklist does not take it"
        yield _Fit(what, "Name a text field", prevents_writing=True)
        return
    needed = max(map(len, values)) if values else LENGTHS.get(name, ID_LENGTH)
    if field.length < needed:
        what = f"it holds {field.length} characters, and up to {needed} are written"
        yield _Fit(what, f"Make it {needed} characters long", prevents_writing=False)


def _decimals(fields: FieldMap) -> int:
    """Of the amounts in this org."""
    return MOST_DECIMALS if "currency" in fields.read else MINOR_DIGITS[fields.default_currency]


def _wrong_type(field: FieldDescription, types: frozenset[str]) -> str:
    return f"it is of type {field.type}, not {' or '.join(sorted(types))}"


def _not_filterable(field: FieldDescription) -> tuple[str, str]:
    return f"Salesforce cannot search for it (type {field.type})", "Name another field"


TASK_FIELDS = ("WhatId", "Subject", "Description", "Priority", "Status")
"""Of the task for an offer that is created by hand in Clazar."""


def task_problems(task: ObjectDescription) -> Iterator[tuple[str, str]]:
    """Field and problem; the field is empty where it is about tasks as such."""
    if not (task.createable and task.updateable):
        yield "", "our user may not create and complete tasks"
        return
    for name in TASK_FIELDS:
        field = task.fields.get(name.lower())
        if field is None:
            yield name, MISSING
        elif not field.createable:
            yield name, "our user may not write it"
