"""Acceptances that race with a change of the offer."""

from datetime import UTC, datetime

import httpx
import pytest

from sandbox.aws.marketplace_state import Agreement
from sandbox.marketplace.race_injection import accept_when
from sandbox.tests.support.aws_seller import BUYER, Details, Seller, change

WITHDRAWAL = {"AvailabilityEndDate": "2026-03-01"}
EXTENSION = {"AvailabilityEndDate": "2026-05-01"}
LAST_SECOND = datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC)


def accepted(seller: Seller) -> list[Agreement]:
    seller.world.advance()
    return list(seller.world.aws.agreements.values())


@pytest.mark.parametrize(
    ("edit", "when"),
    [
        (None, [LAST_SECOND]),
        (EXTENSION, [LAST_SECOND.replace(month=5)]),
        (WITHDRAWAL, []),
    ],
)
@pytest.mark.parametrize("set_up_first", [True, False])
def test_acceptance_in_the_last_second(
    seller: Seller, edit: Details | None, when: list[datetime], set_up_first: bool
) -> None:
    if set_up_first:
        accept_when(seller.world, BUYER, "last-second")
    offer_id = seller.create_offer()
    if not set_up_first:
        accept_when(seller.world, BUYER, "last-second")
    if edit:
        seller.run([change("UpdateAvailability", edit, offer_id)])
    seller.clock.advance(days=100)
    assert [each.accepted_at for each in accepted(seller)] == when


@pytest.mark.parametrize("offer_filter", ["The second", "crm:opp-2"])
def test_only_matching_offers_are_accepted(
    seller: Seller, control: httpx.Client, offer_filter: str
) -> None:
    first = seller.create_offer()
    information = {"Name": "The second", "Description": "crm:opp-2 rev 1"}
    second = seller.create_offer(UpdateInformation=information)
    settings = {"race_acceptances": [{"point": "submitted", "offer_filter": offer_filter}]}
    shown = control.put(f"/buyers/{BUYER}", json=settings).json()
    assert shown["race_acceptances"] == settings["race_acceptances"]
    for offer_id in (first, second):
        seller.start([change("UpdateAvailability", EXTENSION, offer_id)])
    assert [each.offer_id for each in accepted(seller)] == [second]
    wrong = control.put(f"/buyers/{BUYER}", json={"race_acceptances": [{"point": "noon"}]})
    assert (wrong.status_code, "race_acceptances" in wrong.json()["error"]) == (400, True)
