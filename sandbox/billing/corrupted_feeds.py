"""Files of the feed that arrive broken, until they are delivered anew."""

import csv
import io
from collections.abc import Callable
from typing import Literal

from sandbox.billing.data_feed import BILLING_EVENTS, place, refresh
from sandbox.world import World

Corruption = Literal["short-line", "broken-amount", "missing-column", "cut-off"]
Rows = list[list[str]]


def spoil(
    world: World, *, how: Corruption, table: str = BILLING_EVENTS, column: str = "amount"
) -> str:
    """Break the newest file of a table in the bucket; its key.  Raises ValueError without one.

    `short-line`: its last line has too few columns.  `broken-amount`: what the last line has in
    `column` is no number.  `missing-column`: the file has no `column`.  `cut-off`: it ends in the
    middle of its last line.
    """
    refresh(world)
    key = max((key for key in world.feed.lines if key.startswith(f"{table}/")), default=None)
    if key is None:
        raise ValueError(f"table: there is no file of {table} yet; publish the feed first")
    text = "".join(world.feed.lines[key])
    rows = list(csv.reader(io.StringIO(text)))
    if column not in rows[0]:
        raise ValueError(f"column: there is no {column} in {table}")
    broken = _cut_off(text) if how == "cut-off" else _text(WAYS[how](rows, rows[0].index(column)))
    world.objects[place(world, key)] = broken.encode()
    world.feed.spoiled.add(key)
    return place(world, key)[1]


def _short_line(rows: Rows, _: int) -> Rows:
    return [*rows[:-1], rows[-1][: len(rows[0]) // 2]]


def _broken_amount(rows: Rows, column: int) -> Rows:
    last = rows[-1]
    return [*rows[:-1], [*last[:column], f"{last[column]}?", *last[column + 1 :]]]


def _missing_column(rows: Rows, column: int) -> Rows:
    return [[*row[:column], *row[column + 1 :]] for row in rows]


def _cut_off(text: str) -> str:
    last = text.rindex("\n", 0, -1) + 1
    return text[: (last + len(text)) // 2]


WAYS: dict[str, Callable[[Rows, int], Rows]] = {
    "short-line": _short_line,
    "broken-amount": _broken_amount,
    "missing-column": _missing_column,
}


def _text(rows: Rows) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
