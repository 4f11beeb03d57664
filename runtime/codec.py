"""Encryption of everything that Temporal stores of an offer: inputs, results, memo, error text.

AES-GCM with several keys: the first one encrypts, each of them decrypts, so keys can be rotated
while offers are running.  A payload is bound to its namespace and workflow: copied to another
workflow, it is refused.  Ids and search attributes are not encrypted; they are not personal.
"""

import base64
import binascii
import json
import os
import re
from collections.abc import Sequence
from copy import copy
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

ENCODING = b"binary/encrypted"
REFUSED = b"binary/refused"
"""The encoding of what is handed on in place of a payload that is not believed; its data says why.

An error here would fail the workflow task again and again, so that anyone who may send a signal
could stop an offer.  The converter raises RefusedPayload for it: such a signal is dropped, such an
update or query fails.
"""
NONCE_BYTES = 12

SCHEDULED_AT = re.compile(r"-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
"""What Temporal puts behind the workflow id of a Schedule's action; the runs of a Schedule share
their input and their last result."""

WRITE_EACH = "OFFERS_ENCRYPTION_KEYS: write each key as id:base64, 16 or 32 bytes long"
IN_CLEAR = "it is not encrypted, although OFFERS_ENCRYPTION_KEYS is set"
UNBOUND = "it is bound to no workflow"
FOREIGN = "it was made for another workflow or namespace"


class InvalidKeys(ValueError):
    """OFFERS_ENCRYPTION_KEYS cannot be read, or lacks a key."""


class RefusedPayload(ValueError):
    """A payload that is not encrypted, or was made for another workflow."""


UNREADABLE = (InvalidKeys, RefusedPayload)
"""Why a value of Temporal is not read: this program and the one that wrote it have other keys."""


class EncryptionCodec(PayloadCodec, WithSerializationContext):
    """Encrypts payloads with the first key; decrypts with all keys.

    Without a serialization context (the Temporal UI has none), payloads of every workflow are
    decrypted.
    """

    def __init__(self, keyring: str, *, is_migration: bool = False) -> None:
        """`keyring`: `id:key` pairs separated by commas, each key 16 or 32 bytes in base64.

        `is_migration`: payloads in clear, and encrypted ones that are bound to no workflow, are
        taken, too.
        """
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
        self._is_migration = is_migration
        self._owner: bytes | None = None
        """The namespace and workflow id in JSON; None: no context."""

    def with_context(self, context: SerializationContext) -> Self:
        """The codec for the payloads of one workflow and of its activities."""
        if (
            not isinstance(context, WorkflowSerializationContext | ActivitySerializationContext)
            or not context.workflow_id
        ):
            return self
        bound = copy(self)
        workflow_id = SCHEDULED_AT.sub("", context.workflow_id)
        bound._owner = json.dumps([context.namespace, workflow_id]).encode()
        return bound

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._encrypted(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises InvalidKeys if a key is missing; see REFUSED for what is not believed."""
        return [self._decrypted(payload) for payload in payloads]

    def _encrypted(self, payload: Payload) -> Payload:
        nonce = os.urandom(NONCE_BYTES)
        key = self._keys[self._current]
        metadata = {"encoding": ENCODING, "key-id": self._current.encode()}
        if self._owner is not None:
            metadata["workflow"] = self._owner
        sealed = key.encrypt(nonce, payload.SerializeToString(), self._owner)
        return Payload(metadata=metadata, data=nonce + sealed)

    def _decrypted(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload if self._is_migration else _refused(IN_CLEAR)
        owner = payload.metadata.get("workflow")
        if self._owner is not None and owner != self._owner:
            if owner is not None:
                return _refused(FOREIGN)
            if not self._is_migration:
                return _refused(UNBOUND)
        name = payload.metadata["key-id"].decode(errors="replace")
        if name not in self._keys:
            raise InvalidKeys(f"OFFERS_ENCRYPTION_KEYS has no key {name!r} that was used earlier")
        nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            return Payload.FromString(self._keys[name].decrypt(nonce, sealed, owner))
        except (InvalidTag, ValueError):
            raise InvalidKeys(
                f"the key {name!r} in OFFERS_ENCRYPTION_KEYS is another one"
            ) from None


def _refused(reason: str) -> Payload:
    return Payload(metadata={"encoding": REFUSED}, data=reason.encode())


def why_refused(payload: Payload) -> str | None:
    """None: the payload may be read."""
    return payload.data.decode() if payload.metadata.get("encoding") == REFUSED else None
