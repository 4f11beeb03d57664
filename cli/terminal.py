"""Output for people: text from outside is never markup, and never controls the terminal."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from client.printable import printable


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
