"""The business time in an activity."""

from datetime import datetime

from temporalio import activity

from offers.clock import Clock


def business_now(clock: Clock) -> datetime:
    """Business time (UTC) by the Temporal server's clock, which workflows use, too."""
    return clock.business_time(activity.info().started_time)


def business_schedule(clock: Clock) -> datetime:
    """The business time (UTC) at which the workflow asked for the activity: retries do not count.

    Only inside an activity.
    """
    return clock.business_time(activity.info().scheduled_time)
