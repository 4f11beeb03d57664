"""The client of Clazar: tokens, lasting rejections and pages."""

import asyncio

import pytest
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError

from activities.clazar.client import ClazarClient
from activities.clazar.disbursements import DATASET
from activities.clazar.offers import Clazar
from activities.errors import Failure
from sandbox.server import Sandbox
from tests.support.clazar import LINK, disbursement, put_offer
from tests.support.vendors import failure_type, run_activity


async def test_token_is_shared_and_renewed_once(sandbox: Sandbox, clazar: Clazar) -> None:
    put_offer(sandbox)
    await asyncio.gather(*(run_activity(clazar.link_offer, LINK) for _ in range(5)))
    assert sandbox.world.calls["clazar", "Authenticate"] == 1
    sandbox.world.clazar.oauth.revoke_tokens()
    await asyncio.gather(*(run_activity(clazar.link_offer, LINK) for _ in range(5)))
    assert sandbox.world.calls["clazar", "Authenticate"] == 2


async def test_lasting_401_ends_after_one_new_token(sandbox: Sandbox, clazar: Clazar) -> None:
    put_offer(sandbox)
    sandbox.world.faults.clazar.answer(401, "GetPrivateOffer", times=None)
    with pytest.raises(ApplicationError) as raised:
        await run_activity(clazar.link_offer, LINK)
    assert failure_type(raised) == Failure.CREDENTIALS
    assert sandbox.world.calls["clazar", "GetPrivateOffer"] == 2


async def test_pause_before_each_further_page(
    sandbox: Sandbox,
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    client = ClazarClient(
        sandbox.addresses.clazar,
        sandbox.world.clazar.oauth.client_id,
        SecretStr(sandbox.world.clazar.oauth.client_secret),
        sleep=pause,
    )
    sandbox.world.money.disbursements += [disbursement(f"offer-{number}") for number in range(5)]
    pages = client.pages(f"/analytics/datasets/{DATASET}", 2, pause=2.5)
    assert [len(page) async for page in pages] == [2, 2, 1]
    await client.close()
    assert pauses == [2.5, 2.5]
