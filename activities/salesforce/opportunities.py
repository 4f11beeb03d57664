"""Reads opportunities with their order form and customer."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime
from simple_salesforce.format import format_soql
from temporalio import activity

from activities.errors import not_found, rejected
from activities.salesforce.client import SalesforceClient
from activities.salesforce.field_check import FieldCheck
from activities.salesforce.field_map import FieldMap, value_at
from offers.feed import FeedEntry
from offers.findings import Finding
from offers.ids import parse_opportunity_id
from offers.lifecycle.salesforce_fields import WriteName
from offers.model import FrozenModel
from offers.money import number_text
from offers.preflight.customer import SOLD, Customer, LastPurchase, OtherCustomersUse
from offers.preflight.order_form import OrderForm
from offers.terms.parsing import parse_account_ids

_TERM_NAMES: dict[str, str] = {"amount": "price", "currency": "price.currency"}
"""Names of the field map that differ from those of the terms."""

OTHER_CUSTOMER_LIMIT = 20
"""How many opportunities of other customers with the same buyer account are named."""


PAGE = 100
"""Opportunities per page of the intake."""


class ReadOpportunity(FrozenModel):
    """The facts of an opportunity, and the field that each was read from."""

    account_id: str | None
    """The customer in Salesforce."""
    facts: dict[str, Any]
    sources: dict[str, str]
    order_form: OrderForm
    renews: Any = None
    """What it says that it renews: the id of an opportunity or agreement, as people wrote it."""
    shown_stage: str | None
    shown_offer_id: str | None


class ReadyAfter(FrozenModel):
    """Where to start looking for ready opportunities: after this change, by Salesforce's clock."""

    changed_at: AwareDatetime | None
    """None: from the first one."""
    opportunity_id: str = ""
    """Of those that changed in the same second, only those with a greater id."""


class ReadyOpportunity(FeedEntry):
    """An opportunity that an offer can be started for."""

    opportunity_id: str


