"""Seller data feeds: the files by table and month that AWS delivers to the seller's bucket.

The file of the current month is replaced each midnight UTC by one with all rows up to then (AWS:
seller delivery data feeds).  Files are made only when the bucket is read, so a feed that is not
read costs nothing.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sandbox.aws.marketplace_state import Agreement
from sandbox.billing.ledger import BillingEvent, account_guid
from sandbox.world import World

BILLING_EVENTS = "billingeventfeed_v1"
AGREEMENTS = "agreementfeed_v1"
AGREEMENT_COLUMNS = """
agreement_id valid_from insert_date update_date offer_id proposer_account_id acceptor_account_id
acceptance_time start_time end_time status intent estimated_agreement_value currency_code
preceding_agreement_id status_reason_code offer_set_id catalog delete_date
"""
"""AWS's sample queries have `offer_id`; its documentation says `offer_revision_at_acceptance`."""
COLUMNS = {
    BILLING_EVENTS: [each.name for each in fields(BillingEvent)],
    AGREEMENTS: AGREEMENT_COLUMNS.split(),
}
"""By table, in the order of the columns in the files (ASSUMED)."""
CAST_COLUMNS = frozenset({"action_date", "buyer_invoice_date"})
"""AWS's sample query casts these, and a cast needs a blank where ISO 8601 has a T."""


def record_revision(world: World, agreement: Agreement) -> None:
    """Record the current status of an agreement; its previous revision is superseded."""
    feed, now = world.money.feed, world.now()
    latest = feed.latest_revisions.get(agreement.id)
    if latest is None:
        feed.add_revision(_first_revision(world, agreement))
        return
    # Two versions must not have the same `update_date`.
    update = {"update_date": max(now, latest["update_date"] + timedelta(seconds=1))}
    if latest["valid_from"] < now:
        feed.add_revision({**latest, "status": "SUPERSEDED", **update})
        latest = {**latest, "valid_from": now, "insert_date": now}
    feed.add_revision({**latest, "status": agreement.status, **update})


def _first_revision(world: World, agreement: Agreement) -> dict[str, Any]:
    offer = world.aws.offers[agreement.offer_id]
    intent = "NEW"
    if agreement.replaces:
        intent = "RENEW" if offer.renews_agreement else "REPLACE"
    return {
        "agreement_id": agreement.id,
        "valid_from": agreement.accepted_at,
        "insert_date": world.now(),
        "update_date": world.now(),
        "offer_id": agreement.offer_id,
        "proposer_account_id": account_guid(world.aws.seller_account),
        "acceptor_account_id": account_guid(agreement.acceptor),
        "acceptance_time": agreement.accepted_at,
        "start_time": agreement.start,
        "end_time": agreement.end,
        "status": agreement.status,
        "intent": intent,
        "estimated_agreement_value": agreement.value,
        "currency_code": agreement.currency,
        "preceding_agreement_id": agreement.replaces,
        "catalog": "AWSMarketplace",
    }


def object_key(world: World, key: str) -> tuple[str, str]:
    """Bucket and full key of a file; `key` begins with its table."""
    return world.aws.storage.feed_bucket, world.aws.storage.feed_prefix + key


def deliver_due(world: World) -> None:
    """Deliver what was due at the last midnight UTC."""
    midnight = datetime.combine(world.now().date(), time(0), UTC)
    until = world.money.feed.delivered_until
    if until is None or until < midnight:
        _deliver(world, midnight)


def deliver_now(world: World) -> list[str]:
    """Deliver all versions up to now, without waiting for midnight; the keys of all files."""
    _deliver(world, None)
    return sorted(object_key(world, key)[1] for key in world.money.feed.lines)


def _deliver(world: World, midnight: datetime | None) -> None:
    feed = world.money.feed
    changed = set()
    for table, row in _undelivered(world, midnight):
        month = row["update_date"].astimezone(UTC)
        key = f"{table}/year={month.year:04}/month={month.month:02}/data.csv"
        lines = feed.lines.setdefault(key, [_line(COLUMNS[table])])
        lines.append(_line([_cell(name, row.get(name)) for name in COLUMNS[table]]))
        changed.add(key)
    feed.delivered_until = midnight or world.now()
    for key in changed:
        content = "".join(feed.lines[key]).encode()
        world.aws.storage.put(*object_key(world, key), content, "text/csv")


def _undelivered(world: World, midnight: datetime | None) -> Iterator[tuple[str, dict[str, Any]]]:
    feed = world.money.feed
    tables: dict[str, Sequence[Any]] = {
        BILLING_EVENTS: world.money.ledger.versions,
        AGREEMENTS: feed.revisions,
    }
    for table, versions in tables.items():
        for version in versions[feed.delivered_counts[table] :]:
            row = version if isinstance(version, dict) else vars(version)
            if midnight is not None and row["update_date"] >= midnight:
                break
            feed.delivered_counts[table] += 1
            yield table, row


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _cell(column: str, value: Any) -> str:
    """None is an empty cell, an amount has no exponent, an instant is in UTC."""
    match value:
        case None:
            return ""
        case bool():
            return str(int(value))
        case Decimal():
            return f"{value:f}"
        case datetime():
            blank = " " if column in CAST_COLUMNS else "T"
            return value.astimezone(UTC).isoformat(blank).replace("+00:00", "Z")
    return str(value)
