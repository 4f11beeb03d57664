"""Query results that a client reads page by page."""

from typing import Any

from sandbox.random_ids import new_id

MAX_OPEN = 10
"""Open cursors of one user; opening another one closes the oldest."""

Rows = list[dict[str, Any]]


class Cursors:
    """Query results by their locator.

    All pages show the values from the time of the query, whatever is written in the meantime.  A
    cursor stays open after its last page, so that a page can be read again if its response was lost
    (both ASSUMED: Salesforce documents only for how long a cursor is kept).
    """

    def __init__(self) -> None:
        self._rows: dict[str, Rows] = {}

    def open(self, rows: Rows) -> str:
        """The locator of a new result."""
        locator = new_id("01g", 15)
        self._rows[locator] = rows
        for oldest in list(self._rows)[:-MAX_OPEN]:
            del self._rows[oldest]
        return locator

    def __contains__(self, locator: str) -> bool:
        return locator in self._rows

    def __getitem__(self, locator: str) -> Rows:
        return self._rows[locator]
