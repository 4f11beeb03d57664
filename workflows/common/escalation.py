"""Executing an activity however long it takes: what no retry can mend waits for a person."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, overload

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    RetryState,
    is_cancelled_exception,
)

from workflows.common.activity_options import ACTIVITY_OPTIONS, failure_of, start_activity
from workflows.common.waiting import wait_condition, wait_condition_for

with workflow.unsafe.imports_passed_through():
    from activities.errors import Failure
    from activities.task_queues import VENDOR_OF_QUEUE
    from offers.lifecycle.attentions import Attention, AttentionCode, Vendor
    from offers.lifecycle.aws_errors import AwsError

if TYPE_CHECKING:
    from workflows.offer.attentions import Attentions

ParamT = TypeVar("ParamT")
ReturnT = TypeVar("ReturnT")

ESCALATIONS: dict[str, tuple[AttentionCode, str]] = {
    Failure.CREDENTIALS: (
        AttentionCode.CREDENTIALS_REJECTED,
        "Renew or widen the credentials. They are tried again within the hour, by resume at once",
    ),
    Failure.REJECTED: (
        AttentionCode.VENDOR_REJECTED,
        "Correct what it names, then resume to try again",
    ),
    Failure.NOT_FOUND: (
        AttentionCode.VENDOR_REJECTED,
        "Find out who deleted it, then resume to try again",
    ),
}
"""By failure: the code of the attention and the remedy."""

UNRESPONSIVE_REMEDY = "Find out what delays it; resume tries again at once, if it is not tried now"
"""For what would have been retried, had its time not run out."""

UNRESPONSIVE_AFTER = timedelta(hours=4)
"""Real time after which people are told that a vendor has not answered yet."""


CREDENTIALS_RETRY = (timedelta(minutes=15), timedelta(hours=1))
"""Real time until refused credentials are tried again, at first and at most: somebody may have
renewed them for all offers at once."""


class Aborted(Exception):
    """The activity is no longer wanted, and has not done anything yet."""


@overload
async def execute_with_escalation(
    attentions: Attentions,
    activity: Callable[[Any, ParamT], Awaitable[ReturnT]],
    argument: ParamT,
    *,
    expected: Failure | None = None,
    budget: timedelta | None = None,
    on_first_failure: Callable[[], None] | None = None,
    abort_if: Callable[[], bool] | None = None,
    no_deadline: bool = False,
) -> ReturnT: ...
@overload
async def execute_with_escalation(
    attentions: Attentions,
    activity: Callable[[Any, ParamT], ReturnT],
    argument: ParamT,
    *,
    expected: Failure | None = None,
    budget: timedelta | None = None,
    on_first_failure: Callable[[], None] | None = None,
    abort_if: Callable[[], bool] | None = None,
    no_deadline: bool = False,
) -> ReturnT: ...
async def execute_with_escalation(
    attentions: Attentions,
    activity: Callable[[Any, Any], Any],
    argument: Any,
    *,
    expected: Failure | None = None,
    budget: timedelta | None = None,
    on_first_failure: Callable[[], None] | None = None,
    abort_if: Callable[[], bool] | None = None,
    no_deadline: bool = False,
) -> Any:
    """The activity's result, however long it takes and however often a person has to help.

    Raises ActivityError only for the `expected` failure, or if nobody knows what became of an
    attempt that must not be repeated.  After `budget` (real time) it waits for a person; without
    one an attention is raised after a while, unless it has `no_deadline`, and it goes on trying.
    `on_first_failure` is called if the first attempt does not succeed.  Raises Aborted if
    `abort_if` holds while a person is waited for and nothing can have been done yet.
    """
    unresponsive: Attention | None = None
    refused = RefusedCredentials(attentions)
    first = True
    while True:
        try:
            result = await start_activity(
                activity,
                argument,
                budget=budget or (None if unresponsive or no_deadline else UNRESPONSIVE_AFTER),
                single_attempt=first and on_first_failure is not None,
            )
        except ActivityError as error:
            failure = failure_of(error)
            unknown = failure is None and not ACTIVITY_OPTIONS[activity].can_repeat
            as_expected = failure is not None and failure.type == expected
            if is_cancelled_exception(error) or unknown or as_expected:
                refused.dismiss()
                if unresponsive:
                    attentions.dismiss(unresponsive)
                raise
            if on_first_failure is not None and first:
                on_first_failure()
            if error.retry_state is RetryState.NON_RETRYABLE_FAILURE or budget:
                may_abort = abort_if if first and abort_if is not None else _never
                if is_refusal_of_credentials(failure):
                    await refused.wait(failure, may_abort)
                else:
                    refused.dismiss()
                    await attentions.wait_until_resolved(
                        *attention_for(failure),
                        vendor=vendor_of(failure, activity),
                        or_when=may_abort,
                    )
                if may_abort():
                    refused.dismiss()
                    raise Aborted from None
            elif error.retry_state is RetryState.TIMEOUT and unresponsive is None:
                unresponsive = attentions.raise_(
                    *attention_for(failure), vendor=vendor_of(failure, activity)
                )
            first = False
        else:
            refused.dismiss()
            if unresponsive:
                attentions.dismiss(unresponsive)
            return result


class RefusedCredentials:
    """Credentials that a vendor refuses: a person renews them, and they are tried again slowly."""

    def __init__(self, attentions: Attentions) -> None:
        self._attentions = attentions
        self._attention: Attention | None = None
        self._wait = CREDENTIALS_RETRY[0]

    async def wait(self, failure: ApplicationError, or_when: Callable[[], bool]) -> None:
        """Until a person resumes, `or_when` holds, or it is time for the next try."""
        attention = self._attention
        if attention is None or not self._attentions.is_open(attention):
            attention = self._attention = self._attentions.raise_(
                *attention_for(failure), vendor=vendor_of(failure)
            )
        try:
            await wait_condition_for(
                self._wait,
                lambda: not self._attentions.is_open(attention) or or_when(),
                summary="next try with the credentials",
            )
        except asyncio.CancelledError:
            self.dismiss()
            raise
        self._wait = min(2 * self._wait, CREDENTIALS_RETRY[1])

    def dismiss(self) -> None:
        """They are accepted, or nothing is to be done with them any more."""
        if self._attention is not None:
            self._attentions.dismiss(self._attention)
            self._attention = None


async def cancel_when(
    condition: Callable[[], bool], work: Coroutine[Any, Any, ReturnT]
) -> ReturnT | None:
    """The work's result; None if the condition holds first: the work is cancelled then."""
    task = asyncio.create_task(work)
    await wait_condition(lambda: task.done() or condition())
    if task.done():
        return await task
    task.cancel()
    # Whatever became of it, nobody needs it any more.
    await workflow.wait([task])
    if not task.cancelled():
        task.exception()
    return None


