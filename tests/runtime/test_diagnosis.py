"""What every system says of an offer, read from the sandbox; and that none hides another."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from offers.diagnosis.diagnosis import diagnose
from offers.diagnosis.snapshot import Snapshot, System
from offers.lifecycle.record import OfferRecord, StageEntry
from offers.lifecycle.summary import OfferSummary
from offers.stage import Stage
from runtime import diagnosis
from runtime.diagnosis import take_snapshot
from runtime.settings import WorkerSettings, read_settings
from sandbox.clazar.manual_offers import create_manual_offer
from sandbox.marketplace import agreements
from sandbox.marketplace.buyers import accept
from sandbox.server import Sandbox
from sandbox.world import World
from tests.support.agreements import accepted_offer
from tests.support.builders import BUYER, CONTACTS, terms
from tests.support.workflow_harness import FIELDS, OPPORTUNITY, environment_variables

OTHER = "444455556666"
NOW = datetime.now(UTC)
LAST_DAY = (NOW + timedelta(days=20)).date()
AWS_ALONE = {System.CATALOG, System.AGREEMENTS, System.BUYERS}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        world = sandbox.world
        world.aws.throttle = world.clazar.rate_limits = False
        world.clazar.delay_minutes = 0
        minutes = world.aws.change_set_processing
        minutes.preparing_minutes = minutes.publish_minutes = minutes.update_minutes = 0
        settings = {**sandbox.addresses.env, "OFFERS_FIELDS": str(FIELDS)}
        with environment_variables(settings):
            yield sandbox


def released(world: World, account: str = BUYER) -> str:
    """An open offer; its id."""
    before = set(world.aws.offers)
    create_manual_offer(
        world,
        name="Example Corp",
        buyer_accounts=[account],
        price=Decimal(120000),
        availability_end=LAST_DAY,
    )
    world.advance()
    (offer_id,) = set(world.aws.offers) - before
    return offer_id


def record(offer_id: str | None, stage: Stage = Stage.SHARED, **changes: Any) -> OfferRecord:
    known: dict[str, Any] = {
        "opportunity_id": OPPORTUNITY,
        "terms": terms(availability_end=LAST_DAY),
        "contacts": CONTACTS,
        "stage": stage,
        "offer_id": offer_id,
        "history": [StageEntry(stage=stage, at=NOW - timedelta(hours=1))],
    }
    return OfferRecord.model_validate(known | changes)


async def ask(
    of: OfferRecord, *, answers: bool = True, **options: Any
) -> tuple[Snapshot, dict[System, str]]:
    """`answers`: whether the offer's workflow does."""
    summary = OfferSummary.of(of)
    found, unanswered = await take_snapshot(
        read_settings(WorkerSettings),
        summary,
        of if answers else None,
        is_followed=True,
        **options,
    )
    return found, {each.system: each.problem for each in unanswered}


def codes(of: Snapshot) -> set[str]:
    return {each.code for each in diagnose(of)}


async def test_open_offer(sandbox: Sandbox) -> None:
    offer_id = released(sandbox.world)
    other = released(sandbox.world)
    found, unanswered = await ask(record(offer_id), signed_in_account=BUYER)
    assert unanswered == {}
    assert found.answered == {System.OFFER, System.CLAZAR, *AWS_ALONE}
    assert found.offer
    assert found.offer.buyer_accounts == (BUYER,)
    assert [each.offer_id for each in found.open_offers] == [other]
    assert found.in_clazar
    assert "other-open-offers" in codes(found)


async def test_accepted_then_cancelled(sandbox: Sandbox) -> None:
    world = sandbox.world
    offer_id = released(world)
    bought = accept(world, offer_id, BUYER)
    world.advance()
    bought.entitlement_failure = "INVALID_PAYMENT_INSTRUMENT"
    agreements.end(world, bought, "TERMINATED")
    # As long as no worker runs, the offer does not know of it.
    found, unanswered = await ask(record(offer_id), answers=False)
    assert unanswered == {}
    assert found.answered == frozenset(System) - {System.OFFER}
    assert [each.agreement_id for each in found.agreements] == [bought.id]
    assert found.reported_payout
    assert codes(found) == {
        "accepted-already",
        "invalid-payment-instrument",
        "terminated-by-aws",
        "not-due",
        "agreement-ended",
    }


