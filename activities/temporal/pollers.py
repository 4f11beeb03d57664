"""Whether workers ask for the work of a task queue."""

from datetime import UTC, datetime, timedelta

from temporalio.api.workflowservice.v1 import DescribeTaskQueueResponse

POLLER_SEEN_WITHIN = timedelta(minutes=2)
"""A worker asks for work about once a minute; the server remembers it for five."""


def is_polled(answer: DescribeTaskQueueResponse) -> bool:
    """Whether a worker has asked lately."""
    since = datetime.now(UTC) - POLLER_SEEN_WITHIN
    return any(poller.last_access_time.ToDatetime(UTC) > since for poller in answer.pollers)
