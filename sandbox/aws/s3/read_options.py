"""Conditional reads and range reads of an object."""

import re
from collections.abc import Mapping

RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class RangeNotSatisfiable(ValueError):
    """The range is past the end of the object."""


def failed_condition(headers: Mapping[str, str], etag: str) -> int | None:
    """The status for a condition that is not met: 304 or 412; None: all are met."""
    if (required := headers.get("If-Match")) and not _matches(required, etag):
        return 412
    if (excluded := headers.get("If-None-Match")) and _matches(excluded, etag):
        return 304
    return None


def _matches(header: str, etag: str) -> bool:
    etags = [each.strip().removeprefix("W/").strip('"') for each in header.split(",")]
    return "*" in etags or etag.strip('"') in etags


def requested_range(headers: Mapping[str, str], size: int) -> range | None:
    """The requested bytes; None: all, also for a header that S3 does not understand."""
    found = RANGE.fullmatch(headers.get("Range", ""))
    if found is None or found[0] == "bytes=-":
        return None
    if not found[1]:
        requested = range(max(0, size - int(found[2])), size)
    else:
        last = int(found[2]) if found[2] else size - 1
        requested = range(int(found[1]), min(last, size - 1) + 1)
    if not requested:
        raise RangeNotSatisfiable("The requested range is not satisfiable")
    return requested
