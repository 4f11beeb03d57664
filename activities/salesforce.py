"""Salesforce: writing an offer's life back to its opportunity."""

from datetime import date, datetime
from functools import partial
from typing import Any, cast

from pydantic import BaseModel, ConfigDict
from simple_salesforce.api import Salesforce as SalesforceApi
from simple_salesforce.api import SFType
from simple_salesforce.format import format_soql
from temporalio import activity

from activities.field_map import FieldMap, WriteName
from activities.salesforce_client import SalesforceClient
from activities.timing import business_now
from offers.clock import Clock
from offers.hand_off import field_sheet, reference
from offers.money import Money
from offers.record import OfferRecord
from offers.terms import OfferTerms

TEXT_LENGTH = 255
"""Longest text of a Salesforce text field."""


class HandOffTask(BaseModel):
    """An offer that is to be made by hand in Clazar."""

    model_config = ConfigDict(frozen=True)

    opportunity_id: str
    revision: int
    terms: OfferTerms

    @property
    def subject(self) -> str:
        """Tells the task from others of the opportunity."""
        mark = reference(self.opportunity_id, self.revision)
        return f"Make the private offer in Clazar ({mark})"


class Salesforce:
    """Activities on Salesforce."""

    def __init__(self, client: SalesforceClient, fields: FieldMap, clock: Clock) -> None:
        self._client = client
        self._fields = fields
        self._clock = clock

    @activity.defn
    def write_back(self, record: OfferRecord) -> None:
        """Write where the offer is in its life to its opportunity: whole values, never a change."""
        values = _written(record, business_now(self._clock))
        data = {
            field: _json(values[name])
            for name, field in self._fields.write.items()
            if name in values
        }
        self._client.call(
            lambda api: cast(SFType, api.Opportunity).update(record.opportunity_id, data)
        )

    @activity.defn
    def open_hand_off(self, task: HandOffTask) -> None:
        """Give the opportunity a task with the field sheet, unless it has it already."""
        if self._tasks(task):
            return
        lines = [f"{field.label}: {field.value}" for field in field_sheet(task.terms)]
        self._client.call(
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

    @activity.defn
    def close_hand_off(self, task: HandOffTask) -> None:
        """There is nothing left to do."""
        for record in self._tasks(task):
            self._client.call(partial(_complete, record["Id"]))

    def _tasks(self, task: HandOffTask) -> list[dict[str, Any]]:
        query = "SELECT Id FROM Task WHERE WhatId = {} AND Subject = {}"
        records: list[dict[str, Any]] = self._client.call(
            lambda api: api.query(format_soql(query, task.opportunity_id, task.subject))["records"]
        )
        return records


def _complete(task_id: str, api: SalesforceApi) -> None:
    cast(SFType, api.Task).update(task_id, {"Status": "Completed"})


def _written(record: OfferRecord, now: datetime) -> dict[WriteName, Any]:
    amendment: dict[WriteName, Any] = (
        {"amendment_stage": record.stage.value, "amendment_offer_id": record.offer_id}
        if record.amends and not record.amendments
        else {}
    )
    if record.amends and record.agreement is None:
        # The opportunity shows the agreement that stands, until the amendment takes its place.
        return amendment | {"updated_at": now}
    attentions = "; ".join(f"{a.problem}. {a.remedy}" for a in record.attentions)
    findings = "; ".join(str(finding) for finding in record.obstacles)
    agreement, payout, fee = record.agreement, record.payout, record.fee
    return amendment | {
        "stage": record.stage.value,
        "offer_id": record.offer_id,
        "offer_url": record.offer_url,
        "expires_at": record.expires_at,
        "change_set_id": record.change_set_id,
        "agreement_id": agreement.agreement_id if agreement else None,
        "accepted_at": agreement.accepted_at if agreement else None,
        "amount": record.terms.price if record.terms else None,
        "listing_fee": payout.listing_fee if payout else fee.fee if fee else None,
        "net_amount": fee.net if fee else None,
        "disbursed_amount": payout.disbursed if payout else None,
        "disbursed_on": payout.disbursed_on if payout else None,
        "invoiced_amount": payout.gross if payout else None,
        "invoiced_on": payout.invoiced_on if payout else None,
        "payment_due_on": payout.due_on if payout else None,
        "collected_on": payout.collected_on if payout else None,
        "payout_state": payout.state.value if payout else None,
        "payout_expected_on": max((each.latest for each in record.expected), default=None),
        "bank_trace_ids": _one_line(payout.bank_trace_ids) if payout else None,
        "agreement_status": agreement.status.value if agreement else None,
        "initial_agreement_id": agreement.initial_agreement_id if agreement else None,
        "attention": (findings or attentions)[:TEXT_LENGTH] or None,
        "updated_at": now,
    }


def _one_line(names: tuple[str, ...]) -> str | None:
    return ", ".join(names)[:TEXT_LENGTH] or None


def _json(value: Any) -> Any:
    match value:
        case Money():
            # Salesforce takes JSON numbers.  An amount of up to 15 digits survives as a float's
            # shortest text, and contracts end far below that (offers.terms.HIGHEST_PRICE).
            return float(value.amount)
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        case date():
            return value.isoformat()
    return value
