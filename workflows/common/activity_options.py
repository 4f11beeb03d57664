"""How each activity is called: on which queue, with what patience, under which words in the UI."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar, overload

from pydantic import BaseModel, ConfigDict
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.aws.agreements import AwsAgreements
    from activities.aws.catalog import AwsCatalog
    from activities.clazar.offers import Clazar
    from activities.email.smtp import Email
    from activities.eula.documents import EulaDocuments
    from activities.preflight import Preflight
    from activities.salesforce.opportunities import Opportunities
    from activities.salesforce.write_back import Salesforce
    from activities.task_queues import TaskQueue
    from activities.temporal.digests import Digests
    from activities.temporal.payouts import Payouts
    from activities.temporal.signals import OfferSignals

ParamT = TypeVar("ParamT")
ReturnT = TypeVar("ReturnT")

DEFAULT_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=2),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=5),
)
"""For a vendor that is out of order: for ever, ever more slowly.  Each try costs an Action."""

LOST_ATTEMPT_ERROR = "TemporalTimeout:StartToClose"
"""How the server names a try of which it never heard again: the worker died, perhaps after it."""


class ActivityOptions(BaseModel):
    """How one activity is called."""

    model_config = ConfigDict(frozen=True)

    queue: TaskQueue
    summary: str
    """What the Temporal UI shows of it."""
    timeout: timedelta = timedelta(minutes=1)
    """For one try; the vendors' own time-outs are far shorter."""
    can_repeat: bool = True
    """Whether it may be made again when nobody knows what became of a try."""


ACTIVITY_OPTIONS: dict[Callable[..., Any], ActivityOptions] = {
    Preflight.check_deal: ActivityOptions(
        queue=TaskQueue.PREFLIGHT,
        summary="Preflight: check everything that can be known",
        timeout=timedelta(minutes=2),
    ),
    Opportunities.find_ready_opportunities: ActivityOptions(
        queue=TaskQueue.SALESFORCE, summary="Which opportunities are ready?"
    ),
    EulaDocuments.publish: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE,
        summary="Put the custom contract where AWS can read it",
        timeout=timedelta(minutes=5),
    ),
    Salesforce.open_handoff_task: ActivityOptions(
        queue=TaskQueue.SALESFORCE, summary="Give the owner a task with the field sheet"
    ),
    Salesforce.close_handoff_task: ActivityOptions(
        queue=TaskQueue.SALESFORCE, summary="Close the owner's task"
    ),
    AwsCatalog.wait_for_release: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Has AWS released it?"
    ),
    Clazar.find_offers: ActivityOptions(
        queue=TaskQueue.CLAZAR, summary="Is it there in Clazar?", timeout=timedelta(minutes=10)
    ),
    Clazar.read_changes: ActivityOptions(
        queue=TaskQueue.CLAZAR,
        summary="What has changed in Clazar?",
        timeout=timedelta(minutes=10),
    ),
    Salesforce.write_back: ActivityOptions(queue=TaskQueue.SALESFORCE, summary="Tell Salesforce"),
    AwsCatalog.submit_offer: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Hand the offer to AWS"
    ),
    AwsCatalog.wait_for_change_set: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Has AWS finished?"
    ),
    AwsCatalog.cancel_change_set: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Stop AWS from building the offer"
    ),
    AwsCatalog.withdraw_offer: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Make the offer void"
    ),
    AwsCatalog.read_offer: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Is its last day over in AWS, too?"
    ),
    AwsCatalog.edit_offer: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Change the offer in place"
    ),
    AwsAgreements.find_successor: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Which agreement took its place?"
    ),
    AwsAgreements.request_cancellation: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Ask the buyer to let the agreement be cancelled"
    ),
    AwsAgreements.wait_for_cancellation: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Has the buyer let it be cancelled?"
    ),
    AwsAgreements.find_agreement: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Is there an agreement?"
    ),
    AwsAgreements.read_agreement_feed: ActivityOptions(
        queue=TaskQueue.AWS_MARKETPLACE,
        summary="What is new in the agreement feed?",
    ),
    Clazar.link_offers: ActivityOptions(
        queue=TaskQueue.CLAZAR,
        summary="Tie them to their opportunities in Clazar",
        timeout=timedelta(minutes=10),
    ),
    Clazar.link_offer: ActivityOptions(
        queue=TaskQueue.CLAZAR, summary="Tie it to the opportunity in Clazar"
    ),
    Payouts.sweep_payouts: ActivityOptions(
        queue=TaskQueue.PAYOUTS,
        summary="What has been paid out?",
        timeout=timedelta(minutes=30),
    ),
    OfferSignals.signal_agreements: ActivityOptions(
        queue=TaskQueue.OFFERS, summary="Tell the offers concerned", timeout=timedelta(minutes=5)
    ),
    OfferSignals.find_our_offers: ActivityOptions(
        queue=TaskQueue.OFFERS, summary="Which are ours?", timeout=timedelta(minutes=5)
    ),
    OfferSignals.signal_observed_offers: ActivityOptions(
        queue=TaskQueue.OFFERS, summary="Tell the offers concerned", timeout=timedelta(minutes=5)
    ),
    Digests.plan_digests: ActivityOptions(
        queue=TaskQueue.OFFERS, summary="Who is told what now?", timeout=timedelta(minutes=10)
    ),
    Email.send_broadcast: ActivityOptions(
        queue=TaskQueue.EMAIL, summary="Tell people what is about all offers"
    ),
    Email.send_to_buyer: ActivityOptions(
        queue=TaskQueue.EMAIL,
        summary="Write to the buyer",
        timeout=timedelta(minutes=2),
        can_repeat=False,
    ),
    Email.send_notice: ActivityOptions(
        queue=TaskQueue.EMAIL, summary="Tell the owner", timeout=timedelta(minutes=2)
    ),
}


@overload
def start_activity(
    activity: Callable[[Any, ParamT], Awaitable[ReturnT]],
    argument: ParamT,
    *,
    budget: timedelta | None = None,
    once: bool = False,
) -> workflow.ActivityHandle[ReturnT]: ...
@overload
def start_activity(
    activity: Callable[[Any, ParamT], ReturnT],
    argument: ParamT,
    *,
    budget: timedelta | None = None,
    once: bool = False,
) -> workflow.ActivityHandle[ReturnT]: ...
def start_activity(
    activity: Callable[[Any, Any], Any],
    argument: Any,
    *,
    budget: timedelta | None = None,
    once: bool = False,
) -> workflow.ActivityHandle[Any]:
    """Start an activity.  It is tried again and again, within `budget` of real time, or `once`."""
    how = ACTIVITY_OPTIONS[activity]
    return workflow.start_activity_method(
        activity,
        argument,
        task_queue=how.queue,
        start_to_close_timeout=how.timeout,
        schedule_to_close_timeout=budget,
        retry_policy=_retries(how, once),
        summary=how.summary,
    )


def _retries(how: ActivityOptions, once: bool) -> RetryPolicy:
    if once:
        return RetryPolicy(maximum_attempts=1)
    return (
        DEFAULT_RETRY
        if how.can_repeat
        else replace(DEFAULT_RETRY, non_retryable_error_types=[LOST_ATTEMPT_ERROR])
    )


def failure_of(error: ActivityError) -> ApplicationError | None:
    """What an activity failed with; None if it was cancelled or timed out without an answer."""
    return error.cause if isinstance(error.cause, ApplicationError) else None
