"""Runs offer workflows in a test: the time-skipping Temporal server, the sandbox and real workers.

Thirty days take an instant, over real HTTP, SMTP and TLS.  The sandbox's clock follows the server:
an activity calls it at the time at which the server started the activity.
"""

import asyncio
import os
import re
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from cryptography.fernet import Fernet
from pydantic import BaseModel
from temporalio.api.enums.v1 import EventType, PendingActivityState
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.api.testservice.v1 import UnlockTimeSkippingRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from activities.task_queues import TaskQueue
from activities.temporal.pending_work import describe
from client.offer_client import NoAnswer, OfferClient
from offers.clock import Clock
from offers.ids import workflow_id
from offers.lifecycle.account_confirmation import AccountAnswer, AccountConfirmation
from offers.lifecycle.commands import ApprovalDecision, TermChanges
from offers.lifecycle.confirmation_link import ConfirmationLinks, read_link_keys
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from runtime.settings import TemporalSettings, WorkerSettings, read_settings
from runtime.temporal import add_search_attributes, data_converter
from runtime.workers import serve
from sandbox.aws.marketplace_state import Agreement, Buyer, Offer
from sandbox.clazar.private_offers import private_offers
from sandbox.marketplace.agreements import end
from sandbox.marketplace.buyers import accept
from sandbox.server import Sandbox
from sandbox.world import World
from tests.support.builders import BUYER
from tests.support.fault_injection import FaultInjection
from tests.support.server_time import ServerTime
from tests.support.visibility import Visibility
from workflows.offer.search_attributes import KEYS
from workflows.offer.workflow import OfferWorkflow
from workflows.schedules.agreement_watch import AgreementWatch
from workflows.schedules.clazar_watch import ClazarWatch
from workflows.schedules.payout_sweep import PayoutSweep, PayoutSweepRequest
from workflows.schedules.watch import WatchRequest

T = TypeVar("T")

OPPORTUNITY = "0065g00000AbCdEAAV"
START_ATTEMPTS = 3
STEP = timedelta(minutes=5)
"""How much time is skipped at least between two checks for a stage."""
PENDING_WORKFLOW_TASK = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
)
"""The last event of a history that the worker has not handled yet: a query would be too early."""
PATIENT_CHECKS = 50
SCHEDULED = PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
STANDS_STILL_AFTER, NEXT_LOCK_AFTER = 10, 2
"""Real seconds; the client waits for 30."""
LOST_TASK_AFTER = 60
"""Real seconds."""
LOST_TASK = (
    f"a workflow task was not completed in {LOST_TASK_AFTER} s. The time-skipping server (1.40.0)"
    " loses the answer of a worker that cancels an activity which was completed meanwhile"
    " (ACTIVITY_UNKNOWN): let the offer settle before what cancels its activities"
)
SHORT_TASK = timedelta(seconds=2)
QUERY_ATTEMPTS, QUERY_TIMEOUT = 10, timedelta(seconds=3)
"""A lost query is not answered however long one waits."""
FIELDS = Path(__file__).parents[2] / "examples" / "fields.toml"
POLICY = Path(__file__).parent / "policy.toml"
CONFIRMING_POLICY = POLICY.with_name("policy-confirm-account.toml")
"""Buyers must confirm their account."""
CONSOLE = "https://offers.example.com"
LINK_KEY = Fernet.generate_key().decode()
FILES = {
    "OFFERS_FIELDS": str(FIELDS),
    "OFFERS_POLICY": str(POLICY),
    "OFFERS_CONSOLE_URL": CONSOLE,
    "OFFERS_LINK_KEYS": LINK_KEY,
}


