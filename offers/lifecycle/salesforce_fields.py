"""What an opportunity shows of its offer: whole values, so that writing twice changes nothing."""

from datetime import UTC, date, datetime
from typing import Any, Literal

from offers.lifecycle.expected_payments import listing_fee_of
from offers.lifecycle.record import Decision, OfferRecord
from offers.model import FrozenModel
from offers.money import Currency, Money
from offers.stage import Stage
from offers.text import day_text, shorten

TEXT_LENGTH = 255
"""Longest text of a Salesforce text field."""

WriteName = Literal[
    "stage",
    "offer_id",
    "offer_url",
    "expires_at",
    "change_set_id",
    "agreement_id",
    "accepted_at",
    "amount",
    "listing_fee",
    "net_amount",
    "disbursed_amount",
    "disbursed_on",
    "invoiced_amount",
    "invoiced_on",
    "payment_due_on",
    "collected_on",
    "payout_state",
    "payout_expected_on",
    "bank_trace_ids",
    "agreement_status",
    "initial_agreement_id",
    "amendment_stage",
    "amendment_offer_id",
    "attention",
    "decisions",
    "updated_at",
]
"""`updated_at` is when it was written."""


AMOUNTS: frozenset[WriteName] = frozenset(
    {"amount", "listing_fee", "net_amount", "disbursed_amount", "invoiced_amount"}
)
"""Fields of currency."""


class OpportunityUpdate(FrozenModel):
    """What is written to one opportunity; None empties a field.

    Amounts are numbers in the offer's currency, instants UTC, all as Salesforce's REST API takes
    them.
    """

    opportunity_id: str
    stage: Stage
    """Of the offer."""
    values: dict[WriteName, str | float | None]
    currency: Currency | None = None
    """Of the amounts; None: there are none."""

    def without_amounts(self, record_currency: str) -> dict[WriteName, str | float | None]:
        """What is written to a record in another currency: why its amounts are left empty."""
        said = f"Amounts are left empty: the offer is in {self.currency}, this in {record_currency}"
        if attention := self.values.get("attention"):
            said = f"{shorten(str(attention), TEXT_LENGTH - len(said) - 2)}; {said}"
        return self.values | dict.fromkeys(AMOUNTS & self.values.keys()) | {"attention": said}


def opportunity_update(record: OfferRecord) -> OpportunityUpdate:
    """Where an offer is in its life."""
    values = {name: as_json(value) for name, value in _values(record).items()}
    return OpportunityUpdate(
        opportunity_id=record.opportunity_id,
        stage=record.stage,
        values=values,
        currency=record.terms.price.currency if record.terms else None,
    )


def _values(record: OfferRecord) -> dict[WriteName, Any]:
    amendment: dict[WriteName, Any] = (
        {"amendment_stage": record.stage.value, "amendment_offer_id": record.offer_id}
        if record.amends and not record.amendments
        else {}
    )
    if record.amends and record.agreement is None:
        # The opportunity shows the agreement that stands, until the amendment takes its place.
        return amendment
    attentions = "; ".join(f"{a.problem}. {a.remedy}" for a in record.attentions)
    findings = "; ".join(str(finding) for finding in record.blocking_findings)
    agreement, payout = record.agreement, record.payout
    fee = listing_fee_of(record)
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
        "payout_expected_on": max((each.latest for each in record.expected_payments), default=None),
        "bank_trace_ids": _one_line(payout.bank_trace_ids) if payout else None,
        "agreement_status": agreement.status.value if agreement else None,
        "initial_agreement_id": agreement.initial_agreement_id if agreement else None,
        "attention": shorten(findings or attentions, TEXT_LENGTH) or None,
        "decisions": shorten("; ".join(map(_decided, reversed(record.decisions))), TEXT_LENGTH)
        or None,
    }


def _decided(decision: Decision) -> str:
    what = "approved" if decision.approved else "declined"
    return f"{day_text(decision.at)} {what} by {decision.by}: {decision.finding.code}"


def _one_line(names: tuple[str, ...]) -> str | None:
    return shorten(", ".join(names), TEXT_LENGTH) or None


def as_json(value: str | Money | datetime | date | None) -> str | float | None:
    """A value as Salesforce's REST API takes it."""
    match value:
        case Money():
            # Salesforce takes JSON numbers.  An amount of up to 15 digits survives as a float's
            # shortest text, and contracts end far below that (offers.terms.HIGHEST_PRICE).
            return float(value.amount)
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        case date():
            return value.isoformat()
    return value
