"""Links that carry their own signature (AWS: Signature Version 4, query parameters)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

ALGORITHM = "AWS4-HMAC-SHA256"
LONGEST = timedelta(days=7)
SKEW = timedelta(minutes=15)
"""How far a signer's clock may be ahead."""


@dataclass(frozen=True)
class PresignedUrl:
    """From when on and for how long a link is good.  The signature itself is not verified."""

    signed_at: datetime
    lasts: timedelta

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self | None:
        """What the query of a link says; None if it is not signed, or not in this way."""
        if query.get("X-Amz-Algorithm") != ALGORITHM or not query.get("X-Amz-Signature"):
            return None
        return cls.times(query)

    @classmethod
    def times(cls, query: Mapping[str, str]) -> Self | None:
        """The same of a link whose other parameters do not matter."""
        try:
            moment = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            lasts = timedelta(seconds=int(query["X-Amz-Expires"]))
        except (KeyError, ValueError, OverflowError):
            return None
        return cls(moment, lasts)

    def is_early(self, now: datetime) -> bool:
        """Whether it is not good yet."""
        return self.signed_at > now + SKEW

    def is_over(self, now: datetime) -> bool:
        """Whether it is not good any more."""
        return now - self.signed_at > self.lasts