def installed_program(name: str) -> str:
    """The path of a program that is installed in Python's environment, or on the `PATH`."""
    found = shutil.which(
        name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    assert found, f"{name} is not installed: run make setup"
    return found


async def start_server(
    start: Callable[[], Awaitable[WorkflowEnvironment]],
) -> WorkflowEnvironment:
    """Start a Temporal server, again if it is not there within the five seconds that the SDK gives
    it: on a busy machine, or if another program takes one of its ports meanwhile."""
    for _ in range(START_ATTEMPTS - 1):
        with suppress(RuntimeError):
            return await start()
    return await start()


@contextmanager
def environment_variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set some environment variables of the process for the length of a block."""
    before = dict(os.environ)
    _set_environment(before | dict(values))
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(wanted: Mapping[str, str]) -> None:
    """Change what differs, and nothing else: the C library lets no other thread read meanwhile, and
    Temporal's threads do."""
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


class RepeatingClient(OfferClient):
    """A client that asks again: the time-skipping server loses queries about a run that continues,
    and those to a worker that is killed."""

    async def record(self, path: str, within: timedelta | None = None) -> OfferRecord:
        """The record of an offer."""
        for _ in range(QUERY_ATTEMPTS - 1):
            with suppress(NoAnswer):
                return await super().record(path, within or QUERY_TIMEOUT)
        return await super().record(path, within)


class WorkflowHarness:
    """The offer of one opportunity, and what people, buyers and vendors do with it."""

    def __init__(
        self,
        server: WorkflowEnvironment,
        time: ServerTime,
        sandbox: Sandbox,
        visibility: Visibility,
    ) -> None:
        self.server = server
        self.opportunity_id = OPPORTUNITY
        self.account = BUYER
        self.time = time
        self.temporal_client = client = server.client
        self.sandbox = sandbox
        self.visibility = visibility
        self.world = sandbox.world
        self.vendors = sandbox.world.faults
        """Their faults: `harness.vendors.smtp.down()`."""
        self.start_date = time().date()
        self._new_worker: Callable[[], AbstractAsyncContextManager[None]]
        self._worker: AbstractAsyncContextManager[None] | None = None
        self._serves_all_queues = True
        self.clazar_watched = True
        """Whether Clazar's change feed is read when it has a new offer after time was skipped."""
        self._seen_in_clazar: set[str] = set()
        self.client = RepeatingClient(client)
        self.handle: WorkflowHandle[OfferWorkflow, OfferRecord] = client.get_workflow_handle_for(
            OfferWorkflow.run, workflow_id(OPPORTUNITY)
        )

    async def start_worker(
        self, worker: Callable[[], AbstractAsyncContextManager[None]] | None = None
    ) -> None:
        """Start workers; those of before if they are not given."""
        self._new_worker = worker or self._new_worker
        self._worker = self._new_worker()
        await self._worker.__aenter__()

    async def stop_worker(self) -> None:
        """Stop the workers, if they run."""
        worker, self._worker = self._worker, None
        if worker:
            await worker.__aexit__(None, None, None)

    def put_opportunity(self, **fields: Any) -> None:
        """Put the opportunity into Salesforce: valid, except for the given fields."""
        self.world.salesforce.put_opportunity(
            opportunity_fields(self.opportunity_id, **{"AWS_Account_Id__c": self.account} | fields),
        )

    async def start(self, **terms: Any) -> OfferRecord:
        """Start the offer and wait for its draft."""
        return await self.client.start(self.opportunity_id, terms)

    async def share(self, **terms: Any) -> OfferRecord:
        """Start the offer, approve its exceptions, and skip time until it is shared."""
        if (await self.start(**terms)).awaiting_approval:
            await self.approve_all()
        return await self.advance_until(Stage.SHARED)

    async def sell(self, **terms: Any) -> OfferRecord:
        """Share the offer, let the buyer accept it, and read AWS's agreement feed."""
        self.accept(await self.share(**terms))
        await self.watch_agreements()
        return await self.settle()

    async def share_amendment(
        self, changes: TermChanges, path: str = f"{OPPORTUNITY}/amendment/1"
    ) -> OfferRecord:
        """Request an amendment, approve its exceptions, and skip time until it is shared."""
        await self.client.amend(self.opportunity_id, changes)
        await self.approve_all(path)
        return await self.advance_until(Stage.SHARED, path=path)

    def client_of(self, person: str) -> OfferClient:
        """The client of somebody known by mail address."""
        return RepeatingClient(self.temporal_client, by=person)

    async def record(self, path: str | None = None) -> OfferRecord:
        """The record of an offer, after the worker has handled all events of the server."""
        handle = self.temporal_client.get_workflow_handle(workflow_id(path or self.opportunity_id))
        deadline = asyncio.get_running_loop().time() + LOST_TASK_AFTER
        while (await handle.fetch_history()).events[-1].event_type in PENDING_WORKFLOW_TASK:
            assert asyncio.get_running_loop().time() < deadline, LOST_TASK
            await asyncio.sleep(0.01)
        # Not by the client: the time-skipping server describes an unset search attribute as null.
        # It also loses queries about a run that continues.
        for _ in range(QUERY_ATTEMPTS - 1):
            with suppress(RPCError):
                return await handle.query(OfferWorkflow.get_record, rpc_timeout=QUERY_TIMEOUT)
        return await handle.query(OfferWorkflow.get_record)

    async def advance(self, **duration: float) -> OfferRecord:
        """Skip time; returns the record after it."""
        await self._wait_until_begun()
        await self.sleep(timedelta(**duration))
        return await self.record()

    async def sleep(self, duration: timedelta) -> None:
        """Skip time, at the server and in the sandbox."""
        await self._skip(duration)
        self.time.advance_to(await self.server.get_current_time())
        self.world.advance()
        shown = {each["id"] for each in private_offers(self.world)}
        if self.clazar_watched and shown - self._seen_in_clazar and await self.watch_clazar():
            self._seen_in_clazar |= shown
            await self.sleep(timedelta(seconds=2))

    async def _skip(self, duration: timedelta) -> None:
        """Skip time at the server.

        On a busy machine it now and then keeps its time locked for calls that have ended
        (temporal-test-server 1.40.0); then the locks are taken away, one after the other.
        """
        skipping = asyncio.ensure_future(self.server.sleep(duration))
        await asyncio.wait([skipping], timeout=STANDS_STILL_AFTER)
        while not skipping.done():
            with suppress(RPCError):  # there is no lock
                await self.temporal_client.test_service.unlock_time_skipping(
                    UnlockTimeSkippingRequest()
                )
            await asyncio.wait([skipping], timeout=NEXT_LOCK_AFTER)
        await skipping

    async def _wait_until_begun(self) -> None:
        """Wait until workers have begun each first attempt of the offer's activities.

        On a busy machine the server would skip time before.
        """
        passed = 0.0
        while self._serves_all_queues and self._worker and passed < STANDS_STILL_AFTER:
            try:
                described = await describe(self.temporal_client, self.handle.id)
            except RPCError:  # it is not started yet
                return
            if not any(
                each.state == SCHEDULED and each.attempt == 1
                for each in described.pending_activities
            ):
                return
            await asyncio.sleep(0.01)
            passed += 0.01

    async def advance_until(
        self, stage: Stage, *, within: timedelta = timedelta(hours=6), path: str | None = None
    ) -> OfferRecord:
        """Skip time until the offer enters a stage."""
        passed = timedelta()
        while (record := await self.record(path)).stage is not stage:
            assert passed < within, f"still {record.stage} after {passed}, not {stage}"
            step = max(STEP, self._time_to_release(record))
            await self.sleep(step)
            passed += step
        return record

    def _time_to_release(self, record: OfferRecord) -> timedelta:
        """How long AWS still needs for the offer's change set, once it has found it valid."""
        change_set = self.world.aws.change_sets.get(record.change_set_id or "")
        if change_set is None or change_set.status != "APPLYING":
            return timedelta()
        needed = timedelta(minutes=self.world.aws.change_set_processing.publish_minutes)
        return change_set.started_at + needed - self.time()

    async def advance_to_end(self, *, within: timedelta = timedelta(days=100)) -> OfferRecord:
        """Skip time until the offer has ended; returns its record then.

        Mails and write-backs about the end are done; the workflow itself may still be open.
        """
        steps = [timedelta(seconds=2), *[timedelta(minutes=10)] * 12]
        passed = timedelta()
        while not (record := await self.record()).stage.is_end:
            assert passed < within, f"still {record.stage} after {passed}"
            step = steps.pop(0) if steps else timedelta(days=1)
            await self.sleep(step)
            passed += step
        return await (
            self.advance_until_closed() if record.stage is Stage.CANCELLED else self.settle()
        )

    async def advance_until_closed(self, *, within: timedelta = timedelta(days=500)) -> OfferRecord:
        """Skip time until the workflow has closed; returns its result."""
        passed = timedelta()
        while (await self.handle.describe()).status is WorkflowExecutionStatus.RUNNING:
            assert passed < within, f"still open after {passed}"
            await self.sleep(timedelta(days=7))
            passed += timedelta(days=7)
        return await self.handle.result()

    @asynccontextmanager
    async def advance_until_answered(
        self, request: Awaitable[T]
    ) -> AsyncIterator[asyncio.Future[T]]:
        """Skip time until a request is answered that needs minutes of AWS's time."""
        answer = asyncio.ensure_future(request)
        while not answer.done():
            await asyncio.wait([answer], timeout=0.05)
            if not answer.done():
                await self.sleep(timedelta(minutes=1))
        yield answer

    async def approve_all(self, path: str | None = None) -> OfferRecord:
        """Approve every exception that waits, each with its role."""
        record = await self.record(path)
        for role in {finding.role for finding in record.awaiting_approval}:
            by = {"legal": "legal@example.com"}.get(role or "", "desk@example.com")
            await self.client.approve(path or self.opportunity_id, ApprovalDecision(by=by))
        await self.sleep(timedelta(seconds=2))
        return await self.record(path)

    async def history_events(self) -> list[str]:
        """The types of the events in the workflow's history, without workflow tasks."""
        history = (await self.handle.fetch_history()).events
        kinds = [EventType.Name(event.event_type) for event in history]
        return [kind for kind in kinds if not kind.startswith("EVENT_TYPE_WORKFLOW_TASK_")]

    async def settle(self) -> OfferRecord:
        """Skip the seconds that mails and write-backs under way need to finish."""
        await self._wait_until_begun()
        await self.sleep(timedelta(seconds=2))
        return await self.record()

    def day(self, number: int) -> date:
        """A day (UTC), counted from the one on which the test began."""
        return self.start_date + timedelta(days=number)

    def set_buyer(self, *, accepts_after: float | None, account: str = BUYER) -> None:
        """Set how many days after its release the buyer accepts an offer; None: never."""
        self.world.aws.buyers[account] = Buyer(account, accept_after_days=accepts_after)

    def schedule_acceptance(self, moment: datetime) -> None:
        """Let the buyer accept the only offer at a time."""

        def accept_offer(_: datetime) -> None:
            (offer,) = self.world.aws.offers.values()
            accept(self.world, offer.id, offer.buyer_accounts[0])

        self.world.schedule(moment, accept_offer)

    def change_before_read_back(self, change: Callable[[Offer], object]) -> None:
        """Change the only offer in AWS between its release and the moment it is read back."""
        (change_set,) = self.world.aws.change_sets.values()

        def change_offer(_: datetime) -> None:
            (offer,) = self.world.aws.offers.values()
            change(offer)

        self.world.schedule(change_set.started_at + timedelta(minutes=45, seconds=30), change_offer)

    async def summary_card(self) -> str:
        """What the Temporal UI shows as the workflow's current details."""
        metadata: WorkflowMetadata = await self.handle.query(
            "__temporal_workflow_metadata", result_type=WorkflowMetadata
        )
        return metadata.current_details

    def accept(self, offered: OfferRecord) -> Agreement:
        """Let the buyer accept an offer now."""
        return accept(self.world, offered.require_offer_id(), self.account)

    def end_agreement(self, status: str) -> None:
        """End the first agreement in AWS."""
        end(self.world, self.agreement(), status)

    def agreement(self) -> Agreement:
        """The first agreement that AWS has."""
        return next(iter(self.world.aws.agreements.values()))

    async def watch_agreements(self) -> None:
        """Read AWS's agreement feed once, as its Schedule does every few minutes."""
        request = WatchRequest(clock=Clock(), overlap=timedelta(hours=1))
        assert await self.run_schedule(AgreementWatch, request)

    async def watch_clazar(self) -> bool:
        """Read Clazar's change feed once, as its Schedule does every few minutes.

        Returns whether it could be read.
        """
        return await self.run_schedule(
            ClazarWatch, WatchRequest(clock=Clock(), overlap=timedelta(hours=1))
        )

    async def sweep_payouts(self) -> None:
        """Read the payout data once, as its Schedule does every day."""
        assert await self.run_schedule(PayoutSweep, PayoutSweepRequest())

    async def run_schedule(self, scheduled: Any, request: BaseModel | None) -> bool:
        """Run the workflow of a Schedule once; returns whether it succeeded."""
        handle = await self.temporal_client.start_workflow(
            scheduled.run,
            args=[request] if request else [],
            id=str(uuid.uuid4()),
            task_queue=TaskQueue.OFFERS,
        )
        # Not by its result: while a client waits for one, the server skips all time it can.
        for check in count():
            status = (await handle.describe()).status
            if status is not WorkflowExecutionStatus.RUNNING:
                return status is WorkflowExecutionStatus.COMPLETED
            await asyncio.sleep(0.01)
            if check > PATIENT_CHECKS:  # a call that failed is repeated later
                await self.server.sleep(timedelta(seconds=10))
        raise AssertionError("it never ends")

    def confirmation_tokens(self) -> list[str]:
        """The tokens of the links that the buyer has got, the oldest first."""
        found = re.compile(rf"{CONSOLE}/confirm/(\S+)")
        return [token for mail in self.world.mail.messages for token in found.findall(mail.text)]

    async def confirm_account(self, accounts: str, token: str | None = None) -> AccountConfirmation:
        """What the buyer answers by the link in the last mail, or by another one."""
        links = ConfirmationLinks(CONSOLE, read_link_keys(LINK_KEY))
        found = links.read(
            token or self.confirmation_tokens()[-1], datetime.min.replace(tzinfo=UTC)
        )
        answer = AccountAnswer.model_validate({"nonce": found.nonce, "accounts": accounts})
        return await self.client.confirm_account(found.offer, answer)

    def mail_subjects(self) -> list[str]:
        """The subjects of all mails so far."""
        return [mail.subject for mail in self.world.mail.messages]

    def count_acceptable_offers(self) -> int:
        """How many offers a buyer could accept in AWS now."""
        return count_acceptable_offers(self.world)

    def salesforce_fields(self) -> dict[str, Any]:
        """The opportunity's fields."""
        return self.world.salesforce.opportunities[self.opportunity_id]

    def stages_in_salesforce(self) -> list[str]:
        """Every stage that was written to the opportunity, in order, without repetitions."""
        written = [
            entry["fields"]["Offer_Stage__c"]
            for entry in self.salesforce_fields().get("_history", [])
        ]
        return [stage for i, stage in enumerate(written) if i == 0 or written[i - 1] != stage]


def count_acceptable_offers(world: World) -> int:
    """How many offers a buyer could accept in AWS now."""
    return sum(world.aws.acceptable(offer) for offer in world.aws.offers.values())


def opportunity_fields(opportunity_id: str, **fields: Any) -> dict[str, Any]:
    """A won opportunity of Salesforce with a signed order form."""
    return {
        "Id": opportunity_id,
        "Name": "Example Corp - annual plan",
        "AccountId": "0015g00000AbCdEAAV",
        "Account": {"Name": "Example Corp"},
        "OwnerId": "0055g00000AbCdEAAV",
        "Owner": {
            "Name": "Example Owner",
            "Email": "owner@example.com",
            "TimeZoneSidKey": "Europe/Berlin",
        },
        "Amount": 120000.00,
        "CurrencyIsoCode": "USD",
        "StageName": "Closed Won",
        "CloseDate": "2026-03-01",
        "AWS_Account_Id__c": BUYER,
        "Billing_Method__c": "AWS Marketplace",
        "Buyer_Name__c": "Example Buyer",
        "Buyer_Email__c": "buyer@example.com",
        "Buyer_Time_Zone__c": "Europe/Berlin",
        "Buyer_Country__c": "DE",
        "Order_Form_Signed__c": True,
    } | fields


@asynccontextmanager
async def open_harness(
    queues: tuple[TaskQueue, ...] = tuple(TaskQueue),
    policy: Path = POLICY,
    run_worker: Callable[[Client, ServerTime], AbstractAsyncContextManager[None]] | None = None,
    *,
    injection: FaultInjection | None = None,
    can_stop_worker: bool = False,
) -> AsyncIterator[WorkflowHarness]:
    """Start a time-skipping Temporal server, a sandbox with its clock, and workers for both.

    `injection`: the faults that activities meet.  `run_worker`: None for workers on these task
    queues in this process.  `can_stop_worker`: whether they cache no workflow; else the server
    would wait for the stopped worker's own queue.
    """
    time, visibility = ServerTime(), Visibility()
    async with (
        await start_server(
            lambda: WorkflowEnvironment.start_time_skipping(
                test_server_existing_path=installed_program("temporal-test-server"),
                data_converter=data_converter(TemporalSettings()),
                interceptors=[time, visibility, *([injection] if injection else [])],
            )
        ) as temporal,
        Sandbox(time) as sandbox,
    ):
        client = visibility.client = temporal.client
        if can_stop_worker:
            # A worker that caches no workflow hands in a local activity only when the task nearly
            # times out.
            visibility.task_timeout = SHORT_TASK
        if injection:
            injection.sandbox = sandbox
        await add_search_attributes(client, KEYS)
        # The sandbox's rate limits count real seconds and minutes, and none pass here.
        sandbox.world.aws.throttle = sandbox.world.clazar.rate_limits = False
        time.advance_to(await temporal.get_current_time())
        with environment_variables(
            {**sandbox.addresses.env, **FILES, "OFFERS_POLICY": str(policy)}
        ):
            harness = WorkflowHarness(temporal, time, sandbox, visibility)
            harness._serves_all_queues = set(queues) == set(TaskQueue)
            harness.put_opportunity()
            await harness.start_worker(
                (lambda: run_worker(client, time))
                if run_worker
                else (lambda: worker_on(client, queues, cache=not can_stop_worker))
            )
            try:
                yield harness
            finally:
                await harness.stop_worker()


@asynccontextmanager
async def worker_on(
    client: Client, queues: Collection[TaskQueue], *, cache: bool = True
) -> AsyncIterator[None]:
    """Workers in this process."""
    stop = asyncio.Event()
    settings = read_settings(WorkerSettings)
    if not cache:
        settings = settings.model_copy(update={"offers_cached_workflows": 0})
    serving = asyncio.create_task(serve(client, settings, queues, stop))
    try:
        yield
    finally:
        stop.set()
        await serving
