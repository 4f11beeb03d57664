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

from sandbox.billing.data_feed_state import AgreementRevision
from sandbox.billing.ledger import BillingEvent
from sandbox.world import World

BILLING_EVENTS = "billingeventfeed_v1"
AGREEMENTS = "agreementfeed_v1"
COLUMNS = {
    BILLING_EVENTS: [each.name for each in fields(BillingEvent)],
    AGREEMENTS: [each.name for each in fields(AgreementRevision)],
}
"""By table, in the order of the columns in the files (ASSUMED)."""
ONE_DAY = timedelta(days=1)
CAST_COLUMNS = frozenset({"action_date", "buyer_invoice_date"})
"""AWS's sample query casts these, and a cast needs a blank where ISO 8601 has a T."""


def object_key(world: World, key: str) -> tuple[str, str]:
    """Bucket and full key of a file; `key` begins with its table."""
    return world.aws.storage.feed_bucket, world.aws.storage.feed_prefix + key


def deliver_due(world: World) -> None:
    """Deliver what was due at the last midnight UTC, if the feed is enabled."""
    midnight = _midnight(world.now())
    until = world.money.feed.delivered_until
    if world.money.feed_enabled and (until is None or until < midnight):
        _deliver(world, midnight)


def deliver_now(world: World) -> list[str]:
    """Deliver all versions up to now, without waiting for midnight; the keys of all files."""
    world.money.feed_enabled = True
    _deliver(world, None)
    return sorted(object_key(world, key)[1] for key in world.money.feed.lines)


def _deliver(world: World, midnight: datetime | None) -> None:
    feed = world.money.feed
    changed = set(feed.corrupted)
    for table, version in _undelivered(world, midnight):
        month = version.update_date.astimezone(UTC)
        key = f"{table}/year={month.year:04}/month={month.month:02}/data.csv"
        lines = feed.lines.setdefault(key, [_line(COLUMNS[table])])
        lines.append(_line([_cell(name, getattr(version, name)) for name in COLUMNS[table]]))
        changed.add(key)
        written = min(_midnight(version.update_date) + ONE_DAY, world.now())
        world.aws.storage.modified[object_key(world, key)] = written
    feed.delivered_until = midnight or world.now()
    feed.corrupted.clear()
    for key in changed:
        world.aws.objects[object_key(world, key)] = "".join(feed.lines[key]).encode()
        world.aws.storage.types[object_key(world, key)] = "text/csv"


def _midnight(instant: datetime) -> datetime:
    """00:00 UTC of the same day."""
    return datetime.combine(instant.astimezone(UTC).date(), time(0), UTC)


def _undelivered(
    world: World, midnight: datetime | None
) -> Iterator[tuple[str, BillingEvent | AgreementRevision]]:
    """The versions that have not been delivered yet, by table."""
    tables: dict[str, Sequence[BillingEvent | AgreementRevision]] = {
        BILLING_EVENTS: world.money.ledger.versions,
        AGREEMENTS: world.money.feed.revisions,
    }
    for table, versions in tables.items():
        for version in versions[world.money.feed.delivered_counts.get(table, 0) :]:
            if midnight is not None and version.update_date >= midnight:
                break
            world.money.feed.delivered_counts[table] = (
                world.money.feed.delivered_counts.get(table, 0) + 1
            )
            yield table, version


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _cell(column: str, value: Any) -> str:
    """None is an empty cell, an amount has no exponent, an instant is in UTC."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        blank = " " if column in CAST_COLUMNS else "T"
        return value.astimezone(UTC).isoformat(blank).replace("+00:00", "Z")
    return str(value)
