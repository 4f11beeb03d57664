"""Deals made without AWS's calls, and the data feed read as a stranger would."""

import csv
import io
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.billing import data_feed
from sandbox.marketplace import agreements
from sandbox.marketplace.offer_terms import Term
from sandbox.tests.support.aws_seller import BUYER
from sandbox.world import Agreement, Offer, World, new_id

BUCKET = "example-feed"
Row = dict[str, str]


def deal(
    world: World, price: str = "1000.00", currency: str = "USD", account: str = BUYER
) -> Agreement:
    """An offer that this buyer accepts now, paid by one charge at once."""
    return scheduled(world, [(0, price)], currency, account)


def scheduled(
    world: World, charges: list[tuple[int, str]], currency: str = "USD", account: str = BUYER
) -> Agreement:
    """The same, paid by charges so many days from now."""
    today = world.now().date()
    entries = [
        {"ChargeDate": (today + timedelta(days=days)).isoformat(), "ChargeAmount": amount}
        for days, amount in charges
    ]
    terms: list[Term] = [
        {"Type": "FixedUpfrontPricingTerm", "CurrencyCode": currency, "Price": "0.0"},
        {"Type": "ValidityTerm", "AgreementDuration": "P12M"},
        {"Type": "PaymentScheduleTerm", "CurrencyCode": currency, "Schedule": entries},
    ]
    offer = Offer(new_id("offer-", 13), world.product_id, "Released", name="n", terms=terms)
    world.offers[offer.id] = offer
    agreement = agreements.conclude(world, offer, account)
    world.advance()
    return agreement


def read(text: bytes) -> list[Row]:
    return list(csv.DictReader(io.StringIO(text.decode()), strict=True))


def delivered(world: World, table: str) -> list[Row]:
    """All lines of a table, delivered now."""
    world.advance()
    keys = [key for key in data_feed.publish(world) if key.startswith(f"{table}/")]
    return [row for key in keys for row in read(world.objects[BUCKET, key])]


def events(world: World) -> list[Row]:
    """Billing events as they stand: the latest version of each, unless that one is deleted."""
    latest: dict[str, Row] = {}
    for row in delivered(world, "billingeventfeed_v1"):
        before = latest.get(row["billing_event_id"])
        if before is None or instant(row["update_date"]) > instant(before["update_date"]):
            latest[row["billing_event_id"]] = row
    return [row for row in latest.values() if not row["delete_date"]]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def of_kind(rows: list[Row], action: str, kind: str | None = None) -> list[Row]:
    return [
        row for row in rows if row["action"] == action and kind in (None, row["transaction_type"])
    ]


Sums = dict[tuple[str, str, str], tuple[Decimal, Decimal, Decimal]]
"""By offer, invoice and currency: net invoiced, disbursed, remaining."""


def sums_of_feed(world: World) -> Sums:
    offers = {row["agreement_id"]: row["offer_id"] for row in delivered(world, "agreementfeed_v1")}
    sums: dict[tuple[str, str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 2)
    for row in events(world):
        if row["transaction_type"].startswith("DISBURSEMENT") or row["action"] == "COLLECTED":
            continue
        of = sums[offers[row["agreement_id"]], row["buyer_invoice_id"], row["currency"]]
        if row["action"] == "DISBURSED":
            of[1] -= Decimal(row["amount"])
        elif row["balance_impacting"] == "1":
            of[0] += Decimal(row["amount"])
    return {key: (net, paid, net - paid) for key, (net, paid) in sums.items() if net or paid}


def sums_of_dataset(rows: list[dict[str, Any]]) -> Sums:
    """`undisbursed_net_revenue` stands for the whole invoice on each of its rows."""
    sums: Sums = {}
    for row in rows:
        key = row["offer_id"], row["invoice_id"], row["currency"]
        left = cents(row["undisbursed_net_revenue"])
        paid = sums.get(key, (left, Decimal(0), left))[1] + cents(row["disbursed_net_revenue"])
        sums[key] = paid + left, paid, left
    return {key: each for key, each in sums.items() if each[0] or each[1]}


def cents(number: float) -> Decimal:
    return Decimal(str(number)).quantize(Decimal("0.01"))
