"""The state of Clazar, which shows what is in AWS and stores only links of its own."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.oauth_client import OAuthClient


@dataclass
class ClazarLinks:
    """The only two fields of an offer that a client can write in Clazar."""

    custom_properties: dict[str, Any] = field(default_factory=dict)
    external_object_associations: dict[str, Any] = field(default_factory=dict)
    written_at: datetime | None = None


@dataclass
class Clazar:
    """The product's access to Clazar, and what it wrote there."""

    oauth: OAuthClient = field(
        default_factory=lambda: OAuthClient(
            "example-clazar-client", "example-clazar-secret", 24 * 3600
        )
    )
    delay_minutes: float = 10
    """Business minutes until Clazar shows a change in AWS."""
    rate_limits: bool = True
    """Whether Clazar enforces its rate limits (per business minute)."""
    links: dict[str, ClazarLinks] = field(default_factory=dict)
    """The fields that clients wrote in Clazar, by AWS offer id."""
