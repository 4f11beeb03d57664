"""The secrets that sign events (Standard Webhooks): `name:whsec_…`, separated by commas."""

import base64
import binascii
from collections.abc import Mapping

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a secret (Standard Webhooks: Signature scheme)."""
AT_ONCE = 2
"""Secrets of one receiver: while they are exchanged, an event is signed with both."""

Secrets = Mapping[str, tuple[str, ...]]
"""By the receiver's name in the policy."""


def parse_secrets(text: str) -> Secrets:
    """Read the setting; raises ValueError, which names the receiver and never the secret."""
    found: dict[str, tuple[str, ...]] = {}
    for number, each in enumerate(filter(None, (part.strip() for part in text.split(","))), 1):
        name, colon, secret = each.partition(":")
        if not colon or not name:
            raise ValueError(f"entry {number} is not name:{PREFIX}…")
        if not _is_secret(secret):
            raise ValueError(
                f"the secret of {name} is not {PREFIX} and {SHORTEST} to {LONGEST} bytes in base64"
                if name.isascii() and len(name) <= 40
                else f"entry {number} is not name:{PREFIX}…"
            )
        found[name] = (*found.get(name, ()), secret)
        if len(found[name]) > AT_ONCE:
            raise ValueError(f"{name} has more than {AT_ONCE} secrets: remove the oldest")
    return found


def _is_secret(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith(PREFIX) and SHORTEST <= len(key) <= LONGEST
