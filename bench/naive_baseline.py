"""The naive baseline: the process in the simplest way, with each offer polling for itself.

All activities are the real ones.  It polls instead of receiving signals, and writes to Salesforce
and to search attributes at every step.
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

CHANGE_SET_POLL = timedelta(minutes=1)
AGREEMENT_POLL = timedelta(minutes=15)
PAYOUT_POLL = timedelta(days=1)
SINGLE_ATTEMPT = RetryPolicy(maximum_attempts=1)


async def execute_activity(
    queue: TaskQueue, activity: Any, argument: Any, *, single_attempt: bool = False
) -> Any:
    """Call an activity."""
    return await workflow.execute_activity_method(
        activity,
        argument,
        task_queue=queue,
        start_to_close_timeout=timedelta(minutes=1),
        retry_policy=SINGLE_ATTEMPT if single_attempt else None,
    )


@workflow.defn
class NaiveBaseline:
    """One opportunity's private offer."""

    @workflow.run
    async def run(self, opportunity_id: str, new_price: str | None) -> None:
        """All steps.  `new_price` (USD): the amended price, a day after the mail to the buyer."""
        self._record = OfferRecord(opportunity_id=opportunity_id)
        await self._publish({})
        if new_price:
            await workflow.sleep(timedelta(days=1))
            await self._withdraw()
            await self._publish({"price": {"amount": new_price, "currency": "USD"}})
        if await self._poll_agreement():
            await self._poll_payout()

    async def _publish(self, given: dict[str, Any]) -> None:
        record = self._record
        deal = CheckDeal(opportunity_id=record.opportunity_id, terms=given)
        found = await execute_activity(TaskQueue.PREFLIGHT, Preflight.check_deal, deal)
        record.apply_report(found)
        await self._enter(Stage.SUBMITTED)
        record.change_set_id = await execute_activity(
            TaskQueue.AWS_MARKETPLACE,
            AwsCatalog.submit_offer,
            SubmitOffer(reference=record.reference, terms=record.require_terms()),
        )
        await self._enter(Stage.GENERATING)
        outcome = await self._poll_change_set(record.require_change_set_id())
        assert outcome.offer
        record.offer_id, record.offer_url = outcome.offer.offer_id, outcome.offer_url
        await self._enter(Stage.LIVE)
        await self._send_mail(Email.send_to_buyer, EmailKind.OFFER_SHARED)
        await self._enter(Stage.SHARED)
        await self._link_in_clazar()

    async def _poll_change_set(self, change_set_id: str) -> ChangeSetOutcome:
        following = WaitForChangeSet(
            change_set_id=change_set_id, polling=self._record.policy.publication
        )
        while True:
            try:
                outcome: ChangeSetOutcome = await execute_activity(
                    TaskQueue.AWS_MARKETPLACE,
                    AwsCatalog.wait_for_change_set,
                    following,
                    single_attempt=True,
                )
            except ActivityError:
                await workflow.sleep(CHANGE_SET_POLL)
            else:
                return outcome

    async def _link_in_clazar(self) -> None:
        record = self._record
        wanted = FindOffers(
            offer_id=record.offer_id, created_after=record.history[0].at - timedelta(days=1)
        )
        while not (found := await execute_activity(TaskQueue.CLAZAR, Clazar.find_offers, wanted)):
            await workflow.sleep(CHANGE_SET_POLL)
        link = LinkOffer(clazar_id=found[0].clazar_id, opportunity_id=record.opportunity_id)
        await execute_activity(TaskQueue.CLAZAR, Clazar.link_offer, link)

    async def _withdraw(self) -> None:
        record = self._record
        yesterday = workflow.now().date() - timedelta(days=1)
        withdrawal = WithdrawOffer(offer_id=record.require_offer_id(), number=1, last_day=yesterday)
        change_set_id = await execute_activity(
            TaskQueue.AWS_MARKETPLACE, AwsCatalog.withdraw_offer, withdrawal
        )
        await self._poll_change_set(change_set_id)
        record.start_revision("amended", workflow.now())
        await self._enter(Stage.DRAFT)

    async def _poll_agreement(self) -> bool:
        record = self._record
        end = record.require_terms().availability_end
        reminders = list(reminder_times(end, record.policy.reminder_days, workflow.now()))
        closing = datetime.combine(end, time.max, workflow.now().tzinfo)
        while workflow.now() <= closing:
            record.agreement = await execute_activity(
                TaskQueue.AWS_MARKETPLACE, AwsAgreements.find_agreement, record.require_offer_id()
            )
            if record.agreement:
                await self._enter(Stage.ACCEPTED)
                await self._send_mail(Email.send_notice, EmailKind.OWNER_ACCEPTED)
                return True
            if reminders and reminders[0] <= workflow.now():
                day: date = reminders.pop(0).date()
                await self._send_mail(Email.send_to_buyer, EmailKind.OFFER_REMINDER, f"{day}")
            await workflow.sleep(AGREEMENT_POLL)
        await self._enter(Stage.EXPIRED)
        await self._send_mail(Email.send_notice, EmailKind.OWNER_EXPIRED)
        return False

    async def _poll_payout(self) -> None:
        record = self._record
        while not (record.payout and record.payout.covers(record.require_terms().price)):
            await workflow.sleep(PAYOUT_POLL)
            payout: Payout | None = await workflow.execute_activity(
                "payout_of",
                record.require_offer_id(),
                result_type=Payout | None,  # type: ignore[arg-type]
                start_to_close_timeout=timedelta(minutes=1),
            )
            if payout != record.payout:
                record.payout = payout
                await self._write_stage()
        await self._enter(Stage.DISBURSED)
        await self._send_mail(Email.send_notice, EmailKind.OWNER_DISBURSED)

    async def _enter(self, stage: Stage) -> None:
        self._record.enter(stage, workflow.now())
        await self._write_stage()

    async def _write_stage(self) -> None:
        attributes = values(self._record)
        workflow.upsert_search_attributes(
            [key.value_set(value) for key, value in attributes.items() if value is not None]
        )
        await execute_activity(
            TaskQueue.SALESFORCE, Salesforce.write_back, opportunity_update(self._record)
        )

    async def _send_mail(self, how: Any, kind: EmailKind, occasion: str = "") -> None:
        mail = OfferEmail(kind=kind, record=self._record, occasion=occasion)
        await execute_activity(TaskQueue.EMAIL, how, mail)
