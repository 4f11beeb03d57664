"""How a request may ask for an object: on a condition, or for a part of it only."""

import re
from collections.abc import Mapping

RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class RangeNotSatisfiable(ValueError):
    """The part that is asked for lies past the end of the object."""


def refused(headers: Mapping[str, str], etag: str) -> int | None:
    """The status to answer if a condition does not hold: 304 or 412; None: go on."""
    if (wanted := headers.get("If-Match")) and not _names(wanted, etag):
        return 412
    if (known := headers.get("If-None-Match")) and _names(known, etag):
        return 304
    return None


def _names(header: str, etag: str) -> bool:
    named = [each.strip().removeprefix("W/").strip('"') for each in header.split(",")]
    return "*" in named or etag.strip('"') in named


def part(headers: Mapping[str, str], size: int) -> range | None:
    """Which bytes are asked for; None: all, as S3 does with what it does not understand."""
    found = RANGE.fullmatch(headers.get("Range", ""))
    if found is None or found[0] == "bytes=-":
        return None
    if not found[1]:
        wanted = range(max(0, size - int(found[2])), size)
    else:
        last = int(found[2]) if found[2] else size - 1
        wanted = range(int(found[1]), min(last, size - 1) + 1)
    if not wanted:
        raise RangeNotSatisfiable("The requested range is not satisfiable")
    return wanted
