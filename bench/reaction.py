"""How soon Salesforce shows an acceptance: from AWS's event, a report, a signal, and a baseline.

Real clients against the sandbox, EventBridge and SQS by moto, a dev server in real time.
"""

import asyncio
import logging
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from activities.aws.events import AGREEMENTS, CATALOG
from activities.temporal.signals import OfferSignal, OfferSignals, send
from bench.baseline import ReactionBaseline
from bench.machine import spread
from offers.agreements.agreement import AgreementReport
from offers.ids import workflow_id
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.salesforce_fields import opportunity_update
from offers.policy.policy import Policy
from offers.stage import Stage
from runtime import clients
from runtime.workers import worker_on
from sandbox.aws.eventbridge.event_bus import EventBus
from sandbox.marketplace.buyers import accept
from tests.support.dev_server import address_of, start_dev_server
from tests.support.eventbridge import KEYS, eventbridge, make_queue
from tests.support.offer_environment import OfferEnvironment, open_offer_environment
from tests.support.workflow_harness import environment_variables

QUEUE = "baselines"
FIELD = "Offer_Stage__c"
PATTERN = {"source": [CATALOG, AGREEMENTS]}
TIMEOUT_SECONDS = 60
PAUSE_SECONDS = 6
"""The pause before each measurement, after which the vendors' rates delay no call: a queue of three
calls a second has four partitions, and each lets one call through in 1.3 seconds."""


async def reaction(times: int) -> dict[str, Any]:
    """Each way this many times, by turns."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    async with await start_dev_server() as server:
        with eventbridge() as endpoint, tempfile.TemporaryDirectory() as folder:
            return await _measured(times, address_of(server), endpoint, Path(folder))


async def _measured(times: int, server: str, endpoint: str, folder: Path) -> dict[str, Any]:
    keys = {name.upper(): value for name, value in KEYS.items()}
    queue = make_queue(endpoint, PATTERN)
    where = {"AWS_ENDPOINT_URL_SQS": endpoint, "OFFERS_EVENTS_QUEUE_URL": queue.url}
    with environment_variables(keys | where):
        async with open_offer_environment(server, folder, limits_rates=True) as environment:
            with ThreadPoolExecutor(clients.THREADS) as threads:
                async with worker_on(
                    QUEUE,
                    environment.temporal_client,
                    [ReactionBaseline],
                    [],
                    threads,
                    cached_workflows=100,
                ):
                    return await Reaction(environment, EventBus(endpoint)).measure(times)


class Reaction:
    """The ways to Salesforce, each measured with its own offer."""

    def __init__(self, environment: OfferEnvironment, events: EventBus) -> None:
        self._environment = environment
        self._events = events
        self._number = 0

    async def measure(self, times: int) -> dict[str, Any]:
        """Milliseconds from the acceptance, or its report, until Salesforce shows it."""
        await self._from_signal()  # the first ones open every connection
        await self._from_baseline()
        event, report, signal, bare = [], [], [], []
        for _ in range(times):
            event.append(await self._from_event())
            report.append(await self._from_report())
            signal.append(await self._from_signal())
            bare.append(await self._from_baseline())
        watch_every = Policy().agreement_watch_every
        return {
            "measurements": times,
            "event_to_salesforce_ms": spread(event),
            "report_to_salesforce_ms": spread(report),
            "signal_to_salesforce_ms": spread(signal),
            "bare_baseline_ms": spread(bare),
            "ratio_to_bare_baseline": {
                "signal": round(median(signal) / median(bare), 2),
                "report": round(median(report) / median(bare), 2),
                "event": round(median(event) / median(bare), 2),
                "target": 1.5,
            },
            "without_events_s": watch_every.total_seconds() / 2,
        }

    async def _share_offer(self) -> tuple[str, OfferRecord]:
        self._number += 1
        (opportunity,) = await self._environment.share_offers(self._number)
        await self._environment.wait_until_idle(opportunity)
        await asyncio.sleep(PAUSE_SECONDS)
        return opportunity, await self._environment.client.record(opportunity)

    async def _from_event(self) -> float:
        opportunity, _ = await self._share_offer()
        self._environment.world.aws.event_bus = self._events
        try:
            return await self._time_until_written(
                opportunity, lambda: self._environment.accept(opportunity)
            )
        finally:
            self._environment.world.aws.event_bus = None

    async def _from_report(self) -> float:
        """As the watch does it after reading the feed: it looks up the offer first."""
        opportunity, report = await self._accept_offer()
        signals = OfferSignals(self._environment.temporal_client)
        return await self._time_until_written(
            opportunity, lambda: signals.signal_agreements([report])
        )

    async def _from_signal(self) -> float:
        """The signal alone."""
        opportunity, report = await self._accept_offer()
        signal = OfferSignal(workflow_id(opportunity), "agreement_reported", report)
        return await self._time_until_written(
            opportunity, lambda: send(self._environment.temporal_client, [signal])
        )

    async def _accept_offer(self) -> tuple[str, AgreementReport]:
        opportunity, record = await self._share_offer()
        agreement = accept(
            self._environment.world,
            record.require_offer_id(),
            record.require_terms().buyer_accounts[0],
        )
        report = AgreementReport(
            agreement_id=agreement.id,
            offer_id=record.require_offer_id(),
            changed_at=agreement.accepted_at,
        )
        return opportunity, report

    async def _from_baseline(self) -> float:
        """A signal and the same two activities."""
        opportunity, record = await self._share_offer()
        accept(
            self._environment.world,
            record.require_offer_id(),
            record.require_terms().buyer_accounts[0],
        )
        update = opportunity_update(record.model_copy(update={"stage": Stage.ACCEPTED}))
        baseline = await self._environment.temporal_client.start_workflow(
            ReactionBaseline.run,
            args=[record.require_offer_id(), update],
            id=f"bare/{self._number}",
            task_queue=QUEUE,
        )
        await asyncio.sleep(PAUSE_SECONDS)
        signal = OfferSignal(baseline.id, "report", "accepted")
        return await self._time_until_written(
            opportunity, lambda: send(self._environment.temporal_client, [signal])
        )

    async def _time_until_written(
        self, opportunity: str, trigger: Callable[[], Awaitable[object]]
    ) -> float:
        fields = self._environment.world.salesforce.opportunities[opportunity]
        began = time.perf_counter()
        await trigger()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while fields.get(FIELD) != "accepted":  # noqa: ASYNC110 (the sandbox has no event)
                await asyncio.sleep(0.002)
        return (time.perf_counter() - began) * 1000
