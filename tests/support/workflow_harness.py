"""A whole life in a test: the time-skipping Temporal server, the sandbox and real workers.

Thirty days pass in an instant, over real HTTP, SMTP and TLS.  The sandbox stands at the server's
time: whatever an activity asks for, it asks at the instant the server started it.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import temporalio.client
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.clazar.disbursements import ClazarDisbursements
from activities.clazar.offers import Clazar, LinkOffer
from activities.task_queues import TaskQueue
from activities.temporal.signals import OfferSignal, send
from cli.offer_client import OfferClient
from offers.agreements.agreement import AgreementReport
from offers.ids import parse_reference, workflow_id
from offers.lifecycle.clazar_field_sheet import opportunities_named_in
from offers.lifecycle.commands import ApprovalDecision
from offers.lifecycle.record import OfferRecord
from offers.payouts.model import Payout
from offers.preflight.marketplace import ObservedOffer
from offers.stage import Stage
from runtime import clients
from runtime.settings import TemporalSettings, WorkerSettings, read_settings
from runtime.temporal import add_search_attributes, data_converter
from runtime.workers import serve
from sandbox.clazar.resources import private_offers
from sandbox.marketplace.agreements import end
from sandbox.marketplace.buyers import accept
from sandbox.salesforce.records import put_opportunity
from sandbox.server import Sandbox
from sandbox.world import Agreement, Buyer
from tests.support.builders import BUYER
from workflows.offer.search_attributes import KEYS
from workflows.offer.workflow import OfferWorkflow

T = TypeVar("T")

OPPORTUNITY = "0065g00000AbCdEAAV"
STEP = timedelta(minutes=5)
"""How finely time passes while a test waits for a stage."""
PENDING_WORKFLOW_TASK = (
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
)
"""How a history ends that the worker has yet to answer: a query would not show the news."""
FIELDS = Path(__file__).parents[2] / "examples" / "fields.toml"
POLICY = Path(__file__).parent / "policy.toml"
FILES = {"OFFERS_FIELDS": str(FIELDS), "OFFERS_POLICY": str(POLICY)}


def installed_program(name: str) -> str:
    """The path of a program that was installed beside Python."""
    found = shutil.which(
        name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    assert found, f"{name} is not installed: run make setup"
    return found


@contextmanager
def environment_variables(values: Mapping[str, str]) -> Iterator[None]:
    """The process's environment with some values for a while."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class ServerTime(temporalio.client.Interceptor, Interceptor):
    """Keeps the sandbox at the Temporal server's time."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance_to(self, moment: datetime) -> None:
        """Time never goes back."""
        self.now = max(self.now, moment)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Each activity brings the sandbox to the instant it was started at."""
        time = self

        class Reach(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:
                time.advance_to(activity.info().started_time)
                return await super().execute_activity(input)

        return Reach(next)


class WorkflowHarness:
    """One opportunity, and everything that can happen to its offer."""

    def __init__(
        self,
        temporal: WorkflowEnvironment,
        time: ServerTime,
        sandbox: Sandbox,
        opportunity: str = OPPORTUNITY,
        account: str = BUYER,
    ) -> None:
        self.server = temporal
        self.opportunity_id = opportunity
        self.account = account
        self.time = time
        self.temporal_client = client = temporal.client
        self.sandbox = sandbox
        self.world = sandbox.world
        self.start_date = time().date()
        self.clazar_feed_enabled = True
        """Whether anybody reads Clazar's feed as time passes."""
        self._seen_in_clazar: set[str] = set()
        self.client = OfferClient(client)
        self.handle: WorkflowHandle[OfferWorkflow, OfferRecord] = client.get_workflow_handle_for(
            OfferWorkflow.run, workflow_id(opportunity)
        )

    def put_opportunity(self, **fields: Any) -> None:
        """Put the opportunity into Salesforce; fields given here overrule legal ones."""
        put_opportunity(
            self.world,
            opportunity_fields(self.opportunity_id, **{"AWS_Account_Id__c": self.account} | fields),
        )

    async def start(self, **terms: Any) -> OfferRecord:
        """Start the offer and wait until it is drafted."""
        return await self.client.start(self.opportunity_id, terms)

    async def record(self) -> OfferRecord:
        """The offer's record, once the worker has seen all that the server has for it."""
        while (await self.handle.fetch_history()).events[-1].event_type in PENDING_WORKFLOW_TASK:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return await self.handle.query(OfferWorkflow.get_record)

    async def advance(self, **duration: float) -> OfferRecord:
        """Let time pass, and give the record then."""
        await self.sleep(timedelta(**duration))
        return await self.record()

    async def sleep(self, duration: timedelta) -> None:
        """Let time pass, at the server and in the world."""
        await self.server.sleep(duration)
        self.time.advance_to(await self.server.get_current_time())
        self.world.advance()
        if self.clazar_feed_enabled and await self.report_clazar():
            await self.sleep(timedelta(seconds=2))

    async def advance_until(
        self, stage: Stage, *, within: timedelta = timedelta(hours=6), path: str | None = None
    ) -> OfferRecord:
        """Let as much time pass as a stage needs to begin."""
        passed = timedelta()
        while (record := await self.client.record(path or self.opportunity_id)).stage is not stage:
            assert passed < within, f"still {record.stage} after {passed}, not {stage}"
            await self.sleep(STEP)
            passed += STEP
        return record

    async def advance_to_end(self, *, within: timedelta = timedelta(days=100)) -> OfferRecord:
        """Let as much time pass as the offer needs to end, and give its record then.

        All that follows from the end has happened, though the workflow may stay open for a while.
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
        """Let as much time pass as the workflow needs to close, and give its result."""
        passed = timedelta()
        while (await self.handle.describe()).status is WorkflowExecutionStatus.RUNNING:
            assert passed < within, f"still open after {passed}"
            await self.sleep(timedelta(days=7))
            passed += timedelta(days=7)
        return await self.handle.result()

    @asynccontextmanager
    async def advance_until_answered(
        self, answer: Awaitable[T]
    ) -> AsyncIterator[asyncio.Future[T]]:
        """Somebody waits for an answer that takes AWS some minutes: let them pass meanwhile."""
        asked = asyncio.ensure_future(answer)
        while not asked.done():
            await asyncio.wait([asked], timeout=0.05)
            if not asked.done():
                await self.sleep(timedelta(minutes=1))
        yield asked

    async def approve_all(self, path: str | None = None) -> OfferRecord:
        """Everybody who may approves what waits."""
        record = await self.client.record(path or self.opportunity_id)
        for role in {finding.role for finding in record.awaiting_approval}:
            by = {"legal": "legal@example.com"}.get(role or "", "desk@example.com")
            await self.client.approve(path or self.opportunity_id, ApprovalDecision(by=by))
        await self.sleep(timedelta(seconds=2))
        return await self.client.record(path or self.opportunity_id)

    async def history_events(self) -> list[str]:
        """What the workflow's history says, but for the turns of the worker."""
        history = (await self.handle.fetch_history()).events
        kinds = [EventType.Name(event.event_type) for event in history]
        return [kind for kind in kinds if not kind.startswith("EVENT_TYPE_WORKFLOW_TASK_")]

    async def settle(self) -> OfferRecord:
        """Give errands that need no waiting (mails, write-backs) the time to finish."""
        await self.sleep(timedelta(seconds=2))
        return await self.record()

    def day(self, number: int) -> date:
        """A day (UTC), counted from the one on which the test began."""
        return self.start_date + timedelta(days=number)

    def set_buyer(self, *, accepts_after: float | None, account: str = BUYER) -> None:
        """How the buyer behaves, in days from release."""
        self.world.buyers[account] = Buyer(account, accept_after_days=accepts_after)

    def schedule_acceptance(self, moment: datetime) -> None:
        """The buyer accepts at an instant."""

        def happen(_: datetime) -> None:
            (offer,) = self.world.offers.values()
            accept(self.world, offer.id, offer.buyer_accounts[0])

        self.world.schedule(moment, happen)

    async def summary_card(self) -> str:
        """What the Temporal UI shows as the workflow's current details."""
        metadata: WorkflowMetadata = await self.handle.query(
            "__temporal_workflow_metadata", result_type=WorkflowMetadata
        )
        return metadata.current_details

    def agreement(self) -> Agreement:
        """The first agreement that AWS has."""
        return next(iter(self.world.agreements.values()))

    async def report_acceptance(self) -> None:
        """What MarketplaceWatch does when it sees the agreement in the feed."""
        await self.report_agreement(self.agreement())

    async def end_agreement(self, status: str) -> None:
        """The agreement ends early, and the feed tells of it."""
        agreement = self.agreement()
        end(self.world, agreement, status)
        await self.report_agreement(agreement)

    async def report_agreement(self, agreement: Agreement, path: str | None = None) -> None:
        """What MarketplaceWatch does when it sees an agreement in the feed."""
        report = AgreementReport(
            agreement_id=agreement.id,
            offer_id=agreement.offer_id,
            status=agreement.status,
            updated_at=agreement.last_update or agreement.accepted_at,
        )
        handle = self.temporal_client.get_workflow_handle(workflow_id(path or self.opportunity_id))
        await handle.signal(OfferWorkflow.agreement_reported, report)

    async def report_payout(self, path: str | None = None, offer_id: str | None = None) -> Payout:
        """What DisbursementSweep does when it sees a payout in the data."""
        client = clients.clazar_client(read_settings(WorkerSettings))
        try:
            data = ClazarDisbursements(client)
            reading = await data.read({offer_id} if offer_id else None, self.time().date())
        finally:
            await client.close()
        (payout,) = reading.complete_payouts.values()
        await self.temporal_client.get_workflow_handle(
            workflow_id(path or self.opportunity_id)
        ).signal(OfferWorkflow.payout_reported, payout)
        return payout

    async def report_clazar(self) -> bool:
        """What ClazarWatch does when it sees offers in the change feed; whether it saw any."""
        before = len(self._seen_in_clazar)
        for row in private_offers(self.world):
            offer = self.world.offers[row["cloud_id"]]
            references = [parse_reference(word) for word in (offer.description or "").split(":")]
            paths = {*filter(None, references), *opportunities_named_in(offer.name or "")}
            if row["id"] in self._seen_in_clazar or not paths:
                continue
            self._seen_in_clazar.add(row["id"])
            tied_to = await self._link(row["id"], next(filter(None, references), None))
            seen = ObservedOffer(
                offer_id=offer.id, name=offer.name, clazar_id=row["id"], linked_to=tied_to
            )
            await send(
                self.temporal_client,
                [OfferSignal(workflow_id(p), "offer_observed", seen) for p in paths],
            )
        return len(self._seen_in_clazar) > before

    async def _link(self, clazar_id: str, path: str | None) -> str | None:
        """An offer that was made by us is tied before it is told of, if Clazar lets it be."""
        if path is None:
            return None
        client = clients.clazar_client(read_settings(WorkerSettings))
        link = LinkOffer(clazar_id=clazar_id, opportunity_id=path.partition("/")[0])
        try:
            tied = await ActivityEnvironment().run(Clazar(client).link_offers, [link])
        finally:
            await client.close()
        return link.opportunity_id if tied else None

    def mail_subjects(self) -> list[str]:
        """The subjects of all mails so far."""
        return [mail.subject for mail in self.world.mails]

    def count_acceptable_offers(self) -> int:
        """How many offers a buyer could accept in AWS now."""
        return sum(self.world.acceptable(offer) for offer in self.world.offers.values())

    def salesforce_fields(self) -> dict[str, Any]:
        """The opportunity's fields."""
        return self.world.opportunities[self.opportunity_id]

    def stages_in_salesforce(self) -> list[str]:
        """Every stage that was written to the opportunity, in order, repetitions left out."""
        written = [
            entry["fields"]["Offer_Stage__c"]
            for entry in self.salesforce_fields().get("_history", [])
        ]
        return [stage for i, stage in enumerate(written) if i == 0 or written[i - 1] != stage]


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
        "Order_Form_Signed__c": True,
    } | fields


