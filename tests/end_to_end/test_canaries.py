"""Secrets and personal data stay where they belong, in a life with failures."""

import asyncio
import base64
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import Message
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import History

from activities.task_queues import TaskQueue
from offers.ids import workflow_id
from offers.stage import Stage
from tests.support.dev_server import connection_settings, running_dev_server
from tests.support.eula_documents import BUCKET, pdf
from tests.support.offer_environment import OfferEnvironment, open_offer_environment
from tests.support.programs import run, running_forked_worker
from tests.support.workflow_harness import environment_variables, opportunity_fields
from workflows.offer.messages import OfferRequest
from workflows.offer.workflow import OfferWorkflow

DESK, LEGAL = "desk@example.com", "legal@example.com"
BUYER, OWNER = "canary.buyer@example.com", "canary.owner@example.com"
PERSONAL = (BUYER, "Canarybuyer", OWNER, "Canaryowner", DESK, LEGAL)
REASON = "Canaryreason"
SIGNING = Ed25519PrivateKey.generate()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


ENCRYPTION_KEY, PRIVATE_KEY = encoded(os.urandom(32)), encoded(SIGNING.private_bytes_raw())
KEYS = {
    "OFFERS_ENCRYPTION_KEYS": f"k1:{ENCRYPTION_KEY}",
    "OFFERS_DECISION_KEYS": f"console:{encoded(SIGNING.public_key().public_bytes_raw())}",
    "OFFERS_DECISION_KEY": f"console:{PRIVATE_KEY}",
}
SECRETS = {
    name: f"canary{number}{'x' * 24}"
    for number, name in enumerate(
        (
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "CLAZAR_CLIENT_SECRET",
            "SALESFORCE_CLIENT_SECRET",
            "SMTP_PASSWORD",
        )
    )
}


def found(canaries: Iterable[str], *places: bytes) -> set[str]:
    """Those that are in one of the places: as they are, in base64, or in JSON."""
    return {
        each
        for each in canaries
        for form in forms(each.encode())
        if any(form in place.lower() for place in places)
    }


def forms(canary: bytes) -> Iterator[bytes]:
    yield canary.lower()
    for shift in range(3):
        # Without the characters that depend on the neighbours.
        yield base64.b64encode(b"\0" * shift + canary)[4 if shift else 0 : -4].lower()


def failure_texts(message: Message) -> Iterator[str]:
    """The clear text of every failure in a history."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            continue
        for each in value if field.is_repeated else [value]:
            if isinstance(each, Failure):
                yield each.message
                yield each.stack_trace
            yield from failure_texts(each)


@dataclass
class Life:
    """What an offer's life has left, in places of each kind."""

    stored: list[bytes]
    """By Temporal: histories, memos and files."""
    visible: list[bytes]
    """Ids and search attributes."""
    errors: list[bytes]
    log: bytes
    records: list[bytes]
    """Printed by all commands, also those that show an offer's people to whoever asks for it."""
    outputs: list[bytes]
    """Printed by other commands."""
    mails: dict[str, bytes]
    """By recipient."""
    tokens: list[str]
    """That vendors issued."""


