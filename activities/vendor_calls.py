"""Counts calls by vendor and outcome, and logs when a vendor's trouble begins and when it is over.

Temporal's SDK logs each failed attempt with a traceback.  `runtime.logging` drops those of our own
failures, which say everything without one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeGuard

from temporalio import activity
from temporalio.exceptions import ApplicationError, is_cancelled_exception
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.errors import Failure
from activities.task_queues import VENDOR_OF_QUEUE
from offers.lifecycle.attentions import Vendor

VENDOR_CALLS = "offerflow_vendor_calls"
"""The counter's name; `_total` is added to it."""


class Outcome(StrEnum):
    """What became of an activity that calls a vendor."""

    SUCCESS = "success"
    NOT_READY = "not_ready"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    CREDENTIALS = "credentials"
    REJECTED = "rejected"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"
    """Nobody knows whether it was done, or it failed in our own code."""


OUTCOMES: dict[str | None, Outcome] = {
    Failure.NOT_READY: Outcome.NOT_READY,
    Failure.RATE_LIMITED: Outcome.RATE_LIMITED,
    Failure.UNAVAILABLE: Outcome.UNAVAILABLE,
    Failure.CREDENTIALS: Outcome.CREDENTIALS,
    Failure.REJECTED: Outcome.REJECTED,
    Failure.NOT_FOUND: Outcome.NOT_FOUND,
    Failure.DELIVERY_UNKNOWN: Outcome.UNKNOWN,
}

TROUBLE = frozenset({Outcome.RATE_LIMITED, Outcome.UNAVAILABLE, Outcome.CREDENTIALS})
"""What concerns all calls of a vendor, and not the one that failed."""

QUIET_SECONDS = 60
"""A trouble is over at the first success this long after its last failure: a vendor that answers
every second call is one trouble."""


@dataclass
class Trouble:
    """A vendor does not do what is asked."""

    began: float
    last_failure: float
    activities: set[str] = field(default_factory=set)
    """The types of the activities that failed."""
    failures: int = 0


class VendorCalls(Interceptor):
    """Belongs to one worker, and so to one task queue."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._troubles: dict[Vendor, Trouble] = {}

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """See how each activity ends."""
        calls = self

        class Inbound(ActivityInboundInterceptor):
            async def execute_activity(self, input: ExecuteActivityInput) -> Any:
                try:
                    result = await super().execute_activity(input)
                except BaseException as error:
                    if not is_cancelled_exception(error):
                        calls.failed(error)
                    raise
                calls.succeeded()
                return result

        return Inbound(next)

    def succeeded(self) -> None:
        """The current activity has succeeded."""
        vendor = VENDOR_OF_QUEUE.get(activity.info().task_queue)
        _count(vendor, Outcome.SUCCESS)
        for troubled, trouble in list(self._troubles.items()):
            seconds = self._now() - trouble.last_failure
            concerned = vendor is troubled or activity.info().activity_type in trouble.activities
            if concerned and seconds >= QUIET_SECONDS:
                del self._troubles[troubled]
                activity.logger.info(
                    "trouble with %s is over",
                    troubled,
                    extra={
                        "vendor": troubled,
                        "failures": trouble.failures,
                        "seconds": round(self._now() - trouble.began),
                    },
                )

    def failed(self, error: BaseException) -> None:
        """The current activity has failed."""
        queue_vendor = VENDOR_OF_QUEUE.get(activity.info().task_queue)
        if not is_own_failure(error):
            _count(queue_vendor, Outcome.UNKNOWN)
            return
        outcome = OUTCOMES[error.type]
        vendor = _vendor_in(error) or queue_vendor
        _count(vendor, outcome)
        about = {"vendor": vendor, "outcome": outcome}
        if vendor is not None and outcome in TROUBLE:
            self._note_trouble(vendor, error, about)
        elif outcome in (Outcome.NOT_READY, Outcome.NOT_FOUND):
            activity.logger.debug("%s", error.message, extra=about)
        else:
            activity.logger.warning("%s", error.message, extra=about)

    def _note_trouble(self, vendor: Vendor, error: ApplicationError, about: dict[str, Any]) -> None:
        now = self._now()
        if trouble := self._troubles.get(vendor):
            activity.logger.debug("%s", error.message, extra=about)
        else:
            trouble = self._troubles[vendor] = Trouble(began=now, last_failure=now)
            activity.logger.warning(
                "trouble with %s begins: %s", vendor, error.message, extra=about
            )
        trouble.last_failure = now
        trouble.failures += 1
        trouble.activities.add(activity.info().activity_type)


def is_own_failure(error: BaseException | None) -> TypeGuard[ApplicationError]:
    """Whether an activity failed as `activities.errors` says, and not by a fault in our code."""
    return isinstance(error, ApplicationError) and error.type in OUTCOMES


def _vendor_in(error: ApplicationError) -> Vendor | None:
    first = error.details[0] if error.details else None
    return first if isinstance(first, Vendor) else None


def _count(vendor: Vendor | None, outcome: Outcome) -> None:
    # What calls Temporal alone is in the SDK's own metrics.
    if vendor is not None:
        activity.metric_meter().create_counter(
            VENDOR_CALLS, "Activities that called a vendor, by what became of them."
        ).add(1, {"vendor": vendor.value, "outcome": outcome.value})
