"""Ids as AWS and Salesforce make them."""

import secrets
import string

ALPHABET = string.ascii_lowercase + string.digits


def new_id(prefix: str, length: int) -> str:
    """A new id, such as `offer-` + 13 characters."""
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(length))