async def test_all_who_accepted(sandbox: Sandbox) -> None:
    offer_id = released(sandbox.world)
    sandbox.world.aws.offers[offer_id].buyer_accounts.append(OTHER)
    first = accept(sandbox.world, offer_id, BUYER)
    accept(sandbox.world, offer_id, OTHER)
    agreements.end(sandbox.world, first, "CANCELLED")
    found, _ = await ask(record(offer_id))
    assert [each.buyer_account for each in found.agreements] == [OTHER, BUYER]


async def test_account_that_has_bought_before(sandbox: Sandbox) -> None:
    world = sandbox.world
    accept(world, released(world, OTHER), OTHER)
    found, _ = await ask(record(released(world)), signed_in_account=OTHER)
    assert "account-of-customer" in codes(found)


async def test_amendment(sandbox: Sandbox) -> None:
    """Its account, and whether it can be accepted, are those of the agreement that it changes."""
    world = sandbox.world
    bought = accept(world, released(world), BUYER)
    original = accepted_offer()
    amended = original.agreement.model_copy(update={"agreement_id": bought.id})
    original = original.model_copy(update={"agreement": amended})
    offer_id = released(world)
    world.aws.offers[offer_id].buyer_accounts.clear()
    amendment = record(offer_id, amendment=1, amends=original)
    found, _ = await ask(amendment, signed_in_account=OTHER)
    assert found.accounts == (BUYER,)
    assert "amendment-for-account" in codes(found)
    agreements.end(world, bought, "TERMINATED")
    found, _ = await ask(amendment)
    assert "amended-agreement-ended" in codes(found)


async def test_offer_that_is_not_in_aws(sandbox: Sandbox) -> None:
    found, _ = await ask(record("offer-abcdefghijklm"))
    assert "not-in-aws" in codes(found)
    nothing, unanswered = await ask(record(None, Stage.DRAFT))
    assert nothing.answered == {System.OFFER}
    assert unanswered == {}


@pytest.mark.parametrize(
    ("fail", "expected"),
    [
        (lambda world: world.faults.catalog.down(), {System.CATALOG, System.BUYERS}),
        (
            lambda world: world.faults.agreement.down(),
            {System.AGREEMENTS, System.BUYERS, System.ENTITLEMENTS},
        ),
        (
            lambda world: world.faults.agreement.answer(
                403, "GetAgreementEntitlements", code="AccessDeniedException", times=None
            ),
            {System.ENTITLEMENTS},
        ),
        (lambda world: world.faults.clazar.down(), {System.CLAZAR, System.PAYOUTS}),
    ],
)
async def test_system_that_fails_hides_no_other(
    sandbox: Sandbox, fail: Callable[[World], None], expected: set[System]
) -> None:
    offer_id = released(sandbox.world)
    bought = accept(sandbox.world, offer_id, BUYER)
    sandbox.world.advance()
    found, _ = await ask(record(offer_id))
    known = record(offer_id, Stage.ACCEPTED, agreement=found.agreements[0])
    assert found.agreements[0].agreement_id == bought.id
    fail(sandbox.world)
    found, unanswered = await ask(known)
    assert set(unanswered) == expected
    assert found.answered == frozenset(System) - expected
    assert all(unanswered.values())
    # What Temporal knows is said all the same.
    assert "accepted-already" in codes(found)


async def test_each_system_has_a_limited_time(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "SYSTEM_SECONDS", 0.05)
    monkeypatch.setattr(diagnosis, "PAYOUT_SECONDS", 0.05)
    offer_id = released(sandbox.world)
    faults = sandbox.world.faults
    for system in (faults.catalog, faults.agreement, faults.clazar):
        system.add("timeout_before", times=None, delay_seconds=0.5)
    _, unanswered = await ask(record(offer_id))
    asked = (*AWS_ALONE, System.CLAZAR, System.PAYOUTS)
    assert unanswered == dict.fromkeys(asked, "no answer within 0.05 seconds")


async def test_incomplete_payout_data_is_said(sandbox: Sandbox) -> None:
    offer_id = released(sandbox.world)
    accept(sandbox.world, offer_id, BUYER)
    sandbox.world.advance()
    (row,) = sandbox.world.money.disbursements
    row.invoice_id = ""
    _, unanswered = await ask(record(offer_id))
    assert unanswered == {System.PAYOUTS: "a part of what it has about this offer cannot be read"}


async def test_nothing_is_written(sandbox: Sandbox) -> None:
    offer_id = released(sandbox.world)
    accept(sandbox.world, offer_id, BUYER)
    before = sandbox.world.writes
    await ask(record(offer_id))
    assert sandbox.world.writes == before
