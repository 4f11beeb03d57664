"""Clazar's change feed is read once for all offers, and tells only those concerned."""

from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.clazar_field_sheet import clazar_reference
from offers.policy.policy import CreationMethod
from offers.stage import Stage
from sandbox.clazar.manual_offers import create_manual_offer
from sandbox.faults import Fault
from sandbox.world import ClazarLinks
from tests.end_to_end.test_watching import signals
from tests.support.offer_environment import OfferEnvironment


async def test_one_call_ties_all_offers_that_the_feed_shows(house: OfferEnvironment) -> None:
    first, second = await house.share(1, 2)
    house.made_elsewhere()
    assert not house.world.clazar_links
    position = await house.watch_clazar()
    assert house.world.calls["clazar", "ListPrivateOffers"] == 1
    for opportunity in (first, second):
        record = await house.desk.record(opportunity)
        await house.until_called("clazar", "PatchPrivateOffer", 2)
        links = house.world.clazar_links[record.require_offer_id()].external_object_associations
        assert links["salesforce"]["object_id"] == opportunity
        assert await signals(house, opportunity) == 1
    assert [each.offer.offer_id for each in position.unmatched] == ["offer-madeelsewhere"]


async def test_what_is_tied_is_not_told_again(house: OfferEnvironment) -> None:
    """Tying an offer is itself a change that the feed shows."""
    first, tied_by_hand = await house.share(1, 2)
    record = await house.desk.record(tied_by_hand)
    house.world.clazar_links[record.require_offer_id()] = ClazarLinks(
        external_object_associations={
            "salesforce": {"object_type": "Opportunity", "object_id": tied_by_hand}
        }
    )
    for _ in range(2):
        position = await house.watch_clazar()
        assert await signals(house, first) == 1
        assert await signals(house, tied_by_hand) == 0
        assert not position.unmatched
    await house.settled(first)
    for call in ("GetPrivateOffer", "PatchPrivateOffer"):
        assert house.world.calls["clazar", call] == 1, "the offer need not tie itself, too"


async def test_an_offer_that_the_watch_cannot_tie_sees_to_it_by_itself(
    house: OfferEnvironment,
) -> None:
    (opportunity,) = await house.share(1)
    house.world.faults.waiting.append(Fault("clazar", "status", "GetPrivateOffer", status=403))
    await house.watch_clazar()
    await house.until_called("clazar", "PatchPrivateOffer", 1)
    record = await house.desk.record(opportunity)
    links = house.world.clazar_links[record.require_offer_id()].external_object_associations
    assert links["salesforce"]["object_id"] == opportunity


async def test_an_offer_that_a_person_made_is_recognised(house: OfferEnvironment) -> None:
    (opportunity,) = house.prepare(1)
    await house.desk.start(opportunity, method=CreationMethod.CLAZAR)
    await house.until(opportunity, lambda row: row.attention == AttentionCode.AWAITING_CLAZAR_OFFER)
    record = await house.desk.record(opportunity)
    assert clazar_reference(opportunity, 1) in record.require_terms().offer_name
    create_manual_offer(
        house.world,
        name=record.require_terms().offer_name,
        buyer_accounts=list(record.require_terms().buyer_accounts),
        price=record.require_terms().price.amount,
        availability_end=record.require_terms().availability_end,
    )
    house.world.advance()
    await house.watch_clazar()
    await house.until(opportunity, lambda row: row.stage == Stage.SHARED)
