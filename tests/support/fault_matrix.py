"""Lives in which activities meet faults, and what must hold after each.

A fault does not change how a life ends: it is retried, or a person renews, corrects or looks up
what the attention names, and resumes.
"""

import asyncio
import io
import itertools
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

from pypdf import PdfWriter
from temporalio.client import Client

from client.offer_client import NoAnswer, RequestRejected
from offers.agreements.agreement import CancellationReasonCode, CancellationRequestInput
from offers.clock import Clock
from offers.ids import offer_path, workflow_id
from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.payouts.refund import RefundRequest, RefundStatus
from offers.policy.policy import CreationMethod
from offers.stage import Stage
from sandbox.clazar.manual_offers import create_manual_offer
from sandbox.marketplace.buyers import accept
from sandbox.world import World
from tests.support.fault_injection import (
    Attempt,
    FaultInjection,
    Operation,
    patched_clients,
)
from tests.support.workflow_harness import (
    OPPORTUNITY,
    WorkflowHarness,
    count_acceptable_offers,
    open_harness,
    opportunity_fields,
)
from workflows.schedules.agreement_watch import AgreementWatch
from workflows.schedules.clazar_watch import ClazarWatch
from workflows.schedules.opportunity_intake import IntakeRequest, OpportunityIntake
from workflows.schedules.payout_sweep import PayoutSweep, PayoutSweepRequest
from workflows.schedules.watch import WatchRequest

T = TypeVar("T")

BUYER_EMAIL = "buyer@example.com"
AMENDMENT = offer_path(OPPORTUNITY, 1)
CONTRACT = "s3://example-offers/eula.pdf"
LONG = timedelta(days=60)
SCHEDULE_RUNS = 40
"""Runs of a Schedule until one succeeds: each call of it may meet a fault."""
WATCH = WatchRequest(clock=Clock(), overlap=timedelta(hours=1))
NOT_FOR_RESUME = {
    AttentionCode.APPROVAL_REQUIRED,
    AttentionCode.AWAITING_CLAZAR_OFFER,
    AttentionCode.PUBLICATION_DELAYED,
    AttentionCode.PAYOUT_OVERDUE,
}


@dataclass
class Outcome:
    """What a fault must not change."""

    stages: list[str]
    """Of the offer and its amendment."""
    agreements: list[str]
    """Their statuses in AWS."""
    mails: list[str]
    """The subjects of those to the buyer, sorted."""
    payouts: Sequence[str | None]


class Violation(AssertionError):
    """What does not hold after a life."""


