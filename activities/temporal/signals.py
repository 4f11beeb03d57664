"""Signals to offers about changes in AWS, Clazar and the payout data; each may be sent twice."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from temporalio import activity
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.temporal.offer_directory import OfferDirectory
from offers.agreements.agreement import AgreementReport
from offers.ids import opportunity_id_of, workflow_id
from offers.lifecycle.clazar_field_sheet import opportunities_named_in
from offers.model import FrozenModel
from offers.payouts.model import PayoutReport
from offers.preflight.marketplace import ObservedOffer

AT_ONCE = 20
"""Concurrent signals."""
RPC_TIMEOUT = timedelta(seconds=10)
"""For one signal."""


class OfferSignal(NamedTuple):
    """A signal to an offer's workflow."""

    workflow_id: str
    signal: str
    argument: str | datetime | AgreementReport | ObservedOffer | PayoutReport | None = None
    """None: it has none."""


class OurOffer(FrozenModel):
    """A change of one of our offers."""

    workflow_id: str
    is_known: bool
    """Whether its id is known; if not, only the reference in its name says that it is ours."""
    observed: ObservedOffer

    @property
    def is_linked(self) -> bool:
        """Whether it is linked to its opportunity in Clazar."""
        return self.is_known and self.observed.linked_to == opportunity_id_of(self.workflow_id)


async def try_send(client: Client, reports: Iterable[OfferSignal]) -> list[BaseException | None]:
    """Send each signal; returns the error of each, None if Temporal accepted it.

    A workflow that has ended needs no signal.
    """
    room = asyncio.Semaphore(AT_ONCE)

    async def one(report: OfferSignal) -> None:
        async with room:
            handle = client.get_workflow_handle(report.workflow_id)
            try:
                await handle.signal(
                    report.signal,
                    args=[] if report.argument is None else [report.argument],
                    rpc_timeout=RPC_TIMEOUT,
                )
            except RPCError as error:
                if not _has_ended(error):
                    raise

    return await asyncio.gather(*map(one, reports), return_exceptions=True)


async def send(client: Client, reports: Iterable[OfferSignal]) -> None:
    """Send each signal; raises the first error."""
    for error in await try_send(client, reports):
        if error is not None:
            raise error


def _has_ended(error: RPCError) -> bool:
    """Whether the workflow does not exist, as opposed to the namespace."""
    return error.status is RPCStatusCode.NOT_FOUND and not any(
        each.Is(NamespaceNotFoundFailure.DESCRIPTOR) for each in error.grpc_status.details
    )


class OfferSignals:
    """Activities that find the offers concerned and signal them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._directory = OfferDirectory(client)

    @activity.defn
    async def signal_agreements(self, reports: list[AgreementReport]) -> list[str]:
        """Returns the ids of the agreements of running offers."""
        known = await self._known({report.offer_id for report in reports})
        ours = [report for report in reports if report.offer_id in known]
        await send(
            self._client, (OfferSignal(known[r.offer_id], "agreement_reported", r) for r in ours)
        )
        return [report.agreement_id for report in ours]

    @activity.defn
    async def find_our_offers(self, offers: list[ObservedOffer]) -> list[OurOffer]:
        """The changes that belong to a running offer.

        The id of an offer that was created in Clazar is not known yet; the reference in its name
        is.
        """
        known = await self._known({offer.offer_id for offer in offers})
        ours = []
        for seen in offers:
            if workflow := known.get(seen.offer_id):
                ours.append(OurOffer(workflow_id=workflow, is_known=True, observed=seen))
            elif named := opportunities_named_in(seen.name or ""):
                ours.append(
                    OurOffer(workflow_id=workflow_id(named[0]), is_known=False, observed=seen)
                )
        return ours

    @activity.defn
    async def signal_observed_offers(self, offers: list[OurOffer]) -> None:
        """Signal the offers."""
        reports = (
            OfferSignal(each.workflow_id, "offer_observed", each.observed) for each in offers
        )
        await send(self._client, reports)

    async def _known(self, offer_ids: set[str]) -> dict[str, str]:
        """The workflow ids of running offers, by offer id."""
        found = await self._directory.find_by_offer(sorted(offer_ids))
        return {offer.offer_id: offer.workflow_id for offer in found}
