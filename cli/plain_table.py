"""Tables of many rows for a terminal: one of Rich's takes seven seconds for 10,000 rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Generic, NamedTuple, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from client.printable import one_line

Row = TypeVar("Row")

GAP = 2
"""Spaces between columns."""


class Column(NamedTuple, Generic[Row]):
    """A column of a table."""

    title: str
    width: int
    """The most characters it takes; longer contents are cut."""
    priority: int
    """On a narrow terminal the columns with the lowest numbers stay."""
    content: Callable[[Row], str | Text]
    is_number: bool = False
    widens: bool = False
    """Whether it gets the room that is left over, before columns with a higher number."""


class PlainTable(Generic[Row]):
    """A table with as many columns as fit into `width` characters."""

    def __init__(self, columns: Sequence[Column[Row]], rows: Iterable[Row], width: int) -> None:
        rows = list(rows)
        cells = [[_one_line(column.content(row)) for row in rows] for column in columns]
        longest = [
            max(map(_width, (column.title, *texts)))
            for column, texts in zip(columns, cells, strict=True)
        ]
        needed = [min(column.width, n) for column, n in zip(columns, longest, strict=True)]
        fitting: set[int] = set()
        left = width + GAP
        for i in sorted(range(len(columns)), key=lambda i: columns[i].priority):
            if left < needed[i] + GAP:
                break
            left -= needed[i] + GAP
            fitting.add(i)
        for i in sorted(fitting, key=lambda i: columns[i].priority):
            if columns[i].widens:
                more = min(longest[i] - needed[i], max(0, left))
                needed[i] += more
                left -= more
        shown = sorted(fitting)
        self._columns = [columns[i] for i in shown]
        self._cells = [cells[i] for i in shown]
        self._widths = [needed[i] for i in shown]

    def __rich_console__(self, console: Console, _: ConsoleOptions) -> RenderResult:
        yield from self._line(Text(column.title, "bold") for column in self._columns)
        for cells in zip(*self._cells, strict=True):
            yield from self._line(cells)

    def _line(self, cells: Iterable[str | Text]) -> Iterator[Segment]:
        for column, cell, width in zip(self._columns, cells, self._widths, strict=True):
            text, style = (cell, "") if isinstance(cell, str) else (cell.plain, str(cell.style))
            taken = cell_len(text)
            if taken > width:
                text = set_cell_size(text, width - 1) + "…"
            elif column.is_number:
                text = " " * (width - taken) + text
            yield Segment(set_cell_size(text, width + GAP), _style(style))
        yield Segment.line()


def _one_line(cell: str | Text) -> str | Text:
    if isinstance(cell, str):
        return one_line(cell)
    return Text(one_line(cell.plain), cell.style)


def _width(cell: str | Text) -> int:
    return cell_len(cell if isinstance(cell, str) else cell.plain)


@cache
def _style(name: str) -> Style:
    return Style.parse(name)
