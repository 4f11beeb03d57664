"""`offerflow webhooks test` as people run it, with the worker's settings and real receivers."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from temporalio.client import Client

from activities.task_queues import TaskQueue
from runtime.checks.items import Status
from runtime.checks.selling_policy import check_policy
from runtime.settings import InvalidSettings, WorkerSettings, read_settings
from runtime.workers import serve
from sandbox.server import Sandbox
from tests.support.programs import run
from tests.support.webhook_receiver import SECRET, Receiver, running_receiver
from tests.support.workflow_harness import FIELDS, environment_variables


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    policy = tmp_path / "policy.toml"
    with (
        Sandbox() as sandbox,
        running_receiver(tmp_path) as receiver,
        environment_variables(
            {
                **sandbox.addresses.env,
                **receiver.trusted,
                "OFFERS_FIELDS": str(FIELDS),
                "OFFERS_POLICY": str(policy),
                "OFFERS_WEBHOOK_SECRETS": f"crm:{SECRET},erp:{SECRET}",
            }
        ),
    ):
        names = ", ".join(map(receiver.policy, ("crm", "erp")))
        policy.write_text(
            f"[webhooks]\nallow_private = true\nendpoints = [{names}]\n", encoding="utf-8"
        )
        yield receiver


async def test_each_receiver_gets_a_test(receiver: Receiver) -> None:
    code, out, err = await run("starter.py", "webhooks", "test")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "ok      crm (127.0.0.1): it answers 200",
        "ok      erp (127.0.0.1): it answers 200",
    ]
    assert [each.type for each in receiver.received] == ["test", "test"]
    assert receiver.messages[0]["data"] == {}


async def test_receiver_that_does_not_take_it(receiver: Receiver) -> None:
    receiver.answers = [(302, {"Location": receiver.url})]
    code, out, _ = await run("starter.py", "webhooks", "test", "erp", "--json")
    assert code == 1
    assert json.loads(out) == [{"name": "erp", "delivered": False, "answer": "it answers 302"}]
    assert len(receiver.attempts) == 1


async def test_name_that_the_policy_does_not_have(receiver: Receiver) -> None:
    code, _, err = await run("starter.py", "webhooks", "test", "sap")
    assert code == 1
    assert "the policy has no webhook sap; it names: crm, erp" in err
    assert receiver.attempts == []


async def test_receiver_without_a_secret_is_named_at_the_start(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFERS_WEBHOOK_SECRETS", f"crm:{SECRET}")
    settings = read_settings(WorkerSettings)
    with pytest.raises(InvalidSettings, match="OFFERS_WEBHOOK_SECRETS has no secret for erp, "):
        # It ends before the server is asked for anything.
        await serve(cast(Client, None), settings, (TaskQueue.WEBHOOKS,), asyncio.Event())
    found = {each.item: each for each in await check_policy(settings)}
    assert found["webhook crm"].status is Status.OK
    assert found["webhook erp"].status is Status.WRONG


def test_secret_that_is_none_is_not_shown(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFERS_WEBHOOK_SECRETS", "crm:whsec_c2VjcmV0")
    with pytest.raises(InvalidSettings, match="OFFERS_WEBHOOK_SECRETS: the secret of crm") as it:
        read_settings(WorkerSettings)
    assert "c2VjcmV0" not in str(it.value)
