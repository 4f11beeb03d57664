"""From a signed opportunity to money in the bank, with 45 minutes, 30 and 60 days as they are."""

from datetime import timedelta
from decimal import Decimal

from offers.lifecycle.record import OfferRecord
from offers.money import Money
from offers.stage import Stage
from tests.support.builders import BUYER
from tests.support.life import OPPORTUNITY, Life
from workflows.offer.search_attributes import (
    AGREEMENT_ID,
    ATTENTION,
    EXPIRES_AT,
    OFFER_ID,
    PAYOUT,
    STAGE,
    STAGE_SINCE,
)


def last_day(record: OfferRecord) -> str:
    day = record.require_terms().availability_end
    return f"{day:%A} {day.day} {day:%B %Y}"


async def test_from_draft_to_disbursed(life: Life) -> None:
    life.buyer(accepts_after=25)
    started = await life.temporal.get_current_time()

    drafted = await life.start()
    assert drafted.terms is not None
    assert drafted.terms.buyer_accounts == (BUYER,)
    assert drafted.terms.price == Money.of("120000", "USD")

    live = await life.reaches(Stage.SHARED)
    generated = await life.temporal.get_current_time() - started
    assert timedelta(minutes=45) <= generated < timedelta(minutes=55)
    assert live.offer_id in life.world.offers
    assert life.acceptable_offers() == 1

    await life.passes(days=26)
    await life.report_acceptance()
    accepted = await life.quiet()
    assert accepted.stage is Stage.ACCEPTED
    assert accepted.agreement is not None
    assert accepted.agreement.agreement_id == life.agreement().id

    await life.report_payout()
    await life.passes(days=40)
    await life.report_payout()
    end = await life.end()
    assert end.stage is Stage.DISBURSED
    assert end.payout is not None
    assert end.payout.disbursed == Money.of("116400", "USD"), "less AWS's three per cent"

    assert life.mails() == [
        "Your private offer for Example Product is ready",
        f"Reminder: your private offer for Example Product expires on {last_day(end)}",
        "Accepted: Example Corp",
        "Paid: Example Corp",
    ]
    assert life.stages_in_salesforce() == [
        "generating",
        "shared",
        "accepted",
        "disbursed",
    ]


async def test_salesforce_and_search_show_what_is_known(life: Life) -> None:
    life.buyer(accepts_after=1)
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    await life.passes(days=2)
    await life.report_acceptance()
    await life.quiet()
    await life.passes(days=60)
    payout = await life.report_payout()
    end = await life.end()

    written = life.in_salesforce()
    assert written["Offer_Stage__c"] == "disbursed"
    assert written["Offer_Id__c"] == shared.offer_id
    assert written["Offer_Url__c"] == shared.offer_url
    assert f"offerId={shared.offer_id}" in written["Offer_Url__c"]
    assert written["Agreement_Id__c"] == life.agreement().id
    assert written["Offer_Amount__c"] == 120000
    assert written["Listing_Fee__c"] == 3600
    assert written["Net_Amount__c"] == 116400
    assert written["Disbursed_Amount__c"] == 116400
    assert payout.disbursed_on is not None
    assert written["Disbursed_On__c"] == payout.disbursed_on.isoformat()
    assert written["Accepted_At__c"].startswith(f"{life.agreement().accepted_at:%Y-%m-%dT%H:%M}")
    assert written.get("Offer_Attention__c") is None

    attributes = (await life.handle.describe()).typed_search_attributes
    assert attributes[STAGE] == "disbursed"
    assert attributes[STAGE_SINCE] == end.stage_since
    assert attributes[OFFER_ID] == shared.offer_id
    assert attributes[AGREEMENT_ID] == life.agreement().id
    assert attributes[EXPIRES_AT] == end.expires_at
    assert attributes[PAYOUT] == payout.fingerprint
    assert payout.fingerprint.startswith("116400.00/116400.00 USD ")
    assert attributes.get(ATTENTION) is None


async def test_the_offer_is_tied_to_the_opportunity_in_clazar(life: Life) -> None:
    await life.start()
    await life.reaches(Stage.SHARED)
    await life.passes(hours=1)
    (links,) = life.world.clazar_links.values()
    assert links.external_object_associations == {
        "salesforce": {"object_type": "Opportunity", "object_id": OPPORTUNITY}
    }


async def test_the_buyer_is_told_everything_needed(life: Life) -> None:
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    (mail,) = life.world.mails
    assert mail.recipients == ["buyer@example.com"]
    assert shared.offer_id is not None
    for body in (mail.text, mail.html):
        assert shared.offer_id in body
        assert BUYER in body
        assert "AWSMarketplaceManageSubscriptions" in body
        assert "USD 120,000.00" in body
        assert f"{last_day(shared)}, 23:59 UTC" in body
        assert "in Berlin)" in body, "as the buyer reads it"
    assert shared.offer_url is not None
    assert shared.offer_url in mail.text
    assert shared.offer_url.replace("&", "&amp;") in mail.html


async def test_paid_in_parts_is_disbursed_only_when_complete(life: Life) -> None:
    life.buyer(accepts_after=1)
    life.world.payout_settings.parts = [Decimal("0.4"), Decimal("0.6")]
    await life.start()
    await life.reaches(Stage.SHARED)
    await life.passes(days=2)
    await life.report_acceptance()
    await life.passes(days=32, hours=12)
    partial = await life.report_payout()
    halfway = await life.quiet()
    assert halfway.stage is Stage.ACCEPTED
    assert halfway.payout == partial
    assert life.in_salesforce()["Disbursed_Amount__c"] == 46560
    await life.passes(days=5)
    await life.report_payout()
    assert (await life.end()).stage is Stage.DISBURSED


async def test_expired_after_its_reminders(life: Life) -> None:
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    end = await life.end()
    assert end.stage is Stage.EXPIRED
    assert end.expires_at is not None
    assert end.history[-1].at >= end.expires_at
    assert life.acceptable_offers() == 0
    assert [s.split(":")[0] for s in life.mails()] == [
        "Your private offer for Example Product is ready",
        "Reminder",
        "Reminder",
        "Expired",
    ]
    reminded = [mail.received_at for mail in life.world.mails[1:3]]
    assert [(end.expires_at.date() - at.date()).days for at in reminded] == [7, 2]
    assert shared.offer_id == end.offer_id


async def test_an_offer_extended_in_aws_s_portal_is_not_declared_expired(life: Life) -> None:
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    longer = shared.require_terms().availability_end + timedelta(days=20)
    life.world.offers[shared.require_offer_id()].availability_end = longer
    extended = await life.passes(days=35)
    assert extended.stage is Stage.SHARED
    assert extended.require_terms().availability_end == longer
    end = await life.end()
    assert end.stage is Stage.EXPIRED
    assert end.history[-1].at.date() > longer
    assert sum(subject.startswith("Reminder") for subject in life.mails()) == 4


async def test_an_acceptance_in_the_last_second_is_found_before_expiry(life: Life) -> None:
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    assert shared.expires_at is not None
    now = await life.temporal.get_current_time()
    life.accepts_at(shared.expires_at)
    await life.sleep(shared.expires_at - now + timedelta(hours=2))
    record = await life.quiet()
    assert record.stage is Stage.ACCEPTED, "nobody reported it: it was looked for"
    assert not any(subject.startswith("Expired") for subject in life.mails())
