"""Passing on to offers what the world reports of them: signals, which may be sent twice."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.offer_directory import OfferDirectory
from offers.agreement import AgreementReport
from offers.hand_off import opportunities_in
from offers.marketplace import SeenOffer
from offers.opportunity import workflow_id
from offers.payouts import Payout

AT_ONCE = 20
"""Signals under way at a time."""


class Report(NamedTuple):
    """A signal to an offer's workflow."""

    workflow_id: str
    signal: str
    what: str | datetime | AgreementReport | SeenOffer | Payout


async def send(client: Client, reports: Iterable[Report]) -> None:
    """Signal each offer; one that has ended meanwhile needs no report.

    Raises RPCError as soon as Temporal does not take one.
    """
    room = asyncio.Semaphore(AT_ONCE)

    async def one(report: Report) -> None:
        async with room:
            handle = client.get_workflow_handle(report.workflow_id)
            try:
                await handle.signal(report.signal, report.what)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise

    failed = await asyncio.gather(*map(one, reports), return_exceptions=True)
    for error in failed:
        if error is not None:
            raise error


class Reporting:
    """Activities that look up which offers are concerned, and signal these and no others."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._directory = OfferDirectory(client)

    @activity.defn
    async def report_agreements(self, reports: list[AgreementReport]) -> list[str]:
        """Gives the ids of the agreements that belong to a running offer of ours."""
        known = await self._known({report.offer_id for report in reports})
        ours = [report for report in reports if report.offer_id in known]
        await send(self._client, (Report(known[r.offer_id], "agreement_seen", r) for r in ours))
        return [report.agreement_id for report in ours]

    @activity.defn
    async def report_offers(self, offers: list[SeenOffer]) -> list[str]:
        """Gives the ids of the offers that belong to a running offer of ours.

        One that a person has made in Clazar is not known by its id yet, but has its opportunity's
        reference in its name.
        """
        known = await self._known({offer.offer_id for offer in offers})
        for offer in offers:
            for opportunity in opportunities_in(offer.name or ""):
                known.setdefault(offer.offer_id, workflow_id(opportunity))
        ours = [offer for offer in offers if offer.offer_id in known]
        await send(self._client, (Report(known[o.offer_id], "offer_seen", o) for o in ours))
        return [offer.offer_id for offer in ours]

    async def _known(self, offer_ids: set[str]) -> dict[str, str]:
        """By offer id, the workflow of those that are running."""
        found = await self._directory.find_offers(sorted(offer_ids))
        return {offer.offer_id: offer.workflow_id for offer in found}