class Opportunities:
    """Reads Salesforce with the org's field map; writes nothing."""

    def __init__(self, client: SalesforceClient, fields: FieldMap, billing_method: str) -> None:
        self._client = client
        self._fields = fields
        self._billing_method = billing_method
        self._field_check = FieldCheck(client, fields)

    @activity.defn
    def find_ready_opportunities(self, page: ReadyAfter) -> tuple[ReadyOpportunity, ...]:
        """The next page of ready opportunities: signed, through AWS Marketplace, without an offer.

        Sorted by change and id: one that changes meanwhile moves to the end and is read again, and
        no other is skipped.  Fails REJECTED if the field map lacks a field for this.
        """
        form, stage = self._fields.order_form, self._fields.write.get("stage")
        if not (stage and "signed" in form and "billing_method" in form):
            raise rejected(
                "The field map",
                "NO_INTAKE",
                "intake needs order_form.signed, order_form.billing_method and write.stage: add"
                " them, or pause the Schedule opportunity-intake",
            )
        conditions = [
            f"{form['signed']} = true",
            f"{form['billing_method']} = {{}}",
            f"{stage} = null",
            *([f"({_literally(self._fields.ready)})"] if self._fields.ready else []),
        ]
        values: list[Any] = [self._billing_method]
        if page.changed_at is not None:
            conditions.append(
                "(SystemModstamp > {} OR (SystemModstamp = {} AND Id > {}))"
                if page.opportunity_id
                else "SystemModstamp >= {}"
            )
            at = page.changed_at.astimezone(UTC)
            values += [at, at, page.opportunity_id] if page.opportunity_id else [at]
        found = self._query(
            {"SystemModstamp"},
            " AND ".join(conditions) + f" ORDER BY SystemModstamp ASC, Id ASC LIMIT {PAGE}",
            *values,
        )
        return tuple(
            ReadyOpportunity(
                opportunity_id=parse_opportunity_id(record["Id"]),
                changed_at=datetime.fromisoformat(record["SystemModstamp"]),
            )
            for record in found
        )

    def read(self, record_id: str) -> ReadOpportunity:
        """One opportunity; fails NOT_FOUND if there is none."""
        fields = self._fields
        written = [fields.write[name] for name in ("stage", "offer_id") if name in fields.write]
        wanted = {
            "AccountId",
            *fields.read.values(),
            *fields.order_form.values(),
            *written,
        }
        found = self._query(wanted, "Id = {}", record_id)
        if not found:
            raise not_found(f"Salesforce has no opportunity {record_id}")
        record = found[0]
        facts = self._facts(record)
        return ReadOpportunity(
            account_id=value_at(record, "AccountId"),
            renews=facts.pop("renews", None),
            facts=facts,
            sources={_TERM_NAMES.get(name, name): path for name, path in fields.read.items()},
            order_form=OrderForm(
                values={
                    name: _plain(value_at(record, path)) for name, path in fields.order_form.items()
                },
                sources=fields.order_form,
                opportunity_currency=self._currency(record),
            ),
            shown_stage=self._shown(record, "stage"),
            shown_offer_id=self._shown(record, "offer_id"),
        )

    def _shown(self, record: Mapping[str, Any], name: WriteName) -> Any:
        path = self._fields.write.get(name)
        return value_at(record, path) if path else None

    def field_findings(self) -> tuple[Finding, ...]:
        """The fields of the map that cannot be written."""
        return self._field_check.findings()

    def customer(
        self, record_id: str, opportunity: ReadOpportunity, accounts: Iterable[str]
    ) -> Customer:
        """Other opportunities with these buyer accounts, and the customer's last purchase."""
        return Customer(
            shown_stage=opportunity.shown_stage,
            stage_field=self._fields.write.get("stage"),
            others=tuple(use for account in accounts for use in self._others(account, opportunity)),
            last_purchase=self._last_purchase(record_id, opportunity),
        )

    @property
    def knows_agreements(self) -> bool:
        """Whether the field map names the field in which an opportunity's agreement is written."""
        return "agreement_id" in self._fields.write

    def agreement_of(self, record_id: str) -> str | None:
        """The agreement that an opportunity led to; None: none yet.  Fails NOT_FOUND."""
        field = self._fields.write["agreement_id"]
        found = self._query({field}, "Id = {}", record_id)
        if not found:
            raise not_found(f"Salesforce has no opportunity {record_id}")
        return value_at(found[0], field) or None

    def _same_customer(self, opportunity: ReadOpportunity) -> tuple[str, str] | None:
        """The field that identifies the customer, with its value: account, or else company."""
        if opportunity.account_id:
            return "AccountId", opportunity.account_id
        company = opportunity.facts.get("company")
        path = self._fields.read.get("company")
        return (path, str(company)) if path and company else None

    def _others(self, account: str, opportunity: ReadOpportunity) -> list[OtherCustomersUse]:
        path = self._fields.read.get("buyer_accounts")
        customer = self._same_customer(opportunity)
        if path is None or customer is None:
            return []
        groups = account[:4], account[4:8], account[8:]
        # Account ids are also written with hyphens, and Salesforce compares text literally.
        spellings = [f"%{joint.join(groups)}%" for joint in ("", "-", " ")]
        company = self._fields.read.get("company", "Id")
        condition = " OR ".join([f"{path} LIKE {{}}"] * len(spellings))
        found = self._query(
            {"AccountId", company, path},
            f"{customer[0]} != {{}} AND ({condition}) ORDER BY Id LIMIT {OTHER_CUSTOMER_LIMIT}",
            customer[1],
            *spellings,
        )
        return [
            OtherCustomersUse(
                account_id=account,
                opportunity_id=record["Id"],
                company=value_at(record, company) if company != "Id" else None,
            )
            for record in found
        ]

    def _last_purchase(self, record_id: str, opportunity: ReadOpportunity) -> LastPurchase | None:
        customer = self._same_customer(opportunity)
        path = self._fields.read.get("buyer_accounts")
        stage, accepted_at = (self._fields.write.get(n) for n in ("stage", "accepted_at"))
        if not (path and stage and accepted_at and customer):
            return None
        found = self._query(
            {path, accepted_at},
            f"{customer[0]} = {{}} AND Id != {{}} AND {stage} IN {{}} AND {accepted_at} != null"
            f" ORDER BY {accepted_at} DESC LIMIT 1",
            customer[1],
            record_id,
            sorted(SOLD),
        )
        for record in found:
            try:
                accounts = parse_account_ids(value_at(record, path))
            except ValueError:
                return None
            return LastPurchase(opportunity_id=record["Id"], buyer_accounts=accounts)
        return None

    def _query(self, fields: Iterable[str], condition: str, *values: Any) -> list[dict[str, Any]]:
        names = ", ".join(sorted({"Id", *fields}))
        # Names of fields are the field map's; values come from outside and are escaped.
        escaped = format_soql(condition, *values)
        query = format_soql("SELECT {:literal} FROM Opportunity WHERE {:literal}", names, escaped)
        records: list[dict[str, Any]] = self._client.call(lambda api: api.query(query)["records"])
        return records

    def _currency(self, record: Mapping[str, Any]) -> str:
        path = self._fields.read.get("currency")
        currency = value_at(record, path) if path else None
        return str(currency or self._fields.default_currency)

    def _facts(self, record: Mapping[str, Any]) -> dict[str, Any]:
        facts: dict[str, Any] = {
            name: _plain(value_at(record, path)) for name, path in self._fields.read.items()
        }
        amount = facts.pop("amount", None)
        facts.pop("currency", None)
        currency = self._currency(record)
        if amount is not None:
            # The JSON number is a float: what it has beyond its 15 certain digits is noise.
            is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
            exact = number_text(amount) if is_number else amount
            facts["price"] = {"amount": exact, "currency": currency}
        return facts


def _literally(condition: str) -> str:
    """Escape braces: values are put into the query by `str.format`."""
    return condition.replace("{", "{{").replace("}", "}}")


def _plain(value: Any) -> Any:
    """Salesforce returns whole numbers as floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
