"""Metrics of all offers and Schedules, read from Temporal about once a minute.

Each worker of the task queue `offers` has them, so queries take their maximum, not their sum.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any, get_args

from temporalio.client import Client
from temporalio.common import MetricMeter
from temporalio.service import RPCError, RPCStatusCode

from activities.temporal.offer_summaries import ListedOffer, list_offers, newest_runs
from activities.temporal.vendor_problems import WAITING
from offers.lifecycle.attentions import AttentionCode
from offers.money import Currency
from offers.stage import Stage

EVERY_SECONDS = 60.0
LARGEST_SHARE = 0.05
"""Of the time that reading may take: while very many offers wait, it is read less often."""
NO_VENDOR = "none"
OPEN = "WorkflowType = 'OfferWorkflow' AND ExecutionStatus = 'Running'"
TERMINATED = "ExecutionStatus IN ('Terminated', 'TimedOut', 'Canceled')"

logger = logging.getLogger(__name__)

Labels = tuple[tuple[str, str], ...]


class OfferMetrics:
    """Gauges of what Temporal's list of workflows shows."""

    def __init__(
        self, client: Client, schedules: Mapping[str, timedelta], meter: MetricMeter
    ) -> None:
        """`schedules`: the interval of each Schedule by its id."""
        self._client = client
        self._schedules = schedules
        self._offers = _Gauge(meter, "offerflow_offers", "Open offers by stage.")
        self._attentions = _Gauge(
            meter, "offerflow_attentions", "What waits for a person, by code and vendor."
        )
        self._overdue = _Gauge(
            meter, "offerflow_overdue_payouts", "Offers with late payouts, by currency."
        )
        self._overdue_amount = _Gauge(
            meter, "offerflow_overdue_payouts_amount", "What of the payouts is late, by currency."
        )
        self._intervals = _Gauge(
            meter, "offerflow_schedule_interval_seconds", "How often each Schedule runs."
        )
        self._last_successes = _Gauge(
            meter,
            "offerflow_schedule_last_success_timestamp_seconds",
            "When the last good run of each Schedule ended, or else it was created; 0: it was not.",
        )
        self._refreshed = _Gauge(
            meter,
            "offerflow_refreshed_timestamp_seconds",
            "When the metrics of offers and Schedules were last read.",
        )

    async def keep_fresh(self, until: asyncio.Event) -> None:
        """Read them again and again until the event is set."""
        failing = False
        while not until.is_set():
            began = time.monotonic()
            try:
                await self.refresh()
                failing = False
            except Exception as error:  # whatever it is, it is tried again
                # One line is enough: `offerflow_refreshed_timestamp_seconds` shows how long.
                if not failing:
                    what = f"Temporal: {error.status.name}" if isinstance(error, RPCError) else ""
                    logger.warning("metrics cannot be read: %s", what or type(error).__name__)
                failing = True
            pause = max(EVERY_SECONDS, (time.monotonic() - began) / LARGEST_SHARE)
            with suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), pause)

    async def refresh(self) -> None:
        """Read them now; raises RPCError."""
        # One after the other: a server limits how many lists and counts it answers in a second.
        counts = {_labels(stage=stage): await self._count(stage) for stage in Stage}
        waiting = await list_offers(self._client, WAITING)
        terminated = await self._count_terminated()
        successes = [await self._last_success(each) for each in self._schedules]
        self._offers.set_all(counts)
        self._attentions.set_all(attentions(waiting, terminated))
        overdue = overdue_payouts(waiting)
        self._overdue.set_all({key: len(amounts) for key, amounts in overdue.items()})
        self._overdue_amount.set_all({key: float(sum(amounts)) for key, amounts in overdue.items()})
        for schedule, last in zip(self._schedules, successes, strict=True):
            labels = _labels(schedule=schedule)
            self._intervals.set(self._schedules[schedule].total_seconds(), labels)
            self._last_successes.set(last, labels)
        self._refreshed.set(time.time(), ())

    async def _count(self, stage: Stage) -> int:
        # Temporal groups counts by ExecutionStatus only (server 1.32.0).
        condition = f"OfferStage = '{stage}'"
        if stage is Stage.DRAFT:  # at first it has no stage
            condition = f"({condition} OR OfferStage IS NULL)"
        found = await self._client.count_workflows(f"{OPEN} AND {condition}")
        return found.count

    async def _count_terminated(self) -> int:
        """Those whose workflow was ended from outside, and that were not started again."""
        ended = await list_offers(self._client, TERMINATED)
        if not ended:
            return 0
        ids = sorted({f"'{each.info.execution.workflow_id}'" for each in ended})
        runs = await list_offers(self._client, f"WorkflowId IN ({', '.join(ids)})")
        return sum(each.is_stopped for each in newest_runs(runs))

    async def _last_success(self, schedule: str) -> float:
        """When its last good run ended; without one when it was created: it may run once a day."""
        # The newest first: Temporal's own order.
        found = self._client.list_workflows(
            f"TemporalScheduledById = '{schedule}' AND ExecutionStatus = 'Completed'",
            limit=1,
            page_size=1,
        )
        async for run in found:
            if run.close_time:
                return run.close_time.timestamp()
        try:
            described = await self._client.get_schedule_handle(schedule).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return 0
        return described.info.created_at.timestamp()


def attentions(offers: Iterable[ListedOffer], terminated: int = 0) -> dict[Labels, float]:
    """How many wait, by code and vendor; 0 for a code of which there is none.

    `terminated`: how many offers nobody follows any more.
    """
    counts: dict[Labels, float] = {
        _labels(code=code, vendor=NO_VENDOR): 0 for code in AttentionCode
    }
    for offer in offers:
        for each in offer.summary.progress.attentions if offer.summary else ():
            labels = _labels(code=each.code, vendor=each.vendor or NO_VENDOR)
            counts[labels] = counts.get(labels, 0) + 1
    counts[_labels(code=AttentionCode.WORKFLOW_TERMINATED, vendor=NO_VENDOR)] += terminated
    return counts


def overdue_payouts(offers: Iterable[ListedOffer]) -> dict[Labels, list[Decimal]]:
    """What is late of each offer, by currency: for each such offer there is an attention."""
    amounts: dict[Labels, list[Decimal]] = {
        _labels(currency=currency): [] for currency in get_args(Currency)
    }
    for offer in offers:
        late = offer.summary.overdue if offer.summary else None
        if late and late.amount:
            amounts[_labels(currency=late.currency)].append(late.amount)
    return amounts


class _Gauge:
    """A gauge of the SDK's, which forgets no labels: what is gone becomes 0."""

    def __init__(self, meter: MetricMeter, name: str, description: str) -> None:
        self._gauge = meter.create_gauge_float(name, description)
        self._known: set[Labels] = set()

    def set(self, value: float, labels: Labels) -> None:
        self._gauge.set(value, dict(labels))

    def set_all(self, values: Mapping[Labels, float]) -> None:
        self._known |= set(values)
        for labels in self._known:
            self.set(values.get(labels, 0), labels)


def _labels(**labels: Any) -> Labels:
    return tuple((name, str(value)) for name, value in labels.items())
