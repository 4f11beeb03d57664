"""AWS's ledger: billing events, an append-only list.

An event is corrected by another version of it, with the same id and a later `update_date`; a
version with a `delete_date` deletes the event (AWS: collections and disbursements report).  An
amount is positive if it increases what AWS owes the seller.
"""

import uuid
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.billing.money import Disbursement, PayoutSettings

AWS = "AWS"
"""Stands for AWS's account in `account_guid`."""


def account_guid(account: str) -> str:
    """The id of an account in the data feeds: not its twelve digits, but a GUID."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, account))


@dataclass(frozen=True)
class BillingEvent:
    """One version of an event.  Its fields are the columns of `billingeventfeed_v1`."""

    billing_event_id: str
    """40 characters (AWS: billing event data feed)."""
    valid_from: datetime
    update_date: datetime
    action: str
    """`INVOICED`, `FORGIVEN`, `COLLECTED`, `DISBURSED`."""
    transaction_type: str
    """`SELLER_REV_SHARE`, `AWS_REV_SHARE` and so on; a transfer's is `DISBURSEMENT` or
    `DISBURSEMENT_FAILURE`."""
    amount: Decimal
    currency: str
    parent_billing_event_id: str | None = None
    """The event that this one pays, collects, refunds or forgives."""
    delete_date: datetime | None = None
    invoice_date: datetime | None = None
    """Date of the invoice; on a transfer the date of the payout."""
    transaction_reference_id: str | None = None
    bank_trace_id: str | None = None
    broker_id: str | None = None
    product_id: str | None = None
    disbursement_billing_event_id: str | None = None
    """The transfer that a DISBURSED row belongs to."""
    from_account_id: str | None = None
    to_account_id: str | None = None
    end_user_account_id: str | None = None
    billing_address_id: str | None = None
    balance_impacting: bool = False
    """Whether it changes the seller's balance; false on COLLECTED and DISBURSED rows."""
    agreement_id: str | None = None
    invoice_id: str | None = None
    payment_due_date: datetime | None = None
    """On INVOICED rows only."""
    usage_period_start_date: datetime | None = None
    usage_period_end_date: datetime | None = None
    buyer_transaction_reference_id: str | None = None
    disbursement_amount: Decimal | None = None
    disbursement_currency: str | None = None
    disbursement_reference_number: str | None = None
    catalog: str = "AWSMarketplace"
    buyer_invoice_id: str | None = None
    invoice_variant: str | None = None
    """`PURCHASE`, or `LISTING_FEE` if the listing fee has a separate invoice."""
    action_date: datetime | None = None
    """When it was collected."""
    offer_id: str | None = None
    buyer_invoice_date: datetime | None = None
    line_item_id: str | None = None
    buyer_line_item_id: str | None = None
    charge_variant: str | None = None
    charge_side: str | None = None
    recipient_account_id: str | None = None

    @property
    def is_charge(self) -> bool:
        """Whether it is part of the invoice as issued, not a later refund or credit."""
        return self.action == "INVOICED" and self.transaction_type.endswith("_SHARE")


@dataclass
class InvoiceLine:
    template: BillingEvent
    """The columns that all events of the line share."""
    report_row: Disbursement
    """The columns that all rows of the line share in the disbursement report."""
    settings: PayoutSettings
    remaining_payouts: int = 0
    """Number of parts that are not due yet."""
    report_rows: dict[str, Disbursement] = field(default_factory=dict)
    """Its rows in the report by transfer id; the empty id before the first transfer."""

    @property
    def id(self) -> str:
        assert self.template.buyer_line_item_id
        return self.template.buyer_line_item_id

    @property
    def disbursed(self) -> Decimal:
        """The amount paid out and not reversed."""
        return sum((row.disbursed for row in self.report_rows.values()), Decimal(0))


@dataclass(frozen=True)
class TransferShare:
    """The amount of an event that a transfer pays; negative if it is reversed."""

    line: InvoiceLine
    event_id: str
    amount: Decimal


@dataclass
class Ledger:
    """All billing events, and the state of their settlement."""

    versions: list[BillingEvent] = field(default_factory=list)
    """In the order they were written."""
    lines: dict[str, InvoiceLine] = field(default_factory=dict)
    """By the buyer's line item id."""
    transfer_shares: dict[str, list[TransferShare]] = field(default_factory=dict)
    """The shares paid by each successful transfer, by the id of the transfer's event."""
    unsettled_events: list[tuple[InvoiceLine, list[str]]] = field(default_factory=list)
    """Events written after the last payout of their line; payouts of other lines settle them."""
    scheduled_payouts: dict[tuple[datetime, str], list[InvoiceLine]] = field(default_factory=dict)
    """The lines due on a payout date, by instant and currency; a line once for each part."""
    _current: dict[str, BillingEvent] = field(default_factory=dict)
    _events_by_line: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def write(self, version: BillingEvent) -> None:
        self.versions.append(version)
        if version.billing_event_id not in self._current and version.buyer_line_item_id:
            self._events_by_line[version.buyer_line_item_id].append(version.billing_event_id)
        self._current[version.billing_event_id] = version

    def add_version(
        self, event_id: str, now: datetime, *, amount: Decimal | None = None, delete: bool = False
    ) -> BillingEvent:
        """Correct an event's amount, or delete the event.  Raises KeyError."""
        previous = self._current[event_id]
        # Two versions must not have the same `update_date`.
        updated = max(now, previous.update_date + timedelta(seconds=1))
        version = replace(previous, update_date=updated)
        if amount is not None:
            paid = amount if previous.disbursement_amount is not None else None
            version = replace(version, valid_from=updated, amount=amount, disbursement_amount=paid)
        if delete:
            version = replace(version, delete_date=updated)
        self.write(version)
        return version

    def current(self, event_id: str) -> BillingEvent | None:
        event = self._current.get(event_id)
        return event if event and event.delete_date is None else None

    def events_of_line(self, line: InvoiceLine) -> list[BillingEvent]:
        """The latest versions of a line's events, without deleted ones."""
        versions = (self._current[each] for each in self._events_by_line[line.id])
        return [each for each in versions if each.delete_date is None]

    def outstanding(self, line: InvoiceLine) -> dict[str, Decimal]:
        """By event of a line, the amount that AWS still owes the seller; negative: that it claims
        back."""
        owed: dict[str, Decimal] = defaultdict(Decimal)
        for event in self.events_of_line(line):
            if event.action == "DISBURSED" and event.parent_billing_event_id:
                owed[event.parent_billing_event_id] += event.amount
            elif event.balance_impacting:
                owed[event.billing_event_id] += event.amount
        return owed
