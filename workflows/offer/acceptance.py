"""Acceptance: only AWS's agreement is evidence of it, and withdrawal must not overlook one."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

from workflows.common.escalation import ask
from workflows.offer.attentions import People
from workflows.offer.notifications import Correspondence

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AwsAgreements
    from activities.aws.catalog import (
        WITHDRAWAL_POLLING,
        AwsCatalog,
        WaitForChangeSet,
        WithdrawOffer,
    )
    from activities.email.message import EmailKind
    from offers.agreements.agreement import Agreement, AgreementStatus
    from offers.lifecycle.record import OfferRecord, PreviousRevision
    from offers.stage import Stage


class Acceptance:
    """What is known of an offer's agreement."""

    def __init__(
        self,
        record: OfferRecord,
        people: People,
        correspondence: Correspondence,
        now: Callable[[], datetime],
    ) -> None:
        self._record = record
        self._people = people
        self._correspondence = correspondence
        self._now = now
        self._undone: set[str] = set()
        """The agreements that AWS rolled back."""
        self.reported = False
        """Whether news has been reported that AWS has not been asked about yet."""

    async def is_there(self) -> bool:
        """Whether AWS has an agreement that stands or stood."""
        self.reported = False
        found = await self._find(self._record.require_offer_id())
        if found and not found.is_acceptance:
            self._rolled_back(found)
            found = None
        self._record.agreement = found
        return found is not None

    async def of_earlier(self) -> tuple[PreviousRevision, Agreement] | None:
        """An earlier revision that was accepted after all, so late that nobody saw it."""
        for past in self._record.previous_revisions:
            found = await self._find(past.offer_id) if past.offer_id else None
            if found and found.status is AgreementStatus.ACTIVE:
                return past, found
        return None

    async def changed(self) -> Agreement | None:
        """After acceptance: the agreement, if its status is another than it was."""
        self.reported = False
        before, now = self._record.agreement, await self._find(self._record.require_offer_id())
        if now is None or before is None:
            return None  # what AWS does not find has not ended
        self._record.agreement = now
        if now.status is AgreementStatus.ROLLED_BACK:
            self._record.agreement = None
            self._rolled_back(now)
            return now
        if now.agreement_id != before.agreement_id:
            self._record.add_event(f"it was accepted again as {now.agreement_id}", self._now())
            self._correspondence.tell_owner(EmailKind.OWNER_AGREEMENT_NEWS, now.agreement_id)
        return now if now.status is not before.status else None

    def _rolled_back(self, agreement: Agreement) -> None:
        """AWS undid an acceptance within minutes; the buyer may try the same link again."""
        if agreement.agreement_id not in self._undone:
            self._undone.add(agreement.agreement_id)
            self._record.add_event(f"AWS rolled {agreement.agreement_id} back", self._now())
            self._correspondence.tell_owner(EmailKind.OWNER_ROLLED_BACK, agreement.agreement_id)

    async def prevented(self) -> bool:
        """Make the offer void and see that it is.  False if somebody accepted it first."""
        if self._record.stage is Stage.EXPIRED:
            shown = await ask(self._people, AwsCatalog.read_offer, self._record.require_offer_id())
            if shown.is_void(self._now().date()):
                return not await self.is_there()
        while not await self.is_there():
            self._record.edit_count += 1
            change_set_id = await ask(
                self._people,
                AwsCatalog.withdraw_offer,
                WithdrawOffer(
                    offer_id=self._record.require_offer_id(),
                    number=self._record.edit_count,
                    last_day=self._now().date() - timedelta(days=1),
                ),
            )
            outcome = await ask(
                self._people,
                AwsCatalog.wait_for_change_set,
                WaitForChangeSet(change_set_id=change_set_id, polling=WITHDRAWAL_POLLING),
            )
            if outcome.offer is not None and outcome.offer.is_void(self._now().date()):
                # It may have been accepted while AWS was at it.
                return not await self.is_there()
            await self._people.wait_for(
                "not-withdrawn",
                "AWS did not make the offer void: the buyer can still accept it",
                "See in AWS what holds it, then resume to try again",
            )
        return False

    async def _find(self, offer_id: str) -> Agreement | None:
        return await ask(self._people, AwsAgreements.find_agreement, offer_id)
