"""Edits: a released offer is changed in place, one wish after the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.asking import ask, refusals_in
from workflows.correspondence import Correspondence
from workflows.people import People

with workflow.unsafe.imports_passed_through():
    from activities.aws_marketplace import AwsMarketplace, EditOffer, FollowChangeSet
    from activities.errors import Failure
    from offers.comparison import differences
    from offers.editing import Edit, edited
    from offers.findings import Finding, findings_in
    from offers.policy import Generation
    from offers.record import OfferRecord
    from offers.refusals import plain_words

EDIT_CHECKS = Generation(check_after=(), check_every=timedelta(minutes=1))
"""AWS takes some minutes to change a released offer."""

IN_VAIN = "not-changed"
"""The attention for a wish that came to nothing and that nobody waits for the answer to."""


@dataclass(eq=False)
class Wanted:
    """A wish to change an offer in place, and what came of it."""

    changes: Mapping[str, Any]
    done: bool = False
    refused: str | None = None
    """Why it was not done."""


class Edits:
    """The wishes that wait, in the order in which they came."""

    def __init__(self, record: OfferRecord, people: People, correspondence: Correspondence) -> None:
        self._record = record
        self._people = people
        self._correspondence = correspondence
        self._waiting: list[Wanted] = []

    def want(self, changes: Mapping[str, Any]) -> Wanted:
        """Note a wish; the story makes it come true."""
        wanted = Wanted(changes)
        self._waiting.append(wanted)
        return wanted

    @property
    def wait(self) -> bool:
        """Whether there is something to be done."""
        return bool(self._waiting)

    def drop(self, why: str) -> None:
        """It is too late for what still waits."""
        for wanted in self._waiting:
            wanted.done, wanted.refused = True, why
        self._waiting.clear()

    async def make(self) -> None:
        """Have AWS make the changes that wait."""
        while self._waiting:
            wanted = self._waiting[0]
            refused = await self._made(wanted.changes)
            # Dropped meanwhile, it has had its answer.
            if wanted in self._waiting:
                self._waiting.remove(wanted)
                wanted.done, wanted.refused = True, refused

    async def _made(self, changes: Mapping[str, Any]) -> str | None:
        record = self._record
        before = record.offered
        try:
            after = edited(before, record.written_to, changes)
        except ValidationError as error:  # two wishes that do not go together
            return _said(findings_in(error))
        if after.terms != before and (refused := await self._refused(after)):
            return refused
        record.terms, record.contacts = after.terms, after.contacts
        if before.availability_end != after.terms.availability_end:
            self._correspondence.tell_buyer_extended()
        return None

    async def _refused(self, after: Edit) -> str | None:
        """Why AWS did not make it so; None if it did."""
        record = self._record
        record.edits += 1
        request = EditOffer(
            offer_id=record.made,
            reference=record.reference,
            number=record.edits,
            before=record.offered,
            after=after.terms,
        )
        try:
            change_set_id = await ask(
                self._people, AwsMarketplace.edit_offer, request, expected=Failure.REFUSED
            )
        except ActivityError as error:
            return _said(tuple(map(plain_words, refusals_in(error))))
        outcome = await ask(
            self._people,
            AwsMarketplace.follow_change_set,
            FollowChangeSet(change_set_id=change_set_id, checks=EDIT_CHECKS),
        )
        if outcome.offer is None:
            return _said(tuple(map(plain_words, outcome.refusals)))
        wrong = differences(after.terms, outcome.offer, "Look at the offer in AWS")
        return _said(wrong) if wrong else None


def _said(findings: tuple[Finding, ...]) -> str:
    return "; ".join(map(str, findings))
