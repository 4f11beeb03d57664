"""Acceptance: only AWS's agreement is evidence of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.common.escalation import execute_with_escalation

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AwsAgreements
    from activities.email.message import EmailKind
    from offers.agreements.agreement import Agreement, AgreementStatus
    from offers.lifecycle.record import PreviousRevision

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


class Acceptance:
    """Asks AWS for the agreement, and puts on record what it says."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx

    @property
    def is_reported(self) -> bool:
        """Whether something was reported that AWS has not been asked about yet."""
        return self._ctx.control.agreement_reported

    @property
    def is_earlier_reported(self) -> bool:
        """Whether something was reported, and there are earlier revisions that it may be about."""
        return self.is_reported and bool(self._ctx.record.previous_revisions)

    def report(self) -> None:
        """Have AWS asked for the agreement."""
        self._ctx.control.agreement_reported = True

    async def find_agreement(self) -> bool:
        """Whether AWS has an agreement by this offer that is, or was, in force."""
        self._ctx.control.agreement_reported = False
        found = await self._find(self._ctx.record.require_offer_id())
        if found and not found.is_acceptance:
            self._note_rollback(found)
            found = None
        self._ctx.record.agreement = found
        return found is not None

    async def find_late_acceptance(self) -> tuple[PreviousRevision, Agreement] | None:
        """An earlier revision that the buyer accepted after all, and its agreement."""
        if self._ctx.record.offer_id is None:  # else the report may be about this revision
            self._ctx.control.agreement_reported = False
        for previous in self._ctx.record.previous_revisions:
            found = await self._find(previous.offer_id) if previous.offer_id else None
            if found and found.status is AgreementStatus.ACTIVE:
                return previous, found
        return None

    async def refresh(self) -> Agreement | None:
        """After acceptance: the agreement, if its status has changed."""
        record = self._ctx.record
        self._ctx.control.agreement_reported = False
        before, now = record.agreement, await self._find(record.require_offer_id())
        if now is None or before is None:
            return None  # what AWS does not find has not ended
        record.agreement = now
        if now.status is AgreementStatus.ROLLED_BACK:
            record.agreement = None
            self._note_rollback(now)
            return now
        if now.agreement_id != before.agreement_id:
            record.add_event(f"accepted again as {now.agreement_id}", self._ctx.now())
            self._ctx.notifications.notify_owner(
                EmailKind.OWNER_AGREEMENT_CHANGED, now.agreement_id
            )
        return now if now.status is not before.status else None

    def _note_rollback(self, agreement: Agreement) -> None:
        """AWS undid an acceptance within minutes; the buyer may try the same link again."""
        agreement_id = agreement.agreement_id
        if agreement_id not in self._ctx.state.acceptance.rolled_back:
            self._ctx.state.acceptance.rolled_back.add(agreement_id)
            self._ctx.record.add_event(f"AWS rolled {agreement_id} back", self._ctx.now())
            self._ctx.notifications.notify_owner(
                EmailKind.OWNER_ACCEPTANCE_ROLLED_BACK, agreement_id
            )

    async def _find(self, offer_id: str) -> Agreement | None:
        return await execute_with_escalation(
            self._ctx.attentions, AwsAgreements.find_agreement, offer_id
        )