@pytest.fixture(scope="module", params=["with keys", "without keys"])
def life(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Life:
    folder = tmp_path_factory.mktemp("life")
    keys = KEYS if request.param == "with keys" else {}

    async def live(address: str) -> Life:
        async with open_offer_environment(address, folder, ()) as environment:
            return await _live(environment, folder / "worker.log")

    with running_dev_server(folder / "temporal.db") as address, environment_variables(keys):
        seen = asyncio.run(live(address))
    files = [each.read_bytes() for each in folder.iterdir() if each.name.startswith("temporal")]
    seen.stored.extend(files)
    seen.log = (folder / "worker.log").read_bytes()
    return seen


async def _live(environment: OfferEnvironment, log: Path) -> Life:
    client, world = environment.temporal_client, environment.world
    world.clazar.oauth.client_secret = SECRETS["CLAZAR_CLIENT_SECRET"]
    world.salesforce.oauth.client_secret = SECRETS["SALESFORCE_CLIENT_SECRET"]
    login = f"smtp://offers:{SECRETS['SMTP_PASSWORD']}@"
    settings = SECRETS | {
        "SMTP_URL": environment.sandbox.addresses.smtp.replace("smtp://", login),
        **connection_settings(client),
    }
    records: list[bytes] = []

    async def offerflow(*arguments: str) -> bytes:
        _, out, err = await run("starter.py", *arguments)
        records.append(f"{out}{err}".encode())
        return records[-1]

    with environment_variables(settings):
        async with running_forked_worker(client, TaskQueue, "--log-level", "debug", log=log):
            await _sell(environment, offerflow)
            await offerflow("list")
            outputs = [await offerflow("payouts"), await offerflow("start", "006TEST00009999")]
    life = Life([], [], [], b"", records, outputs, {}, [])
    async for execution in client.list_workflows():
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        history = History(events=(await handle.fetch_history()).events)
        life.stored.append(history.SerializeToString())
        life.stored.append(execution.raw_info.memo.SerializeToString())
        life.errors += [text.encode() for text in failure_texts(history)]
        life.visible.append(execution.id.encode())
        life.visible.append(execution.raw_info.search_attributes.SerializeToString())
    for mail in world.mail.messages:
        for recipient in mail.recipients:
            life.mails[recipient] = life.mails.get(recipient, b"") + str(mail).encode()
    life.tokens = [*world.clazar.oauth.token_expiry, *world.salesforce.oauth.token_expiry]
    return life


async def _sell(environment: OfferEnvironment, offerflow: Callable[..., Awaitable[bytes]]) -> None:
    """From the draft to the acceptance; each vendor fails once."""
    world = environment.world
    (offer,) = environment.put_opportunities(1)
    world.salesforce.put_opportunity(
        opportunity_fields(
            offer,
            Buyer_Name__c="Canarybuyer",
            Buyer_Email__c=BUYER,
            Owner={"Name": "Canaryowner", "Email": OWNER, "TimeZoneSidKey": "Europe/Berlin"},
        )
    )
    world.aws.storage.put(BUCKET, "contract.pdf", pdf(100))
    world.faults.catalog.answer(500)
    world.faults.clazar.answer(500)
    world.faults.salesforce.answer(503)
    started = await environment.temporal_client.start_workflow(
        OfferWorkflow.run,
        OfferRequest(opportunity_id=offer, terms={"eula": f"s3://{BUCKET}/contract.pdf"}),
        id=workflow_id(offer),
        task_queue=TaskQueue.OFFERS,
    )
    await started.execute_update(OfferWorkflow.wait_until_drafted)
    await offerflow("decline", offer, "--by", LEGAL, "--reason", REASON)
    await offerflow("approve", offer, "--by", LEGAL)
    world.faults.smtp.answer(
        550, "RCPT", times=None, code=f"5.1.1 <{BUYER}>: Recipient address rejected"
    )
    await environment.wait_until(offer, lambda row: row.attention is not None)
    world.faults.clear()
    await offerflow("show", offer)
    await offerflow("resume", offer)
    await environment.wait_until(offer, lambda row: row.stage == Stage.SHARED)
    await environment.accept(offer)
    await environment.run_agreement_watch()
    await environment.wait_until(offer, lambda row: row.stage == Stage.ACCEPTED)
    await environment.wait_until_idle(offer)


def test_secrets_are_nowhere(life: Life) -> None:
    secrets = [*SECRETS.values(), *life.tokens, "X-Amz-Signature", ENCRYPTION_KEY, PRIVATE_KEY]
    assert len(life.tokens) >= 2
    places = [*life.stored, *life.visible, *life.records, *life.mails.values(), life.log]
    assert found(secrets, *places) == set()


def test_personal_data_is_not_where_everybody_reads(life: Life) -> None:
    assert any(life.errors), "no call failed"
    assert b'"level": "debug"' in life.log
    assert found(PERSONAL, *life.visible, *life.errors, life.log, *life.outputs) == set()


def test_personal_data_is_encrypted_if_there_are_keys(
    life: Life, request: pytest.FixtureRequest
) -> None:
    """But not who made a request: Temporal shows the identity of each client."""
    others = {*PERSONAL, REASON} - {LEGAL}
    has_keys = request.node.callspec.id == "with keys"
    assert found(others, *life.stored) == (set() if has_keys else others)


def test_mails_hold_nothing_of_others(life: Life) -> None:
    assert {BUYER, OWNER, LEGAL} <= set(life.mails)
    assert found([REASON], life.mails[LEGAL]) == {REASON}
    assert found([REASON, DESK, LEGAL], life.mails[BUYER]) == set()
