"""offerflow rehearse: a test offer, what was seen of the vendors, and nothing left behind."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from runtime.rehearsal import Fact, Rehearsal
from runtime.settings import WorkerSettings, read_settings
from sandbox.faults import Fault
from sandbox.marketplace.buyers import accept
from tests.support.offer_environment import OfferEnvironment
from tests.support.programs import run

ACCOUNT = "999900001111"
REHEARSE = ("starter.py", "rehearse", "--buyer-account", ACCOUNT, "--yes", "--json")


async def facts(*arguments: str) -> tuple[int, list[str], str]:
    fast = {"OFFERS_CLOCK_SCALE": "600", "OFFERS_CLOCK_ORIGIN": datetime.now(UTC).isoformat()}
    code, out, err = await run(*REHEARSE, *arguments, **fast)
    found = json.loads(out)
    return code, [f"{each['as_assumed']} {each['system']}: {each['fact']}" for each in found], err


async def test_offer_is_created_looked_at_and_withdrawn(
    cli_environment: OfferEnvironment,
) -> None:
    code, found, err = await facts()
    assert (code, err) == (0, "")
    (offer,) = cli_environment.world.aws.offers.values()
    assert offer.buyer_accounts == [ACCOUNT]
    assert (offer.name or "").startswith("Offerflow rehearsal ")
    assert offer.availability_end is not None
    assert offer.availability_end < datetime.now(UTC).date() + timedelta(days=1)
    text = "\n".join(found)
    for part in (
        "the same request with the same client token is one change set",
        f"{offer.id} is released, with the terms that were asked for",
        f"offerId={offer.id}",
        "Clazar: it shows the offer",
        "external_object_associations is",
        "Salesforce: asked for `id`, it answers",
        f"{offer.id} is withdrawn",
    ):
        assert part in text


async def test_accepted_offer_is_cancelled_as_a_test(cli_environment: OfferEnvironment) -> None:
    world = cli_environment.world
    rehearsing = asyncio.ensure_future(facts("--accept"))
    # Once for the account before, and then again and again.
    await cli_environment.wait_until_called("agreement", "SearchAgreements", 3)
    (offer,) = world.aws.offers.values()
    agreement = accept(world, offer.id, ACCOUNT)
    code, found, err = await rehearsing
    assert (code, err) == (0, "")
    assert f"cancellation of {agreement.id} is PENDING_APPROVAL" in found[-1]
    (request,) = world.aws.cancellation_requests.values()
    assert request.reason_code == "TEST_AGREEMENT"


async def test_what_is_otherwise_is_said_and_the_offer_withdrawn(
    cli_environment: OfferEnvironment,
) -> None:
    world = cli_environment.world
    world.faults.waiting.append(Fault("clazar", "status", status=403, times=None))
    code, found, _ = await facts()
    assert code == 1
    assert "False Clazar: Clazar rejects our credentials (403)" in "\n".join(found)
    assert "is withdrawn" in found[-1]


async def test_limited_calls_are_made_again(cli_environment: OfferEnvironment) -> None:
    faults = cli_environment.world.faults.waiting
    for operation in ("StartChangeSet", "DescribeChangeSet", "DescribeEntity", "ListChangeSets"):
        faults.append(Fault("catalog", "status", operation, status=429, times=2))
    faults.append(Fault("agreement", "status", "SearchAgreements", status=503, times=2))
    code, found, err = await facts()
    assert (code, err) == (0, "")
    assert "is withdrawn" in found[-1]
    assert not faults


async def test_account_with_an_agreement_is_refused(cli_environment: OfferEnvironment) -> None:
    environment = cli_environment
    (opportunity,) = await environment.share_offers(1)
    code, _, err = await run(*REHEARSE[:3], "222200000001", *REHEARSE[4:])
    assert code == 1
    assert "can accept offer-" in err
    await environment.accept(opportunity)
    code, _, err = await run(*REHEARSE[:3], "222200000001", *REHEARSE[4:])
    assert code == 1
    assert "AWS takes no second one" in err
    assert len(environment.world.aws.offers) == 1


async def test_nothing_is_created_without_a_confirmation(
    cli_environment: OfferEnvironment,
) -> None:
    code, _, err = await run(*REHEARSE[:4])
    assert code == 1
    assert "nothing was created" in err
    code, _, err = await run(*REHEARSE[:3], "12345", "--yes")
    assert code == 2
    assert "12 digits" in err
    assert not cli_environment.world.aws.offers


async def test_interrupted_rehearsal_leaves_nothing_behind(
    cli_environment: OfferEnvironment,
) -> None:
    world = cli_environment.world
    processing = world.aws.change_set_processing
    processing.preparing_minutes, processing.publish_minutes = 60, 120
    seen: list[Fact] = []
    rehearsal = Rehearsal(read_settings(WorkerSettings), ACCOUNT, seen.append)
    rehearsing = asyncio.create_task(rehearsal.run(accept=False))
    await cli_environment.wait_until_called("catalog", "DescribeChangeSet", 1)
    rehearsing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await rehearsing
    (change_set,) = world.aws.change_sets.values()
    assert change_set.status == "CANCELLED"
    assert seen[-1].fact == "the change set is cancelled: nothing was created"
    assert not world.aws.offers