@dataclass
class Life:
    """An opportunity whose activities meet faults, and a person who answers each attention."""

    harness: WorkflowHarness
    injection: FaultInjection
    answered: Counter[str] = field(default_factory=Counter)
    """The codes of the attentions that the person answered."""
    delivered_in_doubt: int = 0
    """Mails that the person found in the mail server's log."""

    async def records(self) -> list[OfferRecord]:
        """The record of the offer and of its amendments."""
        first = await self.harness.record()
        return [first, *[await self.harness.record(AMENDMENT) for _ in first.amendments[:1]]]

    async def answer_attentions(self) -> None:
        """Answer every attention."""
        for record in await self.records():
            if record.awaiting_approval:
                await self._approve(record)
            for attention in record.attentions:
                if attention.code not in NOT_FOR_RESUME:
                    self.answered[attention.code] += 1
                    await self._answer(record, attention.code)

    async def _approve(self, record: OfferRecord) -> None:
        for role in {finding.role for finding in record.awaiting_approval}:
            by = {"legal": "legal@example.com"}.get(role or "", "desk@example.com")
            await self.send(self.harness.client.approve(record.path, ApprovalDecision(by=by)))

    async def _answer(self, record: OfferRecord, code: AttentionCode) -> None:
        self.injection.end_permanent_faults()
        client = self.harness.client
        if code is not AttentionCode.EMAIL_DELIVERY_UNKNOWN:
            await self.send(client.resume(record.path, code))
        elif await self._was_delivered():
            self.delivered_in_doubt += 1
            await self.send(client.resume(record.path, code))
        else:
            await self.send(client.resend(record.path))

    async def _was_delivered(self) -> bool:
        """Whether the mail in doubt arrived: the buyer has one that no activity has completed."""
        arrived = sum(BUYER_EMAIL in m.recipients for m in self.harness.world.mail.messages)
        known = self.delivered_in_doubt
        for record in await self.records():
            workflow = workflow_id(record.path)
            completed = await completed_activities(self.harness.temporal_client, workflow)
            known += completed["send_to_buyer"]
        return arrived > known

    async def send(self, request: Awaitable[Any]) -> None:
        """Send a request that is answered at once; it may come too late."""
        answer = asyncio.ensure_future(request)
        for _ in range(200):
            await asyncio.wait([answer], timeout=0.05)
            if answer.done():
                break
            await self.harness.sleep(timedelta(seconds=1))
        if isinstance(answer.exception(), (RequestRejected, NoAnswer)):
            return
        answer.result()

    async def until(
        self,
        condition: Callable[[list[OfferRecord]], bool],
        *,
        within: timedelta = timedelta(days=3),
        step: timedelta = timedelta(minutes=5),
    ) -> list[OfferRecord]:
        """Skip time until a condition holds; every attention is answered meanwhile."""
        passed = timedelta()
        while not condition(records := await self.records()):
            if passed >= within:
                seen = [(str(r.stage), [str(a.code) for a in r.attentions]) for r in records]
                raise Violation(f"after {passed} still {seen}")
            await self.answer_attentions()
            await self.harness.sleep(step)
            passed += step
            self.check_offers()
        return records

    async def until_stage(self, stage: Stage, number: int = 0) -> OfferRecord:
        """Skip time until the offer, or its amendment of this number, is in a stage."""
        records = await self.until(lambda r: len(r) > number and r[number].stage is stage)
        return records[number]

    async def request(self, make: Callable[[], Awaitable[T]]) -> T:
        """The answer to a request that may take long, because its activities meet faults.

        A request that a vendor's refusal ended is made again.
        """
        for _ in range(SCHEDULE_RUNS):
            answer = asyncio.ensure_future(make())
            await asyncio.wait([answer], timeout=0.1)
            while not answer.done():
                await self.answer_attentions()
                await self.harness.sleep(timedelta(minutes=1))
                await asyncio.sleep(0)
            if not isinstance(answer.exception(), RequestRejected):
                return answer.result()
            await self.settle()
        raise Violation(f"a request is never granted: {answer.exception()}")

    async def run_schedule(self, scheduled: Any, request: Any) -> None:
        """Run the workflow of a Schedule until it succeeds, as the next turns do."""
        for _ in range(SCHEDULE_RUNS):
            if await self.harness.run_schedule(scheduled, request):
                return
            self.injection.end_permanent_faults()
            await self.harness.sleep(timedelta(minutes=5))
        raise Violation(f"{scheduled.__name__} never succeeds")

    async def watch(self) -> None:
        """Read both feeds, and let the offers act on them."""
        await self.run_schedule(AgreementWatch, WATCH)
        await self.run_schedule(ClazarWatch, WATCH)
        await self.settle()

    async def settle(self) -> None:
        """Skip the hours that retries and answers need."""
        for _ in range(4):
            await self.answer_attentions()
            await self.harness.sleep(timedelta(minutes=20))
        await self.until(lambda records: not any(set(codes(r)) - NOT_FOR_RESUME for r in records))
        self.check_offers()

    def check_offers(self) -> None:
        """Assert that the buyer can accept one offer at most."""
        acceptable = count_acceptable_offers(self.harness.world)
        if acceptable > 1:
            raise Violation(f"{acceptable} offers can be accepted")


