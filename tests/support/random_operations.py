"""Operations on one opportunity in any order, and the invariants that must hold after each."""

import asyncio
import re
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from client.offer_client import RequestRejected
from offers.agreements.agreement import AgreementReport
from offers.clock import end_of_day
from offers.ids import offer_path, workflow_id
from offers.lifecycle.commands import TermChanges
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from sandbox.aws.marketplace_state import Agreement, Offer
from sandbox.mail.mailbox_state import Mail
from sandbox.marketplace.buyers import accept
from tests.support.workflow_harness import WorkflowHarness
from workflows.offer.workflow import OfferWorkflow

AGREED_STAGES = frozenset({Stage.ACCEPTED, Stage.DISBURSED})
STABLE_CHECKS, CHECK_EVERY = 3, 0.02
"""An offer is idle if no activity is executed, no workflow task waits, and its history keeps its
length for as many checks, so many seconds apart."""

BUYER_EMAIL = "buyer@example.com"


@dataclass
class IncorrectMail:
    """A mail whose text was not correct when it was sent."""

    subject: str
    reason: str


class RandomOperations:
    """The offers of one opportunity, operations on them, and their invariants."""

    def __init__(self, harness: WorkflowHarness) -> None:
        self.harness = harness
        self.opportunity_id = harness.opportunity_id
        self.world = harness.world
        self.world.mail.messages = CheckedMailbox(self)
        self.requests: list[asyncio.Future[Any]] = []
        self.incorrect_mails: list[IncorrectMail] = []
        self._known: list[str] = []

    async def prepare(self, start: str, *, instalments: bool) -> None:
        """Bring the offer to `draft`, `shared`, `accepted`, or `amending` (amendment shared)."""
        days = (
            f"{self.harness.day(0)} 60000; {self.harness.day(200)} 60000" if instalments else None
        )
        await self.harness.client.start_without_waiting(
            self.opportunity_id, {"payment_schedule": days} if days else {}
        )
        self._known = [self.opportunity_id]
        await self.settle()
        if start == "draft":
            return
        await self.harness.approve_all()
        shared = await self.harness.advance_until(Stage.SHARED)
        if start == "shared":
            return
        accept(self.world, shared.require_offer_id(), self.harness.account)
        await self.report(*self.agreements())
        if start == "accepted":
            return
        changes = TermChanges(
            terms={"additional_amount": "1000 USD", "unpaid_installments": "carry"}
        )
        amendment = await self.harness.client.amend(self.opportunity_id, changes)
        await self.harness.approve_all(amendment.path)
        await self.harness.advance_until(Stage.SHARED, path=amendment.path)

    # Operations ---------------------------------------------------------------------------------

    async def request(self, requested: Awaitable[Any]) -> None:
        """Send a request and do not wait for its answer."""

        async def send() -> None:
            with suppress(RequestRejected, RPCError):  # other tests cover the reasons
                await requested

        self.requests.append(asyncio.ensure_future(send()))
        await self.settle()

    async def settle(self) -> None:
        """Wait until the offers are idle.

        The time-skipping server stops when a call is cancelled that has just been answered, so no
        new request is sent while calls are being answered.
        """
        await self.harness.sleep(timedelta(seconds=3))
        lengths: list[int] = []
        while len(lengths) < STABLE_CHECKS or len(set(lengths[-STABLE_CHECKS:])) > 1:
            await asyncio.sleep(CHECK_EVERY)
            handles = map(
                self.harness.temporal_client.get_workflow_handle, map(workflow_id, self._known)
            )
            described = [await handle.describe() for handle in handles]
            if self.harness.time.running or any(
                each.raw_description.HasField("pending_workflow_task") for each in described
            ):
                lengths.clear()
            else:
                lengths.append(sum(each.history_length for each in described))

    async def report(self, *agreements: Agreement) -> None:
        """Signal agreements to the offers that they belong to, as the agreement watch does."""
        # All are asked first: the time-skipping server loses a query about a run that continues.
        offers = {record.path: record.last_offer_id for record in await self.records()}
        for agreement in agreements:
            report = AgreementReport(
                agreement_id=agreement.id,
                offer_id=agreement.offer_id,
                changed_at=agreement.last_update or agreement.accepted_at,
            )
            for path, offer_id in offers.items():
                if offer_id == agreement.offer_id:
                    handle = self.harness.temporal_client.get_workflow_handle(workflow_id(path))
                    with suppress(RPCError):  # it may have ended
                        await handle.signal(OfferWorkflow.agreement_reported, report)
        await self.settle()

    async def finish_pending_work(self) -> None:
        """Report every agreement, resolve every attention, and wait until the offers are idle."""
        self.world.faults.clear()
        for _ in range(3):
            await self.report(*self.agreements())
            for path in await self.paths():
                record = await self.harness.client.record(path)
                for code in {a.code for a in record.attentions} - {
                    "approval-required",
                    "terms-invalid",
                    "offer-rejected",
                }:
                    await self.request(self.harness.client.resume(path, code))
            await self.harness.sleep(timedelta(minutes=75))
            await self.settle()

    def cancel_requests(self) -> None:
        """Stop waiting for answers."""
        for request in self.requests:
            request.cancel()

    # State --------------------------------------------------------------------------------------

    async def paths(self) -> list[str]:
        """The paths of the offer and of its amendments that have been started."""
        found = []
        for number in range(20):
            path = offer_path(self.opportunity_id, number)
            try:
                handle = self.harness.temporal_client.get_workflow_handle(workflow_id(path))
                status = (await handle.describe()).status
            except RPCError:
                break
            assert status in (
                WorkflowExecutionStatus.RUNNING,
                WorkflowExecutionStatus.COMPLETED,
            ), f"{path} is {status}"
            found.append(path)
        self._known = found
        return found

    async def records(self) -> list[OfferRecord]:
        """The record of each of them."""
        return [await self.harness.client.record(path) for path in await self.paths()]

    def offers(self) -> list[Offer]:
        """AWS's offers for this buyer."""
        return [
            o for o in self.world.aws.offers.values() if self.harness.account in o.buyer_accounts
        ]

    def agreements(self) -> list[Agreement]:
        """AWS's agreements with this buyer."""
        return [a for a in self.world.aws.agreements.values() if a.acceptor == self.harness.account]

    def acceptable_offers(self) -> list[Offer]:
        """AWS's offers that the buyer can accept now."""
        return [offer for offer in self.offers() if self.world.aws.acceptable(offer)]

    # Invariants ---------------------------------------------------------------------------------

    def check_aws(self) -> None:
        """Assert what must hold at every time."""
        ours = [o for o in self.acceptable_offers() if self.opportunity_id in (o.description or "")]
        assert len(ours) <= 1, f"{len(ours)} offers can be accepted"
        assert not self.incorrect_mails, self.incorrect_mails

    async def check_settled(self) -> None:
        """Assert that every record agrees with AWS and Salesforce, once the offers are idle."""
        self.check_aws()
        records = await self.records()
        followed = {r.agreement.agreement_id: r for r in records if r.agreement}
        for agreement in self.agreements():
            offer = self.world.aws.offers[agreement.offer_id]
            if agreement.status == "ACTIVE" and self.opportunity_id in (offer.description or ""):
                assert agreement.id in followed, f"no record has agreement of {agreement.offer_id}"
                assert followed[agreement.id].stage in AGREED_STAGES
        for record in records:
            self._check_record(record)
        if records:
            self._check_salesforce(records)

    def _check_record(self, record: OfferRecord) -> None:
        acceptable = {offer.id for offer in self.acceptable_offers()}
        for past in record.previous_revisions:
            assert past.offer_id not in acceptable or past.offer_id == record.offer_id
        match record.stage:
            case Stage.SHARED:
                assert record.offer_id in acceptable or self._is_last_hour(record)
            case Stage.CANCELLED | Stage.EXPIRED | Stage.REPLACED | Stage.TERMINATED | Stage.DRAFT:
                assert record.offer_id not in acceptable
            case Stage.ACCEPTED | Stage.DISBURSED:
                assert record.agreement is not None
                assert self.world.aws.agreements[record.agreement.agreement_id].status in (
                    "ACTIVE",
                    "RENEWED",
                    "EXPIRED",
                )
        if record.stage in (Stage.REPLACED, Stage.TERMINATED):
            assert record.agreement is not None
            assert self.world.aws.agreements[record.agreement.agreement_id].status != "ACTIVE"

    def _is_just_over(self, offer: Offer) -> bool:
        """Whether a mail about the last day may still have been under way."""
        end = end_of_day(offer.availability_end) if offer.availability_end else self.world.now()
        return end <= self.world.now() <= end + timedelta(minutes=5)

    def _is_last_hour(self, record: OfferRecord) -> bool:
        end = end_of_day(record.require_terms().availability_end)
        return end <= self.world.now() <= end + timedelta(hours=2)

    def _check_salesforce(self, records: list[OfferRecord]) -> None:
        shown = self.harness.salesforce_fields()
        taken_over = [r for r in records if r.amends and r.agreement]
        current = taken_over[-1] if taken_over else records[0]
        assert shown["Offer_Stage__c"] == current.stage, (
            f"Salesforce shows {shown['Offer_Stage__c']}, not {current.stage}"
        )
        assert shown.get("Offer_Id__c") == current.offer_id

    # Mails to buyers ----------------------------------------------------------------------------

    def check_mail(self, mail: Mail) -> None:
        """Check a mail to the buyer against AWS's state at the time of its arrival."""
        if BUYER_EMAIL not in mail.recipients:
            return
        if reason := self._why_incorrect(mail):
            self.incorrect_mails.append(IncorrectMail(mail.subject, reason))

    def _why_incorrect(self, mail: Mail) -> str | None:
        text = " ".join(mail.text.split())
        named = re.findall(r"Offer ID:? (offer-\w+)", text)
        if not named:
            return "it names no offer"
        offer = self.world.aws.offers[named[0]]
        accepted = bool(self.world.aws.agreements_of(offer.id))
        acceptable = self.world.aws.acceptable(offer)
        if "can no longer be accepted" in text:
            return "the offer can be accepted" if acceptable else None
        if not (acceptable or accepted):
            replaced = self.world.aws.agreements.get(offer.replaces_agreement or "")
            # Nobody may have been told yet that the amended agreement is over.
            told = replaced is None or replaced.status == "ACTIVE"
            return (
                "the offer cannot be accepted" if told and not self._is_just_over(offer) else None
            )
        for void in re.findall(r"It replaces (offer-[\w, -]+)\.", text):
            for offer_id in void.split(", "):
                if self.world.aws.acceptable(self.world.aws.offers[offer_id]):
                    return f"{offer_id} is not void"
        last_day = offer.availability_end
        if last_day and f"{last_day.day} {last_day:%B %Y}, 23:59 UTC" not in text:
            return f"the last day is {last_day}"
        return None


class CheckedMailbox(list[Mail]):
    """A mailbox that checks each mail when it arrives."""

    def __init__(self, operations: RandomOperations) -> None:
        super().__init__()
        self._operations = operations

    def append(self, mail: Mail) -> None:
        """Add a mail, and check it."""
        super().append(mail)
        self._operations.check_mail(mail)
