"""How each activity is called: task queue, timeouts, retries, summary in the Temporal UI."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar, overload

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AwsAgreements
    from activities.aws.catalog import AwsCatalog
    from activities.clazar.offers import Clazar
    from activities.email.smtp import Email
    from activities.eula.documents import EulaDocuments
    from activities.heartbeats import HEARTBEAT_TIMEOUT
    from activities.policy import SellingPolicy
    from activities.preflight import Preflight
    from activities.salesforce.opportunities import Opportunities
    from activities.salesforce.write_back import Salesforce
    from activities.task_queues import TaskQueue
    from activities.temporal.digests import Digests
    from activities.temporal.offer_workflows import OfferWorkflows
    from activities.temporal.payouts import Payouts
    from activities.temporal.schedules import Schedules
    from activities.temporal.signals import OfferSignals
    from activities.temporal.vendor_problems import VendorProblems
    from activities.webhooks.delivery import WebhookDelivery
    from offers.model import FrozenModel

ParamT = TypeVar("ParamT")
ReturnT = TypeVar("ReturnT")

DEFAULT_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=2),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=5),
)
"""While a vendor is down: without end, ever more slowly.  Each attempt is a billed Action."""

FOR_DAYS = RetryPolicy(
    initial_interval=timedelta(seconds=10),
    backoff_coefficient=2,
    maximum_interval=timedelta(hours=1),
)
"""While a receiver of events is down: about 80 attempts in three days."""

LOST_ATTEMPT_ERRORS = ["TemporalTimeout:StartToClose", "TemporalTimeout:Heartbeat"]
"""How the server names an attempt without an answer: the worker died, perhaps after it."""


class ActivityOptions(FrozenModel):
    """How one activity is called."""

    queue: TaskQueue
    summary: str
    """What the Temporal UI shows of it; `{0}` stands for the argument."""
    timeout: timedelta = timedelta(minutes=1)
    """For one attempt; the vendors' own timeouts are far shorter."""
    retry: RetryPolicy = DEFAULT_RETRY
    can_repeat: bool = True
    """Whether it may be repeated when nobody knows what became of an attempt."""


