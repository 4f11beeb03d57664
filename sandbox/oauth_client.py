"""Who may call a vendor's API: the credentials a client must show, and the tokens it was given."""

import secrets
import time
from dataclasses import dataclass, field


@dataclass
class OAuthClient:
    """One vendor's account for the product.  Tokens live in real time, as on the wire."""

    client_id: str
    client_secret: str
    token_seconds: float
    """How long a token given from now on is good for."""
    expiry: dict[str, float] = field(default_factory=dict)
    """Each token and the `time.monotonic()` it is good until."""

    def admits(self, client_id: str, client_secret: str) -> bool:
        """Whether these are the right credentials."""
        return (client_id, client_secret) == (self.client_id, self.client_secret)

    def issue(self) -> str:
        """A new token; those given before stay good."""
        token = secrets.token_urlsafe(32)
        self.expiry[token] = time.monotonic() + self.token_seconds
        return token

    def knows(self, token: str) -> bool:
        """Whether this token is good now."""
        return time.monotonic() < self.expiry.get(token, 0)

    def revoke(self) -> None:
        """Make every token given so far useless, as a rotated secret does."""
        self.expiry.clear()
