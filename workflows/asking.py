"""Asking a vendor, with patience: what no retry can mend waits for a person, and fails nothing."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar, overload

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    RetryState,
    is_cancelled_exception,
)

from workflows.calls import failure_of, start
from workflows.people import People

with workflow.unsafe.imports_passed_through():
    from activities.errors import Failure

ParamT = TypeVar("ParamT")
ReturnT = TypeVar("ReturnT")

NEEDS: dict[str, tuple[str, str]] = {
    Failure.CREDENTIALS: ("credentials", "Renew or widen the credentials, then resume"),
    Failure.REFUSED: ("refused", "Correct what it names, then resume to ask again"),
    Failure.NOT_FOUND: ("refused", "Find out who deleted it, then resume to ask again"),
}
"""By failure: the code of the attention and what a person should do."""

LATE_REMEDY = "Find out what holds it up, then resume to go on asking"
"""For what would have been retried, had its time not run out."""


@overload
async def ask(
    people: People,
    activity: Callable[[Any, ParamT], Awaitable[ReturnT]],
    argument: ParamT,
    *,
    expected: Failure | None = None,
    budget: timedelta | None = None,
    held_up: Callable[[], None] | None = None,
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
) -> ReturnT: ...
async def ask(
    people: People,
    activity: Callable[[Any, Any], Any],
    argument: Any,
    *,
    expected: Failure | None = None,
    budget: timedelta | None = None,
    held_up: Callable[[], None] | None = None,
) -> Any:
    """A vendor's answer, however long it takes and however often a person has to help.

    Raises ActivityError only for the `expected` failure, or if nobody knows what became of a call
    that must not be made twice.  `budget` is real time, after which people are called.  `held_up`
    is called if the first try does not succeed.
    """
    while True:
        try:
            return await start(activity, argument, budget=budget, once=held_up is not None)
        except ActivityError as error:
            failure = failure_of(error)
            unknown = failure is None and error.retry_state is RetryState.NON_RETRYABLE_FAILURE
            as_expected = failure is not None and failure.type == expected
            if is_cancelled_exception(error) or unknown or as_expected:
                raise
            if held_up is not None:
                held_up()
                held_up = None
            if error.retry_state is not RetryState.MAXIMUM_ATTEMPTS_REACHED:
                await people.wait_for(*_need(failure))


def _need(failure: ApplicationError | None) -> tuple[str, str, str]:
    if failure is None:
        return "late", "A vendor did not answer in time", LATE_REMEDY
    code, remedy = NEEDS.get(failure.type or "", ("late", LATE_REMEDY))
    return code, failure.message, remedy