async def completed_activities(client: Client, workflow: str) -> Counter[str]:
    """How many of a workflow's activities of each type have completed."""
    events = (await client.get_workflow_handle(workflow).fetch_history()).events
    scheduled = {
        event.event_id: event.activity_task_scheduled_event_attributes.activity_type.name
        for event in events
        if event.HasField("activity_task_scheduled_event_attributes")
    }
    return Counter(
        scheduled[event.activity_task_completed_event_attributes.scheduled_event_id]
        for event in events
        if event.HasField("activity_task_completed_event_attributes")
    )


def codes(record: OfferRecord) -> list[AttentionCode]:
    """The codes of a record's attentions."""
    return [attention.code for attention in record.attentions]


# Scenarios ---------------------------------------------------------------------------------------


def put_contract(world: World) -> None:
    """Put the opportunity into Salesforce, with a contract of its own."""
    writer, out = PdfWriter(), io.BytesIO()
    writer.add_blank_page(200, 100)
    writer.write(out)
    world.salesforce.put_opportunity(opportunity_fields(OPPORTUNITY, Eula_Documents__c=CONTRACT))
    world.aws.storage.put("example-offers", "eula.pdf", out.getvalue())


async def share(life: Life, *, by_intake: bool = False) -> OfferRecord:
    """Started, and shared with the buyer.

    The time-skipping server stops when an offer closes that an intake started which has closed.
    """
    put_contract(life.harness.world)
    if by_intake:
        life.harness.visibility.add(workflow_id(OPPORTUNITY))
        intake = IntakeRequest(clock=Clock(), overlap=timedelta(0))
        await life.run_schedule(OpportunityIntake, intake)
    else:
        await life.harness.client.start_without_waiting(OPPORTUNITY)
    record = await life.until_stage(Stage.SHARED)
    await life.watch()
    return record


async def accept_offer(life: Life) -> None:
    (shared, *_) = await life.records()
    accept(life.harness.world, shared.require_offer_id(), life.harness.account)
    await life.watch()
    await life.until_stage(Stage.ACCEPTED)


async def pay_out(life: Life) -> None:
    finance = PayoutSweepRequest(finance=("finance@example.com",))
    await life.harness.sleep(timedelta(days=40))
    await life.settle()
    add_row_of_nobody(life.harness.world)
    await life.run_schedule(PayoutSweep, finance)
    await life.settle()
    await life.run_schedule(PayoutSweep, finance)
    await life.until_stage(Stage.DISBURSED)


def add_row_of_nobody(world: World) -> None:
    """Pay out for no offer: finance gets a mail about it."""
    rows = world.money.disbursements
    rows.append(replace(rows[0], offer_id="", invoice_id="of nobody"))


async def happy(life: Life) -> None:
    """Started by the intake, extended, accepted, paid out."""
    await share(life, by_intake=True)
    longer = Extension(until=life.harness.day(45))
    await life.request(lambda: life.harness.client.extend(OPPORTUNITY, longer))
    await accept_offer(life)
    await pay_out(life)


async def handed_off(life: Life) -> None:
    """Created by a person in Clazar, accepted, paid out."""
    life.harness.put_opportunity()
    client = life.harness.client
    await client.start_without_waiting(OPPORTUNITY, method=CreationMethod.CLAZAR)
    drafted = await life.until_stage(Stage.SUBMITTED)
    await life.settle()
    terms = drafted.require_terms()
    create_manual_offer(
        life.harness.world,
        name=terms.offer_name,
        buyer_accounts=list(terms.buyer_accounts),
        price=terms.price.amount,
        availability_end=terms.availability_end,
    )
    for _ in range(12):
        await life.watch()
    await life.until_stage(Stage.SHARED)
    await accept_offer(life)
    await pay_out(life)


