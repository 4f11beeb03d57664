"""Links by which buyers confirm their account: only ours are read, and they say nothing."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from offers.lifecycle.confirmation_link import (
    ConfirmationLinks,
    ConfirmationToken,
    InvalidLink,
    InvalidLinkKey,
    read_link_keys,
)

KEY, OTHER = (base64.urlsafe_b64encode(bytes([each]) * 32).decode() for each in (7, 8))
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
OFFER = "0065g00000AbCdEAAV"
TOKEN = ConfirmationToken(offer=OFFER, nonce="0f" * 16, expires_at=NOW + timedelta(days=14))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def links(keys: str = KEY, console: str = "https://offers.example.com/") -> ConfirmationLinks:
    return ConfirmationLinks(console, read_link_keys(keys))


def test_address_is_read_back_and_says_nothing() -> None:
    address = links().address(TOKEN)
    prefix = "https://offers.example.com/confirm/"
    assert address.startswith(prefix)
    text = address.removeprefix(prefix)
    assert links().read(text, NOW) == TOKEN
    assert "=" not in text, "mail programs leave it out of the link"
    assert len(address) < 250
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert not any(part.encode() in raw for part in (OFFER, TOKEN.nonce, "2026"))


def test_keys_are_changed_without_ending_links() -> None:
    before = links(KEY).seal(TOKEN)
    both = links(f"{OTHER}, {KEY}")
    assert both.read(before, NOW) == TOKEN
    with pytest.raises(InvalidLink):
        links(KEY).read(both.seal(TOKEN), NOW)


@given(place=st.integers(0, 300), letter=st.sampled_from(ALPHABET))
def test_changed_link_is_refused(place: int, letter: str) -> None:
    text = links().seal(TOKEN)
    place %= len(text) - 1  # the last letter has bits that mean nothing
    if text[place] == letter:
        return
    with pytest.raises(InvalidLink):
        links().read(text[:place] + letter + text[place + 1 :], NOW)


@given(length=st.integers(0, 161))
def test_truncated_link_is_refused(length: int) -> None:
    text = links().seal(TOKEN)
    assert length < len(text)
    with pytest.raises(InvalidLink):
        links().read(text[:length], NOW)


@given(text=st.one_of(st.text(max_size=500), st.text(ALPHABET, min_size=40, max_size=400)))
def test_guessed_link_is_refused(text: str) -> None:
    with pytest.raises(InvalidLink):
        links().read(text, NOW)


@pytest.mark.parametrize(
    "content",
    [
        "",
        OFFER,
        f"{OFFER} {'0f' * 16}",
        f"{OFFER} {'0f' * 15} 1800000000",
        f"{OFFER} {'0f' * 16} soon",
        f"{OFFER} {'0f' * 16} 99999999999999999999",
        f"not-an-id {'0f' * 16} 1800000000",
    ],
)
def test_other_content_under_our_key_is_refused(content: str) -> None:
    text = Fernet(KEY).encrypt(content.encode()).decode().rstrip("=")
    with pytest.raises(InvalidLink):
        links().read(text, NOW)


def test_link_ends_at_its_second() -> None:
    text = links().seal(TOKEN)
    assert links().read(text, TOKEN.expires_at - timedelta(seconds=1)) == TOKEN
    with pytest.raises(InvalidLink, match="any more"):
        links().read(text, TOKEN.expires_at)


@pytest.mark.parametrize("keys", ["", "x", KEY[:-4], f"{KEY},", f"{KEY} {KEY}", "ü" * 44])
def test_unusable_key_is_refused_without_showing_it(keys: str) -> None:
    with pytest.raises(InvalidLinkKey) as refused:
        read_link_keys(keys)
    assert not keys.strip(" ,") or keys not in str(refused.value)
    assert "Fernet" in str(refused.value)
