"""The credentials that a vendor's API requires, and the access tokens that it has issued."""

import secrets
import time
from dataclasses import dataclass, field


@dataclass
class OAuthClient:
    """The product's OAuth client at one vendor.  Tokens expire in real time, not business time."""

    client_id: str
    client_secret: str
    token_seconds: float
    """Real seconds for which a token issued from now on is valid."""
    token_expiry: dict[str, float] = field(default_factory=dict)
    """By token, the `time.monotonic()` until which it is valid."""

    def credentials_match(self, client_id: str, client_secret: str) -> bool:
        return (client_id, client_secret) == (self.client_id, self.client_secret)

    def issue_token(self) -> str:
        """A new token; earlier tokens stay valid."""
        token = secrets.token_urlsafe(32)
        self.token_expiry[token] = time.monotonic() + self.token_seconds
        return token

    def is_valid_token(self, token: str) -> bool:
        return time.monotonic() < self.token_expiry.get(token, 0)

    def revoke_tokens(self) -> None:
        """Invalidate every token issued so far, as when the secret is rotated."""
        self.token_expiry.clear()
