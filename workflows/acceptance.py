"""Acceptance: only AWS's agreement is evidence of it, and withdrawal must not overlook one."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

from workflows.asking import ask
from workflows.people import People

with workflow.unsafe.imports_passed_through():
    from activities.aws_marketplace import (
        WITHDRAWAL_CHECKS,
        AwsMarketplace,
        FollowChangeSet,
        WithdrawOffer,
    )
    from offers.agreement import AgreementStatus
    from offers.record import OfferRecord


class Acceptance:
    """What is known of an offer's agreement."""

    def __init__(self, record: OfferRecord, people: People, now: Callable[[], datetime]) -> None:
        self._record = record
        self._people = people
        self._now = now
        self.reported = False
        """Whether news has been reported that AWS has not been asked about yet."""

    async def is_there(self) -> bool:
        """Whether AWS has an agreement."""
        self.reported = False
        self._record.agreement = await ask(
            self._people, AwsMarketplace.find_agreement, self._record.made
        )
        return self._record.agreement is not None

    async def rule_out(self, earlier_offer_id: str, cancelling: Callable[[], bool]) -> None:
        """Hold back while an offer that was thought expired turns out to have been accepted."""
        while not cancelling():
            agreement = await ask(self._people, AwsMarketplace.find_agreement, earlier_offer_id)
            if agreement is None:
                return
            await self._people.wait_for(
                "accepted-before",
                f"The earlier {earlier_offer_id} was accepted after all ({agreement.agreement_id})",
                "Cancel this one: a second offer would sell the same deal twice",
                or_when=cancelling,
            )

    async def look_again(self) -> None:
        """After acceptance: call people when the agreement no longer stands."""
        before = self._record.agreement
        if not await self.is_there() and before is not None:
            rolled_back = {"status": AgreementStatus.ROLLED_BACK}
            self._record.agreement = before.model_copy(update=rolled_back)
        after = self._record.agreement
        if after and after.status not in (AgreementStatus.ACTIVE, before and before.status):
            self._people.call(
                "agreement-ended",
                f"AWS shows the agreement as {after.status}",
                "Talk to the buyer; payouts of what was invoiced are still followed",
            )

    async def prevented(self) -> bool:
        """Make the offer void and see that it is.  False if somebody accepted it first."""
        last_day = self._now().date()
        while not await self.is_there():
            # A token serves once: each try asks for another day.
            last_day -= timedelta(days=1)
            change_set_id = await ask(
                self._people,
                AwsMarketplace.withdraw_offer,
                WithdrawOffer(offer_id=self._record.made, last_day=last_day),
            )
            outcome = await ask(
                self._people,
                AwsMarketplace.follow_change_set,
                FollowChangeSet(change_set_id=change_set_id, checks=WITHDRAWAL_CHECKS),
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