def is_refusal_of_credentials(failure: ApplicationError | None) -> TypeGuard[ApplicationError]:
    """Whether a vendor does not let us in: it may, as soon as a person has renewed them."""
    return failure is not None and failure.type == Failure.CREDENTIALS


def vendor_of(
    failure: ApplicationError | None, activity: Callable[..., Any] | None = None
) -> Vendor | None:
    """Whose failure it is: as it says, or else whom the activity calls."""
    if failure is not None:
        return Vendor(failure.details[0]) if failure.details and failure.details[0] else None
    return VENDOR_OF_QUEUE.get(ACTIVITY_OPTIONS[activity].queue) if activity else None


def attention_for(failure: ApplicationError | None) -> tuple[AttentionCode, str, str]:
    """The attention that a failure needs: code, problem and remedy."""
    unresponsive = AttentionCode.VENDOR_UNRESPONSIVE, UNRESPONSIVE_REMEDY
    if failure is None:
        return unresponsive[0], "A vendor does not answer", unresponsive[1]
    code, remedy = ESCALATIONS.get(failure.type or "", unresponsive)
    return code, failure.message, remedy


def aws_errors_in(error: ActivityError) -> tuple[AwsError, ...]:
    """The errors with which AWS rejected a request, in its words."""
    failure = failure_of(error)
    if failure is None:  # no answer of AWS's
        return ()
    return tuple(AwsError.model_validate(each) for each in failure.details[1])


def _never() -> bool:
    return False
