"""Corrupted files of the data feed, for tests of its reader; the next delivery repairs them."""

import csv
import io
from collections.abc import Callable
from typing import Literal

from sandbox.billing.data_feed import BILLING_EVENTS, deliver_due, object_key
from sandbox.world import World

Corruption = Literal["short-line", "invalid-amount", "missing-column", "truncated"]
Rows = list[list[str]]


def corrupt(
    world: World, *, corruption: Corruption, table: str = BILLING_EVENTS, column: str = "amount"
) -> str:
    """Corrupt the newest file of a table in the bucket; its key.  Raises ValueError without one.

    `short-line`: the last line has too few columns.  `invalid-amount`: the last line has no number
    in `column`.  `missing-column`: the file has no `column`.  `truncated`: the file ends in the
    middle of its last line.
    """
    deliver_due(world)
    key = max((key for key in world.money.feed.lines if key.startswith(f"{table}/")), default=None)
    if key is None:
        raise ValueError(f"table: there is no file of {table} yet; deliver the feed first")
    text = "".join(world.money.feed.lines[key])
    rows = list(csv.reader(io.StringIO(text)))
    if column not in rows[0]:
        raise ValueError(f"column: there is no {column} in {table}")
    if corruption == "truncated":
        content = _truncated(text)
    else:
        content = _text(CORRUPTIONS[corruption](rows, rows[0].index(column)))
    world.aws.objects[object_key(world, key)] = content.encode()
    world.money.feed.corrupted.add(key)
    return object_key(world, key)[1]


def _short_line(rows: Rows, _: int) -> Rows:
    return [*rows[:-1], rows[-1][: len(rows[0]) // 2]]


def _invalid_amount(rows: Rows, column: int) -> Rows:
    last = rows[-1]
    return [*rows[:-1], [*last[:column], f"{last[column]}?", *last[column + 1 :]]]


def _missing_column(rows: Rows, column: int) -> Rows:
    return [[*row[:column], *row[column + 1 :]] for row in rows]


def _truncated(text: str) -> str:
    last = text.rindex("\n", 0, -1) + 1
    return text[: (last + len(text)) // 2]


CORRUPTIONS: dict[str, Callable[[Rows, int], Rows]] = {
    "short-line": _short_line,
    "invalid-amount": _invalid_amount,
    "missing-column": _missing_column,
}


def _text(rows: Rows) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
