"""From a signed opportunity to the payout or the expiry, with the vendors' real durations."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure

from offers.lifecycle.record import OfferRecord
from offers.money import Money
from offers.stage import Stage
from tests.support.builders import BUYER
from tests.support.workflow_harness import OPPORTUNITY, SHORT_TASK, WorkflowHarness
from workflows.offer.salesforce_sync import SalesforceSync
from workflows.offer.search_attributes import (
    AGREEMENT_ID,
    ATTENTION,
    EXPIRES_AT,
    OFFER_ID,
    STAGE,
    STAGE_SINCE,
)


def last_day(record: OfferRecord) -> str:
    day = record.require_terms().availability_end
    return f"{day:%A} {day.day} {day:%B %Y}"


async def test_from_draft_to_disbursed(harness: WorkflowHarness) -> None:
    harness.set_buyer(accepts_after=25)
    started = await harness.server.get_current_time()

    drafted = await harness.start()
    assert drafted.terms is not None
    assert drafted.terms.buyer_accounts == (BUYER,)
    assert drafted.terms.price == Money.of("120000", "USD")

    live = await harness.advance_until(Stage.SHARED)
    generated = await harness.server.get_current_time() - started
    assert timedelta(minutes=45) <= generated < timedelta(minutes=55)
    assert live.offer_id in harness.world.aws.offers
    assert harness.count_acceptable_offers() == 1

    await harness.advance(days=26)
    await harness.watch_agreements()
    accepted = await harness.settle()
    assert accepted.stage is Stage.ACCEPTED
    assert accepted.agreement is not None
    assert accepted.agreement.agreement_id == harness.agreement().id

    await harness.sweep_payouts()
    await harness.advance(days=40)
    await harness.sweep_payouts()
    end = await harness.advance_to_end()
    assert end.stage is Stage.DISBURSED
    assert end.payout is not None
    assert end.payout.disbursed == Money.of("116400", "USD"), (
        "not the price less AWS's three per cent"
    )

    assert harness.mail_subjects() == [
        "Your private offer for Example Product is ready (Example Corp)",
        f"Reminder: your private offer for Example Product expires on {last_day(end)}"
        " (Example Corp)",
        "Accepted: Example Corp",
        "Paid: Example Corp",
    ]
    assert harness.stages_in_salesforce() == [
        "generating",
        "shared",
        "accepted",
        "disbursed",
    ]


async def test_salesforce_fields_and_search_attributes(harness: WorkflowHarness) -> None:
    harness.set_buyer(accepts_after=1)
    shared = await harness.share()
    await harness.advance(days=2)
    await harness.watch_agreements()
    await harness.settle()
    await harness.advance(days=60)
    await harness.sweep_payouts()
    end = await harness.advance_to_end()
    payout = end.payout
    assert payout is not None

    written = harness.salesforce_fields()
    assert written["Offer_Stage__c"] == "disbursed"
    assert written["Offer_Id__c"] == shared.offer_id
    assert written["Offer_Url__c"] == shared.offer_url
    assert f"offerId={shared.offer_id}" in written["Offer_Url__c"]
    assert written["Agreement_Id__c"] == harness.agreement().id
    assert written["Offer_Amount__c"] == 120000
    assert written["Listing_Fee__c"] == 3600
    assert written["Net_Amount__c"] == 116400
    assert written["Disbursed_Amount__c"] == 116400
    assert payout.disbursed_on is not None
    assert written["Disbursed_On__c"] == payout.disbursed_on.isoformat()
    assert written["Accepted_At__c"].startswith(f"{harness.agreement().accepted_at:%Y-%m-%dT%H:%M}")
    assert written.get("Offer_Attention__c") is None

    attributes = (await harness.handle.describe()).typed_search_attributes
    assert attributes[STAGE] == "disbursed"
    assert attributes[STAGE_SINCE] == end.stage_since
    assert attributes[OFFER_ID] == shared.offer_id
    assert attributes[AGREEMENT_ID] == harness.agreement().id
    assert attributes[EXPIRES_AT] == end.expires_at
    assert payout.fingerprint.startswith("116400.00/116400.00 USD ")
    assert attributes.get(ATTENTION) is None


async def test_a_bug_beside_the_stages_fails_the_task_until_it_is_mended(
    harness: WorkflowHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise LookupError

    monkeypatch.setattr(SalesforceSync, "_write", broken)
    # The task is tried again only when it has timed out.
    harness.visibility.task_timeout = SHORT_TASK
    await harness.client.start_without_waiting(OPPORTUNITY)
    failures: list[Failure] = []
    while not failures:
        await asyncio.sleep(0.05)
        failures = [
            event.workflow_task_failed_event_attributes.failure
            for event in (await harness.handle.fetch_history()).events
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        ]
    failure = failures[0]
    assert failure.message == "a task beside the stages failed"
    assert failure.cause.application_failure_info.type == "LookupError"
    monkeypatch.undo()
    await harness.advance_until(Stage.SHARED)
    await harness.settle()
    assert harness.salesforce_fields()["Offer_Stage__c"] == "shared"


async def test_offer_is_linked_to_the_opportunity_in_clazar(harness: WorkflowHarness) -> None:
    await harness.share()
    await harness.advance(hours=1)
    (links,) = harness.world.clazar.links.values()
    assert links.external_object_associations == {
        "salesforce": {"object_type": "Opportunity", "object_id": OPPORTUNITY}
    }


async def test_content_of_the_offer_mail(harness: WorkflowHarness) -> None:
    shared = await harness.share()
    (mail,) = harness.world.mail.messages
    assert mail.recipients == ["buyer@example.com"]
    assert shared.offer_id is not None
    for body in (mail.text, mail.html):
        assert shared.offer_id in body
        assert BUYER in body
        assert "AWSMarketplaceManageSubscriptions" in body
        assert "USD 120,000.00" in body
        assert f"{last_day(shared)}, 23:59 UTC" in body
        assert "in Berlin)" in body, "the time in the buyer's time zone is missing"
    assert shared.offer_url is not None
    assert shared.offer_url in mail.text
    assert shared.offer_url.replace("&", "&amp;") in mail.html


async def test_partial_payout_is_not_disbursed(harness: WorkflowHarness) -> None:
    harness.set_buyer(accepts_after=1)
    harness.world.money.payout_settings.parts = [Decimal("0.4"), Decimal("0.6")]
    await harness.share()
    await harness.advance(days=2)
    await harness.watch_agreements()
    await harness.advance(days=32, hours=12)
    await harness.sweep_payouts()
    halfway = await harness.settle()
    assert halfway.stage is Stage.ACCEPTED
    assert halfway.payout is not None
    assert str(halfway.payout.disbursed) == "USD 46,560.00"
    assert harness.salesforce_fields()["Disbursed_Amount__c"] == 46560
    await harness.advance(days=5)
    await harness.sweep_payouts()
    assert (await harness.advance_to_end()).stage is Stage.DISBURSED


async def test_expiry_after_two_reminders(harness: WorkflowHarness) -> None:
    shared = await harness.share()
    end = await harness.advance_to_end()
    assert end.stage is Stage.EXPIRED
    assert end.expires_at is not None
    assert end.history[-1].at >= end.expires_at
    assert harness.count_acceptable_offers() == 0
    assert [s.split(":")[0] for s in harness.mail_subjects()] == [
        "Your private offer for Example Product is ready (Example Corp)",
        "Reminder",
        "Reminder",
        "Expired",
    ]
    reminded = [mail.received_at for mail in harness.world.mail.messages[1:3]]
    assert [(end.expires_at.date() - at.date()).days for at in reminded] == [7, 2]
    assert shared.offer_id == end.offer_id


async def test_offer_extended_in_the_portal_does_not_expire_early(
    harness: WorkflowHarness,
) -> None:
    shared = await harness.share()
    later = shared.require_terms().availability_end + timedelta(days=20)
    harness.world.aws.offers[shared.require_offer_id()].availability_end = later
    extended = await harness.advance(days=35)
    assert extended.stage is Stage.SHARED
    assert extended.require_terms().availability_end == later
    end = await harness.advance_to_end()
    assert end.stage is Stage.EXPIRED
    assert end.history[-1].at.date() > later
    assert sum(subject.startswith("Reminder") for subject in harness.mail_subjects()) == 4
