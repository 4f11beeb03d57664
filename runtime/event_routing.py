"""Routes AWS's events to the offers that they concern."""

from collections.abc import Sequence
from datetime import datetime

from activities.aws.events import (
    AgreementChanged,
    CancellationChanged,
    ChangeSetEnded,
    MarketplaceEvent,
    OfferReleased,
    PayoutsPaused,
)
from activities.temporal.offer_directory import OfferDirectory, RunningOffer
from activities.temporal.signals import OfferSignal
from offers.agreements.agreement import AgreementReport
from offers.ids import parse_reference, workflow_id
from offers.lifecycle.clazar_field_sheet import opportunities_named_in
from offers.preflight.marketplace import ObservedOffer
from offers.stage import Stage

OWED = (Stage.ACCEPTED, Stage.REPLACED, Stage.TERMINATED)
"""Stages in which payouts are expected."""


async def route_events(
    events: Sequence[MarketplaceEvent], directory: OfferDirectory
) -> list[set[OfferSignal]]:
    """The signals of each event; the running offers are found by one query for all events."""
    named = [_named(event) for event in events]
    running = await directory.find_by_offer_or_agreement(
        {offer_id for offer_ids, _ in named for offer_id in offer_ids},
        {agreement_id for _, agreement_ids in named for agreement_id in agreement_ids},
    )
    paused = any(isinstance(event.detail, PayoutsPaused) for event in events)
    accepted = await directory.find_by_stage(OWED) if paused else []
    return [_signals(event, running, accepted) for event in events]


def _named(event: MarketplaceEvent) -> tuple[set[str], set[str]]:
    """The offers and the agreements that an event names."""
    match event.detail:
        case OfferReleased(offer=offer):
            return {offer.id}, set()
        case AgreementChanged(agreement=agreement, offer=offer):
            agreements = {agreement.id, agreement.previous_agreement_id}
            return ({offer.id} if offer else set()), {each for each in agreements if each}
        case CancellationChanged(agreement=agreement):
            return ({agreement.offer_id} if agreement.offer_id else set()), {agreement.id}
        case _:
            return set(), set()


def _signals(
    event: MarketplaceEvent, running: Sequence[RunningOffer], accepted: Sequence[RunningOffer]
) -> set[OfferSignal]:
    """The signals of one event to the running offers that it names."""
    offer_ids, agreement_ids = _named(event)
    named = [
        known
        for known in running
        if known.offer_id in offer_ids or known.agreement_id in agreement_ids
    ]
    match event.detail:
        case ChangeSetEnded(change_set_id=change_set, change_set_name=name):
            path = parse_reference(name or "")
            return (
                {OfferSignal(workflow_id(path), "change_set_finished", change_set)}
                if path
                else set()
            )
        case OfferReleased(offer=offer):
            made_for = map(workflow_id, opportunities_named_in(offer.name or ""))
            seen = ObservedOffer(offer_id=offer.id, name=offer.name)
            concerned = {*made_for, *(known.workflow_id for known in named)}
            return {OfferSignal(each, "offer_observed", seen) for each in concerned}
        case AgreementChanged() as changed:
            return {
                OfferSignal(
                    known.workflow_id,
                    "agreement_reported",
                    _agreement_report(event.at, changed, known),
                )
                for known in named
            }
        case CancellationChanged(agreement_cancellation_request=request):
            return {
                OfferSignal(each.workflow_id, "cancellation_request_updated", request.id)
                for each in named
            }
        case PayoutsPaused():
            return {OfferSignal(each.workflow_id, "payouts_paused", event.at) for each in accepted}


def _agreement_report(
    at: datetime, changed: AgreementChanged, known: RunningOffer
) -> AgreementReport:
    """The signal to an offer: about its own agreement, not about the one that replaced it."""
    agreement = changed.agreement
    previous = agreement.previous_agreement_id
    agreement_id = previous if previous and previous == known.agreement_id else agreement.id
    return AgreementReport(agreement_id=agreement_id, offer_id=known.offer_id, changed_at=at)
