"""Game days: what list, check and mails say while something is down, and that all goes on after it.

Each lasts seconds here.  `tests/workflows/offer/test_outages.py` has hours, weekends and months,
search and Temporal itself; `test_no_answer.py` is without a worker.
"""

import json
from datetime import timedelta

import pytest
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig

from offers.clock import Clock
from offers.policy.policy import Policy
from offers.stage import Stage
from runtime import schedules
from runtime.offer_metrics import OfferMetrics
from runtime.schedules import CHECK, CLAZAR, WATCH
from sandbox.faults import Fault
from tests.support.offer_environment import OfferEnvironment
from tests.support.programs import run
from workflows.common import escalation
from workflows.schedules.health_check import MailedProblems

OPERATIONS = Policy.model_validate(
    {
        "roles": {
            "operations": ["ops@example.com"],
            "deal-desk": ["desk@example.com"],
            "legal": ["legal@example.com"],
        }
    }
)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused credentials are tried again after half a second."""
    half = timedelta(seconds=0.5)
    monkeypatch.setattr(escalation, "CREDENTIALS_RETRY", (half, half))


async def wrong_items(system: str) -> dict[str, str]:
    """What `check` finds wrong with a system."""
    _, out, _ = await run("starter.py", "check", "--json")
    found = {
        each["item"]: f"{each['detail']}. {each['remedy']}"
        for each in json.loads(out)
        if (each["system"], each["status"]) == (system, "wrong")
    }
    assert found, f"nothing is wrong with {system}"
    return found


async def begin(environment: OfferEnvironment, *numbers: int) -> list[str]:
    ids = environment.put_opportunities(*numbers)
    for each in ids:
        await environment.client.start_without_waiting(each)
    return ids


async def all_shared(environment: OfferEnvironment, ids: list[str]) -> None:
    for each in ids:
        await environment.wait_until(each, lambda row: row.stage == Stage.SHARED)


async def mails_of_the_health_check(environment: OfferEnvironment) -> list[str]:
    handle = environment.temporal_client.get_schedule_handle(CHECK)
    await environment.run_schedule(handle, MailedProblems)
    sent = environment.world.mail.messages
    return [each.subject for each in sent if each.recipients == ["ops@example.com"]]


async def refused_credentials(environment: OfferEnvironment) -> dict[str, float]:
    """The metric of what they hold up, by vendor."""
    buffer = MetricBuffer(10_000)
    telemetry = TelemetryConfig(metrics=buffer, attach_service_name=False)
    meter = Runtime(telemetry=telemetry).metric_meter
    await OfferMetrics(environment.temporal_client, {}, meter).refresh()
    return {
        str(each.attributes["vendor"]): each.value
        for each in buffer.retrieve_updates()
        if each.metric.name == "offerflow_attentions"
        and each.attributes["code"] == "credentials-rejected"
    }


async def keep_schedule(environment: OfferEnvironment, schedule_id: str) -> None:
    """Create a Schedule that runs by hand only."""
    schedule = schedules.schedules(OPERATIONS, Clock())[schedule_id]
    schedule.spec.intervals[0].every = timedelta(days=1000)
    await environment.temporal_client.create_schedule(schedule_id, schedule)


@pytest.mark.usefixtures("often")
async def test_salesforce_credentials_are_gone(cli_environment: OfferEnvironment) -> None:
    environment = cli_environment
    await keep_schedule(environment, CHECK)
    environment.world.faults.waiting.append(
        Fault("salesforce", "status", "Token", status=400, code="invalid_client", times=None)
    )
    ids = await begin(environment, 1, 2)
    for each in ids:
        await environment.wait_until(each, lambda row: row.attention == "credentials-rejected")
    code, out, _ = await run("starter.py", "list", "--attention", "credentials-rejected")
    assert (code, out.count("credentials-rejected")) == (0, 2)
    assert (await refused_credentials(environment))["salesforce"] >= 2
    (told,) = (await wrong_items("Salesforce")).values()
    assert "Salesforce rejects our credentials" in told
    mails = await mails_of_the_health_check(environment)
    assert "Offers are held up by Salesforce" in mails

    environment.world.faults.clear()
    await all_shared(environment, ids)
    mails = await mails_of_the_health_check(environment)
    assert mails[-1] == "Over: offers were held up by Salesforce"
    assert not any((await refused_credentials(environment)).values())
    code, out, _ = await run("starter.py", "list", "--attention", "credentials-rejected")
    assert "credentials-rejected" not in out


async def test_aws_limits_every_call(cli_environment: OfferEnvironment) -> None:
    environment = cli_environment
    environment.world.faults.waiting.append(
        Fault(
            "catalog", "status", "ListChangeSets", status=429, code="ThrottlingException", times=3
        )
    )
    ids = await begin(environment, 1)
    await environment.wait_until_called("catalog", "ListChangeSets", 1)
    assert "limit" in " ".join((await wrong_items("AWS")).values())
    _, out, _ = await run("starter.py", "list", "--json")
    assert [each["attentions"] for each in json.loads(out)] == [[]], "it needs nobody"
    environment.world.faults.clear()
    await all_shared(environment, ids)


async def test_mail_server_refuses_to_let_us_in(
    cli_environment: OfferEnvironment, often: None
) -> None:
    environment = cli_environment
    environment.world.faults.waiting.append(Fault("smtp", "status", "RCPT", status=530, times=None))
    ids = await begin(environment, 1, 2)
    for each in ids:
        row = await environment.wait_until(each, lambda r: r.attention == "credentials-rejected")
        assert row.stage == Stage.LIVE, "the buyer may know of it"
    assert not environment.world.mail.messages
    environment.world.faults.clear()
    await all_shared(environment, ids)
    buyers = [m for m in environment.world.mail.messages if m.recipients == ["buyer@example.com"]]
    assert len(buyers) == 2, "each buyer is written to once"


async def test_clazar_is_down(cli_environment: OfferEnvironment) -> None:
    environment = cli_environment
    environment.world.faults.waiting.append(Fault("clazar", "status", status=503, times=None))
    ids = await begin(environment, 1)
    await all_shared(environment, ids)
    told = " ".join((await wrong_items("Clazar")).values())
    assert "Clazar: status 503" in told
    assert "try again later" in told
    assert not environment.world.clazar.links
    environment.world.faults.clear()
    await environment.run_clazar_watch()
    await environment.wait_until_called("clazar", "PatchPrivateOffer", 1)


async def test_schedules_are_paused(cli_environment: OfferEnvironment) -> None:
    environment = cli_environment
    for each in (WATCH, CLAZAR):
        await keep_schedule(environment, each)
    assert (await run("starter.py", "schedules", "pause", WATCH, "--reason", "Maintenance"))[0] == 0
    assert "paused" in (await wrong_items("Temporal"))[f"Schedule {WATCH}"]
    code, out, _ = await run("starter.py", "schedules", "list")
    assert code == 0
    assert "Maintenance" in out
    assert (await run("starter.py", "schedules", "resume", WATCH))[0] == 0
    (ours,) = await environment.share_offers(1)
    await environment.accept(ours)
    await run_now(environment, WATCH)
    await environment.wait_until(ours, lambda row: row.stage == Stage.ACCEPTED)


async def run_now(environment: OfferEnvironment, schedule_id: str) -> None:
    await environment.temporal_client.get_schedule_handle(schedule_id).trigger()