async def amended_before(life: Life) -> None:
    """Another price before the acceptance: withdrawn and created again, accepted, paid out."""
    await share(life)
    price = TermChanges(terms={"price": {"amount": "110000", "currency": "USD"}})
    await life.request(lambda: life.harness.client.amend(OPPORTUNITY, price))
    await life.until(lambda records: records[0].revision > 1 and records[0].stage is Stage.SHARED)
    await life.watch()
    await accept_offer(life)
    await pay_out(life)


async def amended_after(life: Life) -> None:
    """An agreement-based offer replaces the agreement."""
    await share(life)
    await accept_offer(life)
    more = TermChanges(terms={"additional_amount": "30000 USD"})
    await life.request(lambda: life.harness.client.amend(OPPORTUNITY, more))
    amendment = await life.until_stage(Stage.SHARED, 1)
    await life.watch()
    accept(life.harness.world, amendment.require_offer_id(), life.harness.account)
    await life.watch()
    await life.until_stage(Stage.ACCEPTED, 1)
    await life.until_stage(Stage.REPLACED)


async def cancelled(life: Life) -> None:
    """Withdrawn while the buyer could accept."""
    await share(life)
    await life.request(lambda: life.harness.client.cancel(OPPORTUNITY, "the deal is off"))
    await life.until_stage(Stage.CANCELLED)


async def cancelled_while_generating(life: Life) -> None:
    """Cancelled while AWS prepares the change set."""
    life.harness.world.aws.change_set_processing.preparing_minutes = 600
    put_contract(life.harness.world)
    await life.harness.client.start_without_waiting(OPPORTUNITY)
    await life.until_stage(Stage.GENERATING)
    await life.request(lambda: life.harness.client.cancel(OPPORTUNITY, "the deal is off"))
    await life.until_stage(Stage.CANCELLED)


async def agreement_cancelled(life: Life) -> None:
    """The buyer does not answer the request to cancel the agreement: AWS cancels it."""
    await share(life)
    await accept_offer(life)
    reason = CancellationReasonCode.OTHER
    wish = CancellationRequestInput(reason_code=reason, message="As agreed.")
    await life.request(lambda: life.harness.client.request_cancellation(OPPORTUNITY, wish))
    for _ in range(10):
        await life.harness.sleep(timedelta(days=1))
        await life.answer_attentions()
    await life.watch()
    await life.until_stage(Stage.TERMINATED)


async def refunded(life: Life) -> None:
    """A part of the invoice is refunded to the buyer."""
    await share(life)
    await accept_offer(life)
    (invoice,) = life.harness.world.money.invoices
    client, tries = life.harness.client, itertools.count(1)

    async def ask() -> OfferRecord:
        """Each try by another person's hand, who has renewed what the last one was told of."""
        if (number := next(tries)) > 1:
            life.injection.end_permanent_faults()
        given = {"invoice_id": invoice.id, "amount": "4000 USD", "reason": "OTHER"}
        token = f"refund-asked-{number:08}"
        request = RefundRequest.model_validate(given | {"by": "a@example.com", "token": token})
        return await client.request_refund(OPPORTUNITY, request)

    status = RefundStatus.FAILED  # AWS may refuse the first one
    while status is RefundStatus.FAILED:
        refund = (await life.request(ask)).refunds[-1]
        approval = ApprovalDecision(by="finance@example.com", finding=refund.reference)
        await life.request(lambda: client.approve(OPPORTUNITY, approval))  # noqa: B023
        (record, *_) = await life.until(lambda r: not r[0].refunds[-1].is_open)
        status = record.refunds[-1].status
    if (made := len(life.harness.world.money.adjustments)) != 1:
        raise Violation(f"{made} refunds")


async def expired(life: Life) -> None:
    """The buyer does not accept."""
    await share(life)
    await life.until(lambda r: r[0].stage is Stage.EXPIRED, step=timedelta(hours=8), within=LONG)


SCENARIOS: dict[str, Callable[[Life], Awaitable[None]]] = {
    each.__name__: each
    for each in (
        happy,
        handed_off,
        amended_before,
        amended_after,
        cancelled,
        cancelled_while_generating,
        agreement_cancelled,
        refunded,
        expired,
    )
}

