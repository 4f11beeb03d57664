"""Buyers who accept while the seller or AWS is busy with the offer."""

from datetime import UTC, datetime

import httpx
import pytest

from sandbox.marketplace.race_injection import accept_when
from sandbox.tests.support.aws_seller import BUYER, Details, Seller, change
from sandbox.world import Agreement, RacePoint

WITHDRAWAL = {"AvailabilityEndDate": "2026-03-01"}
EXTENSION = {"AvailabilityEndDate": "2026-05-01"}
LAST_SECOND = datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC)


def accepted(seller: Seller) -> list[Agreement]:
    seller.world.advance()
    return list(seller.world.agreements.values())


@pytest.mark.parametrize(("moment", "minutes"), [("submitted", 0), ("applying", 2)])
def test_a_withdrawal_comes_too_late(seller: Seller, moment: RacePoint, minutes: int) -> None:
    offer_id = seller.make_offer()
    accept_when(seller.world, BUYER, moment)
    asked = seller.clock.now
    withdrawal = seller.start([change("UpdateAvailability", WITHDRAWAL, offer_id)])
    assert len(accepted(seller)) == (1 if moment == "submitted" else 0)
    seller.clock.move(minutes=10)
    (agreement,) = accepted(seller)
    assert (agreement.accepted_at - asked).total_seconds() == minutes * 60
    assert seller.describe(withdrawal)["Status"] == "SUCCEEDED"
    assert agreement.status == "ACTIVE"
    offer = seller.world.offers[offer_id]
    assert str(offer.availability_end) == "2026-03-01"
    assert not seller.world.acceptable(offer)


def test_a_draft_cannot_be_accepted_while_it_is_made(seller: Seller) -> None:
    moments: list[RacePoint] = ["submitted", "applying"]
    for moment in moments:
        accept_when(seller.world, BUYER, moment)
    seller.make_offer()
    draft = seller.make_offer(ReleaseOffer=None)
    assert seller.run([change("ReleaseOffer", {}, draft)])["Status"] == "SUCCEEDED"
    assert accepted(seller) == []


def test_at_the_instant_of_release(seller: Seller) -> None:
    accept_when(seller.world, BUYER, "released")
    offer_id = seller.make_offer()
    (agreement,) = accepted(seller)
    assert agreement.accepted_at == seller.world.offers[offer_id].released_at


def test_in_the_last_second(seller: Seller) -> None:
    accept_when(seller.world, BUYER, "last-second")
    seller.make_offer()
    seller.clock.now = LAST_SECOND.replace(second=58)
    assert accepted(seller) == []
    seller.clock.move(seconds=1)
    (agreement,) = accepted(seller)
    assert agreement.accepted_at == LAST_SECOND


def test_in_the_last_second_of_an_offer_made_before(seller: Seller) -> None:
    seller.make_offer()
    accept_when(seller.world, BUYER, "last-second")
    seller.clock.move(days=60)
    assert [each.accepted_at for each in accepted(seller)] == [LAST_SECOND]


@pytest.mark.parametrize(
    ("details", "when"),
    [(EXTENSION, [LAST_SECOND.replace(month=5)]), (WITHDRAWAL, [])],
)
def test_the_last_second_moves_with_the_day(
    seller: Seller, details: Details, when: list[datetime]
) -> None:
    accept_when(seller.world, BUYER, "last-second")
    offer_id = seller.make_offer()
    seller.run([change("UpdateAvailability", details, offer_id)])
    seller.clock.move(days=100)
    assert [each.accepted_at for each in accepted(seller)] == when


@pytest.mark.parametrize("by", ["id", "name", "description"])
def test_only_the_offer_that_is_meant(seller: Seller, by: str) -> None:
    first = seller.make_offer()
    second = seller.make_offer(
        UpdateInformation={"Name": "The second", "Description": "crm:opp-2 rev 1"}
    )
    about = {"id": second, "name": "second", "description": "crm:opp-2"}[by]
    accept_when(seller.world, BUYER, "submitted", about)
    for offer_id in (first, second):
        seller.start([change("UpdateAvailability", EXTENSION, offer_id)])
    assert [each.offer_id for each in accepted(seller)] == [second]


def test_another_buyer_waits_in_vain(seller: Seller) -> None:
    accept_when(seller.world, "444455556666", "released")
    seller.make_offer()
    assert accepted(seller) == []


def test_over_the_control_api(seller: Seller, control: httpx.Client) -> None:
    habit = {"accepts_at_worst": [{"moment": "submitted", "about": "crm:opp-1"}]}
    seller.make_offer()
    shown = control.put(f"/buyers/{BUYER}", json=habit).json()
    assert shown["accepts_at_worst"] == habit["accepts_at_worst"]
    offer_id = next(iter(seller.world.offers))
    seller.start([change("UpdateAvailability", WITHDRAWAL, offer_id)])
    assert [each.offer_id for each in accepted(seller)] == [offer_id]
    wrong = control.put(f"/buyers/{BUYER}", json={"accepts_at_worst": [{"moment": "noon"}]})
    assert wrong.status_code == 400
    assert "accepts_at_worst" in wrong.json()["error"]


def test_the_last_second_over_the_control_api(seller: Seller, control: httpx.Client) -> None:
    seller.make_offer()
    control.put(f"/buyers/{BUYER}", json={"accepts_at_worst": [{"moment": "last-second"}]})
    seller.clock.move(days=60)
    assert [each.accepted_at for each in accepted(seller)] == [LAST_SECOND]
