"""Presigned URLs (AWS: Signature Version 4, query parameters)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_VALIDITY = timedelta(days=7)
CLOCK_SKEW = timedelta(minutes=15)
"""How far the signer's clock may be ahead."""


@dataclass(frozen=True)
class PresignedUrl:
    """The validity period of a presigned URL.  The signature is not verified."""

    signed_at: datetime
    valid_for: timedelta

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Self | None:
        """The validity in a URL's query; None if it has no signature of this algorithm."""
        if query.get("X-Amz-Algorithm") != ALGORITHM or not query.get("X-Amz-Signature"):
            return None
        return cls.parse_validity(query)

    @classmethod
    def parse_validity(cls, query: Mapping[str, str]) -> Self | None:
        """The validity in a URL's query, without a check of its other parameters."""
        try:
            signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            valid_for = timedelta(seconds=int(query["X-Amz-Expires"]))
        except (KeyError, ValueError, OverflowError):
            return None
        return cls(signed_at, valid_for)

    def is_not_yet_valid(self, now: datetime) -> bool:
        return self.signed_at > now + CLOCK_SKEW

    def is_expired(self, now: datetime) -> bool:
        return now - self.signed_at > self.valid_for
