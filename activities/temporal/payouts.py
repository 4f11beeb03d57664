"""Reads the payout data once for all offers."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from pydantic import AwareDatetime
from temporalio import activity
from temporalio.client import Client

from activities.business_time import business_now
from activities.temporal.offer_directory import OfferDirectory
from activities.temporal.signals import OfferSignal, send
from offers.clock import Clock
from offers.findings import Finding
from offers.model import FrozenModel
from offers.payouts.model import Payout, PayoutReading, PayoutReport
from offers.stage import Stage

READING_AGE = timedelta(minutes=5)
"""How old a reading may be for a report that does not say how new it is.  Real time."""
SHORTEST_INTERVAL = timedelta(minutes=1)
"""Between two readings that reports ask for: whoever can signal must not slow the source down."""


class PayoutData(Protocol):
    """A source of payout data."""

    async def read(self, offer_ids: Collection[str] | None, today: date) -> PayoutReading:
        """Payouts of the given offers, or of all; `today` is UTC.

        Unreadable data becomes findings.  Raises the ApplicationError to fail with if the source
        cannot be reached.
        """


class PayoutSweepResult(FrozenModel):
    """The result of one sweep."""

    signalled: int = 0
    """The number of offers that were signalled."""
    findings: tuple[Finding, ...] = ()


class ReadPayout(FrozenModel):
    """Which offer's payout is read, and how new the data must be."""

    offer_id: str
    read_since: AwareDatetime | None = None
    """UTC, real time; None: some minutes old is new enough."""


class Payouts:
    """Activities on the payout data."""

    def __init__(self, data: PayoutData, client: Client, clock: Clock) -> None:
        self._data = data
        self._client = client
        self._clock = clock
        self._last: LastReading | None = None
        self._reading = asyncio.Lock()

    @activity.defn
    async def sweep_payouts(self, stages: list[Stage]) -> PayoutSweepResult:
        """Read the payouts of the offers in these stages, and signal those whose payout changed."""
        known = await OfferDirectory(self._client).find_with_payout(stages)
        if not known:
            return PayoutSweepResult()
        async with self._reading:
            last = await self._read(frozenset(offer.offer_id for offer in known))
        report = PayoutReport(read_at=last.at)
        changed = [
            OfferSignal(offer.workflow_id, "payout_reported", report)
            for offer in known
            if (payout := last.reading.complete_payouts.get(offer.offer_id))
            and payout.fingerprint != offer.payout
        ]
        await send(self._client, changed)
        return PayoutSweepResult(signalled=len(changed), findings=last.reading.findings)

    @activity.defn
    async def read_payout(self, request: ReadPayout) -> Payout | None:
        """What the source shows of one offer; None: nothing, or nothing that may be passed on.

        A reading serves all offers for some minutes, so that many reports do not lead to many
        readings.
        """
        since = request.read_since or datetime.now(UTC) - READING_AGE
        async with self._reading:
            last = self._last
            if last is None or not last.serves(request.offer_id, since):
                last = await self._read(None)
        return last.reading.complete_payouts.get(request.offer_id)

    async def _read(self, offer_ids: frozenset[str] | None) -> "LastReading":
        at = datetime.now(UTC)
        reading = await self._data.read(offer_ids, business_now(self._clock).date())
        self._last = LastReading(at, offer_ids, reading)
        return self._last


@dataclass(frozen=True)
class LastReading:
    """What the source showed last."""

    at: datetime
    """When it was read (UTC, real time)."""
    offer_ids: frozenset[str] | None
    """Of which offers; None: of all."""
    reading: PayoutReading

    def serves(self, offer_id: str, since: datetime) -> bool:
        """Whether the source need not be read again for data of a time (UTC, real time)."""
        if self.offer_ids is not None and offer_id not in self.offer_ids:
            return False
        return self.at >= since or datetime.now(UTC) - self.at < SHORTEST_INTERVAL