MAIL = "Your private offer for Example Product "
REMINDER = "Reminder: your private offer for Example Product"
EXTENDED, READY = f"{MAIL}can be accepted", f"{MAIL}is ready"
CHANGED, WITHDRAWN = f"{MAIL}is being changed", f"{MAIL}has been withdrawn"
READY_AMENDMENT = f"{READY}: a change of your agreement"
ACTIVE, PAID = ["ACTIVE"], ["USD 116,400.00"]
OUTCOMES: dict[str, Outcome] = {
    "happy": Outcome(["disbursed"], ACTIVE, [EXTENDED, READY], PAID),
    "handed_off": Outcome(["disbursed"], ACTIVE, [READY], PAID),
    "amended_before": Outcome(["disbursed"], ACTIVE, [CHANGED, READY, READY], ["USD 106,700.00"]),
    "amended_after": Outcome(
        ["replaced", "accepted"], ["ACTIVE", "REPLACED"], [READY, READY_AMENDMENT], [None, None]
    ),
    "cancelled": Outcome(["cancelled"], [], [WITHDRAWN, READY], [None]),
    "cancelled_while_generating": Outcome(["cancelled"], [], [], [None]),
    "agreement_cancelled": Outcome(["terminated"], ["CANCELLED"], [READY], [None]),
    "refunded": Outcome(["accepted"], ACTIVE, [READY], [None]),
    "expired": Outcome(["expired"], [], [REMINDER, REMINDER, READY], [None]),
}
"""How each ends, whatever faults its activities meet."""

CALLED_IN: dict[str, tuple[str, ...]] = {
    "happy": (
        "check_deal",
        "edit_offer",
        "find_agreement",
        "find_our_offers",
        "find_ready_opportunities",
        "link_offers",
        "publish",
        "read_agreement_feed",
        "read_changes",
        "send_broadcast",
        "send_notice",
        "send_to_buyer",
        "signal_agreements",
        "signal_observed_offers",
        "submit_offer",
        "sweep_payouts",
        "wait_for_change_set",
        "write_back",
    ),
    "handed_off": (
        "close_handoff_task",
        "find_offers",
        "link_offer",
        "open_handoff_task",
        "wait_for_release",
    ),
    "amended_before": ("withdraw_offer",),
    "amended_after": ("find_successor",),
    "cancelled_while_generating": ("cancel_change_set",),
    "agreement_cancelled": ("request_cancellation", "wait_for_cancellation"),
    "refunded": ("create_adjustment", "read_invoices", "wait_for_adjustment"),
    "expired": ("read_offer",),
}
"""By scenario: activities that it calls.  Each activity of the product is named once, here or in
`WITHOUT_SCENARIO`; the others that a scenario calls are found by living it."""

WITHOUT_SCENARIO = {
    "wait_until_closed": "only in a run that continues as new while an amendment is open",
    "plan_digests": "it reads only Temporal's search, which the time-skipping server lacks",
    "signal_policy_change": "it calls only Temporal, and nothing when the policy is the same",
    "find_vendor_problems": "it reads only Temporal's search, which the time-skipping server lacks",
    "find_schedule_problems": "it reads only Temporal's Schedules, which that server lacks",
    "preview_deal": "it is check_deal for a page: tests/web/test_browser.py",
    "deliver_event": "its receivers are not the sandbox's: tests/workflows/offer/test_webhooks.py",
}
"""Activities that no scenario runs, and why."""


# One life ----------------------------------------------------------------------------------------


@dataclass
class LifeResult:
    """What happened in a life."""

    scenario: str
    plan: Mapping[str, str]
    attempts: list[Attempt]
    calls: dict[str, set[Operation]]
    answered: Counter[str]
    violations: list[str]


