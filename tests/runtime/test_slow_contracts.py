"""Contracts whose server sends a byte now and then: other task queues go on, each reading ends."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from temporalio import workflow
from temporalio.client import Client
from temporalio.exceptions import ActivityError

from activities.aws.agreements import AgreementPage, AwsAgreements, FeedPosition
from activities.eula.documents import EulaDocuments, PublishEula
from activities.preflight import CheckDeal, Preflight
from activities.task_queues import TaskQueue
from runtime.clients import THREADS
from runtime.settings import WorkerSettings, read_settings
from runtime.workers import serve
from sandbox.clock import Clock as SandboxClock
from sandbox.server import Sandbox
from tests.support.builders import facts
from tests.support.dev_server import new_namespace
from tests.support.workflow_harness import FIELDS, OPPORTUNITY, environment_variables
from workflows.common.activity_options import failure_of, start_activity

DEALS = THREADS + 2
PATIENCE = 60
"""Real seconds after which a test fails that would else wait for ever."""
QUEUES = (TaskQueue.OFFERS, TaskQueue.PREFLIGHT, TaskQueue.AWS_MARKETPLACE)


@workflow.defn(sandboxed=False)
class ReadContracts:
    """Reads the contract of many deals, all at once."""

    @workflow.run
    async def run(self, contract: str, name: str) -> list[str]:
        """What became of each: by preflight, or when it is published."""
        deal = CheckDeal(opportunity_id=None, terms=facts(eula=contract))
        eula = PublishEula(opportunity_id=OPPORTUNITY, revision=1, documents=(contract,))
        return list(
            await asyncio.gather(
                *(
                    _result(
                        start_activity(Preflight.check_deal, deal, single_attempt=True)
                        if name == "check_deal"
                        else start_activity(EulaDocuments.publish, eula, single_attempt=True)
                    )
                    for _ in range(DEALS)
                )
            )
        )


async def _result(reading: workflow.ActivityHandle[Any]) -> str:
    try:
        await reading
    except ActivityError as error:
        return str(failure_of(error))
    return "read"


@workflow.defn(sandboxed=False)
class ReadAcceptances:
    """Reads AWS's agreement feed once, as the agreement watch does."""

    @workflow.run
    async def run(self, position: FeedPosition) -> AgreementPage:
        """The first page."""
        return await start_activity(AwsAgreements.read_agreement_feed, position)


class SlowServer:
    """Sends a byte now and then: every other answer stays in its headers, the others have begun."""

    def __init__(self) -> None:
        self.requests = 0
        self._listening: asyncio.Server
        self._answers: set[asyncio.StreamWriter] = set()
        self._many = asyncio.Event()

    async def listen(self, tls: ssl.SSLContext) -> None:
        """Begin."""
        self._listening = await asyncio.start_server(self.answer, "127.0.0.1", 0, ssl=tls)

    @property
    def url(self) -> str:
        """Its address."""
        return f"https://127.0.0.1:{self._listening.sockets[0].getsockname()[1]}"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until the client or `close` ends it."""
        await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        self._answers.add(writer)
        if len(self._answers) == THREADS:
            self._many.set()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n")
        writer.write(b"\r\n" if self.requests % 2 else b"X: ")
        while not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.1)
        self._answers.discard(writer)

    @property
    def answers(self) -> int:
        """How many are being sent."""
        return len(self._answers)

    async def wait_until_all_threads_read(self) -> None:
        await self._many.wait()

    def close(self) -> None:
        """End all answers, and refuse connections."""
        self._listening.close()
        for each in self._answers:
            each.transport.abort()


async def start_slow_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> SlowServer:
    """A server whose certificate the activities trust."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    trusted = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    monkeypatch.setattr("activities.eula.sources._trusted", lambda _: trusted)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    server = SlowServer()
    await server.listen(tls)
    return server


@dataclass(frozen=True)
class Running:
    """The product's workers on a namespace of their own, and the server of the contracts."""

    client: Client
    server: SlowServer

    def read_contracts(self, name: str) -> asyncio.Task[list[str]]:
        """Read contracts of the slow server, by the activity of that name."""
        return asyncio.create_task(
            self.client.execute_workflow(
                ReadContracts.run,
                args=(f"{self.server.url}/a.pdf", name),
                id="contracts",
                task_queue=TaskQueue.OFFERS,
            )
        )

    async def read_acceptances(self) -> AgreementPage:
        """What AWS's agreement feed shows."""
        since = FeedPosition(since=datetime.now(UTC) - timedelta(days=1))
        return await self.client.execute_workflow(
            ReadAcceptances.run, since, id="acceptances", task_queue=TaskQueue.OFFERS
        )


@pytest.fixture
async def running(
    dev_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Running]:
    client = await new_namespace(dev_server)
    # Fast, so that no rate of a task queue or of AWS counts.
    clock = SandboxClock(scale=3600, origin=datetime.now(UTC))
    server = await start_slow_server(tmp_path, monkeypatch)
    async with Sandbox(clock=clock) as sandbox:
        settings = {"OFFERS_FIELDS": str(FIELDS), "OFFERS_EULA_SOURCES": server.url}
        with environment_variables({**sandbox.addresses.env, **settings}):
            worker_settings = read_settings(WorkerSettings)
            stop = asyncio.Event()
            serving = asyncio.create_task(
                serve(client, worker_settings, QUEUES, stop, [ReadContracts, ReadAcceptances])
            )
            yield Running(client, server)
            server.close()
            stop.set()
            await serving


@pytest.mark.parametrize("activity", ["check_deal", "publish"])
async def test_acceptances_are_read_while_all_contracts_are_slow(
    running: Running, activity: str
) -> None:
    """Every thread for contracts waits for one, far from its deadline."""
    reading = running.read_contracts(activity)
    async with asyncio.timeout(PATIENCE):
        await running.server.wait_until_all_threads_read()
        page = await running.read_acceptances()
    assert page.is_complete
    assert running.server.answers == THREADS, "they were read after a contract was given up"
    running.server.close()
    async with asyncio.timeout(PATIENCE):
        await reading


async def test_each_slow_contract_is_given_up_at_the_deadline(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes come without end, in headers and in bodies: only the deadline ends the reading."""
    monkeypatch.setattr("activities.eula.documents.ALL_TOGETHER", 0.5)
    async with asyncio.timeout(PATIENCE):
        given_up = await running.read_contracts("check_deal")
    assert [each for each in given_up if not each.endswith("takes too long")] == []
    assert len(given_up) == DEALS
