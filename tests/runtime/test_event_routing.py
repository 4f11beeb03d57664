"""The offers that an event is routed to, and the signals to them."""

import json
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from activities.aws.events import MarketplaceEvent, read_event
from activities.temporal.offer_directory import RunningOffer
from activities.temporal.signals import OfferSignal
from offers.agreements.agreement import AgreementReport
from offers.preflight.marketplace import ObservedOffer
from offers.stage import Stage
from runtime.event_routing import route_events

EVENTS = Path(__file__).parents[1] / "activities" / "aws" / "events"
OFFER, AGREEMENT = "offer-1234567890123", "agmt-4mwg1nevbokzw95eca5797ixs"
OPPORTUNITY = "001A0000006Vm9rIAC"
OURS = RunningOffer(workflow_id="offer/ours", offer_id=OFFER)
ACCEPTED = RunningOffer(workflow_id="offer/accepted", offer_id=OFFER, agreement_id=AGREEMENT)
BEFORE = RunningOffer(workflow_id="offer/before", offer_id="offer-before", agreement_id=AGREEMENT)
OTHER = RunningOffer(workflow_id="offer/other", offer_id="offer-other", agreement_id="agmt-other")


class Directory:
    """A directory of given offers that counts its lookups."""

    def __init__(self, *known: RunningOffer) -> None:
        self.known = known
        self.lookups = 0

    async def find_by_offer_or_agreement(
        self, offer_ids: Collection[str], agreement_ids: Collection[str]
    ) -> list[RunningOffer]:
        self.lookups += 1
        return [
            each
            for each in self.known
            if each.offer_id in offer_ids or each.agreement_id in agreement_ids
        ]

    async def find_by_stage(self, stages: Collection[Stage]) -> list[RunningOffer]:
        assert Stage.ACCEPTED in stages
        self.lookups += 1
        return [each for each in self.known if each.agreement_id]


def documented_event(name: str, **changes: Any) -> MarketplaceEvent:
    event = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    event["detail"] |= changes
    read = read_event(json.dumps(event))
    assert read
    return read


async def reports(event: MarketplaceEvent, *known: RunningOffer) -> set[OfferSignal]:
    (found,) = await route_events([event], Directory(*known, OTHER))  # type: ignore[arg-type]
    return found


async def test_change_set_is_routed_by_its_name() -> None:
    done = "76yesvf8y165pa4f98td2crtg"
    for status in ("succeeded", "failed", "cancelled"):
        event = documented_event(
            f"change-set-{status}", ChangeSetName=f"offer-{OPPORTUNITY}-amd2-rev3"
        )
        expected = {OfferSignal(f"offer/{OPPORTUNITY}/amendment/2", "change_set_finished", done)}
        assert await reports(event) == expected
        assert await reports(documented_event(f"change-set-{status}")) == set(), (
            "a signal for another offer"
        )


async def test_released_offer_is_routed_by_reference_and_id() -> None:
    def named(name: str | None) -> MarketplaceEvent:
        return documented_event("offer-released", offer={"id": OFFER, "name": name})

    observed = ObservedOffer(offer_id=OFFER, name=f"Example ({OPPORTUNITY}-1)")
    event = named(observed.name)
    by_reference = OfferSignal(f"offer/{OPPORTUNITY}", "offer_observed", observed)
    assert await reports(event) == {by_reference}
    assert await reports(event, OURS) == {
        by_reference,
        OfferSignal("offer/ours", "offer_observed", observed),
    }
    assert await reports(named("Another")) == await reports(named(None)) == set()


async def test_agreement_is_routed_to_its_offer() -> None:
    for change in ("created", "amended", "ended", "ending"):
        event = documented_event(f"purchase-agreement-{change}-proposer")
        report = AgreementReport(agreement_id=AGREEMENT, offer_id=OFFER, changed_at=event.at)
        assert await reports(event, OURS) == {
            OfferSignal("offer/ours", "agreement_reported", report)
        }
        assert await reports(event) == set(), "a signal for another offer"


async def test_upcoming_renewal_is_routed_by_agreement() -> None:
    for kind in ("terms-finalized", "upcoming"):
        (signal,) = await reports(
            documented_event(f"purchase-agreement-renewal-{kind}-proposer"), ACCEPTED
        )
        assert signal.workflow_id == "offer/accepted"


async def test_renewal_is_routed_to_the_previous_offer() -> None:
    renewal = documented_event("purchase-agreement-created-proposer-renewal")
    (signal,) = await reports(renewal, BEFORE)
    assert signal == OfferSignal(
        "offer/before",
        "agreement_reported",
        AgreementReport(agreement_id=AGREEMENT, offer_id="offer-before", changed_at=renewal.at),
    )
    assert len(await reports(renewal, BEFORE, OURS)) == 2


async def test_cancellation_answer_is_routed() -> None:
    event = documented_event("agreement-cancellation-request-approved")
    answer = OfferSignal("offer/ours", "cancellation_request_updated", "acr-abcdexampleid")
    by_offer = RunningOffer(workflow_id="offer/ours", offer_id="offer-exampleid")
    by_agreement = OURS.model_copy(update={"agreement_id": "agmt-abcdexampleid"})
    assert await reports(event, by_offer) == await reports(event, by_agreement) == {answer}
    assert await reports(event) == set()


async def test_paused_payouts_are_routed_to_accepted_offers() -> None:
    signals = await reports(documented_event("disbursement-paused"), OURS, ACCEPTED)
    at = datetime(2022, 11, 1, 13, 12, 22, tzinfo=UTC)
    paused = {"offer/accepted", "offer/other"}
    assert signals == {OfferSignal(each, "payouts_paused", at) for each in paused}


async def test_batch_needs_one_lookup() -> None:
    directory = Directory(OURS)
    names = [path.stem for path in sorted(EVENTS.glob("purchase-agreement-*-proposer.json"))]
    events = [documented_event(name) for name in names]
    found = await route_events(events, directory)  # type: ignore[arg-type]
    assert len(found) == len(events)
    assert directory.lookups == 1
