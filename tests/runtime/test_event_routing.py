"""Which offers an event concerns, and what is reported to them."""

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
    """Knows some offers, and counts what it is asked."""

    def __init__(self, *known: RunningOffer) -> None:
        self.known = known
        self.asked = 0

    async def find_by_offer_or_agreement(
        self, offer_ids: Collection[str], agreement_ids: Collection[str]
    ) -> list[RunningOffer]:
        self.asked += 1
        return [
            each
            for each in self.known
            if each.offer_id in offer_ids or each.agreement_id in agreement_ids
        ]

    async def find_by_stage(self, stages: Collection[Stage]) -> list[RunningOffer]:
        assert Stage.ACCEPTED in stages
        self.asked += 1
        return [each for each in self.known if each.agreement_id]


def documented(name: str, **changes: Any) -> MarketplaceEvent:
    event = json.loads((EVENTS / f"{name}.json").read_text())
    event["detail"] |= changes
    heard = read_event(json.dumps(event))
    assert heard
    return heard


async def reports(event: MarketplaceEvent, *known: RunningOffer) -> set[OfferSignal]:
    (found,) = await route_events([event], Directory(*known, OTHER))  # type: ignore[arg-type]
    return found


async def test_a_change_set_is_reported_to_the_offer_it_is_named_after() -> None:
    done = "76yesvf8y165pa4f98td2crtg"
    for how in ("succeeded", "failed", "cancelled"):
        event = documented(f"change-set-{how}", ChangeSetName=f"offer-{OPPORTUNITY}-amd2-rev3")
        told = {OfferSignal(f"offer/{OPPORTUNITY}/amendment/2", "change_set_finished", done)}
        assert await reports(event) == told
        assert await reports(documented(f"change-set-{how}")) == set(), "not ours"


async def test_a_released_offer_is_reported_by_its_reference_and_by_its_id() -> None:
    def named(name: str | None) -> MarketplaceEvent:
        return documented("offer-released", offer={"id": OFFER, "name": name})

    seen = ObservedOffer(offer_id=OFFER, name=f"Example ({OPPORTUNITY}-1)")
    event = named(seen.name)
    by_reference = OfferSignal(f"offer/{OPPORTUNITY}", "offer_observed", seen)
    assert await reports(event) == {by_reference}
    assert await reports(event, OURS) == {
        by_reference,
        OfferSignal("offer/ours", "offer_observed", seen),
    }
    assert await reports(named("Somebody's")) == await reports(named(None)) == set()


async def test_an_agreement_is_reported_to_its_offer() -> None:
    for change, status in [
        *(("created", "ACTIVE"), ("amended", "ACTIVE"), ("ended", "CANCELLED")),
        ("ending", "ACTIVE"),
    ]:
        event = documented(f"purchase-agreement-{change}-proposer")
        report = AgreementReport(
            agreement_id=AGREEMENT, offer_id=OFFER, status=status, updated_at=event.at
        )
        assert await reports(event, OURS) == {
            OfferSignal("offer/ours", "agreement_reported", report)
        }
        assert await reports(event) == set(), "not ours"


async def test_a_coming_renewal_is_reported_by_the_agreement_alone() -> None:
    for news in ("terms-finalized", "upcoming"):
        (told,) = await reports(documented(f"purchase-agreement-renewal-{news}-proposer"), ACCEPTED)
        assert isinstance(told.argument, AgreementReport)
        assert (told.workflow_id, told.argument.status) == ("offer/accepted", "ACTIVE")


async def test_what_took_its_place_is_reported_to_the_offer_before() -> None:
    renewal = documented("purchase-agreement-created-proposer-renewal")
    (told,) = await reports(renewal, BEFORE)
    assert told == OfferSignal(
        "offer/before",
        "agreement_reported",
        AgreementReport(
            agreement_id=AGREEMENT,
            offer_id="offer-before",
            status="RENEWED",
            updated_at=renewal.at,
        ),
    )
    assert len(await reports(renewal, BEFORE, OURS)) == 2


async def test_an_answer_to_a_request_to_cancel() -> None:
    event = documented("agreement-cancellation-request-approved")
    answer = OfferSignal("offer/ours", "cancellation_request_updated", "acr-abcdexampleid")
    by_offer = RunningOffer(workflow_id="offer/ours", offer_id="offer-exampleid")
    by_agreement = OURS.model_copy(update={"agreement_id": "agmt-abcdexampleid"})
    assert await reports(event, by_offer) == await reports(event, by_agreement) == {answer}
    assert await reports(event) == set()


async def test_paused_payouts_concern_all_that_are_accepted() -> None:
    told = await reports(documented("disbursement-paused"), OURS, ACCEPTED)
    at = datetime(2022, 11, 1, 13, 12, 22, tzinfo=UTC)
    paused = {"offer/accepted", "offer/other"}
    assert told == {OfferSignal(each, "payouts_paused", at) for each in paused}


async def test_a_batch_is_looked_up_at_once() -> None:
    directory = Directory(OURS)
    names = [path.stem for path in sorted(EVENTS.glob("purchase-agreement-*-proposer.json"))]
    events = [documented(name) for name in names]
    found = await route_events(events, directory)  # type: ignore[arg-type]
    assert len(found) == len(events)
    assert directory.asked == 1
