"""Agreements created without AWS's APIs, and a reader of the data feed."""

import csv
import io
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.aws.marketplace_state import Agreement, Offer
from sandbox.billing import data_feed
from sandbox.marketplace import agreements
from sandbox.marketplace.offer_terms import Term
from sandbox.random_ids import new_id
from sandbox.tests.support.aws_seller import BUYER
from sandbox.world import World

BUCKET = "example-feed"
Row = dict[str, str]


def create_agreement(
    world: World, price: str = "1000.00", currency: str = "USD", account: str = BUYER
) -> Agreement:
    """An agreement accepted now, with one charge due at once."""
    return create_scheduled_agreement(world, [(0, price)], currency, account)


def create_scheduled_agreement(
    world: World,
    charges: list[tuple[int, str]],
    currency: str = "USD",
    account: str = BUYER,
    *,
    months: int = 12,
) -> Agreement:
    """An agreement accepted now, with charges due after these numbers of days."""
    today = world.now().date()
    entries = [
        {"ChargeDate": (today + timedelta(days=days)).isoformat(), "ChargeAmount": amount}
        for days, amount in charges
    ]
    terms: list[Term] = [
        {"Type": "FixedUpfrontPricingTerm", "CurrencyCode": currency, "Price": "0.0"},
        {"Type": "ValidityTerm", "AgreementDuration": f"P{months}M"},
        {"Type": "PaymentScheduleTerm", "CurrencyCode": currency, "Schedule": entries},
    ]
    offer = Offer(new_id("offer-", 13), world.aws.product_id, "Released", name="n", terms=terms)
    world.aws.offers[offer.id] = offer
    agreement = agreements.create(world, offer, account)
    world.advance()
    return agreement


def parse_rows(text: bytes) -> list[Row]:
    return list(csv.DictReader(io.StringIO(text.decode()), strict=True))


def deliver_rows(world: World, table: str) -> list[Row]:
    """Deliver the feed now; all rows of a table."""
    world.advance()
    keys = [key for key in data_feed.deliver_now(world) if key.startswith(f"{table}/")]
    return [row for key in keys for row in parse_rows(world.aws.storage.get(BUCKET, key) or b"")]


def current_events(world: World) -> list[Row]:
    """The latest version of each billing event in the feed, without deleted events."""
    latest: dict[str, Row] = {}
    for row in deliver_rows(world, "billingeventfeed_v1"):
        known = latest.get(row["billing_event_id"])
        if known is None or instant(row["update_date"]) > instant(known["update_date"]):
            latest[row["billing_event_id"]] = row
    return [row for row in latest.values() if not row["delete_date"]]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def select_rows(rows: list[Row], action: str, kind: str | None = None) -> list[Row]:
    return [
        row for row in rows if row["action"] == action and kind in (None, row["transaction_type"])
    ]


Totals = dict[tuple[str, str, str], tuple[Decimal, Decimal, Decimal]]
"""By offer, invoice and currency: net invoiced, disbursed, remaining."""


def totals_of_feed(world: World) -> Totals:
    offers = {
        row["agreement_id"]: row["offer_id"] for row in deliver_rows(world, "agreementfeed_v1")
    }
    sums: dict[tuple[str, str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 2)
    for row in current_events(world):
        if row["transaction_type"].startswith("DISBURSEMENT") or row["action"] == "COLLECTED":
            continue
        invoice = sums[offers[row["agreement_id"]], row["buyer_invoice_id"], row["currency"]]
        if row["action"] == "DISBURSED":
            invoice[1] -= Decimal(row["amount"])
        elif row["balance_impacting"] == "1":
            invoice[0] += Decimal(row["amount"])
    return {key: (net, paid, net - paid) for key, (net, paid) in sums.items() if net or paid}


def totals_of_dataset(rows: list[dict[str, Any]]) -> Totals:
    """`undisbursed_net_revenue` is the remainder of the whole invoice on each of its rows."""
    sums: Totals = {}
    for row in rows:
        key = row["offer_id"], row["invoice_id"], row["currency"]
        left = cents(row["undisbursed_net_revenue"])
        paid = sums.get(key, (left, Decimal(0), left))[1] + cents(row["disbursed_net_revenue"])
        sums[key] = paid + left, paid, left
    return {key: each for key, each in sums.items() if each[0] or each[1]}


def cents(number: float) -> Decimal:
    return Decimal(str(number)).quantize(Decimal("0.01"))
