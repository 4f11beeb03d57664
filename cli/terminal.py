"""Output for people: text from outside is never markup, and never controls the terminal."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

LAYOUT = "\n\t"
REORDERING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that show a text in another order than it has."""

_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_REMOVED = dict.fromkeys({*_CONTROLS, *map(ord, REORDERING)} - {*map(ord, LAYOUT)})


def printable(text: str) -> str:
    """The text without characters that control a terminal or reorder what stands beside them."""
    return text.translate(_REMOVED)


def one_line(text: str) -> str:
    """The printable text without line breaks: nothing in it looks like another line."""
    return " ".join(printable(text).split("\n"))


class PlainConsole(Console):
    """A console on which only styles of our own have an effect."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments; those with text lose what is not printable."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text), style, control)


def print_line(text: object) -> None:
    """Print a line on standard output."""
    print(printable(str(text)), flush=True)


def print_error(text: object) -> None:
    """Print a line on standard error."""
    print(printable(str(text)), file=sys.stderr)
