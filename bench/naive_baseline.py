"""The naive twin: an offer's life as it is written at first, each seeing to everything itself.

The activities are the real ones, all of them; it asks again and again instead of being told, and
writes to Salesforce and to search at every step.
"""

from datetime import date, datetime, time, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AwsAgreements
    from activities.aws.catalog import (
        AwsCatalog,
        ChangeSetOutcome,
        SubmitOffer,
        WaitForChangeSet,
        WithdrawOffer,
    )
    from activities.clazar.offers import Clazar, FindOffers, LinkOffer
    from activities.email.message import EmailKind
    from activities.email.smtp import Email, OfferEmail
    from activities.preflight import CheckDeal, Preflight
    from activities.salesforce.write_back import Salesforce
    from activities.task_queues import TaskQueue
    from offers.lifecycle.record import OfferRecord
    from offers.lifecycle.reminders import reminder_times
    from offers.lifecycle.salesforce_fields import opportunity_update
    from offers.payouts.model import Payout
    from offers.stage import Stage
    from workflows.offer.search_attributes import values

ONE_CHANGE_SET_LOOK = timedelta(minutes=1)
ONE_AGREEMENT_LOOK = timedelta(minutes=15)
ONE_PAYOUT_LOOK = timedelta(days=1)
ONCE = RetryPolicy(maximum_attempts=1)


async def call(queue: TaskQueue, activity: Any, argument: Any, *, once: bool = False) -> Any:
    """Call an activity."""
    return await workflow.execute_activity_method(
        activity,
        argument,
        task_queue=queue,
        start_to_close_timeout=timedelta(minutes=1),
        retry_policy=ONCE if once else None,
    )


@workflow.defn
class NaiveOffer:
    """One opportunity's private offer."""

    @workflow.run
    async def run(self, opportunity_id: str, new_price: str | None) -> None:
        """The whole life.  `new_price` (USD): what it is changed to while the buyer considers."""
        self._record = OfferRecord(opportunity_id=opportunity_id)
        await self._make({})
        if new_price:
            await workflow.sleep(timedelta(days=1))
            await self._withdraw()
            await self._make({"price": {"amount": new_price, "currency": "USD"}})
        if await self._accepted():
            await self._paid()

    async def _make(self, given: dict[str, Any]) -> None:
        record = self._record
        deal = CheckDeal(opportunity_id=record.opportunity_id, terms=given)
        found = await call(TaskQueue.PREFLIGHT, Preflight.check_deal, deal)
        record.apply_report(found.report, found.policy, found.clock, found.method)
        await self._enter(Stage.SUBMITTED)
        record.change_set_id = await call(
            TaskQueue.AWS_MARKETPLACE,
            AwsCatalog.submit_offer,
            SubmitOffer(reference=record.reference, terms=record.require_terms()),
        )
        await self._enter(Stage.GENERATING)
        outcome = await self._change_set(record.require_change_set_id())
        assert outcome.offer
        record.offer_id, record.offer_url = outcome.offer.offer_id, outcome.offer_url
        await self._enter(Stage.LIVE)
        await self._mail(Email.send_to_buyer, EmailKind.OFFER_SHARED)
        await self._enter(Stage.SHARED)
        await self._link()

    async def _change_set(self, change_set_id: str) -> ChangeSetOutcome:
        following = WaitForChangeSet(
            change_set_id=change_set_id, polling=self._record.policy.publication
        )
        while True:
            try:
                outcome: ChangeSetOutcome = await call(
                    TaskQueue.AWS_MARKETPLACE,
                    AwsCatalog.wait_for_change_set,
                    following,
                    once=True,
                )
            except ActivityError:
                await workflow.sleep(ONE_CHANGE_SET_LOOK)
            else:
                return outcome

    async def _link(self) -> None:
        record = self._record
        looked_for = FindOffers(
            offer_id=record.offer_id, created_after=record.history[0].at - timedelta(days=1)
        )
        while not (seen := await call(TaskQueue.CLAZAR, Clazar.find_offers, looked_for)):
            await workflow.sleep(ONE_CHANGE_SET_LOOK)
        link = LinkOffer(clazar_id=seen[0].clazar_id, opportunity_id=record.opportunity_id)
        await call(TaskQueue.CLAZAR, Clazar.link_offer, link)

    async def _withdraw(self) -> None:
        record = self._record
        yesterday = workflow.now().date() - timedelta(days=1)
        withdrawal = WithdrawOffer(offer_id=record.require_offer_id(), number=1, last_day=yesterday)
        change_set_id = await call(TaskQueue.AWS_MARKETPLACE, AwsCatalog.withdraw_offer, withdrawal)
        await self._change_set(change_set_id)
        record.start_revision("amended", workflow.now())
        await self._enter(Stage.DRAFT)

    async def _accepted(self) -> bool:
        record = self._record
        end = record.require_terms().availability_end
        reminders = list(reminder_times(end, record.policy.reminder_days, workflow.now()))
        closing = datetime.combine(end, time.max, workflow.now().tzinfo)
        while workflow.now() <= closing:
            record.agreement = await call(
                TaskQueue.AWS_MARKETPLACE, AwsAgreements.find_agreement, record.require_offer_id()
            )
            if record.agreement:
                await self._enter(Stage.ACCEPTED)
                await self._mail(Email.send_notice, EmailKind.OWNER_ACCEPTED)
                return True
            if reminders and reminders[0] <= workflow.now():
                day: date = reminders.pop(0).date()
                await self._mail(Email.send_to_buyer, EmailKind.OFFER_REMINDER, f"{day}")
            await workflow.sleep(ONE_AGREEMENT_LOOK)
        await self._enter(Stage.EXPIRED)
        await self._mail(Email.send_notice, EmailKind.OWNER_EXPIRED)
        return False

    async def _paid(self) -> None:
        record = self._record
        while not (record.payout and record.payout.covers(record.require_terms().price)):
            await workflow.sleep(ONE_PAYOUT_LOOK)
            payout: Payout | None = await workflow.execute_activity(
                "payout_of",
                record.require_offer_id(),
                result_type=Payout | None,  # type: ignore[arg-type]
                start_to_close_timeout=timedelta(minutes=1),
            )
            if payout != record.payout:
                record.payout = payout
                await self._show()
        await self._enter(Stage.DISBURSED)
        await self._mail(Email.send_notice, EmailKind.OWNER_DISBURSED)

    async def _enter(self, stage: Stage) -> None:
        self._record.enter(stage, workflow.now())
        await self._show()

    async def _show(self) -> None:
        attributes = values(self._record)
        workflow.upsert_search_attributes(
            [key.value_set(value) for key, value in attributes.items() if value is not None]
        )
        await call(TaskQueue.SALESFORCE, Salesforce.write_back, opportunity_update(self._record))

    async def _mail(self, how: Any, kind: EmailKind, occasion: str = "") -> None:
        mail = OfferEmail(kind=kind, record=self._record, occasion=occasion)
        await call(TaskQueue.EMAIL, how, mail)
