"""A deal in which anything may happen at any time, and what must hold of it nevertheless."""

import asyncio
import re
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from cli.offer_client import RequestRejected
from offers.agreements.agreement import AgreementReport
from offers.clock import end_of_day
from offers.ids import offer_path, workflow_id
from offers.lifecycle.commands import TermChanges
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from sandbox.marketplace.buyers import accept
from sandbox.world import Agreement, Mail, Offer
from tests.support.life import Life
from workflows.offer.workflow import OfferWorkflow

AGREED = frozenset({Stage.ACCEPTED, Stage.DISBURSED})
LOOKS, LOOK_EVERY = 3, 0.01
"""How often a history must look the same, this many (real) seconds apart, to be at rest."""

BUYER_EMAIL = "buyer@example.com"


@dataclass
class Untrue:
    """A mail that said something that was not so."""

    subject: str
    why: str


class RandomLife:
    """One opportunity, and all that is known of it."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.id = life.id
        self.world = life.world
        self.world.mails = Listening(self)
        self.wishes: list[asyncio.Future[Any]] = []
        self.untrue: list[Untrue] = []
        self._known: list[str] = []

    async def comes_to(self, how_far: str, *, instalments: bool) -> None:
        """`draft`, `shared`, `accepted`, or `amending`: an amendment can be accepted, too."""
        days = f"{self.life.day(0)} 60000; {self.life.day(200)} 60000" if instalments else None
        await self.life.desk.start_without_waiting(
            self.id, {"payment_schedule": days} if days else {}
        )
        self._known = [self.id]
        await self.settle()
        if how_far == "draft":
            return
        await self.life.approve()
        shared = await self.life.reaches(Stage.SHARED)
        if how_far == "shared":
            return
        accept(self.world, shared.require_offer_id(), self.life.account)
        await self.report(*self.agreements())
        if how_far == "accepted":
            return
        changes = TermChanges(
            terms={"additional_amount": "1000 USD", "unpaid_installments": "carry"}
        )
        amendment = await self.life.desk.amend(self.id, changes)
        await self.life.approve(amendment.path)
        await self.life.reaches(Stage.SHARED, path=amendment.path)

    # What happens -------------------------------------------------------------------------------

    async def wish(self, wished: Awaitable[Any]) -> None:
        """Somebody asks for something, and does not wait for the answer."""

        async def asked() -> None:
            with suppress(RequestRejected, RPCError):  # why not is told, and shown elsewhere
                await wished

        self.wishes.append(asyncio.ensure_future(asked()))
        await self.settle()

    async def settle(self) -> None:
        """Let what needs no waiting happen.

        The time-skipping server stands still when a call is cancelled that has just been answered,
        so nothing new is asked while calls are being answered.
        """
        await self.life.sleep(timedelta(seconds=3))
        seen: list[int] = []
        while len(seen) < LOOKS or len(set(seen[-LOOKS:])) > 1:
            await asyncio.sleep(LOOK_EVERY)
            handles = map(self.life.client.get_workflow_handle, map(workflow_id, self._known))
            seen.append(sum([(await handle.describe()).history_length for handle in handles]))

    async def report(self, *agreements: Agreement) -> None:
        """The watch tells the offers concerned, wherever they are."""
        for agreement in agreements:
            report = AgreementReport(
                agreement_id=agreement.id,
                offer_id=agreement.offer_id,
                status=agreement.status,
                updated_at=agreement.last_update or agreement.accepted_at,
            )
            for path in await self.paths():
                if (await self.life.desk.record(path)).offer_id == agreement.offer_id:
                    handle = self.life.client.get_workflow_handle(workflow_id(path))
                    with suppress(RPCError):  # it may have ended
                        await handle.signal(OfferWorkflow.agreement_reported, report)
        await self.settle()

    async def quiet(self) -> None:
        """All is reported, everybody has answered, and nothing more happens by itself at once."""
        self.world.faults.waiting.clear()
        for _ in range(3):
            await self.report(*self.agreements())
            for path in await self.paths():
                record = await self.life.desk.record(path)
                for code in {a.code for a in record.attentions} - {
                    "approval-required",
                    "terms-invalid",
                    "offer-rejected",
                }:
                    await self.wish(self.life.desk.resume(path, code))
            await self.life.sleep(timedelta(minutes=75))
            await self.settle()

    def give_up_wishes(self) -> None:
        """Nobody waits for an answer any more."""
        for wish in self.wishes:
            wish.cancel()

    # What is there ------------------------------------------------------------------------------

    async def paths(self) -> list[str]:
        """The names of the offer and its amendments that have begun."""
        found = []
        for number in range(20):
            path = offer_path(self.id, number)
            try:
                handle = self.life.client.get_workflow_handle(workflow_id(path))
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
        """What is known of each."""
        return [await self.life.desk.record(path) for path in await self.paths()]

    def offers(self) -> list[Offer]:
        """AWS's offers for this buyer."""
        return [o for o in self.world.offers.values() if self.life.account in o.buyer_accounts]

    def agreements(self) -> list[Agreement]:
        """AWS's agreements with this buyer."""
        return [a for a in self.world.agreements.values() if a.acceptor == self.life.account]

    def acceptable(self) -> list[Offer]:
        """What the buyer could accept now, but for what was made elsewhere."""
        return [offer for offer in self.offers() if self.world.acceptable(offer)]

    # What must hold -----------------------------------------------------------------------------

    def check_aws(self) -> None:
        """At every moment."""
        ours = [o for o in self.acceptable() if self.id in (o.description or "")]
        assert len(ours) <= 1, f"{len(ours)} offers can be accepted"
        assert not self.untrue, self.untrue

    async def check_quiet(self) -> None:
        """Once things are quiet, every record agrees with AWS and Salesforce."""
        self.check_aws()
        records = await self.records()
        followed = {r.agreement.agreement_id: r for r in records if r.agreement}
        for agreement in self.agreements():
            offer = self.world.offers[agreement.offer_id]
            if agreement.status == "ACTIVE" and self.id in (offer.description or ""):
                assert agreement.id in followed, f"{agreement.offer_id} was accepted, nobody knows"
                assert followed[agreement.id].stage in AGREED
        for record in records:
            self._check_record(record)
        if records:
            self._check_salesforce(records)

    def _check_record(self, record: OfferRecord) -> None:
        acceptable = {offer.id for offer in self.acceptable()}
        for past in record.previous_revisions:
            assert past.offer_id not in acceptable or past.offer_id == record.offer_id
        match record.stage:
            case Stage.SHARED:
                assert record.offer_id in acceptable or self._is_last_hour(record)
            case Stage.CANCELLED | Stage.EXPIRED | Stage.REPLACED | Stage.TERMINATED | Stage.DRAFT:
                assert record.offer_id not in acceptable
            case Stage.ACCEPTED | Stage.DISBURSED:
                assert record.agreement is not None
                assert self.world.agreements[record.agreement.agreement_id].status in (
                    "ACTIVE",
                    "RENEWED",
                    "EXPIRED",
                )
        if record.stage in (Stage.REPLACED, Stage.TERMINATED):
            assert record.agreement is not None
            assert self.world.agreements[record.agreement.agreement_id].status != "ACTIVE"

    def _is_last_hour(self, record: OfferRecord) -> bool:
        end = end_of_day(record.require_terms().availability_end)
        return end <= self.world.now() <= end + timedelta(hours=2)

    def _check_salesforce(self, records: list[OfferRecord]) -> None:
        shown = self.life.in_salesforce()
        taken_over = [r for r in records if r.amends and r.agreement]
        current = taken_over[-1] if taken_over else records[0]
        assert shown["Offer_Stage__c"] == current.stage, (
            f"Salesforce shows {shown['Offer_Stage__c']}, not {current.stage}"
        )
        assert shown.get("Offer_Id__c") == current.offer_id

    # What buyers are told -----------------------------------------------------------------------

    def hear(self, mail: Mail) -> None:
        """A mail arrives; it must be true at this moment."""
        if BUYER_EMAIL not in mail.recipients:
            return
        if why := self._untrue(mail):
            self.untrue.append(Untrue(mail.subject, why))

    def _untrue(self, mail: Mail) -> str | None:
        text = " ".join(mail.text.split())
        named = re.findall(r"Offer ID:? (offer-\w+)", text)
        if not named:
            return "it names no offer"
        offer = self.world.offers[named[0]]
        accepted = bool(self.world.agreements_of(offer.id))
        acceptable = self.world.acceptable(offer)
        if "can no longer be accepted" in text:
            return "the offer can be accepted" if acceptable else None
        if not (acceptable or accepted):
            return "the offer cannot be accepted"
        for void in re.findall(r"It replaces (offer-[\w, -]+)\.", text):
            for offer_id in void.split(", "):
                if self.world.acceptable(self.world.offers[offer_id]):
                    return f"{offer_id} is not void"
        last_day = offer.availability_end
        if last_day and f"{last_day.day} {last_day:%B %Y}, 23:59 UTC" not in text:
            return f"the last day is {last_day}"
        return None


class Listening(list[Mail]):
    """A mailbox that tells the deal of each mail at the moment it arrives."""

    def __init__(self, deal: RandomLife) -> None:
        super().__init__()
        self._deal = deal

    def append(self, mail: Mail) -> None:
        """A mail arrives."""
        super().append(mail)
        self._deal.hear(mail)
