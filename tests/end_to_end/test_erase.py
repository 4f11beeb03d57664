"""Erasing an offer: what has ended goes, from Temporal and from S3, and nothing else."""

import os
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError

from client.offer_client import OfferClient, RequestRejected
from offers.ids import offer_path, workflow_id
from offers.lifecycle.summary import Deal, MoneySummary, OfferSummary, Progress, Wait
from offers.stage import Stage
from tests.support.continue_as_new import continue_as_new_always
from tests.support.dev_server import connection_settings, new_namespace
from tests.support.eula_documents import BUCKET, pdf, published
from tests.support.offer_environment import OfferEnvironment, open_offer_environment
from tests.support.programs import run
from tests.support.workflow_harness import OPPORTUNITY
from workflows.offer.search_attributes import STAGE

CLOSES_AT_ONCE = """
expiry_grace = "PT0S"
rules.standard_contract.action = "off"
"""
SOURCE = "contract.pdf"
MISSING = "006000000000000AAA"


@pytest.fixture
async def closing_environment(dev_server: str, tmp_path: Path) -> AsyncIterator[OfferEnvironment]:
    """An environment of the command line in which a cancelled offer's workflow closes at once."""
    async with open_offer_environment(
        dev_server, tmp_path, more_policy=CLOSES_AT_ONCE
    ) as environment:
        environment.world.aws.storage.put(BUCKET, SOURCE, pdf(100))
        os.environ.update(connection_settings(environment.temporal_client))
        yield environment


async def test_ended_offer_is_erased_with_its_runs_and_contracts(
    closing_environment: OfferEnvironment,
) -> None:
    environment, client = closing_environment, closing_environment.client
    erased, other = environment.put_opportunities(1, 2)
    of_other = f"eula/{other}/rev1-0123456789abcdef.pdf"
    environment.world.aws.storage.put(BUCKET, of_other, pdf(100))
    await start_idle(environment.temporal_client, other)
    with continue_as_new_always() as continued:
        await client.start(erased, {"eula": f"s3://{BUCKET}/{SOURCE}"})
        await environment.wait_until(erased, lambda row: row.stage == Stage.SHARED)
        offer_id = (await client.record(erased)).require_offer_id()

        code, out, err = await run("starter.py", "erase", erased, "--yes")
        assert (code, out) == (1, "")
        assert err.startswith(f"{erased} is shared and its workflow is open")

        assert (await client.cancel(erased, "")).stage is Stage.CANCELLED
        await environment.wait_until_closed(erased)
        assert continued
    await (await start_idle(environment.temporal_client, offer_path(erased, 1))).terminate()

    code, out, err = await run("starter.py", "erase", erased)
    assert (code, err) == (1, "nothing was erased: confirm it with --yes\n")
    assert len(published(environment.sandbox)) == 2
    runs = await client.ended_runs(erased)
    assert {deleted.path for deleted in runs} == {erased, offer_path(erased, 1)}
    assert len(runs) > 2, "the offer's run did not continue as new"
    assert all(deleted.run_id in out for deleted in runs)

    environment.world.faults.s3.answer(403, "DeleteObject")
    code, out, err = await run("starter.py", "erase", erased, "--yes")
    assert code == 1
    assert "AccessDenied" in err
    assert await client.ended_runs(erased) == runs, "what failed cannot be repeated"

    code, out, err = await run("starter.py", "erase", erased, "--yes")
    assert (code, err) == (0, "")
    assert f"Erased {len(runs)} runs and 1 file." in out
    assert "Salesforce: " in out
    assert published(environment.sandbox).keys() == {of_other}
    for deleted in runs:
        handle = environment.temporal_client.get_workflow_handle(
            deleted.workflow_id, run_id=deleted.run_id
        )
        with pytest.raises(RPCError, match="not found"):
            await handle.describe()
    assert [row.opportunity_id for row in await client.list_offers()] == [other]
    assert "there is no offer for" in (await run("starter.py", "show", erased))[2]

    code, out, err = await run("starter.py", "erase", erased, "--yes")
    assert (code, err) == (0, "")
    assert f"There is nothing of {erased} to erase." in out

    code, out, err = await run("starter.py", "erase", MISSING, OFFERS_EULA_BUCKET="")
    assert (code, err) == (0, "")
    assert f"There is nothing of {MISSING} to erase." in out
    assert "OFFERS_EULA_BUCKET is not set" in out

    await client.start(erased)
    again = await environment.wait_until(erased, lambda row: row.stage == Stage.SHARED)
    assert again.offer_id != offer_id, "the erased offer was taken for the new one"
    await client.delete_runs(runs)
    assert (await client.record(erased)).offer_id == again.offer_id, "the new offer was deleted"


async def start_idle(
    client: Client, path: str, stage: Stage = Stage.DRAFT, expected: str = "0"
) -> WorkflowHandle[Any, Any]:
    """Start the workflow of an offer that came to a stage, where no worker continues it."""
    summary = OfferSummary(
        deal=Deal(path=path),
        progress=Progress(stage=stage, waits_for=Wait.CLOSE),
        money=MoneySummary(currency="USD", expected=Decimal(expected)),
    )
    return await client.start_workflow(
        "OfferWorkflow",
        id=workflow_id(path),
        task_queue="without-workers",
        memo=summary.memo(),
        search_attributes=TypedSearchAttributes([SearchAttributePair(STAGE, stage.value)]),
    )


async def test_open_amendment_keeps_its_offer(dev_server: str) -> None:
    client = await new_namespace(dev_server)
    await (await start_idle(client, OPPORTUNITY, Stage.REPLACED)).terminate()
    await start_idle(client, offer_path(OPPORTUNITY, 1))
    with pytest.raises(RequestRejected, match=f"^{OPPORTUNITY}/amendment/1 is draft and .* open"):
        await OfferClient(client).ended_runs(OPPORTUNITY)


@pytest.mark.parametrize(
    ("stage", "expected", "reason"),
    [
        (Stage.FAILED, "0", None),
        (Stage.CANCELLED, "0", None),
        (Stage.TERMINATED, "0", None),
        (Stage.SHARED, "0", "while it was shared"),
        (Stage.ACCEPTED, "0", "while it was accepted"),
        (Stage.TERMINATED, "1.50", "USD 1.50 are still to come"),
    ],
)
async def test_offer_that_was_ended_from_outside(
    dev_server: str, stage: Stage, expected: str, reason: str | None
) -> None:
    client = await new_namespace(dev_server)
    await (await start_idle(client, OPPORTUNITY, stage, expected)).terminate()
    if reason is None:
        assert await OfferClient(client).ended_runs(OPPORTUNITY)
        return
    with pytest.raises(RequestRejected, match=reason):
        await OfferClient(client).ended_runs(OPPORTUNITY)
