"""Waiting for a condition, alike on every Python version and with every order of jobs.

Everything in the workflows waits by these two functions; ruff forbids the SDK's own.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow


async def wait_condition(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds.

    The SDK's function returns some time after the condition held: what ran between may have made it
    false again.

    Once Temporal's cancellation is requested, the SDK's function raises CancelledError in every
    task that waited then (workflow logic flag 2, on in 1.36.0).  Here only a task that is itself
    cancelled does.
    """
    holds = False
    while not holds:
        try:
            await workflow.wait_condition(condition)  # noqa: TID251
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
        holds = condition()


async def wait_condition_for(
    duration: timedelta, condition: Callable[[], bool], *, summary: str
) -> bool:
    """Wait until the condition holds, at most for a real duration; False once that is over.

    `summary` is shown with the timer in the Temporal UI.  The SDK's time-out stands on
    `asyncio.wait_for`, which Python 3.12 rewrote: the timer was cancelled in another place.
    """
    timer = asyncio.create_task(workflow.sleep(duration, summary=summary))
    try:
        await wait_condition(lambda: timer.done() or condition())
        return not timer.done() or condition()
    finally:
        timer.cancel()
