"""Encryption of everything that Temporal stores of an offer: inputs, results, error text.

AES-GCM with several keys: the first one encrypts, each of them decrypts, so keys can be rotated
while offers are running.  Ids and search attributes are not encrypted; they are not personal.
"""

import base64
import binascii
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

ENCODING = b"binary/encrypted"
NONCE_BYTES = 12


WRITE_EACH = "OFFERS_ENCRYPTION_KEYS: write each key as id:base64, 16 or 32 bytes long"


class InvalidKeys(ValueError):
    """OFFERS_ENCRYPTION_KEYS cannot be read, or lacks a key."""


class EncryptionCodec(PayloadCodec):
    """Encrypts payloads with the first key; decrypts with all keys."""

    def __init__(self, keyring: str) -> None:
        """`keyring`: `id:key` pairs separated by commas, each key 16 or 32 bytes in base64."""
        self._keys: dict[str, AESGCM] = {}
        for entry in keyring.split(","):
            name, _, encoded = entry.strip().partition(":")
            if name in self._keys:
                raise InvalidKeys("OFFERS_ENCRYPTION_KEYS: two keys have the same id")
            if not name:
                raise InvalidKeys(WRITE_EACH)
            try:
                self._keys[name] = AESGCM(base64.b64decode(encoded, validate=True))
            except (binascii.Error, ValueError):
                raise InvalidKeys(WRITE_EACH) from None
        self._current = next(iter(self._keys))

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Payloads that were stored without encryption are returned as they are."""
        return [
            self._decrypted(payload) if payload.metadata.get("encoding") == ENCODING else payload
            for payload in payloads
        ]

    def _encrypted(self, payload: Payload) -> Payload:
        nonce = os.urandom(NONCE_BYTES)
        key = self._keys[self._current]
        return Payload(
            metadata={"encoding": ENCODING, "key-id": self._current.encode()},
            data=nonce + key.encrypt(nonce, payload.SerializeToString(), None),
        )

    def _decrypted(self, payload: Payload) -> Payload:
        name = payload.metadata["key-id"].decode()
        if name not in self._keys:
            raise InvalidKeys(f"OFFERS_ENCRYPTION_KEYS has no key {name!r} that was used earlier")
        nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            return Payload.FromString(self._keys[name].decrypt(nonce, sealed, None))
        except InvalidTag:
            raise InvalidKeys(
                f"the key {name!r} in OFFERS_ENCRYPTION_KEYS is another one"
            ) from None
