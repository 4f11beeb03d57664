"""With keys, a decision counts only if it is signed; the command line signs."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.offer_client import RequestRejected
from offers.lifecycle.commands import ApprovalDecision, TermChanges
from offers.lifecycle.decision_proof import signed_decision
from offers.stage import Stage
from tests.support.dev_server import connection_settings
from tests.support.offer_environment import OfferEnvironment, open_offer_environment
from tests.support.programs import run
from tests.support.workflow_harness import environment_variables

DESK = "desk@example.com"
KEY = Ed25519PrivateKey.generate()


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


PRIVATE = f"{DESK}:{encoded(KEY.private_bytes_raw())}"
PUBLIC = f"{DESK}:{encoded(KEY.public_key().public_bytes_raw())}"


@pytest.fixture
async def environment(dev_server: str, tmp_path: Path) -> AsyncIterator[OfferEnvironment]:
    """Its workers have the public key."""
    with environment_variables({"OFFERS_DECISION_KEYS": PUBLIC}):
        async with open_offer_environment(dev_server, tmp_path) as environment:
            yield environment


async def draft(environment: OfferEnvironment) -> str:
    (offer,) = environment.put_opportunities(1)
    await environment.client.start(offer, {"duration_months": 24})
    return offer


async def test_only_a_signed_decision_counts(environment: OfferEnvironment) -> None:
    offer = await draft(environment)
    with pytest.raises(RequestRejected, match="it has no proof"):
        await environment.client.approve(offer, ApprovalDecision(by=DESK))
    record = await environment.client.record(offer)
    (waiting,) = record.awaiting_approval
    named = ApprovalDecision(
        by=DESK, finding=record.approval_reference(waiting), deal=record.deal.digest
    )
    declined = signed_decision(
        named.model_copy(update={"reason": "no"}), offer, (DESK, KEY), approved=False
    )
    with pytest.raises(RequestRejected, match="something else was signed"):
        await environment.client.approve(offer, declined)
    await environment.client.decline(offer, declined)
    approved = signed_decision(named, offer, (DESK, KEY), approved=True)
    await environment.client.approve(offer, approved)
    row = await environment.wait_until(offer, lambda row: row.stage == Stage.SHARED)
    assert row.attention is None
    decisions = (await environment.client.record(offer)).decisions
    assert [each.proof for each in decisions] == [declined.proof, approved.proof]


async def test_signature_counts_once_and_only_for_the_deal_that_was_shown(
    environment: OfferEnvironment,
) -> None:
    offer = await draft(environment)
    record = await environment.client.record(offer)
    named = ApprovalDecision(
        by=DESK,
        finding=record.approval_reference(record.awaiting_approval[0]),
        deal=record.deal.digest,
        reason="no",
    )
    declined = signed_decision(named, offer, (DESK, KEY), approved=False)
    await environment.client.decline(offer, declined)
    with pytest.raises(RequestRejected, match="was used for a decision before"):
        await environment.client.decline(offer, declined)
    await environment.client.revise(offer, TermChanges(terms={"price": "110000 USD"}))
    again = signed_decision(named, offer, (DESK, KEY), approved=True)
    with pytest.raises(RequestRejected, match="the deal has changed since it was shown"):
        await environment.client.approve(offer, again)


async def test_command_line_signs(environment: OfferEnvironment) -> None:
    where = connection_settings(environment.temporal_client)
    offer = await draft(environment)
    command = ("starter.py", "approve", offer, "--by", DESK, "--json")
    code, out, err = await run(*command, **where)
    assert (code, out) == (1, "")
    assert "it has no proof" in err
    strangers = f"{DESK}:{encoded(Ed25519PrivateKey.generate().private_bytes_raw())}"
    code, _, err = await run(*command, **where, OFFERS_DECISION_KEY=strangers)
    assert code == 1
    assert "its signature does not fit" in err
    code, _, err = await run(*command, **where, OFFERS_DECISION_KEY="hunter2")
    assert code == 1
    assert err == (
        "OFFERS_DECISION_KEY: write each key as id:base64, of 32 bytes (see .env.example)\n"
    )
    code, out, err = await run(*command, **where, OFFERS_DECISION_KEY=PRIVATE)
    assert (code, err) == (0, "")
    (decision,) = json.loads(out)["decisions"]
    assert (decision["approved"], decision["by"]) == (True, DESK)
    await environment.wait_until(offer, lambda row: row.stage == Stage.SHARED)