@asynccontextmanager
async def open_harness(
    queues: tuple[TaskQueue, ...] = tuple(TaskQueue), policy: Path = POLICY
) -> AsyncIterator[WorkflowHarness]:
    """A Temporal server that skips time, a sandbox at its time, and workers on both."""
    time = ServerTime()
    async with (
        await WorkflowEnvironment.start_time_skipping(
            test_server_existing_path=installed_program("temporal-test-server"),
            data_converter=data_converter(TemporalSettings()),
            interceptors=[time],
        ) as temporal,
        Sandbox(time) as sandbox,
    ):
        client = temporal.client
        await add_search_attributes(client, KEYS)
        # Vendors count calls by real seconds and minutes, of which none pass here.
        sandbox.world.throttle = sandbox.world.clazar_rate_limits = False
        time.now = await temporal.get_current_time()
        with environment_variables(
            {**sandbox.addresses.env, **FILES, "OFFERS_POLICY": str(policy)}
        ):
            stop = asyncio.Event()
            settings = read_settings(WorkerSettings)
            working = asyncio.create_task(serve(client, settings, queues, stop, [OfferWorkflow]))
            try:
                harness = WorkflowHarness(temporal, time, sandbox)
                harness.put_opportunity()
                yield harness
            finally:
                stop.set()
                await working
