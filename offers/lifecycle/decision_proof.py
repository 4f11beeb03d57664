"""Signed decisions: who decides is whoever holds a key, not whoever is named.

A proof is a JSON Web Signature (RFC 7515) in compact form, signed with Ed25519.  A key's id says
for whom it signs: a mail address for that person alone, any other word, such as `console`, for
everybody whom the program that holds the key has signed in.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AwareDatetime, Field, ValidationError

from offers.lifecycle.commands import ApprovalDecision
from offers.model import FrozenModel
from offers.terms.contacts import is_address_of

ALGORITHM = "EdDSA"
VALID_FOR = timedelta(minutes=15)
"""How far the time of a proof may be from the server's, in real time."""

DecisionKeys = Mapping[str, Ed25519PublicKey]
"""The public keys by their ids."""


class InvalidDecisionKey(ValueError):
    """A key cannot be read.  The text has no part of it."""


class InvalidProof(ValueError):
    """A decision is not proved.  The text says why."""


class DecisionClaims(FrozenModel, extra="forbid"):
    """What is signed: who decides what, about which exception in which deal."""

    offer: str
    """The path of the offer or amendment."""
    finding: str
    """The exception's reference in the deal."""
    deal: str
    """The digest of the deal that was shown."""
    by: str = Field(repr=False)
    approved: bool
    reason: str
    at: AwareDatetime
    """Real time."""

    @classmethod
    def of(cls, decision: ApprovalDecision, offer: str, at: datetime, *, approved: bool) -> Self:
        """What must have been signed; raises InvalidProof if the decision names too little."""
        if decision.finding is None or decision.deal is None:
            raise InvalidProof("it does not name the exception and the deal")
        return cls(
            offer=offer,
            finding=decision.finding,
            deal=decision.deal,
            by=decision.by,
            approved=approved,
            reason=decision.reason,
            at=at,
        )


def read_private_key(text: str) -> tuple[str, Ed25519PrivateKey]:
    """A key as `id:base64` of 32 bytes; raises InvalidDecisionKey."""
    key_id, raw = _read(text)
    return key_id, Ed25519PrivateKey.from_private_bytes(raw)


def read_public_keys(text: str) -> dict[str, Ed25519PublicKey]:
    """Keys as `id:base64` of 32 bytes, separated by commas; raises InvalidDecisionKey."""
    keys = [_read(each) for each in text.split(",")]
    if len({key_id for key_id, _ in keys}) < len(keys):
        raise InvalidDecisionKey("two keys have the same id: give each id once")
    return {key_id: Ed25519PublicKey.from_public_bytes(raw) for key_id, raw in keys}


def _read(text: str) -> tuple[str, bytes]:
    key_id, _, encoded = text.strip().partition(":")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not key_id or len(raw) != 32:
        raise InvalidDecisionKey("write each key as id:base64, of 32 bytes")
    return key_id, raw


def sign(claims: DecisionClaims, key_id: str, key: Ed25519PrivateKey) -> str:
    """The proof of a decision."""
    payload = claims.model_dump(mode="json")
    return jwt.encode(payload, key, ALGORITHM, headers={"kid": key_id})


def verify(
    decision: ApprovalDecision, offer: str, now: datetime, keys: DecisionKeys, *, approved: bool
) -> None:
    """Raises InvalidProof unless whoever is named has signed exactly this decision just now."""
    if decision.proof is None:
        raise InvalidProof("it has no proof")
    try:
        key_id = str(jwt.get_unverified_header(decision.proof).get("kid", ""))
        if key_id not in keys:
            raise InvalidProof("its key is not among those of this installation")
        payload = jwt.decode(decision.proof, keys[key_id], [ALGORITHM])
        signed = DecisionClaims.model_validate(payload)
    except (jwt.PyJWTError, ValidationError, ValueError) as error:
        raise (
            error if isinstance(error, InvalidProof) else InvalidProof("its signature does not fit")
        ) from None
    if signed != DecisionClaims.of(decision, offer, signed.at, approved=approved):
        raise InvalidProof("something else was signed")
    if "@" in key_id and not is_address_of(decision.by, [key_id]):
        raise InvalidProof("its key belongs to somebody else")
    if abs(now - signed.at) > VALID_FOR:
        raise InvalidProof("it was signed too long ago")


def signed_part(proof: str) -> str:
    """The part of a proof that its signature is about: it identifies one signing."""
    return proof.rpartition(".")[0]


def signed_decision(
    decision: ApprovalDecision,
    offer: str,
    key: tuple[str, Ed25519PrivateKey],
    *,
    approved: bool,
) -> ApprovalDecision:
    """A decision with its proof, signed now."""
    claims = DecisionClaims.of(decision, offer, datetime.now(UTC), approved=approved)
    return decision.model_copy(update={"proof": sign(claims, *key)})
