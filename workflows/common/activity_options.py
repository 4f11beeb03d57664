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
    from activities.aws.catalog import AwsMarketplace
    from activities.clazar.offers import Clazar
    from activities.email.smtp import Email
    from activities.eula.documents import EulaDocuments
    from activities.preflight import Preflight
    from activities.salesforce.opportunities import Opportunities
    from activities.salesforce.write_back import Salesforce
    from activities.task_queues import TaskQueue
    from activities.temporal.digests import Digests
    from activities.temporal.payouts import Payouts
    from activities.temporal.signals import Reporting

ParamT = TypeVar("ParamT")
ReturnT = TypeVar("ReturnT")

PATIENCE = RetryPolicy(
    initial_interval=timedelta(seconds=2),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=5),
)
"""For a vendor that is out of order: for ever, ever more slowly.  Each try costs an Action."""

TRY_LOST = "TemporalTimeout:StartToClose"
"""How the server names a try of which it never heard again: the worker died, perhaps after it."""


class Call(BaseModel):
    """How one activity is called."""

    model_config = ConfigDict(frozen=True)

    queue: TaskQueue
    summary: str
    """What the Temporal UI shows of it."""
    timeout: timedelta = timedelta(minutes=1)
    """For one try; the vendors' own time-outs are far shorter."""
    repeatable: bool = True
    """Whether it may be made again when nobody knows what became of a try."""


CALLS: dict[Callable[..., Any], Call] = {
    Preflight.check_deal: Call(
        queue=TaskQueue.PREFLIGHT,
        summary="Preflight: check everything that can be known",
        timeout=timedelta(minutes=2),
    ),
    Opportunities.ready_after: Call(
        queue=TaskQueue.SALESFORCE, summary="Which opportunities are ready?"
    ),
    EulaDocuments.publish: Call(
        queue=TaskQueue.AWS_MARKETPLACE,
        summary="Put the custom contract where AWS can read it",
        timeout=timedelta(minutes=5),
    ),
    Salesforce.open_hand_off: Call(
        queue=TaskQueue.SALESFORCE, summary="Give the owner a task with the field sheet"
    ),
    Salesforce.close_hand_off: Call(queue=TaskQueue.SALESFORCE, summary="Close the owner's task"),
    AwsMarketplace.follow_offer: Call(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Has AWS released it?"
    ),
    Clazar.find_offers: Call(
        queue=TaskQueue.CLAZAR, summary="Is it there in Clazar?", timeout=timedelta(minutes=10)
    ),
    Clazar.read_changes: Call(
        queue=TaskQueue.CLAZAR,
        summary="What has changed in Clazar?",
        timeout=timedelta(minutes=10),
    ),
    Salesforce.write_back: Call(queue=TaskQueue.SALESFORCE, summary="Tell Salesforce"),
    AwsMarketplace.submit_offer: Call(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Hand the offer to AWS"
    ),
    AwsMarketplace.follow_change_set: Call(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Has AWS finished?"
    ),
    AwsMarketplace.cancel_change_set: Call(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Stop AWS from building the offer"
    ),
    AwsMarketplace.withdraw_offer: Call(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Make the offer void"
    ),
    AwsMarketplace.read_offer: Call(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Is its last day over in AWS, too?"
    ),
    AwsMarketplace.edit_offer: Call(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Change the offer in place"
    ),
    AwsAgreements.find_successor: Call(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Which agreement took its place?"
    ),
    AwsAgreements.request_cancellation: Call(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Ask the buyer to let the agreement be cancelled"
    ),
    AwsAgreements.follow_cancellation: Call(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Has the buyer let it be cancelled?"
    ),
    AwsAgreements.find_agreement: Call(
        queue=TaskQueue.AWS_MARKETPLACE, summary="Is there an agreement?"
    ),
    AwsAgreements.read_agreement_feed: Call(
        queue=TaskQueue.AWS_MARKETPLACE,
        summary="What is new in the agreement feed?",
    ),
    Clazar.link_offers: Call(
        queue=TaskQueue.CLAZAR,
        summary="Tie them to their opportunities in Clazar",
        timeout=timedelta(minutes=10),
    ),
    Clazar.link_offer: Call(queue=TaskQueue.CLAZAR, summary="Tie it to the opportunity in Clazar"),
    Payouts.sweep: Call(
        queue=TaskQueue.PAYOUTS,
        summary="What has been paid out?",
        timeout=timedelta(minutes=30),
    ),
    Reporting.report_agreements: Call(
        queue=TaskQueue.OFFERS, summary="Tell the offers concerned", timeout=timedelta(minutes=5)
    ),
    Reporting.find_ours: Call(
        queue=TaskQueue.OFFERS, summary="Which are ours?", timeout=timedelta(minutes=5)
    ),
    Reporting.report_offers: Call(
        queue=TaskQueue.OFFERS, summary="Tell the offers concerned", timeout=timedelta(minutes=5)
    ),
    Digests.look: Call(
        queue=TaskQueue.OFFERS, summary="Who is told what now?", timeout=timedelta(minutes=10)
    ),
    Email.send_memo: Call(queue=TaskQueue.EMAIL, summary="Tell people what is about all offers"),
    Email.send_letter: Call(
        queue=TaskQueue.EMAIL,
        summary="Write to the buyer",
        timeout=timedelta(minutes=2),
        repeatable=False,
    ),
    Email.send_notice: Call(
        queue=TaskQueue.EMAIL, summary="Tell the owner", timeout=timedelta(minutes=2)
    ),
}


@overload
def start(
    activity: Callable[[Any, ParamT], Awaitable[ReturnT]],
    argument: ParamT,
    *,
    budget: timedelta | None = None,
    once: bool = False,
) -> workflow.ActivityHandle[ReturnT]: ...
@overload
def start(
    activity: Callable[[Any, ParamT], ReturnT],
    argument: ParamT,
    *,
    budget: timedelta | None = None,
    once: bool = False,
) -> workflow.ActivityHandle[ReturnT]: ...
def start(
    activity: Callable[[Any, Any], Any],
    argument: Any,
    *,
    budget: timedelta | None = None,
    once: bool = False,
) -> workflow.ActivityHandle[Any]:
    """Start an activity.  It is tried again and again, within `budget` of real time, or `once`."""
    how = CALLS[activity]
    return workflow.start_activity_method(
        activity,
        argument,
        task_queue=how.queue,
        start_to_close_timeout=how.timeout,
        schedule_to_close_timeout=budget,
        retry_policy=_retries(how, once),
        summary=how.summary,
    )


def _retries(how: Call, once: bool) -> RetryPolicy:
    if once:
        return RetryPolicy(maximum_attempts=1)
    return PATIENCE if how.repeatable else replace(PATIENCE, non_retryable_error_types=[TRY_LOST])


def failure_of(error: ActivityError) -> ApplicationError | None:
    """What an activity failed with; None if it was cancelled or timed out without an answer."""
    return error.cause if isinstance(error.cause, ApplicationError) else None
