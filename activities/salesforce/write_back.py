"""Writes an offer's progress to its opportunity in Salesforce."""

from functools import partial
from http import HTTPStatus
from typing import Any, cast

from simple_salesforce.api import Salesforce as SalesforceApi
from simple_salesforce.api import SFType
from simple_salesforce.format import format_soql
from temporalio import activity

from activities.business_time import business_now
from activities.errors import SALESFORCE, unavailable
from activities.salesforce.client import SalesforceClient
from activities.salesforce.field_map import FieldMap, value_at
from offers.clock import Clock
from offers.lifecycle.clazar_field_sheet import clazar_reference, field_sheet
from offers.lifecycle.salesforce_fields import AMOUNTS, OpportunityUpdate, WriteName, as_json
from offers.model import FrozenModel
from offers.terms.terms import OfferTerms


class ClazarHandoffTask(FrozenModel):
    """The Salesforce task for an offer to be created by hand in Clazar."""

    opportunity_id: str
    revision: int
    terms: OfferTerms

    @property
    def subject(self) -> str:
        """Distinguishes the task from others of the opportunity."""
        reference = clazar_reference(self.opportunity_id, self.revision)
        return f"Create the private offer in Clazar ({reference})"


class Salesforce:
    """Activities on Salesforce."""

    def __init__(self, client: SalesforceClient, fields: FieldMap, clock: Clock) -> None:
        self._client = client
        self._fields = fields
        self._clock = clock

    @activity.defn
    def write_back(self, update: OpportunityUpdate) -> None:
        """Write the stage and facts of the offer to its opportunity.

        Salesforce shows each amount in the record's currency: in another one it is left empty.
        """
        values = self._in_its_currency(update) | {"updated_at": as_json(business_now(self._clock))}
        data = {field: values[name] for name, field in self._fields.write.items() if name in values}
        status = self._client.call(
            lambda api: cast(SFType, api.Opportunity).update(update.opportunity_id, data)
        )
        _check_done(status == HTTPStatus.NO_CONTENT)

    def _in_its_currency(self, update: OpportunityUpdate) -> dict[WriteName, str | float | None]:
        has_amount = any(update.values.get(name) is not None for name in AMOUNTS)
        if update.currency is None or not has_amount:
            return update.values
        currency = self._currency(update.opportunity_id)
        return update.values if currency == update.currency else update.without_amounts(currency)

    def _currency(self, opportunity_id: str) -> str:
        path, default = self._fields.read.get("currency"), self._fields.default_currency
        if path is None:
            return default
        query = format_soql(
            "SELECT {:literal} FROM Opportunity WHERE Id = {}", path, opportunity_id
        )
        records = self._client.call(lambda api: api.query(query)["records"])
        return str((value_at(records[0], path) if records else None) or default)

    @activity.defn
    def open_handoff_task(self, task: ClazarHandoffTask) -> None:
        """Create the task with the field sheet, unless the opportunity has it already."""
        if self._tasks(task):
            return
        lines = [f"{field.label}: {field.value}" for field in field_sheet(task.terms)]
        created = self._client.call(
            lambda api: cast(SFType, api.Task).create(
                {
                    "WhatId": task.opportunity_id,
                    "Subject": task.subject,
                    "Description": "\n".join(lines),
                    "Priority": "High",
                    "Status": "Not Started",
                }
            )
        )
        _check_done(isinstance(created, dict) and "id" in created)

    @activity.defn
    def close_handoff_task(self, task: ClazarHandoffTask) -> None:
        """Complete the task."""
        for record in self._tasks(task):
            status = self._client.call(partial(_complete, record["Id"]))
            _check_done(status == HTTPStatus.NO_CONTENT)

    def _tasks(self, task: ClazarHandoffTask) -> list[dict[str, Any]]:
        query = "SELECT Id FROM Task WHERE WhatId = {} AND Subject = {}"
        records: list[dict[str, Any]] = self._client.call(
            lambda api: api.query(format_soql(query, task.opportunity_id, task.subject))["records"]
        )
        return records


def _complete(task_id: str, api: SalesforceApi) -> Any:
    return cast(SFType, api.Task).update(task_id, {"Status": "Completed"})


def _check_done(done: bool) -> None:
    """A page of a proxy has status 200, and nothing was written."""
    if not done:
        raise unavailable(SALESFORCE, "an answer is not Salesforce's")
