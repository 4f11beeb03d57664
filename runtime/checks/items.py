"""Runs checks side by side, each for a limited time: one that fails hides no other."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import NamedTuple

from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from activities.errors import Failure
from offers.model import FrozenModel
from runtime.settings import InvalidSettings

ITEM_SECONDS = 20.0
"""For one check.  Real time."""


class Status(StrEnum):
    """What a check found."""

    OK = "ok"
    WRONG = "wrong"
    NOT_CHECKED = "not checked"
    """It cannot be found out without writing, or before something else is corrected."""


class Result(FrozenModel):
    """What a check found about one item."""

    status: Status
    detail: str = ""
    remedy: str | None = None
    item: str | None = None
    """None: the check's own."""


class CheckedItem(FrozenModel):
    """A line of the report.  It has no secrets, and of people only the policy's addresses."""

    system: str
    item: str
    status: Status
    detail: str
    remedy: str | None


class Check(NamedTuple):
    """A question to a system."""

    system: str
    item: str
    ask: Callable[[], Iterable[Result] | Awaitable[Iterable[Result]]]
    """A function that blocks, or a coroutine function."""


def ok(detail: str = "", item: str | None = None) -> Result:
    return Result(status=Status.OK, detail=detail, item=item)


def wrong(detail: str, remedy: str, item: str | None = None) -> Result:
    return Result(status=Status.WRONG, detail=detail, remedy=remedy, item=item)


def not_checked(detail: str, item: str | None = None) -> Result:
    return Result(status=Status.NOT_CHECKED, detail=detail, item=item)


async def run_checks(checks: Sequence[Check], seconds: float | None = None) -> list[CheckedItem]:
    """Every result, in the order of the checks."""
    # Not the loop's own: its end would be waited for.  One thread for each, so that none waits.
    threads = ThreadPoolExecutor(max(1, len(checks)), "check")
    try:
        found = await asyncio.gather(
            *(_run(check, threads, seconds or ITEM_SECONDS) for check in checks)
        )
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
    return [item for items in found for item in items]


async def _run(check: Check, threads: ThreadPoolExecutor, seconds: float) -> list[CheckedItem]:
    try:
        async with asyncio.timeout(seconds):
            results = await _results(check, threads)
    except Exception as error:  # what fails must not hide the other systems
        results = [failed(error, seconds)]
    return [
        CheckedItem(
            system=check.system,
            item=each.item or check.item,
            status=each.status,
            detail=each.detail,
            remedy=each.remedy,
        )
        for each in results
    ]


async def _results(check: Check, threads: ThreadPoolExecutor) -> Iterable[Result]:
    if inspect.iscoroutinefunction(check.ask):
        found: Iterable[Result] = await check.ask()
        return found
    ask = check.ask
    return await asyncio.get_running_loop().run_in_executor(threads, lambda: list(ask()))  # type: ignore[arg-type]


REMEDIES: dict[str, str] = {
    Failure.CREDENTIALS: "Correct the credentials in the settings, or their rights",
    Failure.UNAVAILABLE: "Check the address in the settings and the network, or try again later",
    Failure.RATE_LIMITED: "Try again later",
    Failure.NOT_READY: "Try again later",
}
OTHER_REMEDY = "Correct what the answer names"


def failed(error: Exception, seconds: float) -> Result:
    """What is wrong, if a question to a system ended with an exception or took too long."""
    match error:
        case TimeoutError():
            return wrong(f"no answer within {seconds:g} seconds", REMEDIES[Failure.UNAVAILABLE])
        case ApplicationError():
            return wrong(error.message, REMEDIES.get(error.type or "", OTHER_REMEDY))
        case InvalidSettings():
            return wrong(str(error), "Correct the setting")
        case RPCError():
            return wrong(
                f"Temporal answers {error.status.name}", "Correct the rights, or try later"
            )
    # Its text could contain anything.
    return wrong(f"the check itself failed ({type(error).__name__})", "Report this as a fault")
