"""The records of the simulated Salesforce org, and the product's access to it."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.oauth_client import OAuthClient


@dataclass
class Salesforce:
    """One org."""

    oauth: OAuthClient = field(
        default_factory=lambda: OAuthClient(
            "example-salesforce-client", "example-salesforce-secret", 2 * 3600
        )
    )
    username: str = "offers@example.com"
    """The user that a JWT bearer assertion may name as its subject."""
    public_key: str | None = None
    """PEM; None: the signature of an assertion is not checked."""
    daily_requests: int = 100_000
    """API requests allowed; after that Salesforce answers REQUEST_LIMIT_EXCEEDED."""
    opportunities: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id: their field values, parents as nested dicts, and under `_history` every write over the
    API.  `records.put_opportunity` checks one and sets its timestamps, as when a user saves it."""
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id."""
