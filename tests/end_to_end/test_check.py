"""`offerflow check` as people run it, and what it says of Temporal."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from activities.task_queues import TaskQueue
from offers.clock import Clock
from offers.policy.policy import Policy
from runtime import schedules
from runtime.checks.items import CheckedItem, Status
from runtime.checks.temporal_server import check_temporal
from runtime.settings import TemporalSettings, read_settings
from tests.support.dev_server import connection_settings
from tests.support.offer_environment import PAUSE_SECONDS, TIMEOUT_SECONDS, OfferEnvironment
from tests.support.programs import run
from tests.support.workflow_harness import environment_variables


async def items(client: Client) -> dict[str, CheckedItem]:
    with environment_variables(connection_settings(client)):
        found = await check_temporal(read_settings(TemporalSettings))
    return {each.item: each for each in found}


async def test_report_of_the_command(cli_environment: OfferEnvironment) -> None:
    cli_environment.world.faults.clazar.answer(401, "Authenticate", times=None)
    code, out, err = await run("starter.py", "check", "--json")
    assert (code, err) == (1, "")
    found: list[dict[str, Any]] = json.loads(out)
    assert {each["system"] for each in found} == {
        *("Temporal", "AWS", "Clazar", "Salesforce", "Mail", "Policy"),
    }
    (offers,) = (each for each in found if each["system"] == "Clazar")
    assert (offers["status"], offers["remedy"]) == (
        "wrong",
        "Correct the credentials in the settings, or their rights",
    )
    code, out, _ = await run("starter.py", "check", "--send-to", "me@example.com")
    assert code == 1
    assert "wrong       Clazar: offers: Clazar rejects our credentials (401)\n" in out
    assert "ok          Salesforce: fields: all " in out
    assert "items are wrong.\n" in out
    (mail,) = cli_environment.world.mail.messages
    assert mail.recipients == ["me@example.com"]


async def test_address_that_is_none(cli_environment: OfferEnvironment) -> None:
    code, _, err = await run("starter.py", "check", "--send-to", "nobody")
    assert code == 2
    assert "nobody is no mail address" in err


async def test_a_namespace_with_workers(environment: OfferEnvironment) -> None:
    client = environment.temporal_client
    found = await items(client)
    workers = [f"worker of {queue}" for queue in TaskQueue]
    async with asyncio.timeout(TIMEOUT_SECONDS):  # they have just been started
        while any(found[each].status is not Status.OK for each in workers):
            await asyncio.sleep(PAUSE_SECONDS)
            found = await items(client)
    assert found["namespace"].status is Status.OK
    assert found["retention"].status is Status.WRONG
    assert found["retention"].detail.startswith("days for which offers are kept after their end: 3")
    assert found["search attributes"].status is Status.OK
    for queue in TaskQueue:
        assert found[f"worker of {queue}"].status is Status.OK
    never = found["Schedule clazar-watch"]
    assert never.detail == "never applied, so nothing is read; apply it once"
    assert never.remedy == "`offerflow schedules apply`"
    await schedules.apply(client, Policy(), Clock())
    await schedules.pause(client, schedules.CLAZAR, "Maintenance")
    found = await items(client)
    assert found["Schedule clazar-watch"].detail == "it is paused (Maintenance)"
    assert found["Schedule marketplace-watch"].status is Status.OK


async def test_a_namespace_that_does_not_exist(dev_server: str) -> None:
    client = await Client.connect(dev_server, namespace=f"test-{uuid4()}")
    missing = await items(client)
    assert missing["namespace"].detail == f"there is no namespace {client.namespace}"
    assert set(missing) == {"server", "namespace"}


async def test_a_namespace_without_anything(dev_server: str) -> None:
    client = await Client.connect(dev_server, namespace=f"test-{uuid4()}")
    request = RegisterNamespaceRequest(namespace=client.namespace)
    request.workflow_execution_retention_period.FromTimedelta(timedelta(days=90))
    await client.workflow_service.register_namespace(request)
    found = await items(client)
    assert found["retention"].status is Status.OK
    assert found["search attributes"].detail.startswith("the namespace lacks OfferStage, ")
    assert found["worker of offers"].remedy == (
        "Start worker.py, for all queues or with --queues offers"
    )


async def test_a_server_that_does_not_answer() -> None:
    with environment_variables({"TEMPORAL_ADDRESS": "127.0.0.1:1"}):
        (server,) = await check_temporal(read_settings(TemporalSettings))
    assert server.status is Status.WRONG
    assert server.detail.startswith("no Temporal server answers at 127.0.0.1:1")
