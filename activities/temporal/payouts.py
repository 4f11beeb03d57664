"""Reads the payout data once for all offers."""

from collections.abc import Collection
from datetime import date
from typing import Protocol

from temporalio import activity
from temporalio.client import Client

from activities.business_time import business_now
from activities.temporal.offer_directory import OfferDirectory
from activities.temporal.signals import OfferSignal, send
from offers.clock import Clock
from offers.findings import Finding
from offers.model import FrozenModel
from offers.payouts.model import PayoutReading
from offers.stage import Stage


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


class Payouts:
    """Activities on the payout data."""

    def __init__(self, data: PayoutData, client: Client, clock: Clock) -> None:
        self._data = data
        self._client = client
        self._clock = clock

    @activity.defn
    async def sweep_payouts(self, stages: list[Stage]) -> PayoutSweepResult:
        """Read the payouts of the offers in these stages, and signal those whose payout changed."""
        known = await OfferDirectory(self._client).find_by_stage(stages)
        if not known:
            return PayoutSweepResult()
        reading = await self._data.read(
            {offer.offer_id for offer in known}, business_now(self._clock).date()
        )
        believed = reading.complete_payouts
        changed = [
            OfferSignal(offer.workflow_id, "payout_reported", payout)
            for offer in known
            if (payout := believed.get(offer.offer_id)) and payout.fingerprint != offer.payout
        ]
        await send(self._client, changed)
        return PayoutSweepResult(signalled=len(changed), findings=reading.findings)
