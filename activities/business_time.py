"""What time it is in an activity."""

from datetime import datetime

from temporalio import activity

from offers.clock import Clock


def business_now(clock: Clock) -> datetime:
    """The business time (UTC) by the Temporal server's clock, which the workflow lives by too."""
    return clock.business_time(activity.info().started_time)
