"""One task queue per outside system, with that system's documented rate.

The Temporal server enforces the rate for all workers together.  It divides the rate by the number
of the queue's partitions (four by default): of three calls a second each partition lets one through
in 1.3 seconds, so that a call can wait so long while the queue as a whole is idle.
"""

from enum import StrEnum

from offers.clock import Clock
from offers.lifecycle.attentions import Vendor


class TaskQueue(StrEnum):
    """A task queue."""

    OFFERS = "offers"
    """Workflows, and activities that call only Temporal."""
    PREFLIGHT = "preflight"
    """Reads Salesforce, AWS Marketplace and contracts for one deal."""
    AWS_MARKETPLACE = "aws-marketplace"
    CLAZAR = "clazar"
    PAYOUTS = "payouts"
    """Reads the payout data, from Clazar or from S3."""
    SALESFORCE = "salesforce"
    EMAIL = "email"
    WEBHOOKS = "webhooks"
    """Sends events to the receivers that the policy names."""


VENDOR_OF_QUEUE: dict[str, Vendor] = {
    TaskQueue.AWS_MARKETPLACE: Vendor.AWS,
    TaskQueue.CLAZAR: Vendor.CLAZAR,
    TaskQueue.SALESFORCE: Vendor.SALESFORCE,
    TaskQueue.EMAIL: Vendor.EMAIL,
    TaskQueue.WEBHOOKS: Vendor.WEBHOOKS,
}
"""Whom all activities of a queue call; the other queues have several vendors, or none."""


ACTIVITIES_PER_SECOND: dict[TaskQueue, float | None] = {
    TaskQueue.OFFERS: None,
    # AWS: StartChangeSet, ListChangeSets, SearchAgreements, DescribeAgreement: 5 a second each; an
    # activity calls each of them at most once before it pauses.  Two queues share them.
    TaskQueue.PREFLIGHT: 2,
    TaskQueue.AWS_MARKETPLACE: 3,
    # Clazar: 120 requests a minute; an activity makes about two.
    TaskQueue.CLAZAR: 1,
    # One reading a day; it paces itself.
    TaskQueue.PAYOUTS: None,
    # Salesforce counts calls by the day only (100,000 and more); this keeps peaks polite.
    TaskQueue.SALESFORCE: 10,
    # Ours: relays document no common rate.
    TaskQueue.EMAIL: 5,
    # Ours: what a receiver takes is not known (ASSUMED to be enough for 10,000 offers).
    TaskQueue.WEBHOOKS: 10,
}
"""In business time, which is real time in production.  None: no limit."""


def activities_per_second(queue: TaskQueue, clock: Clock) -> float | None:
    """How many activities of a queue may begin in a real second; None: no limit.

    The rates are per business second, as the vendors count.  Where a day passes in a second, a rate
    of three a real second would be three calls a day for all offers together, and they would wait
    for each other longer than their deadlines are apart.
    """
    rate = ACTIVITIES_PER_SECOND[queue]
    return None if rate is None else rate * clock.scale
