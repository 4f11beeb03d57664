"""Salesforce: drafting an offer from its opportunity, and writing the offer's life back to it."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field
from simple_salesforce.api import SFType
from simple_salesforce.format import format_soql
from temporalio import activity

from activities.errors import not_found
from activities.field_map import FieldMap, WriteName
from activities.salesforce_client import SalesforceClient
from activities.timing import business_now
from offers.clock import Clock
from offers.drafting import Draft, draft
from offers.findings import Finding
from offers.lifecycle import Stage
from offers.money import Money
from offers.policy import Policy
from offers.record import OfferRecord

ATTENTION_LENGTH = 255
"""Longest text of a Salesforce text field."""


SOLD = frozenset({Stage.ACCEPTED.value, Stage.DISBURSED.value})

_TERM_NAMES: dict[str, str] = {"amount": "price", "currency": "price.currency"}
"""The field map's names where the terms have another."""


class DraftOffer(BaseModel):
    """Which opportunity to draft from, and what a person gave in its place."""

    model_config = ConfigDict(frozen=True)

    opportunity_id: str
    given: dict[str, Any] = Field(default_factory=dict)
    """Fields of `OfferTerms` and `Contacts` that overrule the opportunity's."""


class DraftedOffer(BaseModel):
    """A draft with what it was made by: a later change of policy does not touch this offer."""

    model_config = ConfigDict(frozen=True)

    draft: Draft
    policy: Policy
    clock: Clock


class Product(BaseModel):
    """What is sold, as AWS Marketplace names it."""

    model_config = ConfigDict(frozen=True)

    product_id: str
    dimension: str


class Salesforce:
    """Activities on Salesforce."""

    def __init__(
        self,
        client: SalesforceClient,
        fields: FieldMap,
        policy: Policy,
        product: Product,
        clock: Clock,
    ) -> None:
        self._client = client
        self._fields = fields
        self._policy = policy
        self._product = product
        self._clock = clock

    @activity.defn
    def draft_offer(self, request: DraftOffer) -> DraftedOffer:
        """Terms from the opportunity, or findings; fails NOT_FOUND if there is none."""
        opportunity = self._read(request.opportunity_id)
        facts = {**self._facts(opportunity), **request.given}
        sources = {_TERM_NAMES.get(name, name): field for name, field in self._fields.read.items()}
        sources |= dict.fromkeys(request.given, "terms file")
        drafted = draft(facts, self._policy, business_now(self._clock).date(), sources)
        findings = self._sold_before(opportunity) + drafted.findings
        return DraftedOffer(
            draft=drafted.model_copy(update={"findings": findings}),
            policy=self._policy,
            clock=self._clock,
        )

    def _sold_before(self, opportunity: Mapping[str, Any]) -> tuple[Finding, ...]:
        """Temporal forgets an offer some time after its end; Salesforce does not."""
        field = self._fields.write.get("stage")
        shown = opportunity.get(field) if field else None
        if shown not in SOLD:
            return ()
        return (
            Finding(
                field="stage",
                seen=shown,
                problem="an offer for this opportunity has been accepted already",
                remedy="Look at its agreement; if this is a mistake, clear the field and resume",
                source=field,
            ),
        )

    def _read(self, opportunity_id: str) -> Mapping[str, Any]:
        wanted = {"Id", *self._fields.read.values(), self._fields.write.get("stage", "Id")}
        fields = ", ".join(sorted(wanted))
        # The fields are names of our own map; the id comes from outside and is escaped.
        query = f"SELECT {fields} FROM Opportunity WHERE Id = {{}}"  # noqa: S608
        found = self._client.call(
            lambda api: api.query(format_soql(query, opportunity_id))["records"]
        )
        if not found:
            raise not_found(f"Salesforce has no opportunity {opportunity_id}")
        record: Mapping[str, Any] = found[0]
        return record

    def _facts(self, opportunity: Mapping[str, Any]) -> dict[str, Any]:
        facts: dict[str, Any] = {
            name: _value(opportunity, path) for name, path in self._fields.read.items()
        }
        amount = facts.pop("amount", None)
        currency = facts.pop("currency", None) or self._fields.default_currency
        if amount is not None:
            # JSON gives a float; its shortest text is the amount that Salesforce shows.
            facts["price"] = {"amount": str(amount), "currency": currency}
        if isinstance(months := facts.get("duration_months"), float):
            facts["duration_months"] = int(months) if months.is_integer() else months
        return facts | self._product.model_dump()

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


def _written(record: OfferRecord, now: datetime) -> dict[WriteName, Any]:
    attentions = "; ".join(f"{a.problem}. {a.remedy}" for a in record.attentions)
    findings = "; ".join(str(finding) for finding in record.findings)
    agreement, payout, fee = record.agreement, record.payout, record.fee
    return {
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
        "attention": (findings or attentions)[:ATTENTION_LENGTH] or None,
        "updated_at": now,
    }


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


def _value(record: Mapping[str, Any], path: str) -> Any:
    value: Any = record
    for part in path.split("."):
        if value is None:
            return None
        value = value.get(part)
    return value
