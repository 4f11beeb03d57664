"""Pages of a list, with AWS's continuation tokens."""

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

ItemT = TypeVar("ItemT")


def page(
    items: Sequence[ItemT], size: int, token: str | None
) -> tuple[Sequence[ItemT], str | None]:
    """One page and the token of the next.  Raises ValueError for an unknown token."""
    start = _position(token) if token else 0
    following = start + size
    more = following < len(items)
    return items[start:following], _token(following) if more else None


def _token(position: int) -> str:
    return base64.b64encode(f"from {position}".encode()).decode()


def _position(token: str) -> int:
    try:
        prefix, position = base64.b64decode(token, validate=True).decode().split(" ")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(token) from error
    if prefix != "from":
        raise ValueError(token)
    return int(position)
