"""The state of billing: invoices, ledger, disbursement report, payout settings, data feed."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.billing.ledger import Ledger
from sandbox.billing.money import (
    Adjustment,
    AdjustmentProcessing,
    Disbursement,
    Invoice,
    PayoutSettings,
)


@dataclass
class DataFeed:
    """The feeds' files as delivered, independent of later changes of the objects in the bucket."""

    revisions: list[dict[str, Any]] = field(default_factory=list)
    """The versions of agreements' revisions by column, in the order they were written."""
    latest_revisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The last one of each agreement, by its id."""
    lines: dict[str, list[str]] = field(default_factory=dict)
    """The lines of each file by its key, header first."""
    delivered_counts: Counter[str] = field(default_factory=Counter)
    """The number of versions delivered, by table."""
    delivered_until: datetime | None = None

    def add_revision(self, revision: dict[str, Any]) -> None:
        self.revisions.append(revision)
        self.latest_revisions[revision["agreement_id"]] = revision


@dataclass
class Money:
    invoices: list[Invoice] = field(default_factory=list)
    withheld_invoices: dict[str, list[Callable[[datetime], None]]] = field(default_factory=dict)
    """By agreement id, the calls that would have issued invoices after it was replaced."""
    ledger: Ledger = field(default_factory=Ledger)
    """AWS's billing events; `disbursements` is AWS's report of them."""
    disbursements: list[Disbursement] = field(default_factory=list)
    adjustments: dict[str, Adjustment] = field(default_factory=dict)
    """The seller's billing adjustments by id, in the order of the requests."""
    adjustment_processing: AdjustmentProcessing = field(default_factory=AdjustmentProcessing)
    payout_settings: PayoutSettings = field(default_factory=PayoutSettings)
    payout_settings_by_account: dict[str, PayoutSettings] = field(default_factory=dict)
    """By buyer account, where they differ from `payout_settings`."""
    payout_currencies: tuple[str, ...] = ("USD", "EUR", "GBP", "AUD", "JPY")
    """The currencies for which the seller has a bank account at AWS."""
    feed: DataFeed = field(default_factory=DataFeed)
