"""Shared by the watches: how a feed is read, and from where on."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from offers.clock import Clock
    from offers.feed import EntryT, FeedCursor
    from offers.model import FrozenModel


class WatchRequest(FrozenModel):
    """How a feed is read."""

    clock: Clock
    overlap: timedelta
    """How far each reading goes back behind the newest entry seen: entries may appear late."""


def last_cursor(
    cursor: type[FeedCursor[EntryT]], clock: Clock, first_look_back: timedelta
) -> FeedCursor[EntryT]:
    """The last run's cursor; that of the first run goes back by `first_look_back`."""
    last = workflow.get_last_completion_result(cursor)
    return last or cursor(newest=clock.business_time(workflow.now()) - first_look_back)
