"""A deal in which anything may happen at any time, and what must hold of it nevertheless."""

import asyncio
import itertools
import re
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from console.desk import Refused
from offers.agreement import AgreementReport
from offers.clock import end_of_day
from offers.lifecycle import Stage
from offers.opportunity import offer_path, opportunity_id
from offers.record import OfferRecord
from sandbox.world import Agreement, Mail, Offer
from tests.life import Life
from workflows.messages import workflow_id
from workflows.offer import OfferWorkflow

AGREED = frozenset({Stage.ACCEPTED, Stage.DISBURSED})
_numbers = itertools.count(1)


@dataclass
class Untrue:
    """A mail that said something that was not so."""

    subject: str
    why: str


class AnyDeal:
    """One opportunity in a world that others share."""

    def __init__(self, life: Life) -> None:
        number = next(_numbers)
        self.id = opportunity_id(f"006ANYDEAL{number:05}")
        self.buyer_email = f"buyer{number}@example.com"
        self.life = Life(
            life.temporal, life.time, life.sandbox, self.id, f"{555500000000 + number}"
        )
        self.world = life.world
        self.wishes: list[asyncio.Future[Any]] = []
        self.untrue: list[Untrue] = []
        self.reported: list[Agreement] = []
        self.life.opportunity(Buyer_Email__c=self.buyer_email)

    # What happens -------------------------------------------------------------------------------

    async def wish(self, wished: Awaitable[Any]) -> None:
        """Somebody asks for something, and does not wait for the answer."""

        async def asked() -> None:
            with suppress(Refused, RPCError):  # why not is told, and shown elsewhere
                await wished

        self.wishes.append(asyncio.ensure_future(asked()))
        await self.settle()

    async def settle(self) -> None:
        """Let what needs no waiting happen."""
        await self.life.sleep(timedelta(seconds=3))

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
                        await handle.signal(OfferWorkflow.agreement_seen, report)
        await self.settle()

    async def quiet(self) -> None:
        """All is reported, everybody has answered, and nothing more happens by itself at once."""
        self.world.faults.waiting.clear()
        for _ in range(3):
            await self.report(*self.agreements())
            for path in await self.paths():
                record = await self.life.desk.record(path)
                for code in {a.code for a in record.attentions} - {"approval", "terms", "failed"}:
                    await self.wish(self.life.desk.resume(path, code))
            await self.life.sleep(timedelta(minutes=75))

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
        for past in record.past:
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
        end = end_of_day(record.offered.availability_end)
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
        if self.buyer_email not in mail.recipients:
            return
        if why := self._untrue(mail):
            self.untrue.append(Untrue(mail.subject, why))

    def _untrue(self, mail: Mail) -> str | None:
        named = re.findall(r"Offer ID:?\s+(offer-\w+)", mail.text)
        if not named:
            return "it names no offer"
        offer = self.world.offers[named[0]]
        accepted = bool(self.world.accepted(offer.id))
        acceptable = self.world.acceptable(offer)
        if "can no longer be accepted" in mail.text:
            return "the offer can be accepted" if acceptable else None
        if not (acceptable or accepted):
            return "the offer cannot be accepted"
        for void in re.findall(r"takes the place of ([\w, -]+):", mail.text.replace("\n", " ")):
            for offer_id in void.split(", "):
                if self.world.acceptable(self.world.offers[offer_id]):
                    return f"{offer_id} is not void"
        last_day = offer.availability_end
        if last_day and f"{last_day.day} {last_day:%B %Y}, 23:59 UTC" not in mail.text:
            return f"the last day is {last_day}"
        return None


class Listening(list[Mail]):
    """A mailbox that tells deals of each mail at the moment it arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.deals: list[AnyDeal] = []

    def append(self, mail: Mail) -> None:
        """A mail arrives."""
        super().append(mail)
        for deal in self.deals:
            deal.hear(mail)
