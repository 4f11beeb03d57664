"""Lives from draft to disbursed in which the worker, or Temporal's server, is killed.

The server is Temporal's dev server with a file, and the worker a process of its own.  Real time
passes; AWS and Clazar respond at once.
"""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel
from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowQueryFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from activities.task_queues import TaskQueue
from client.offer_client import NoAnswer, RequestRejected
from demo.processes import free_port
from offers.clock import Clock
from offers.ids import workflow_id
from offers.lifecycle.attentions import Attention, AttentionCode
from offers.lifecycle.commands import ApprovalDecision, Extension
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter, register_search_attributes
from sandbox.marketplace.buyers import accept
from sandbox.server import Sandbox
from tests.support.builders import BUYER
from tests.support.dev_server import ONE_PARTITION
from tests.support.fault_matrix import (
    BUYER_EMAIL,
    OUTCOMES,
    WATCH,
    Violation,
    add_row_of_nobody,
    completed_activities,
    put_contract,
    violations_after,
)
from tests.support.held_worker import Point
from tests.support.offer_environment import OfferEnvironment
from tests.support.programs import ROOT
from tests.support.workflow_harness import (
    FILES,
    OPPORTUNITY,
    count_acceptable_offers,
    environment_variables,
    installed_program,
)
from workflows.offer.workflow import OfferWorkflow
from workflows.schedules.agreement_watch import AgreementWatch
from workflows.schedules.clazar_watch import ClazarWatch
from workflows.schedules.opportunity_intake import IntakeRequest, OpportunityIntake
from workflows.schedules.payout_sweep import PayoutSweep, PayoutSweepRequest

T = TypeVar("T")

TIMEOUT_SECONDS = 600
PAUSE_SECONDS = 0.3
"""Between two looks at the offer."""


class Killed(StrEnum):
    """Which process is killed."""

    WORKER = "worker"
    SERVER = "server"


class KilledLifeResult(NamedTuple):
    """What happened in a life."""

    completed: set[str]
    """The activities that completed."""
    violations: list[str]


class KilledProcesses:
    """Temporal's dev server and a worker, of which one is killed at the point of each activity."""

    def __init__(self, killed: Killed, point: Point, activities: Collection[str], file: Path):
        self._killed, self._point, self._file = killed, point, file
        self.left = set(activities)
        """Those at which no process was killed yet."""
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self._server: Process | None = None
        self._worker: Process | None = None

    async def start_server(self) -> Client:
        """Start the server on its file; gives a client once it answers."""
        self._server = server = await asyncio.create_subprocess_exec(
            *(installed_program("temporal"), "server", "start-dev", "--headless"),
            *("--ip", "127.0.0.1", "--port", str(self._port), "--db-filename", str(self._file)),
            *ONE_PARTITION,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        while True:
            with suppress(RuntimeError, RPCError):
                client = await Client.connect(
                    self.address, data_converter=data_converter(TemporalSettings())
                )
                await register_search_attributes(client)
                return client
            assert server.returncode is None, "the server does not start"
            await asyncio.sleep(PAUSE_SECONDS)

    async def start_worker(self) -> None:
        """Start a worker that is held at the activities at which no process was killed yet."""
        self._worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.held_worker"),
            *(self.address, self._point, *self.left),
            cwd=ROOT,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
        )

    async def kill(self) -> list[str]:
        """Kill the process at each point that the worker reaches, and start it again."""
        while name := await self._next_point():
            self.left.remove(name)
            if self._killed is Killed.WORKER:
                await end(self._worker)
                await self.start_worker()
            else:
                await end(self._server)
                await self.start_server()
                self._release_worker()
        return ["the worker ended by itself"]

    async def _next_point(self) -> str:
        """The activity at which the worker is held; empty: the worker has ended."""
        assert self._worker
        assert self._worker.stdout
        return (await self._worker.stdout.readline()).decode().strip()

    def _release_worker(self) -> None:
        assert self._worker
        assert self._worker.stdin
        self._worker.stdin.write(b"\n")

    async def stop(self) -> None:
        """End both."""
        for process in (self._worker, self._server):
            await end(process)


async def end(process: Process | None) -> None:
    """Kill a process (SIGKILL), if it runs."""
    if process and process.returncode is None:
        process.kill()
        await process.wait()


