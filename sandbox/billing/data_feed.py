"""Seller data feeds: what AWS writes into the seller's bucket, as files by table and month.

A file grows while its month lasts and is written anew at midnight UTC, with what happened before
(AWS: seller delivery data feeds).  That is done when somebody looks: a feed that nobody reads
costs nothing.
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
"""By table, in the order of the files (ASSUMED: the order)."""
A_DAY = timedelta(days=1)
CAST_COLUMNS = frozenset({"action_date", "buyer_invoice_date"})
"""AWS's query reads them by a cast, which takes a blank where ISO 8601 has a T."""


def place(world: World, key: str) -> tuple[str, str]:
    """Bucket and full key of a file of which the key begins with its table."""
    return world.storage.feed_bucket, world.storage.feed_prefix + key


def refresh(world: World) -> None:
    """Deliver what was due at the last midnight, if AWS delivers at all."""
    midnight = _midnight(world.now())
    until = world.feed.until
    if world.feed_enabled and (until is None or until < midnight):
        _deliver(world, midnight)


def publish(world: World) -> list[str]:
    """Deliver all that has happened by now, without waiting for midnight; all files' keys."""
    world.feed_enabled = True
    _deliver(world, None)
    return sorted(place(world, key)[1] for key in world.feed.lines)


def _deliver(world: World, midnight: datetime | None) -> None:
    feed = world.feed
    changed = set(feed.spoiled)
    for table, version in _news(world, midnight):
        month = version.update_date.astimezone(UTC)
        key = f"{table}/year={month.year:04}/month={month.month:02}/data.csv"
        lines = feed.lines.setdefault(key, [_line(COLUMNS[table])])
        lines.append(_line([_cell(name, getattr(version, name)) for name in COLUMNS[table]]))
        changed.add(key)
        written = min(_midnight(version.update_date) + A_DAY, world.now())
        world.storage.modified[place(world, key)] = written
    feed.until = midnight or world.now()
    feed.spoiled.clear()
    for key in changed:
        world.objects[place(world, key)] = "".join(feed.lines[key]).encode()
        world.storage.types[place(world, key)] = "text/csv"


def _midnight(instant: datetime) -> datetime:
    """The one that its day began with."""
    return datetime.combine(instant.astimezone(UTC).date(), time(0), UTC)


def _news(
    world: World, midnight: datetime | None
) -> Iterator[tuple[str, BillingEvent | AgreementRevision]]:
    """What each table has not told yet."""
    tables: dict[str, Sequence[BillingEvent | AgreementRevision]] = {
        BILLING_EVENTS: world.ledger.versions,
        AGREEMENTS: world.feed.revisions,
    }
    for table, versions in tables.items():
        for version in versions[world.feed.published.get(table, 0) :]:
            if midnight is not None and version.update_date >= midnight:
                break
            world.feed.published[table] = world.feed.published.get(table, 0) + 1
            yield table, version


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _cell(column: str, value: Any) -> str:
    """Nothing is an empty cell, an amount plain digits, an instant UTC."""
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
