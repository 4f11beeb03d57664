"""Presigned URLs (AWS: Signature Version 4, query parameters).

They expire in real time, not business time, because clients sign with their machine's clock.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_VALIDITY = timedelta(days=7)
CLOCK_SKEW = timedelta(minutes=15)
"""How far the signer's clock may be ahead."""


def is_presigned(query: Mapping[str, str]) -> bool:
    """Whether the query has a signature of this algorithm, which is not verified."""
    return query.get("X-Amz-Algorithm") == ALGORITHM and bool(query.get("X-Amz-Signature"))


def why_invalid(query: Mapping[str, str], now: datetime | None = None) -> str | None:
    """Why the URL with this query cannot be read at an instant (default: now); None: it can."""
    now = now or datetime.now(UTC)
    try:
        signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        valid_for = timedelta(seconds=int(query["X-Amz-Expires"]))
    except (KeyError, ValueError, OverflowError):
        return "Query-string authentication needs X-Amz-Date and X-Amz-Expires"
    if not timedelta(0) < valid_for <= MAX_VALIDITY:
        return "X-Amz-Expires must be less than a week (in seconds)"
    if signed_at > now + CLOCK_SKEW:
        return "Request is not valid yet"
    return "Request has expired" if now - signed_at > valid_for else None
