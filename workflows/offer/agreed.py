"""From acceptance on: the money, and what becomes of the agreement."""

from datetime import datetime, timedelta

from temporalio import workflow

from workflows.common.escalation import ask
from workflows.offer.making import Making
from workflows.offer.messages import OfferRequest

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AwsAgreements
    from activities.aws.catalog import AwsCatalog
    from activities.email.message import EmailKind
    from offers.agreements.agreement import Agreement, AgreementStatus
    from offers.clock import end_of_day
    from offers.stage import Stage

STILL_OPEN = (
    "still-open",
    "The agreement has ended, but the offer's other accounts can still accept it",
    "Withdraw the offer in AWS unless they may",
)


class Agreed(Making):
    """An agreement is there: it is paid, replaced, or ended."""

    def __init__(self, request: OfferRequest) -> None:
        super().__init__(request)
        self._leaving = False
        """Whether nobody needs an offer any more that is over."""

    async def accepted(self) -> Stage:
        """An agreement is there; AWS collects from the buyer and pays out, perhaps in parts."""
        if following := await self._consequence(self.record.agreement):
            return following  # it had ended before anybody heard of it
        while True:
            self._in_clazar.passes(self._now())
            self._payment.attend()
            if self._payment.is_complete:
                return Stage.DISBURSED
            if self._given_up_at and self._now() >= self._given_up_at:
                self.record.add_event("its money has not come in full", self._now())
                return Stage.TERMINATED
            # What was invoiced is written with what comes next.
            self._publish(tell_salesforce=self._payment.has_moved)
            await self._news_of_money()
            if self._acceptance.reported and (following := await self._after_news()):
                return following

    async def disbursed(self) -> Stage | None:
        """Paid in full; as long as the agreement stands it can be amended, ended, or taken back."""
        while (agreement := self.record.agreement) and agreement.ends_at:
            if agreement.status is not AgreementStatus.ACTIVE:
                break
            over = agreement.ends_at + self.record.policy.expiry_grace
            goes_on = await self._something_comes(over, "until the agreement has ended")
            if self._acceptance.reported or not goes_on:
                following = await self._after_news()
                if following:
                    return following
            if self._payment.is_owed:
                return Stage.ACCEPTED
            if not goes_on:
                break
        return None

    async def replaced(self) -> Stage | None:
        """An amendment took its place; AWS may undo that, and what was invoiced is still paid."""
        policy = self.record.policy
        over = self._now() + max(policy.rollback_within, policy.payouts.follow_for)
        while await self._something_comes(over, "until what was invoiced should have been paid"):
            agreement = await self._acceptance.changed() if self._acceptance.reported else None
            if agreement and agreement.status is AgreementStatus.ACTIVE:
                self.record.replaced_by = None
                return Stage.ACCEPTED
        return None

    async def terminated(self) -> Stage | None:
        """Nothing more is invoiced, but what was invoiced is still paid."""
        over = self._now() + self.record.policy.payouts.follow_for
        over = min(over, self._given_up_at or over)
        while await self._something_comes(over, "until what was invoiced should have been paid"):
            self._acceptance.reported = False
        return None

    # What the stages are made of ------------------------------------------------------------------

    async def _news_of_money(self) -> None:
        """Wait until the agreement or the money makes news, or its absence does."""
        look = min(filter(None, (self._payment.next_look, self._given_up_at)), default=None)
        try:
            await workflow.wait_condition(
                lambda: self._acceptance.reported or self._payment.has_news,
                timeout=self.record.clock.real_duration(look - self._now()) if look else None,
                timeout_summary=f"until {look:%F}, when money would be late" if look else None,
            )
        except TimeoutError:
            return

    async def _something_comes(self, over: datetime, why: str) -> bool:
        """Wait for news or wishes; False once it is over, or nobody needs the offer any more."""
        if self._payment.attend():
            self._publish()
        moment = min(over, self._payment.next_look or over)
        left = moment - self._now()
        if self._leaving or left <= timedelta():
            return False
        try:
            await workflow.wait_condition(
                lambda: self._has_news() or self._payment.has_news or self._leaving,
                timeout=self.record.clock.real_duration(left),
                timeout_summary=f"{moment:%Y-%m-%d %H:%M} UTC, {why}",
            )
        except TimeoutError:
            return moment < over
        if self._payment.attend():
            self._publish()
        self._edits.changed = False
        return not self._leaving

    def _has_news(self) -> bool:
        return self._acceptance.reported or self._is_stopping() or self._edits.changed

    @property
    def _given_up_at(self) -> datetime | None:
        """When money that has not come is not followed any more: long after the agreement's end."""
        agreement = self.record.agreement
        if agreement is None or agreement.ends_at is None:
            return None
        return agreement.ends_at + self.record.policy.payouts.follow_for

    @property
    def _can_be_accepted(self) -> bool:
        return self._now() <= end_of_day(self.record.require_terms().availability_end)

    async def _after_news(self) -> Stage | None:
        """What AWS did to the agreement, perhaps by itself."""
        return await self._consequence(await self._acceptance.changed())

    async def _consequence(self, agreement: Agreement | None) -> Stage | None:
        """Each end of an agreement has a consequence of its own."""
        if agreement is None or agreement.status is AgreementStatus.ACTIVE:
            return None
        match agreement.status:
            case AgreementStatus.ROLLED_BACK if self.record.stage is Stage.ACCEPTED:
                shown = await ask(
                    self._people, AwsCatalog.read_offer, self.record.require_offer_id()
                )
                if shown.availability_end:
                    self.record.extend(shown.availability_end)
                self._payment.attend()
                await self._amendments.call_off("the agreement that it amends was rolled back")
                return Stage.SHARED
            case AgreementStatus.CANCELLED | AgreementStatus.TERMINATED:
                await self._amendments.call_off("the agreement that it amends has ended")
                if len(self.record.require_terms().buyer_accounts) > 1 and self._can_be_accepted:
                    self._people.call(*STILL_OPEN)
                return Stage.TERMINATED
            case AgreementStatus.REPLACED:
                return await self._replaced_by(await self._successor(agreement))
        await self._amendments.call_off(f"the agreement that it amends is {agreement.status}")
        successor = await self._successor(agreement)
        renewed = f", followed by {successor.agreement_id}" if successor else ""
        self.record.add_event(f"the agreement is {agreement.status}{renewed}", self._now())
        self._correspondence.tell_owner(EmailKind.OWNER_AGREEMENT_NEWS, str(agreement.status))
        self._publish()
        return None

    async def _replaced_by(self, successor: Agreement | None) -> Stage:
        self.record.replaced_by = successor.agreement_id if successor else None
        ours = self._amendments.made(successor) if successor else False
        if not ours:
            await self._amendments.call_off("the agreement was replaced by another")
            self._correspondence.tell_owner(EmailKind.OWNER_REPLACED)
        return Stage.REPLACED

    async def _successor(self, agreement: Agreement) -> Agreement | None:
        return await ask(self._people, AwsAgreements.find_successor, agreement)
