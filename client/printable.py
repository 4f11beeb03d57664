"""Text from outside that is shown to people: nothing in it controls how the rest is shown.

It imports nothing, so that a command's help shows at once.
"""

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
