"""Edits: a released offer is changed in place, one wish after the other."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.common.escalation import GivenUp, ask, refusals_in
from workflows.offer.acceptance import Acceptance
from workflows.offer.attentions import People
from workflows.offer.notifications import Correspondence

with workflow.unsafe.imports_passed_through():
    from activities.aws.catalog import AwsCatalog, EditOffer, WaitForChangeSet
    from activities.errors import Failure
    from offers.findings import Finding, findings_in
    from offers.lifecycle.aws_errors import explain
    from offers.lifecycle.in_place_edits import Edit, apply_edit
    from offers.lifecycle.read_back import differences
    from offers.lifecycle.record import OfferRecord
    from offers.policy.policy import PublicationPolling
    from offers.stage import Stage

EDIT_CHECKS = PublicationPolling(check_after=(), check_every=timedelta(minutes=1))
"""AWS takes some minutes to change a released offer."""

TOO_LATE = "the offer is being withdrawn"


@dataclass(eq=False)
class Wanted:
    """A wish to change an offer in place, and what came of it."""

    changes: Mapping[str, Any]
    done: bool = False
    refused: str | None = None
    """Why it was not done."""


class Edits:
    """The wishes, in the order in which they came; they come true beside the story."""

    def __init__(
        self,
        record: OfferRecord,
        people: People,
        correspondence: Correspondence,
        acceptance: Acceptance,
    ) -> None:
        self._record = record
        self._people = people
        self._correspondence = correspondence
        self._acceptance = acceptance
        self._waiting: list[Wanted] = []
        self._making: asyncio.Task[None] | None = None
        self._settling = False
        self.changed = False
        """Whether the offer is another than when the story last looked."""

    def want(self, changes: Mapping[str, Any]) -> Wanted:
        """Have a change made."""
        wanted = Wanted(changes)
        self._waiting.append(wanted)
        if self._making is None or self._making.done():
            self._making = asyncio.create_task(self._make())
        return wanted

    @property
    def busy(self) -> bool:
        """Whether something is still to be done."""
        return bool(self._waiting)

    async def settle(self) -> None:
        """Before the offer is made void: what AWS has is finished, and no more is begun."""
        self._settling = True
        await workflow.wait_condition(lambda: not self._waiting)
        self._settling = False

    def drop(self, why: str) -> None:
        """It is too late for what still waits."""
        for wanted in self._waiting:
            wanted.done, wanted.refused = True, why
        self._waiting.clear()

    async def _make(self) -> None:
        while self._waiting:
            wanted = self._waiting[0]
            refused = TOO_LATE if self._settling else await self._made(wanted)
            # Dropped meanwhile, it has had its answer.
            if wanted in self._waiting:
                self._waiting.remove(wanted)
                wanted.done, wanted.refused = True, refused
                self.changed = True

    async def _made(self, wanted: Wanted) -> str | None:
        """Change the offer, in AWS and on record; gives the reason if it cannot be."""
        record = self._record
        before = record.require_terms()
        try:
            after = apply_edit(before, record.require_contacts(), wanted.changes)
        except ValidationError as error:  # two wishes that do not go together
            return _said(findings_in(error))
        if record.stage is Stage.EXPIRED and await self._acceptance.is_there():
            self._acceptance.reported = True
            return "the buyer has accepted the offer after all"
        if after.terms != before and (refused := await self._refused(wanted, after)):
            return refused
        if wanted in self._waiting:
            email = record.require_contacts().buyer_email
            record.terms, record.contacts = after.terms, after.contacts
            record.owner = after.contacts.owner
            self._correspondence.rewrite()
            if email != after.contacts.buyer_email:
                self._correspondence.tell_new_buyer()
            if before.availability_end != after.terms.availability_end:
                self._correspondence.tell_buyer_extended()
        return None

    async def _refused(self, wanted: Wanted, after: Edit) -> str | None:
        """Why AWS did not make it so; None if it did."""
        record = self._record
        record.edit_count += 1
        request = EditOffer(
            offer_id=record.require_offer_id(),
            reference=record.reference,
            number=record.edit_count,
            before=record.require_terms(),
            after=after.terms,
        )
        try:
            change_set_id = await ask(
                self._people,
                AwsCatalog.edit_offer,
                request,
                expected=Failure.REJECTED,
                give_up=lambda: self._settling or wanted not in self._waiting,
            )
        except GivenUp:
            return TOO_LATE
        except ActivityError as error:
            return _said(tuple(map(explain, refusals_in(error))))
        outcome = await ask(
            self._people,
            AwsCatalog.wait_for_change_set,
            WaitForChangeSet(change_set_id=change_set_id, polling=EDIT_CHECKS),
        )
        if outcome.offer is None:
            return _said(tuple(map(explain, outcome.errors)))
        # Other differences, if there are, are known, or somebody else's.
        found = differences(after.terms, outcome.offer, "Look at the offer in AWS")
        wrong = tuple(finding for finding in found if finding.field in wanted.changes)
        return _said(wrong) if wrong else None


def _said(findings: tuple[Finding, ...]) -> str:
    return "; ".join(map(str, findings))
