"""The state of billing: invoices, ledger, disbursement report, payout settings, data feed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.billing.data_feed_state import DataFeed
from sandbox.billing.ledger import Ledger
from sandbox.billing.money import Disbursement, Invoice, PayoutSettings


@dataclass
class Money:
    """What AWS invoices, collects and pays out."""

    invoices: list[Invoice] = field(default_factory=list)
    withheld_invoices: dict[str, list[Callable[[datetime], None]]] = field(default_factory=dict)
    """By agreement id, the calls that would have issued invoices after it was replaced."""
    ledger: Ledger = field(default_factory=Ledger)
    """AWS's billing events; `disbursements` is AWS's report of them."""
    disbursements: list[Disbursement] = field(default_factory=list)
    payout_settings: PayoutSettings = field(default_factory=PayoutSettings)
    payout_settings_by_account: dict[str, PayoutSettings] = field(default_factory=dict)
    """By buyer account, where they differ from `payout_settings`."""
    payout_currencies: tuple[str, ...] = ("USD", "EUR", "GBP", "AUD", "JPY")
    """The currencies for which the seller has a bank account at AWS."""
    feed: DataFeed = field(default_factory=DataFeed)
    feed_enabled: bool = True
    """Whether AWS delivers data feeds to the seller's bucket."""
