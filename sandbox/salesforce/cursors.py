"""Query results of which a client fetches one page after the other."""

from typing import Any

from sandbox.world import new_id

MOST_OPEN = 10
"""Cursors of one user; the eleventh closes the oldest."""

Rows = list[dict[str, Any]]


class Cursors:
    """Results as they were when they were found, by the locator that stands for them.

    A page is cut from what the query found at first, values included, whatever is written in the
    meantime.  A cursor stays after its last page, so that a page whose answer was lost can be
    asked for again (both ASSUMED: Salesforce says for how long a cursor lives, and no more).
    """

    def __init__(self) -> None:
        self._rows: dict[str, Rows] = {}

    def open(self, rows: Rows) -> str:
        """The locator of a new result."""
        locator = new_id("01g", 15)
        self._rows[locator] = rows
        for oldest in list(self._rows)[:-MOST_OPEN]:
            del self._rows[oldest]
        return locator

    def __contains__(self, locator: str) -> bool:
        return locator in self._rows

    def __getitem__(self, locator: str) -> Rows:
        return self._rows[locator]
