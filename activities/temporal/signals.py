"""Passing on to offers what the world reports of them: signals, which may be sent twice."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict
from temporalio import activity
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.temporal.offer_directory import OfferDirectory
from offers.agreements.agreement import AgreementReport
from offers.ids import opportunity_id_of, workflow_id
from offers.lifecycle.clazar_field_sheet import opportunities_named_in
from offers.payouts.model import Payout
from offers.preflight.marketplace import ObservedOffer

AT_ONCE = 20
"""Signals under way at a time."""
PATIENCE = timedelta(seconds=10)
"""How long Temporal may take for a signal."""


class OfferSignal(NamedTuple):
    """A signal to an offer's workflow."""

    workflow_id: str
    signal: str
    argument: str | datetime | AgreementReport | ObservedOffer | Payout


class OurOffer(BaseModel):
    """What was seen of an offer of ours."""

    model_config = ConfigDict(frozen=True)

    workflow_id: str
    is_known: bool
    """Whether it is known by its id; else it may become ours, for its name says so."""
    observed: ObservedOffer

    @property
    def is_linked(self) -> bool:
        """Whether it belongs to its opportunity in Clazar."""
        return self.is_known and self.observed.linked_to == opportunity_id_of(self.workflow_id)


async def try_send(client: Client, reports: Iterable[OfferSignal]) -> list[BaseException | None]:
    """Signal each offer; gives for each report why Temporal has not taken it, None if it has.

    One that has ended meanwhile needs no report.
    """
    room = asyncio.Semaphore(AT_ONCE)

    async def one(report: OfferSignal) -> None:
        async with room:
            handle = client.get_workflow_handle(report.workflow_id)
            try:
                await handle.signal(report.signal, report.argument, rpc_timeout=PATIENCE)
            except RPCError as error:
                if not _has_ended(error):
                    raise

    return await asyncio.gather(*map(one, reports), return_exceptions=True)


async def send(client: Client, reports: Iterable[OfferSignal]) -> None:
    """Signal each offer; raises what Temporal says of the first that it does not take."""
    for error in await try_send(client, reports):
        if error is not None:
            raise error


def _has_ended(error: RPCError) -> bool:
    """Whether there is no such offer any more, as opposed to no such namespace."""
    return error.status is RPCStatusCode.NOT_FOUND and not any(
        each.Is(NamespaceNotFoundFailure.DESCRIPTOR) for each in error.grpc_status.details
    )


class OfferSignals:
    """Activities that look up which offers are concerned, and signal these and no others."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._directory = OfferDirectory(client)

    @activity.defn
    async def signal_agreements(self, reports: list[AgreementReport]) -> list[str]:
        """Gives the ids of the agreements that belong to a running offer of ours."""
        known = await self._known({report.offer_id for report in reports})
        ours = [report for report in reports if report.offer_id in known]
        await send(
            self._client, (OfferSignal(known[r.offer_id], "agreement_reported", r) for r in ours)
        )
        return [report.agreement_id for report in ours]

    @activity.defn
    async def find_our_offers(self, offers: list[ObservedOffer]) -> list[OurOffer]:
        """Those that belong to a running offer of ours.

        One that a person has made in Clazar is not known by its id yet, but has its opportunity's
        reference in its name.
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
        """Tell offers what was seen of them."""
        reports = (
            OfferSignal(each.workflow_id, "offer_observed", each.observed) for each in offers
        )
        await send(self._client, reports)

    async def _known(self, offer_ids: set[str]) -> dict[str, str]:
        """By offer id, the workflow of those that are running."""
        found = await self._directory.find_by_offer(sorted(offer_ids))
        return {offer.offer_id: offer.workflow_id for offer in found}
