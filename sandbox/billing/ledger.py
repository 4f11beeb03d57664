"""AWS's ledger of money: billing events, which are only ever added to.

An event is corrected by another version of it, with the same id and a later `update_date`; a
version with a `delete_date` takes the whole event back (AWS: collections and disbursements
report).  An amount is positive where it raises what AWS owes the seller.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.billing.money import Disbursement, PayoutSettings

AWS = "AWS"
"""Stands for AWS's own account."""


def account_guid(account: str) -> str:
    """Feeds name accounts by another id than their twelve digits."""
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
    """The event that this one pays, collects or forgives."""
    delete_date: datetime | None = None
    invoice_date: datetime | None = None
    """Of the invoice; on a transfer the day of the payout."""
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
    """Whether the invoiced amount is the seller's; never on what is disbursed."""
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
    """`PURCHASE` or, if the listing fee has an invoice of its own, `LISTING_FEE`."""
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
        """Whether it is of the invoice as it was issued, and not of what came after it."""
        return self.action == "INVOICED" and self.transaction_type.endswith("_SHARE")


@dataclass
class InvoiceLine:
    """One line of one invoice."""

    template: BillingEvent
    """What all events of the line have in common."""
    facts: Disbursement
    """What all of its rows in the disbursement report have in common."""
    habit: PayoutSettings
    open_payouts: int = 0
    """Parts that have not come up yet."""
    rows: dict[str, Disbursement] = field(default_factory=dict)
    """Its rows in the report, by transfer; before there is any, one by no name."""

    @property
    def id(self) -> str:
        assert self.template.buyer_line_item_id
        return self.template.buyer_line_item_id

    @property
    def disbursed(self) -> Decimal:
        """What stands paid out of it."""
        return sum((row.disbursed for row in self.rows.values()), Decimal(0))


@dataclass(frozen=True)
class TransferShare:
    """What a transfer pays of an event; negative if it takes back."""

    line: InvoiceLine
    event_id: str
    amount: Decimal


@dataclass
class Ledger:
    """All events, and what of them is settled."""

    versions: list[BillingEvent] = field(default_factory=list)
    """In the order they were written."""
    lines: dict[str, InvoiceLine] = field(default_factory=dict)
    """By the buyer's line item."""
    transfers: dict[str, list[TransferShare]] = field(default_factory=dict)
    """What each transfer that arrived has paid, by its event's id."""
    unsettled: list[tuple[InvoiceLine, list[str]]] = field(default_factory=list)
    """Events that came after the last payout of their line: later payouts settle them."""
    paydays: dict[tuple[datetime, str], list[InvoiceLine]] = field(default_factory=dict)
    """What is due on a payday, by instant and currency; a line once for each part."""
    held: list[Callable[[datetime], None]] = field(default_factory=list)
    """What fell due while payouts are held."""
    _current: dict[str, BillingEvent] = field(default_factory=dict)
    _of_line: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def write(self, version: BillingEvent) -> None:
        """Add an event, or another version of one."""
        self.versions.append(version)
        if version.billing_event_id not in self._current and version.buyer_line_item_id:
            self._of_line[version.buyer_line_item_id].append(version.billing_event_id)
        self._current[version.billing_event_id] = version

    def rewrite(
        self, event_id: str, now: datetime, *, amount: Decimal | None = None, delete: bool = False
    ) -> BillingEvent:
        """Correct an event's amount, or take the event back.  Raises KeyError."""
        before = self._current[event_id]
        # Two versions of the same instant could not be told apart.
        updated = max(now, before.update_date + timedelta(seconds=1))
        after = replace(before, update_date=updated)
        if amount is not None:
            paid = amount if before.disbursement_amount is not None else None
            after = replace(after, valid_from=updated, amount=amount, disbursement_amount=paid)
        if delete:
            after = replace(after, delete_date=updated)
        self.write(after)
        return after

    def current(self, event_id: str) -> BillingEvent | None:
        """An event as it stands; None if it was taken back."""
        event = self._current.get(event_id)
        return event if event and event.delete_date is None else None

    def of_line(self, line: InvoiceLine) -> list[BillingEvent]:
        """The events of a line as they stand."""
        versions = (self._current[each] for each in self._of_line[line.id])
        return [each for each in versions if each.delete_date is None]

    def outstanding(self, line: InvoiceLine) -> dict[str, Decimal]:
        """What AWS still owes the seller for each event of a line; negative what it claims."""
        owed: dict[str, Decimal] = defaultdict(Decimal)
        for event in self.of_line(line):
            if event.action == "DISBURSED" and event.parent_billing_event_id:
                owed[event.parent_billing_event_id] += event.amount
            elif event.balance_impacting:
                owed[event.billing_event_id] += event.amount
        return owed
