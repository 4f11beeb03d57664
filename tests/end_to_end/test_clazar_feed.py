"""Clazar's change feed is read once for all offers, and only new offers are signalled."""

from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.clazar_field_sheet import clazar_reference
from offers.policy.policy import CreationMethod
from offers.stage import Stage
from sandbox.clazar.clazar_state import ClazarLinks
from sandbox.clazar.manual_offers import create_manual_offer
from tests.support.offer_environment import OfferEnvironment


async def test_one_feed_call_links_all_new_offers(environment: OfferEnvironment) -> None:
    first, second = await environment.share_offers(1, 2)
    environment.accept_unrelated_offer()
    assert not environment.world.clazar.links
    position = await environment.run_clazar_watch()
    assert environment.world.calls["clazar", "ListPrivateOffers"] == 1
    for opportunity in (first, second):
        record = await environment.client.record(opportunity)
        await environment.wait_until_called("clazar", "PatchPrivateOffer", 2)
        links = environment.world.clazar.links[
            record.require_offer_id()
        ].external_object_associations
        assert links["salesforce"]["object_id"] == opportunity
        assert await environment.count_signals(opportunity) == 1
    assert list(position.unmatched) == ["offer-madeelsewhere"]


async def test_linked_offer_is_not_signalled_again(environment: OfferEnvironment) -> None:
    """Linking an offer is itself a change in the feed."""
    first, linked_by_hand = await environment.share_offers(1, 2)
    record = await environment.client.record(linked_by_hand)
    environment.world.clazar.links[record.require_offer_id()] = ClazarLinks(
        external_object_associations={
            "salesforce": {"object_type": "Opportunity", "object_id": linked_by_hand}
        }
    )
    for _ in range(2):
        position = await environment.run_clazar_watch()
        assert await environment.count_signals(first) == 1
        assert await environment.count_signals(linked_by_hand) == 0
        assert not position.unmatched
    await environment.wait_until_idle(first)
    for call in ("GetPrivateOffer", "PatchPrivateOffer"):
        assert environment.world.calls["clazar", call] == 1, "the offer linked itself, too"


async def test_offer_links_itself_if_the_watch_cannot(
    environment: OfferEnvironment,
) -> None:
    (opportunity,) = await environment.share_offers(1)
    await environment.wait_until_idle(opportunity)
    environment.world.faults.clazar.answer(403, "GetPrivateOffer")
    await environment.run_clazar_watch()
    await environment.wait_until_called("clazar", "PatchPrivateOffer", 1)
    record = await environment.client.record(opportunity)
    links = environment.world.clazar.links[record.require_offer_id()].external_object_associations
    assert links["salesforce"]["object_id"] == opportunity


async def test_offer_created_in_clazar_is_recognised(environment: OfferEnvironment) -> None:
    (opportunity,) = environment.put_opportunities(1)
    await environment.client.start(opportunity, method=CreationMethod.CLAZAR)
    await environment.wait_until(
        opportunity, lambda row: row.attention == AttentionCode.AWAITING_CLAZAR_OFFER
    )
    record = await environment.client.record(opportunity)
    assert clazar_reference(opportunity, 1) in record.require_terms().offer_name
    create_manual_offer(
        environment.world,
        name=record.require_terms().offer_name,
        buyer_accounts=list(record.require_terms().buyer_accounts),
        price=record.require_terms().price.amount,
        availability_end=record.require_terms().availability_end,
    )
    environment.world.advance()
    await environment.run_clazar_watch()
    await environment.wait_until(opportunity, lambda row: row.stage == Stage.SHARED)