async def live(scenario: str, plan: Mapping[str, str]) -> LifeResult:
    """Live one life; gives what was violated in it."""
    injection = FaultInjection(plan)
    violations: list[str] = []
    with patched_clients(injection):
        async with open_harness(injection=injection) as harness:
            life = Life(harness, injection)
            harness.clazar_watched = False
            try:
                await SCENARIOS[scenario](life)
                await life.settle()
                life.check_offers()
                records = await life.records()
                violations += violations_after(harness.world, records, OUTCOMES[scenario])
            except (AssertionError, RequestRejected, NoAnswer) as error:
                violations.append(f"{type(error).__name__}: {error}")
    violations += [
        f"{each.activity} failed {each.failure} at {operation_names(each.operations)}: {each.fault}"
        for each in injection.attempts
        if not each.is_expected
    ]
    return LifeResult(
        scenario, plan, injection.attempts, injection.calls, life.answered, violations
    )


def uncalled(result: LifeResult) -> list[str]:
    """The activities that the scenario is said to call, and did not."""
    named = CALLED_IN.get(result.scenario, ())
    return [f"{name} was not called" for name in named if name not in result.calls]


def operation_names(operations: Iterable[Operation]) -> str:
    """The names of operations."""
    return ", ".join(map(".".join, operations))


def violations_after(world: World, records: list[OfferRecord], expected: Outcome) -> list[str]:
    """What does not hold after a life."""
    violations = [*differences(world, records), *repeated_mails(world)]
    if (outcome := outcome_of(world, records)) != expected:
        violations.append(f"it ended as {outcome}, not as {expected}")
    return violations


def outcome_of(world: World, records: list[OfferRecord]) -> Outcome:
    """How a life ended."""
    to_buyer = [
        m.subject.removesuffix(" (Example Corp)")
        for m in world.mail.messages
        if BUYER_EMAIL in m.recipients
    ]
    return Outcome(
        [str(record.stage) for record in records],
        sorted(each.status for each in world.aws.agreements.values()),
        # Without the days.
        sorted(re.split(" until | expires ", subject)[0] for subject in to_buyer),
        [str(r.payout.disbursed) if r.payout else None for r in records],
    )


def differences(world: World, records: list[OfferRecord]) -> list[str]:
    """What AWS, Salesforce and Clazar do not agree about with the records."""
    shown = world.salesforce.opportunities[OPPORTUNITY]
    found: list[str] = []
    taken_over = [record for record in records if record.amends and record.agreement]
    current = taken_over[-1] if taken_over else records[0]
    for name, value in (("Offer_Stage__c", str(current.stage)), ("Offer_Id__c", current.offer_id)):
        if shown.get(name) != value:
            found.append(f"Salesforce shows {name} {shown.get(name)}, not {value}")
    for record in records:
        if record.agreement:
            status = world.aws.agreements[record.agreement.agreement_id].status
            expected = {Stage.REPLACED: "REPLACED", Stage.TERMINATED: "CANCELLED"}
            if status != expected.get(record.stage, "ACTIVE"):
                found.append(f"{record.stage}, but AWS's agreement is {status}")
        offer = world.aws.offers.get(record.offer_id or "")
        if offer and record.stage is not Stage.CANCELLED:
            linked = world.clazar.links.get(offer.id)
            where = linked.external_object_associations.get("salesforce", {}) if linked else {}
            if where.get("object_id") != OPPORTUNITY:
                found.append(f"Clazar does not link the offer of {record.path}: {where}")
    found += [
        f"the task {task['Subject']} is open"
        for task in world.salesforce.tasks.values()
        if task.get("Status") != "Completed"
    ]
    if records[0].stage is Stage.CANCELLED and count_acceptable_offers(world):
        found.append("it is cancelled, and can be accepted")
    return found


def repeated_mails(world: World) -> list[str]:
    """The mails that the buyer got twice."""
    sent = Counter(
        mail.message_id for mail in world.mail.messages if BUYER_EMAIL in mail.recipients
    )
    return [f"the buyer got {count} copies of a mail" for count in sent.values() if count > 1]
