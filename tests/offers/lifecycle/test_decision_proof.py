"""Whose decision counts where keys are set: only one that was signed as it is."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from offers.lifecycle.commands import ApprovalDecision
from offers.lifecycle.decision_proof import (
    DecisionClaims,
    InvalidDecisionKey,
    InvalidProof,
    read_private_key,
    read_public_keys,
    sign,
    signed_part,
    verify,
)

DESK, OFFER = "desk@example.com", "0065g00000AbCdEAAV"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DESKS_KEY, CONSOLES_KEY, STRANGERS_KEY = (Ed25519PrivateKey.generate() for _ in range(3))
KEYS = {DESK: DESKS_KEY.public_key(), "console": CONSOLES_KEY.public_key()}
DECISION = ApprovalDecision(by=DESK, finding="not-annual:0123456789", deal="ab" * 32)


def proved(
    decision: ApprovalDecision = DECISION,
    key_id: str = DESK,
    key: Ed25519PrivateKey = DESKS_KEY,
    at: datetime = NOW,
    offer: str = OFFER,
    *,
    approved: bool = True,
) -> ApprovalDecision:
    claims = DecisionClaims.of(decision, offer, at, approved=approved)
    return decision.model_copy(update={"proof": sign(claims, key_id, key)})


def check(decision: ApprovalDecision, *, approved: bool = True) -> None:
    verify(decision, OFFER, NOW, KEYS, approved=approved)


def changed(**changes: Any) -> ApprovalDecision:
    """Changed after it was signed."""
    return proved().model_copy(update=changes)


def with_header(**header: str) -> ApprovalDecision:
    """The right claims, with another header."""
    claims = DecisionClaims.of(DECISION, OFFER, NOW, approved=True).model_dump(mode="json")
    secret = KEYS[DESK].public_bytes_raw()
    algorithm = header.pop("alg", "EdDSA")
    key: Any = {"HS256": secret, "none": None}.get(algorithm, DESKS_KEY)
    return changed(proof=jwt.encode(claims, key, algorithm, headers={"kid": DESK} | header))


def test_decision_that_was_signed_by_the_person_or_the_console() -> None:
    check(proved())
    check(proved(key_id="console", key=CONSOLES_KEY))
    check(proved(at=NOW - timedelta(minutes=14)))
    check(proved(approved=False), approved=False)


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        (lambda: DECISION, "it has no proof"),
        (lambda: changed(proof=""), "does not fit"),
        (lambda: changed(proof="a.b.c"), "does not fit"),
        (lambda: changed(proof="x" * 100_000), "does not fit"),
        (lambda: proved(key=STRANGERS_KEY), "does not fit"),
        (lambda: proved(key_id="stranger", key=STRANGERS_KEY), "not among those"),
        (lambda: with_header(alg="none"), "does not fit"),
        (lambda: with_header(alg="HS256"), "does not fit"),
        (lambda: with_header(kid="console"), "does not fit"),
        (lambda: changed(by="second@example.com"), "something else was signed"),
        (lambda: changed(finding="below-minimum:0123456789"), "something else was signed"),
        (lambda: changed(deal="cd" * 32), "something else was signed"),
        (lambda: changed(reason="because"), "something else was signed"),
        (lambda: changed(finding=None), "does not name the exception and the deal"),
        (lambda: changed(deal=None), "does not name the exception and the deal"),
        (lambda: proved(offer="0065g00000AbCdFAAV"), "something else was signed"),
        (lambda: proved(approved=False), "something else was signed"),
        (lambda: proved(at=NOW - timedelta(minutes=16)), "too long ago"),
        (lambda: proved(at=NOW + timedelta(minutes=16)), "too long ago"),
        (
            lambda: proved(DECISION.model_copy(update={"by": "second@example.com"})),
            "belongs to somebody else",
        ),
    ],
)
def test_decision_that_was_not_signed_like_this(
    forged: Callable[[], ApprovalDecision], reason: str
) -> None:
    with pytest.raises(InvalidProof, match=reason) as refused:
        check(forged())
    assert "@" not in str(refused.value)


def test_one_signing_has_one_identity() -> None:
    first, second = proved(), proved(at=NOW + timedelta(seconds=1))
    assert first.proof is not None
    assert second.proof is not None
    assert signed_part(first.proof) == signed_part(first.proof[:-1] + "A")
    assert signed_part(first.proof) != signed_part(second.proof)


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def test_keys_are_read() -> None:
    private, public = DESKS_KEY.private_bytes_raw(), KEYS[DESK].public_bytes_raw()
    key_id, key = read_private_key(f"{DESK}:{encoded(private)}")
    assert (key_id, key.private_bytes_raw()) == (DESK, private)
    both = read_public_keys(f"{DESK}:{encoded(public)}, console:{encoded(public)}")
    assert {name: each.public_bytes_raw() for name, each in both.items()} == {
        DESK: public,
        "console": public,
    }


@pytest.mark.parametrize(
    "text",
    ["", "console", "console:", "console:hunter2", f":{encoded(b'x' * 32)}",
     f"console:{encoded(b'x' * 31)}", f"a:{encoded(b'x' * 32)},a:{encoded(b'y' * 32)}"],
)  # fmt: skip
def test_keys_that_are_none(text: str) -> None:
    with pytest.raises(InvalidDecisionKey) as refused:
        read_public_keys(text)
    assert "hunter2" not in str(refused.value)
