"""Asking a vendor, with patience: what no retry can mend waits for a person, and fails nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar, overload

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    RetryState,
    is_cancelled_exception,
)

from workflows.common.activity_options import ACTIVITY_OPTIONS, failure_of, start_activity
from workflows.offer.attentions import People

with workflow.unsafe.imports_passed_through():
    from activities.errors import Failure
    from offers.lifecycle.aws_errors import AwsError
    from offers.lifecycle.record import Attention

ParamT = TypeVar("ParamT")
ReturnT = TypeVar("ReturnT")

NEEDS: dict[str, tuple[str, str]] = {
    Failure.CREDENTIALS: ("credentials", "Renew or widen the credentials, then resume"),
    Failure.REJECTED: ("refused", "Correct what it names, then resume to ask again"),
    Failure.NOT_FOUND: ("refused", "Find out who deleted it, then resume to ask again"),
}
"""By failure: the code of the attention and what a person should do."""

LATE_REMEDY = "Find out what holds it up; resume makes it ask at once, if it has stopped asking"
"""For what would have been retried, had its time not run out."""

LATE_AFTER = timedelta(hours=4)
"""Real time after which people hear that a vendor has not answered yet."""


class GivenUp(Exception):
    """What was asked for is no longer wanted, and nothing has been done yet."""


@overload
async def ask(
    people: People,
    activity: Callable[[Any, ParamT], Awaitable[ReturnT]],
    argument: ParamT,
    *,
    expected: Failure | None = None,
    budget: timedelta | None = None,
    held_up: Callable[[], None] | None = None,
    give_up: Callable[[], bool] | None = None,
    patient: bool = False,
) -> ReturnT: ...
@overload
async def ask(
    people: People,
    activity: Callable[[Any, ParamT], ReturnT],
    argument: ParamT,
    *,
    expected: Failure | None = None,
    budget: timedelta | None = None,
    held_up: Callable[[], None] | None = None,
    give_up: Callable[[], bool] | None = None,
    patient: bool = False,
) -> ReturnT: ...
async def ask(
    people: People,
    activity: Callable[[Any, Any], Any],
    argument: Any,
    *,
    expected: Failure | None = None,
    budget: timedelta | None = None,
    held_up: Callable[[], None] | None = None,
    give_up: Callable[[], bool] | None = None,
    patient: bool = False,
) -> Any:
    """A vendor's answer, however long it takes and however often a person has to help.

    Raises ActivityError only for the `expected` failure, or if nobody knows what became of a call
    that must not be made twice.  After `budget` (real time) it waits for a person; without one
    people are called after a while, unless it is `patient`, and it goes on asking.  `held_up` is
    called if the first try does not succeed.  Raises GivenUp if `give_up` says so while people are
    waited for and nothing can have been done yet.
    """
    late: Attention | None = None
    first = True
    while True:
        try:
            answer = await start_activity(
                activity,
                argument,
                budget=budget or (None if late or patient else LATE_AFTER),
                once=first and held_up is not None,
            )
        except ActivityError as error:
            failure = failure_of(error)
            unknown = failure is None and not ACTIVITY_OPTIONS[activity].can_repeat
            as_expected = failure is not None and failure.type == expected
            if is_cancelled_exception(error) or unknown or as_expected:
                if late:
                    people.dismiss(late)
                raise
            if held_up is not None and first:
                held_up()
            if error.retry_state is RetryState.NON_RETRYABLE_FAILURE or budget:
                may_give_up = give_up if first and give_up is not None else never
                await people.wait_for(*need(failure), or_when=may_give_up)
                if may_give_up():
                    raise GivenUp from None
            elif error.retry_state is RetryState.TIMEOUT and late is None:
                late = people.call(*need(failure))
            first = False
        else:
            if late:
                people.dismiss(late)
            return answer


async def unless(
    interrupted: Callable[[], bool], asking: Coroutine[Any, Any, ReturnT]
) -> ReturnT | None:
    """An answer; None if something interrupts the waiting for it, which then ends."""
    task = asyncio.create_task(asking)
    await workflow.wait_condition(lambda: task.done() or interrupted())
    if task.done():
        return await task
    task.cancel()
    # Whatever became of it, nobody is interested any more.
    await workflow.wait([task])
    if not task.cancelled():
        task.exception()
    return None


def never() -> bool:
    """Nothing makes the wait pointless."""
    return False


def need(failure: ApplicationError | None) -> tuple[str, str, str]:
    """What people are called for: code, problem and remedy."""
    if failure is None:
        return "late", "A vendor does not answer", LATE_REMEDY
    code, remedy = NEEDS.get(failure.type or "", ("late", LATE_REMEDY))
    return code, failure.message, remedy


def refusals_in(error: ActivityError) -> tuple[AwsError, ...]:
    """What a vendor refused, in its words."""
    failure = failure_of(error)
    if failure is None:
        raise error
    return tuple(AwsError.model_validate(refusal) for refusal in failure.details[0])
