"""Asking a vendor, with patience: what no retry can mend waits for a person, and fails nothing."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar, overload

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.calls import failure_of, start
from workflows.people import People

with workflow.unsafe.imports_passed_through():
    from activities.errors import Failure

ParamT = TypeVar("ParamT")
ReturnT = TypeVar("ReturnT")

NEEDS = {
    Failure.CREDENTIALS: ("credentials", "Renew or widen the credentials, then resume"),
    Failure.REFUSED: ("refused", "Correct what it names, then resume to ask again"),
    Failure.NOT_FOUND: ("refused", "Find out who deleted it, then resume to ask again"),
}
"""By failure: the code of the attention and what a person should do."""

LATE = ("late", "Find out what holds it up, then resume to go on asking")
"""For what would have been retried, had its time not run out."""


@overload
async def ask(
    people: People,
    activity: Callable[[Any, ParamT], Awaitable[ReturnT]],
    argument: ParamT,
    *,
    expected: Failure | None = None,
    budget: timedelta | None = None,
) -> ReturnT: ...
@overload
async def ask(
    people: People,
    activity: Callable[[Any, ParamT], ReturnT],
    argument: ParamT,
    *,
    expected: Failure | None = None,
    budget: timedelta | None = None,
) -> ReturnT: ...
async def ask(
    people: People,
    activity: Callable[[Any, Any], Any],
    argument: Any,
    *,
    expected: Failure | None = None,
    budget: timedelta | None = None,
) -> Any:
    """A vendor's answer, however long it takes and however often a person has to help.

    Raises ActivityError only for the `expected` failure.  `budget` is real time, after which
    people are called.
    """
    while True:
        try:
            return await start(activity, argument, budget=budget)
        except ActivityError as error:
            failure = failure_of(error)
            if failure is None or (expected is not None and failure.type == expected):
                raise
            await people.wait_for(*_need(failure))


def _need(failure: ApplicationError) -> tuple[str, str, str]:
    kind = Failure(failure.type) if failure.type in set(Failure) else None
    code, remedy = NEEDS.get(kind, LATE) if kind else LATE
    return code, failure.message, remedy
