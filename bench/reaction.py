"""How soon Salesforce shows an acceptance: by an event, by the watch's report, and bare.

Real vendors' clients against the sandbox, EventBridge and SQS by moto, a dev server in real time.
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
from bench.baseline import BareReaction
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
from tests.support.eventbridge import KEYS, eventbridge, make_queue
from tests.support.offer_environment import OfferEnvironment, open_offer_environment
from tests.support.workflow_harness import environment_variables

QUEUE = "twins"
FIELD = "Offer_Stage__c"
PATTERN = {"source": [CATALOG, AGREEMENTS]}
PATIENCE_SECONDS = 60
QUIET_SECONDS = 1.5
"""Before each: the vendors' rates let the next call through at once then."""


async def reaction(times: int) -> dict[str, Any]:
    """Each way so many times, by turns."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with eventbridge() as endpoint, tempfile.TemporaryDirectory() as folder:
        keys = {name.upper(): value for name, value in KEYS.items()}
        queue = make_queue(endpoint, PATTERN)
        where = {"AWS_ENDPOINT_URL_SQS": endpoint, "OFFERS_EVENTS_QUEUE_URL": queue.url}
        with environment_variables(keys | where):
            async with open_offer_environment(Path(folder)) as environment:
                with ThreadPoolExecutor(clients.THREADS) as threads:
                    async with worker_on(
                        QUEUE,
                        environment.temporal_client,
                        [BareReaction],
                        [],
                        threads,
                        cached_workflows=100,
                    ):
                        return await Reaction(environment, EventBus(endpoint)).measured(times)


class Reaction:
    """The ways to Salesforce, each with an offer of its own."""

    def __init__(self, environment: OfferEnvironment, events: EventBus) -> None:
        self._environment = environment
        self._events = events
        self._number = 0

    async def measured(self, times: int) -> dict[str, Any]:
        """Milliseconds from the acceptance, or its report, to Salesforce showing it."""
        await self._by_signal()  # the first ones open every connection
        await self._bare()
        event, report, signal, bare = [], [], [], []
        for _ in range(times):
            event.append(await self._by_event())
            report.append(await self._by_report())
            signal.append(await self._by_signal())
            bare.append(await self._bare())
        watch_every = Policy().agreement_watch_every
        return {
            "times": times,
            "event_to_salesforce_ms": spread(event),
            "report_to_salesforce_ms": spread(report),
            "signal_to_salesforce_ms": spread(signal),
            "bare_ms": spread(bare),
            "ratio": {
                "signal": round(median(signal) / median(bare), 2),
                "report": round(median(report) / median(bare), 2),
                "event": round(median(event) / median(bare), 2),
                "target": 1.5,
            },
            "by_the_watch_alone_s": watch_every.total_seconds() / 2,
        }

    async def _shared(self) -> tuple[str, OfferRecord]:
        self._number += 1
        (opportunity,) = await self._environment.share_offers(self._number)
        await self._environment.wait_until_idle(opportunity)
        await asyncio.sleep(QUIET_SECONDS)
        return opportunity, await self._environment.client.record(opportunity)

    async def _by_event(self) -> float:
        opportunity, _ = await self._shared()
        self._environment.world.event_bus = self._events
        try:
            return await self._until_shown(
                opportunity, lambda: self._environment.accept(opportunity)
            )
        finally:
            self._environment.world.event_bus = None

    async def _by_report(self) -> float:
        """As the watch does it once it has read the feed: it looks up the offer first."""
        opportunity, report = await self._accepted()
        reporting = OfferSignals(self._environment.temporal_client)
        return await self._until_shown(opportunity, lambda: reporting.signal_agreements([report]))

    async def _by_signal(self) -> float:
        """The signal alone."""
        opportunity, report = await self._accepted()
        signal = OfferSignal(workflow_id(opportunity), "agreement_reported", report)
        return await self._until_shown(
            opportunity, lambda: send(self._environment.temporal_client, [signal])
        )

    async def _accepted(self) -> tuple[str, AgreementReport]:
        opportunity, record = await self._shared()
        agreement = accept(
            self._environment.world,
            record.require_offer_id(),
            record.require_terms().buyer_accounts[0],
        )
        report = AgreementReport(
            agreement_id=agreement.id,
            offer_id=record.require_offer_id(),
            status=agreement.status,
            updated_at=agreement.accepted_at,
        )
        return opportunity, report

    async def _bare(self) -> float:
        """A signal, the same two activities, no offer's life."""
        opportunity, record = await self._shared()
        accept(
            self._environment.world,
            record.require_offer_id(),
            record.require_terms().buyer_accounts[0],
        )
        update = opportunity_update(record.model_copy(update={"stage": Stage.ACCEPTED}))
        twin = await self._environment.temporal_client.start_workflow(
            BareReaction.run,
            args=[record.require_offer_id(), update],
            id=f"bare/{self._number}",
            task_queue=QUEUE,
        )
        await asyncio.sleep(QUIET_SECONDS)
        signal = OfferSignal(twin.id, "seen", "accepted")
        return await self._until_shown(
            opportunity, lambda: send(self._environment.temporal_client, [signal])
        )

    async def _until_shown(
        self, opportunity: str, happen: Callable[[], Awaitable[object]]
    ) -> float:
        shown = self._environment.world.opportunities[opportunity]
        began = time.perf_counter()
        await happen()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while shown.get(FIELD) != "accepted":  # noqa: ASYNC110 (the sandbox has no event)
                await asyncio.sleep(0.002)
        return (time.perf_counter() - began) * 1000
