"""The links by which buyers confirm their account: signed and encrypted, so that one says nothing.

A token is a Fernet token (AES-128-CBC and HMAC-SHA256) over the offer's path, the link's nonce and
its end, without the padding: mail programs leave a `=` at the end out of a link.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import Field, ValidationError

from offers.ids import InvalidOpportunityId, parse_offer_path
from offers.model import FrozenModel

TOKEN = re.compile(r"[A-Za-z0-9_-]{40,400}")

KEY = re.compile(r"[A-Za-z0-9_-]{43}=")
"""Python's decoder passes over whatever else there is."""

PATH = "/confirm/"


class InvalidLink(ValueError):
    """A link is not ours, or not valid any more.  The text has no part of it."""


class InvalidLinkKey(ValueError):
    """A key cannot be read.  The text has no part of it."""


class ConfirmationToken(FrozenModel):
    """What a link says to us."""

    offer: str
    """The path of the offer."""
    nonce: str = Field(repr=False, pattern=r"^[0-9a-f]{32}$")
    expires_at: datetime
    """Business time (UTC), to the second."""


def read_link_keys(text: str) -> tuple[Fernet, ...]:
    """Fernet keys (32 bytes in URL-safe base64), separated by commas; raises InvalidLinkKey."""
    keys = [each.strip() for each in text.split(",")]
    if not all(map(KEY.fullmatch, keys)):
        raise InvalidLinkKey(
            "write each key as 32 bytes in URL-safe base64, as Fernet.generate_key() makes them"
        )
    return tuple(map(Fernet, keys))


class ConfirmationLinks:
    """Makes and reads links; the first key encrypts, all decrypt."""

    def __init__(self, console_url: str, keys: Sequence[Fernet]) -> None:
        """`console_url`: the public address of the web console."""
        self._console_url = console_url.rstrip("/")
        self._keys = MultiFernet(keys)

    def address(self, token: ConfirmationToken) -> str:
        """The address for the mail; another one each time."""
        return f"{self._console_url}{PATH}{self.seal(token)}"

    def seal(self, token: ConfirmationToken) -> str:
        """The last part of the address."""
        content = f"{token.offer} {token.nonce} {token.expires_at.timestamp():.0f}"
        return self._keys.encrypt(content.encode()).decode().rstrip("=")

    def read(self, text: str, now: datetime) -> ConfirmationToken:
        """What a link says; `now` is business time.  Raises InvalidLink."""
        if not TOKEN.fullmatch(text):
            raise InvalidLink("it is no token")
        try:
            content = self._keys.decrypt(text + "=" * (-len(text) % 4)).decode()
            offer, nonce, seconds = content.split(" ")
            token = ConfirmationToken(
                offer=parse_offer_path(offer),
                nonce=nonce,
                expires_at=datetime.fromtimestamp(int(seconds), UTC),
            )
        except (InvalidToken, InvalidOpportunityId, ValidationError, ValueError, OverflowError):
            raise InvalidLink("it is not ours") from None
        if now >= token.expires_at:
            raise InvalidLink("it is not valid any more")
        return token
