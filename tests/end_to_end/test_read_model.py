"""Lists, the payout report and digests read the offers' summaries, and ask no offer."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.testing import ActivityEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.temporal.digests import DigestPlan, DigestPlanRequest, Digests
from activities.temporal.offer_directory import OfferDirectory
from activities.temporal.offer_summaries import UNREADABLE
from activities.temporal.renewals import Renewals
from client.offer_client import OfferClient
from offers.agreements.renewal import RenewalOffer
from offers.ids import workflow_id
from offers.lifecycle.summary import OfferSummary, Wait
from offers.policy.digest import DigestRules, Weekday
from offers.stage import Stage
from runtime.schedules import NEVER_APPLIED
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter
from tests.support.dev_server import connection_settings
from tests.support.offer_environment import OfferEnvironment, open_offer_environment
from tests.support.programs import run
from workflows.offer.messages import OfferRequest
from workflows.offer.search_attributes import OFFER_ID, STAGE

PERSONAL = ("Example Corp", "owner@example.com", "Example Owner", "buyer@example.com")


async def plan_digests(client: Client) -> DigestPlan:
    """The digests of the next morning: everything that has happened is settled, and is news."""
    now = datetime.now(UTC)
    now = now.replace(hour=10) + timedelta(days=int(now.hour >= 8))
    request = DigestPlanRequest(rules=DigestRules(days=tuple(Weekday)), now=now)
    return await ActivityEnvironment().run(Digests(client).plan_digests, request)


async def accept(environment: OfferEnvironment, offer: str) -> None:
    await environment.accept(offer)
    await environment.run_agreement_watch()
    await environment.wait_until(offer, lambda row: row.stage == Stage.ACCEPTED)


async def test_lists_payouts_and_digests_need_no_worker(
    cli_environment: OfferEnvironment,
) -> None:
    environment = cli_environment
    shared, accepted = await environment.share_offers(1, 2)
    await accept(environment, accepted)
    waiting = environment.put_opportunities(3)[0]
    (agreement_id,) = environment.world.aws.agreements
    environment.world.salesforce.opportunities[waiting] |= {
        "AWS_Account_Id__c": "12",
        "Renews__c": agreement_id,
    }
    await environment.client.start(waiting)
    await environment.wait_until(waiting, lambda row: row.attention == "terms-invalid")
    await environment.stop_workers()

    code, out, err = await run("starter.py", "list", "--json")
    assert (code, err) == (0, f"{NEVER_APPLIED}\n")
    rows = {row["opportunity_id"]: row for row in json.loads(out)}
    assert rows[shared]["waits_for"] == Wait.ACCEPTANCE
    assert rows[shared]["last_day"] == rows[shared]["expires_at"][:10]
    assert rows[accepted]["agreement_id"] in environment.world.aws.agreements
    assert rows[accepted]["expected"] == {"amount": "116400.00", "currency": "USD"}
    assert rows[waiting]["attentions"] == ["terms-invalid"]
    for row in rows.values():
        assert row["company"] == "Example Corp"
        assert row["owner_email"] == "owner@example.com"
        assert row["problem"] is None
    code, out, _ = await run("starter.py", "list")
    assert code == 0
    assert out.count("Example Corp") == 3
    assert out.count("USD 120,000.00") == 2

    code, out, err = await run("starter.py", "renewals", "--within", "400", "--json")
    assert (code, err) == (0, "")
    (ending,) = json.loads(out)
    assert (ending["path"], ending["agreement_id"]) == (accepted, agreement_id)
    assert ending["price"] == {"amount": "120000.00", "currency": "USD"}
    assert ending["renewal"] == {"path": waiting, "stage": "draft"}
    renewals = Renewals(environment.temporal_client)
    found = await ActivityEnvironment().run(renewals.find_renewal, agreement_id)
    assert found == RenewalOffer(path=waiting, stage=Stage.DRAFT)
    assert await ActivityEnvironment().run(renewals.find_renewal, "agmt-other") is None
    code, out, _ = await run("starter.py", "renewals", "--within", "400")
    assert (code, out.count("Example Corp"), out.count(waiting)) == (0, 1, 1)
    code, out, _ = await run("starter.py", "renewals")
    assert (code, out) == (0, "No agreement ends within 90 days.\n")

    code, out, err = await run("starter.py", "payouts", "--json")
    assert (code, err) == (0, "")
    (line,) = [line for line in json.loads(out)["lines"] if line["offer"] == accepted]
    assert line["company"] == "Example Corp"
    assert line["undisbursed"] == "116400.00"
    code, out, _ = await run("starter.py", "payouts", "--offer", accepted, "--csv")
    assert (code, out.count("\n")) == (0, 2)
    code, _, err = await run("starter.py", "payouts", "--offer", shared)
    assert (code, err) == (1, "the offer is shared: there are no payouts yet\n")

    code, out, err = await run("starter.py", "payouts", "--forecast", "--json")
    assert (code, err) == (0, "")
    total = json.loads(out)["forecast"][-1]
    assert (total["period"], total["currency"]) == ("in all", "USD")
    assert (total["agreed_high"], total["not_agreed_high"]) == ("116400.00", "116400.00")
    code, out, _ = await run("starter.py", "payouts", "--forecast", "--offer", shared, "--csv")
    assert (code, out.splitlines()[-1]) == (0, "in all,USD,0.00,0.00,116400.00,116400.00")
    code, _, err = await run("starter.py", "payouts", "--forecast", "--offer", waiting)
    assert (code, err.count("no money is to come from")) == (1, 1)

    (delivery,) = (await plan_digests(environment.temporal_client)).deliveries
    assert delivery.digest.owner.owner_time_zone == "Europe/Berlin"
    said = {item.path: item for item in delivery.digest.items}
    assert set(said) == {accepted, waiting}
    assert said[waiting].problem.startswith("The offer cannot be created like this")


@pytest.fixture
async def encrypted_environment(
    dev_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OfferEnvironment]:
    key = base64.b64encode(os.urandom(32)).decode()
    monkeypatch.setenv("OFFERS_ENCRYPTION_KEYS", f"k1:{key}")
    async with open_offer_environment(dev_server, tmp_path) as environment:
        os.environ.update(connection_settings(environment.temporal_client))
        yield environment


async def test_summary_is_encrypted_and_one_without_its_key_is_named(
    encrypted_environment: OfferEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = encrypted_environment
    (offer,) = await environment.share_offers(1)
    await accept(environment, offer)
    (row,) = await environment.client.list_offers()
    assert (row.company, row.problem) == ("Example Corp", None)
    described = await environment.temporal_client.get_workflow_handle(workflow_id(offer)).describe()
    fields = described.raw_info.memo.fields
    assert set(fields) == set(OfferSummary.model_fields)
    for payload in fields.values():
        assert payload.metadata["encoding"] == b"binary/encrypted"
    stored = described.raw_description.SerializeToString()
    assert not any(personal.encode() in stored for personal in PERSONAL)

    monkeypatch.delenv("OFFERS_ENCRYPTION_KEYS")
    config = environment.temporal_client.config()
    config["data_converter"] = data_converter(TemporalSettings())
    keyless = Client(**config)
    (row,) = await OfferClient(keyless).list_offers()
    assert (row.stage, row.company, row.problem) == ("accepted", None, UNREADABLE)
    assert row.offer_id
    for keys in {}, {"OFFERS_ENCRYPTION_KEYS": f"k2:{'A' * 43}="}:
        for command in "show", "resend":
            code, out, err = await run("starter.py", command, offer, **keys)
            assert (code, out, len(err.splitlines())) == (1, "", 1), err
            assert "OFFERS_ENCRYPTION_KEYS" in err
    code, out, _ = await run("starter.py", "list")
    assert code == 0
    assert f"{offer}: {UNREADABLE}" in out
    code, out, err = await run("starter.py", "payouts", "--csv")
    assert code == 1
    assert f"{offer}: {UNREADABLE}" in err
    assert out.splitlines()[1].startswith(f"{offer},,"), "the data's invoice is not the offer's"
    with pytest.raises(Exception, match="none can be read"):
        await plan_digests(keyless)


@workflow.defn(name="OfferWorkflow", sandboxed=False)
class ContinuedOffer:
    """An accepted offer whose first run continues as new."""

    @workflow.run
    async def run(self, _request: OfferRequest) -> None:
        if workflow.info().continued_run_id is None:
            workflow.continue_as_new(_request)
        await workflow.wait_condition(lambda: False)


async def test_run_that_continued_as_new_is_not_listed(dev_server: str, tmp_path: Path) -> None:
    async with open_offer_environment(dev_server, tmp_path, ()) as environment:
        client = environment.temporal_client
        pairs = [
            SearchAttributePair(STAGE, Stage.ACCEPTED.value),
            SearchAttributePair(OFFER_ID, "offer-1"),
        ]
        async with Worker(
            client,
            task_queue="continued",
            workflows=[ContinuedOffer],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            handle = await client.start_workflow(
                ContinuedOffer.run,
                OfferRequest(opportunity_id="0065g00000AbCdEAAV"),
                id="offer/0065g00000AbCdEAAV",
                task_queue="continued",
                search_attributes=TypedSearchAttributes(pairs),
            )
            continued = "ExecutionStatus = 'ContinuedAsNew'"
            async with asyncio.timeout(30):
                while (await client.count_workflows(continued)).count == 0:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            row = await environment.wait_until("0065g00000AbCdEAAV", lambda row: bool(row.offer_id))
            assert row.stage == Stage.ACCEPTED
            offers = OfferClient(client)
            assert len(await offers.list_offers()) == 1
            (accepted,) = await offers.accepted_offers()
            assert accepted.is_running
            (known,) = await OfferDirectory(client).find_by_offer(["offer-1"])
            assert known.workflow_id == handle.id