ACTIVITY_OPTIONS: dict[Callable[..., Any], ActivityOptions] = {
    Preflight.check_deal: ActivityOptions(
        queue=TaskQueue.PREFLIGHT,
        summary="Preflight: check the deal",
        timeout=timedelta(minutes=2),
    ),
    Preflight.preview_deal: ActivityOptions(
        queue=TaskQueue.PREFLIGHT,
        summary="Preflight: check the deal before it is started",
        timeout=timedelta(minutes=2),
    ),
    Opportunities.find_ready_opportunities: ActivityOptions(
        queue=TaskQueue.SALESFORCE, summary="Find ready opportunities in Salesforce"
    ),
    EulaDocuments.publish: ActivityOptions(
        # Where contracts are read: a slow server of theirs must not hold up acceptances.
        queue=TaskQueue.PREFLIGHT,
        summary="Publish the custom EULA to S3",
        timeout=timedelta(minutes=5),
    ),
    Salesforce.open_handoff_task: ActivityOptions(
        queue=TaskQueue.SALESFORCE, summary="Open a Salesforce task: create the offer in Clazar"
    ),
    Salesforce.close_handoff_task: ActivityOptions(
        queue=TaskQueue.SALESFORCE, summary="Close the Salesforce task"
    ),
    AwsCatalog.wait_for_release: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Wait until AWS has released {0.offer_id}"
    ),
    Clazar.find_offers: ActivityOptions(
        queue=TaskQueue.CLAZAR, summary="Find offer in Clazar", timeout=timedelta(minutes=10)
    ),
    Clazar.read_changes: ActivityOptions(
        queue=TaskQueue.CLAZAR,
        summary="Read Clazar's change feed",
        timeout=timedelta(minutes=10),
    ),
    Salesforce.write_back: ActivityOptions(
        queue=TaskQueue.SALESFORCE, summary="Write stage to Salesforce: {0.stage}"
    ),
    AwsCatalog.submit_offer: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Submit the offer to AWS"
    ),
    AwsCatalog.wait_for_change_set: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Wait for change set {0.change_set_id}"
    ),
    AwsCatalog.cancel_change_set: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Cancel change set {0}"
    ),
    AwsCatalog.withdraw_offer: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Withdraw {0.offer_id}"
    ),
    AwsCatalog.read_offer: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Read {0} in AWS"
    ),
    AwsCatalog.edit_offer: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Change {0.offer_id} in place"
    ),
    AwsAgreements.find_successor: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Find the successor of {0.agreement_id}"
    ),
    AwsAgreements.request_cancellation: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Request cancellation of {0.agreement_id}"
    ),
    AwsAgreements.wait_for_cancellation: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Wait for cancellation request {0.request_id}"
    ),
    AwsAgreements.read_invoices: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Read the invoices of {0}"
    ),
    AwsAgreements.create_adjustment: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Refund a part of {0.refund.invoice_id}"
    ),
    AwsAgreements.wait_for_adjustment: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Wait for refund {0.adjustment_id}"
    ),
    AwsAgreements.find_agreement: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Find the agreement of {0}"
    ),
    AwsAgreements.read_agreement_feed: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE,
        summary="Read the agreement feed",
        timeout=timedelta(minutes=5),
    ),
    Clazar.link_offers: ActivityOptions(
        queue=TaskQueue.CLAZAR,
        summary="Link offers in Clazar",
        timeout=timedelta(minutes=10),
    ),
    Clazar.link_offer: ActivityOptions(queue=TaskQueue.CLAZAR, summary="Link offer in Clazar"),
    Payouts.sweep_payouts: ActivityOptions(
        queue=TaskQueue.PAYOUTS,
        summary="Read the payout data",
        timeout=timedelta(minutes=30),
    ),
    OfferSignals.signal_agreements: ActivityOptions(
        queue=TaskQueue.OFFERS, summary="Signal the offers concerned", timeout=timedelta(minutes=5)
    ),
    OfferSignals.find_our_offers: ActivityOptions(
        queue=TaskQueue.OFFERS, summary="Find the running offers", timeout=timedelta(minutes=5)
    ),
    OfferSignals.signal_observed_offers: ActivityOptions(
        queue=TaskQueue.OFFERS, summary="Signal the offers concerned", timeout=timedelta(minutes=5)
    ),
    OfferWorkflows.wait_until_closed: ActivityOptions(
        queue=TaskQueue.OFFERS, summary="Wait until {0} is closed"
    ),
    Digests.plan_digests: ActivityOptions(
        queue=TaskQueue.OFFERS, summary="Plan the digests", timeout=timedelta(minutes=10)
    ),
    Schedules.find_schedule_problems: ActivityOptions(
        queue=TaskQueue.OFFERS, summary="Find Schedules that do not work"
    ),
    VendorProblems.find_vendor_problems: ActivityOptions(
        queue=TaskQueue.OFFERS,
        summary="Find vendors that hold offers up",
        timeout=timedelta(minutes=2),
    ),
    SellingPolicy.signal_policy_change: ActivityOptions(
        queue=TaskQueue.OFFERS, summary="Signal a change of policy", timeout=timedelta(minutes=10)
    ),
    Email.send_broadcast: ActivityOptions(queue=TaskQueue.EMAIL, summary="Send a broadcast email"),
    Email.send_to_buyer: ActivityOptions(
        queue=TaskQueue.EMAIL,
        summary="Email {0.kind.summary}",
        timeout=timedelta(minutes=2),
        can_repeat=False,
    ),
    Email.send_notice: ActivityOptions(
        queue=TaskQueue.EMAIL, summary="Email {0.kind.summary}", timeout=timedelta(minutes=2)
    ),
    # Not longer than HEARTBEAT_TIMEOUT: what it heartbeats must not be overwritten.
    WebhookDelivery.deliver_event: ActivityOptions(
        queue=TaskQueue.WEBHOOKS, summary="Send {0.event.type}", retry=FOR_DAYS
    ),
}


@overload
def start_activity(
    activity: Callable[[Any, ParamT], Awaitable[ReturnT]],
    argument: ParamT,
    *,
    budget: timedelta | None = None,
    single_attempt: bool = False,
) -> workflow.ActivityHandle[ReturnT]: ...
@overload
def start_activity(
    activity: Callable[[Any, ParamT], ReturnT],
    argument: ParamT,
    *,
    budget: timedelta | None = None,
    single_attempt: bool = False,
) -> workflow.ActivityHandle[ReturnT]: ...
def start_activity(
    activity: Callable[[Any, Any], Any],
    argument: Any,
    *,
    budget: timedelta | None = None,
    single_attempt: bool = False,
) -> workflow.ActivityHandle[Any]:
    """Start an activity; it is retried without end, within `budget` (real time), or not at all."""
    options = ACTIVITY_OPTIONS[activity]
    return workflow.start_activity_method(
        activity,
        argument,
        task_queue=options.queue,
        start_to_close_timeout=options.timeout,
        heartbeat_timeout=HEARTBEAT_TIMEOUT if options.timeout > HEARTBEAT_TIMEOUT else None,
        schedule_to_close_timeout=budget,
        retry_policy=_retry_policy(options, single_attempt),
        summary=options.summary.format(argument),
    )


def _retry_policy(options: ActivityOptions, single_attempt: bool) -> RetryPolicy:
    if single_attempt:
        return RetryPolicy(maximum_attempts=1)
    return (
        options.retry
        if options.can_repeat
        else replace(options.retry, non_retryable_error_types=LOST_ATTEMPT_ERRORS)
    )


def failure_of(error: ActivityError) -> ApplicationError | None:
    """What an activity failed with; None if it was cancelled or timed out without an answer."""
    return error.cause if isinstance(error.cause, ApplicationError) else None