class KilledLife:
    """An opportunity, and a person who looks up mails whose delivery is unknown."""

    def __init__(self, environment: OfferEnvironment) -> None:
        self._environment = environment
        self._world = environment.world
        self._client = environment.client
        self._temporal = environment.temporal_client
        self._arrived: dict[int, bool] = {}
        """By the number of an attention about a mail: whether the mail had arrived."""
        self.completed: set[str] = set()

    async def run(self) -> list[str]:
        """From draft to disbursed; gives what was violated."""
        put_contract(self._world)
        await self._run_schedule(
            OpportunityIntake, IntakeRequest(clock=Clock(), overlap=timedelta(hours=1))
        )
        await self._until(lambda record: record.stage is Stage.SHARED)
        await self._watch()
        last_day = datetime.now(UTC).date() + timedelta(days=45)
        offer = self._temporal.get_workflow_handle(workflow_id(OPPORTUNITY))
        await self._repeat(
            lambda: offer.signal(OfferWorkflow.extend_signal, Extension(until=last_day))
        )
        shared = await self._until(
            lambda record: record.require_terms().availability_end == last_day
        )
        await self._settle()
        accept(self._world, shared.require_offer_id(), BUYER)
        await self._watch()
        await self._until(lambda record: record.stage is Stage.ACCEPTED)
        self._environment.pay(OPPORTUNITY, "1")
        add_row_of_nobody(self._world)
        await self._run_schedule(PayoutSweep, PayoutSweepRequest(finance=("finance@example.com",)))
        await self._until(lambda record: record.stage is Stage.DISBURSED)
        record = await self._settle()
        self.completed |= set(
            await self._repeat(lambda: completed_activities(self._temporal, offer.id))
        )
        return violations_after(self._world, [record], OUTCOMES["happy"])

    async def _watch(self) -> None:
        await self._run_schedule(AgreementWatch, WATCH)
        await self._run_schedule(ClazarWatch, WATCH)

    async def _run_schedule(self, scheduled: Any, request: BaseModel) -> None:
        """Run the workflow of a Schedule."""
        name = scheduled.__name__
        await self._repeat(
            lambda: self._temporal.execute_workflow(
                scheduled.run,
                request,
                id=name,
                task_queue=TaskQueue.OFFERS,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
        )
        self.completed |= set(
            await self._repeat(lambda: completed_activities(self._temporal, name))
        )

    async def _settle(self) -> OfferRecord:
        """The record when nothing is under way: the mail about a stage is not sent after it."""
        offer = self._temporal.get_workflow_handle(workflow_id(OPPORTUNITY))
        while True:
            await self._until(lambda record: not record.attentions)
            pending = (await self._repeat(offer.describe)).raw_description
            if not (pending.pending_activities or pending.HasField("pending_workflow_task")):
                record = await self._repeat(lambda: self._client.record(OPPORTUNITY))
                if not record.attentions:
                    return record
            await asyncio.sleep(PAUSE_SECONDS)

    async def _until(self, condition: Callable[[OfferRecord], bool]) -> OfferRecord:
        """The record when it meets a condition; attentions are answered meanwhile."""
        while True:
            record = await self._repeat(lambda: self._client.record(OPPORTUNITY))
            if count_acceptable_offers(self._world) > 1:
                raise Violation("more than one offer can be accepted")
            if condition(record):
                return record
            for attention in record.attentions:
                with suppress(RequestRejected):  # answered already
                    await self._repeat(partial(self._answer, record, attention))
            await asyncio.sleep(PAUSE_SECONDS)

    async def _answer(self, record: OfferRecord, attention: Attention) -> None:
        match attention.code:
            case AttentionCode.APPROVAL_REQUIRED:
                for role in {finding.role for finding in record.awaiting_approval}:
                    by = {"legal": "legal@example.com"}.get(role or "", "desk@example.com")
                    await self._client.approve(OPPORTUNITY, ApprovalDecision(by=by))
            case AttentionCode.EMAIL_DELIVERY_UNKNOWN:
                if attention.number not in self._arrived:
                    self._arrived[attention.number] = await self._has_arrived()
                if self._arrived[attention.number]:
                    await self._client.resume(OPPORTUNITY, attention.code)
                else:
                    await self._client.resend(OPPORTUNITY)
            case _:
                raise Violation(f"{attention.code}: {attention.problem}")

    async def _has_arrived(self) -> bool:
        """Whether the buyer has a mail that no activity has completed, and nobody has found."""
        arrived = sum(BUYER_EMAIL in mail.recipients for mail in self._world.mail.messages)
        completed = await completed_activities(self._temporal, workflow_id(OPPORTUNITY))
        return arrived > completed["send_to_buyer"] + sum(self._arrived.values())

    async def _repeat(self, request: Callable[[], Awaitable[T]]) -> T:
        """The answer to a request that is made again until the server and the worker answer."""
        while True:
            with suppress(RPCError, RPCTimeoutOrCancelledError, WorkflowQueryFailedError, NoAnswer):
                return await request()
            await asyncio.sleep(PAUSE_SECONDS)


@asynccontextmanager
async def open_environment(processes: KilledProcesses) -> AsyncIterator[OfferEnvironment]:
    """The processes, and the sandbox."""
    with Sandbox() as sandbox, environment_variables({**sandbox.addresses.env, **FILES}):
        try:
            client = await processes.start_server()
            await processes.start_worker()
            yield OfferEnvironment(client, sandbox, processes.stop)
        finally:
            await processes.stop()


async def live_killed(
    killed: Killed, point: Point, activities: Collection[str]
) -> KilledLifeResult:
    """Live one life, in which a process is killed once at the point of each of these activities."""
    with TemporaryDirectory() as folder:
        processes = KilledProcesses(killed, point, activities, Path(folder, "temporal.db"))
        async with open_environment(processes) as environment:
            life = KilledLife(environment)
            tasks = [asyncio.create_task(life.run()), asyncio.create_task(processes.kill())]
            ended, running = await asyncio.wait(
                tasks, timeout=TIMEOUT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            for task in running:
                task.cancel()
            await asyncio.wait(tasks)
            violations = [] if ended else [f"it has not ended after {TIMEOUT_SECONDS} s"]
            for task in ended:
                try:
                    violations += task.result()
                except (AssertionError, RequestRejected) as error:
                    violations.append(f"{type(error).__name__}: {error}")
    violations += [f"{name} was not called" for name in processes.left]
    return KilledLifeResult(life.completed, violations)
