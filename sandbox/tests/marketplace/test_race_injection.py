"""Acceptances that race with a change of the offer."""

from datetime import UTC, datetime

import httpx
import pytest

from sandbox.aws.marketplace_state import Agreement, RacePoint
from sandbox.marketplace.race_injection import accept_when
from sandbox.tests.support.aws_seller import BUYER, Details, Seller, change

WITHDRAWAL = {"AvailabilityEndDate": "2026-03-01"}
EXTENSION = {"AvailabilityEndDate": "2026-05-01"}
LAST_SECOND = datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC)


def accepted(seller: Seller) -> list[Agreement]:
    seller.world.advance()
    return list(seller.world.aws.agreements.values())


@pytest.mark.parametrize(("point", "minutes"), [("submitted", 0), ("applying", 2)])
def test_an_acceptance_before_a_withdrawal_stays(
    seller: Seller, point: RacePoint, minutes: int
) -> None:
    offer_id = seller.create_offer()
    accept_when(seller.world, BUYER, point)
    requested_at = seller.clock.now
    withdrawal = seller.start([change("UpdateAvailability", WITHDRAWAL, offer_id)])
    assert len(accepted(seller)) == (1 if point == "submitted" else 0)
    seller.clock.advance(minutes=10)
    (agreement,) = accepted(seller)
    assert (agreement.accepted_at - requested_at).total_seconds() == minutes * 60
    assert seller.describe(withdrawal)["Status"] == "SUCCEEDED"
    assert agreement.status == "ACTIVE"
    offer = seller.world.aws.offers[offer_id]
    assert str(offer.availability_end) == "2026-03-01"
    assert not seller.world.aws.acceptable(offer)


def test_a_draft_cannot_be_accepted(seller: Seller) -> None:
    points: list[RacePoint] = ["submitted", "applying"]
    for point in points:
        accept_when(seller.world, BUYER, point)
    seller.create_offer()
    draft = seller.create_offer(ReleaseOffer=None)
    assert seller.run([change("ReleaseOffer", {}, draft)])["Status"] == "SUCCEEDED"
    assert accepted(seller) == []


def test_acceptance_at_the_instant_of_release(seller: Seller) -> None:
    accept_when(seller.world, BUYER, "released")
    offer_id = seller.create_offer()
    (agreement,) = accepted(seller)
    assert agreement.accepted_at == seller.world.aws.offers[offer_id].released_at


def test_acceptance_in_the_last_second(seller: Seller) -> None:
    accept_when(seller.world, BUYER, "last-second")
    seller.create_offer()
    seller.clock.now = LAST_SECOND.replace(second=58)
    assert accepted(seller) == []
    seller.clock.advance(seconds=1)
    (agreement,) = accepted(seller)
    assert agreement.accepted_at == LAST_SECOND


def test_acceptance_in_the_last_second_of_an_existing_offer(seller: Seller) -> None:
    seller.create_offer()
    accept_when(seller.world, BUYER, "last-second")
    seller.clock.advance(days=60)
    assert [each.accepted_at for each in accepted(seller)] == [LAST_SECOND]


@pytest.mark.parametrize(
    ("details", "when"),
    [(EXTENSION, [LAST_SECOND.replace(month=5)]), (WITHDRAWAL, [])],
)
def test_the_last_second_follows_the_availability_end(
    seller: Seller, details: Details, when: list[datetime]
) -> None:
    accept_when(seller.world, BUYER, "last-second")
    offer_id = seller.create_offer()
    seller.run([change("UpdateAvailability", details, offer_id)])
    seller.clock.advance(days=100)
    assert [each.accepted_at for each in accepted(seller)] == when


@pytest.mark.parametrize("by", ["id", "name", "description"])
def test_only_matching_offers_are_accepted(seller: Seller, by: str) -> None:
    first = seller.create_offer()
    second = seller.create_offer(
        UpdateInformation={"Name": "The second", "Description": "crm:opp-2 rev 1"}
    )
    offer_filter = {"id": second, "name": "second", "description": "crm:opp-2"}[by]
    accept_when(seller.world, BUYER, "submitted", offer_filter)
    for offer_id in (first, second):
        seller.start([change("UpdateAvailability", EXTENSION, offer_id)])
    assert [each.offer_id for each in accepted(seller)] == [second]


def test_an_offer_to_another_buyer_is_not_accepted(seller: Seller) -> None:
    accept_when(seller.world, "444455556666", "released")
    seller.create_offer()
    assert accepted(seller) == []


def test_race_acceptances_over_the_control_api(seller: Seller, control: httpx.Client) -> None:
    settings = {"race_acceptances": [{"point": "submitted", "offer_filter": "crm:opp-1"}]}
    seller.create_offer()
    shown = control.put(f"/buyers/{BUYER}", json=settings).json()
    assert shown["race_acceptances"] == settings["race_acceptances"]
    offer_id = next(iter(seller.world.aws.offers))
    seller.start([change("UpdateAvailability", WITHDRAWAL, offer_id)])
    assert [each.offer_id for each in accepted(seller)] == [offer_id]
    wrong = control.put(f"/buyers/{BUYER}", json={"race_acceptances": [{"point": "noon"}]})
    assert wrong.status_code == 400
    assert "race_acceptances" in wrong.json()["error"]


def test_the_last_second_over_the_control_api(seller: Seller, control: httpx.Client) -> None:
    seller.create_offer()
    control.put(f"/buyers/{BUYER}", json={"race_acceptances": [{"point": "last-second"}]})
    seller.clock.advance(days=60)
    assert [each.accepted_at for each in accepted(seller)] == [LAST_SECOND]
