"""Waiting for AWS, people and failed vendors, and signals that arrive meanwhile."""

from datetime import timedelta
from typing import Any

import pytest

from activities.errors import Failure
from client.offer_client import RequestRejected
from offers.lifecycle.commands import TermChanges
from offers.lifecycle.reminders import reminder_times
from offers.stage import Stage
from sandbox.aws.marketplace_state import Buyer
from sandbox.clazar.clazar_state import ClazarLinks
from sandbox.faults import Fault
from sandbox.marketplace.buyers import accept
from tests.support.builders import BUYER
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness
from workflows.offer.workflow import OfferWorkflow


async def test_change_set_signal_ends_the_wait_early(harness: WorkflowHarness) -> None:
    harness.world.aws.change_set_processing.publish_minutes = 12
    await harness.start()
    record = await harness.advance_until(Stage.GENERATING)
    await harness.advance(minutes=13)
    assert (await harness.record()).stage is Stage.GENERATING, "it was polled before 30 minutes"
    assert record.change_set_id is not None
    await harness.handle.signal(OfferWorkflow.change_set_finished, "another change set")
    assert (await harness.settle()).stage is Stage.GENERATING
    await harness.handle.signal(OfferWorkflow.change_set_finished, record.change_set_id)
    assert (await harness.settle()).stage is Stage.SHARED


async def test_delayed_publication_needs_attention(harness: WorkflowHarness) -> None:
    harness.world.aws.change_set_processing.publish_minutes = 5 * 60
    await harness.start()
    late = await harness.advance(hours=3)
    assert late.stage is Stage.GENERATING
    assert late.attention_code == "publication-delayed"
    assert harness.mail_subjects() == ["Delayed in AWS: the offer for Example Corp"]
    done = await harness.advance(hours=3)
    assert done.stage is Stage.SHARED
    assert done.attention_code is None


@pytest.mark.parametrize("system", ["catalog", "salesforce", "clazar"])
async def test_rejected_credentials_are_tried_again_slowly_without_anybody(
    harness: WorkflowHarness, system: str
) -> None:
    fault = Fault(system, "status", status=403, times=None, code="AccessDeniedException")
    if system == "salesforce":
        fault.status, fault.code = 401, "INVALID_SESSION_ID"
    if system == "clazar":
        fault.operation = "GetPrivateOffer"
    harness.vendors.waiting.append(fault)
    await harness.start()
    paused = await harness.advance(hours=20)
    assert paused.attention_code == "credentials-rejected"
    calls = harness.world.calls.total()
    still = await harness.advance(hours=20)
    assert still.attentions == paused.attentions, "it is another attention"
    # Once an hour; preflight makes four calls.
    assert 19 <= harness.world.calls.total() - calls <= 4 * 21
    harness.vendors.clear()
    assert (await harness.advance(hours=20)).attention_code is None
    assert (await harness.record()).stage is Stage.SHARED


@pytest.mark.parametrize(
    ("system", "operation"),
    [
        ("catalog", "DescribeChangeSet"),
        ("catalog", "DescribeEntity"),
        ("agreement", "SearchAgreements"),
        ("agreement", "DescribeAgreement"),
    ],
)
async def test_offer_waits_after_any_call_is_denied(
    harness: WorkflowHarness, system: str, operation: str
) -> None:
    harness.set_buyer(accepts_after=1)
    harness.vendors.waiting.append(
        Fault(system, "status", operation, status=403, code="AccessDeniedException", times=None)
    )
    await harness.start()
    await harness.advance(hours=2)
    await harness.advance(days=2)
    if harness.world.aws.agreements:
        await harness.watch_agreements()
    paused = await harness.advance(hours=1)
    assert paused.attention_code == "credentials-rejected"
    harness.vendors.clear()
    await harness.client.resume(OPPORTUNITY)
    await harness.advance(days=2)
    await harness.watch_agreements()
    assert (await harness.settle()).stage is Stage.ACCEPTED


async def test_unresponsive_mail_server_needs_attention(
    harness: WorkflowHarness,
) -> None:
    harness.vendors.smtp.answer(451, "DATA", times=None)
    await harness.start()
    late = await harness.advance(hours=6)
    assert late.stage is Stage.LIVE
    assert late.attention_code == "vendor-unresponsive"
    harness.vendors.clear()
    sent = await harness.advance(minutes=10)
    assert sent.stage is Stage.SHARED, "it waited for a person"
    assert sent.attention_code is None


async def test_acceptance_before_the_offer_id_is_known_is_found(
    harness: WorkflowHarness,
) -> None:
    harness.world.aws.change_set_processing.publish_minutes = 31
    harness.set_buyer(accepts_after=0)
    await harness.start()
    generating = await harness.advance(minutes=35)
    assert (generating.stage, generating.offer_id) == (Stage.GENERATING, None)
    await harness.watch_agreements()
    await harness.advance(minutes=20)
    accepted = await harness.settle()
    assert accepted.stage is Stage.ACCEPTED
    assert [entry.stage for entry in accepted.history][-2:] == [Stage.GENERATING, Stage.ACCEPTED]
    assert not any("is ready" in subject for subject in harness.mail_subjects()), "it is not open"
    assert "Accepted: Example Corp" in " ".join(harness.mail_subjects())


async def test_several_attentions_are_resolved_one_by_one(harness: WorkflowHarness) -> None:
    harness.vendors.smtp.lose_answer("DATA")
    harness.vendors.clazar.answer(403, "GetPrivateOffer", times=2)
    await harness.start()
    waiting = await harness.advance(hours=2)
    assert {attention.code for attention in waiting.attentions} == {
        "credentials-rejected",
        "email-delivery-unknown",
    }
    with pytest.raises(
        RequestRejected,
        match="several things wait, name one: credentials-rejected, email-delivery-unknown",
    ):
        await harness.client.resume(OPPORTUNITY)
    with pytest.raises(
        RequestRejected,
        match="vendor-rejected does not wait; credentials-rejected, email-delivery-unknown does",
    ):
        await harness.client.resume(OPPORTUNITY, "vendor-rejected")
    await harness.handle.signal(OfferWorkflow.resume_signal, None)
    await harness.client.resume(OPPORTUNITY, "credentials-rejected")
    record = await harness.advance(hours=1)
    assert [attention.code for attention in record.attentions] == ["email-delivery-unknown"]
    assert record.stage is Stage.LIVE, "it went on without an answer about the mail"


@pytest.mark.parametrize("resend", [False, True])
async def test_offer_mail_with_unknown_delivery_needs_attention(
    harness: WorkflowHarness, resend: bool
) -> None:
    harness.vendors.smtp.lose_answer("DATA")
    await harness.start()
    unknown = await harness.advance(hours=2)
    assert unknown.stage is Stage.LIVE
    assert unknown.attention_code == "email-delivery-unknown"
    assert len(harness.world.mail.messages) == 1, "it was not sent"
    await (harness.client.resend(OPPORTUNITY) if resend else harness.client.resume(OPPORTUNITY))
    record = await harness.settle()
    assert record.stage is Stage.SHARED
    assert record.attention_code is None
    assert len(harness.world.mail.messages) == (2 if resend else 1)


async def test_acceptance_is_found_while_mail_delivery_is_unknown(harness: WorkflowHarness) -> None:
    harness.vendors.smtp.lose_answer("DATA")
    harness.set_buyer(accepts_after=1)
    await harness.start()
    await harness.advance(hours=2)
    await harness.advance(days=2)
    await harness.watch_agreements()
    accepted = await harness.settle()
    assert accepted.stage is Stage.ACCEPTED
    assert accepted.attention_code is None, "it still asks whether the mail was sent"


async def test_owner_notice_with_unknown_delivery_is_sent_again(harness: WorkflowHarness) -> None:
    harness.world.aws.buyers[BUYER] = Buyer(BUYER, exists=False)
    harness.vendors.smtp.lose_answer("DATA")
    await harness.start()
    await harness.advance_until(Stage.FAILED)
    failed = await harness.advance(minutes=5)
    assert failed.attention_code == "offer-rejected", "it asks whether the notice was sent"
    assert harness.mail_subjects() == ["Failed: the offer for Example Corp"] * 2
    assert harness.world.mail.messages[0].message_id == harness.world.mail.messages[1].message_id


@pytest.mark.parametrize("deliverable", [True, False])
async def test_undeliverable_notice_does_not_block_the_offer(
    harness: WorkflowHarness, deliverable: bool
) -> None:
    harness.set_buyer(accepts_after=1)
    await harness.share()
    await harness.advance(days=1, hours=1)
    harness.vendors.smtp.answer(550, "RCPT", times=None)
    await harness.watch_agreements()
    record = await harness.settle()
    assert record.stage is Stage.ACCEPTED
    (attention,) = record.attentions
    assert attention.code == "notification-failed"
    assert "owner-accepted" in attention.problem
    assert "it rejects the recipient's address" in attention.problem
    assert "example.com" not in attention.problem
    if deliverable:
        harness.vendors.clear()
    await harness.client.resume(OPPORTUNITY)
    assert (await harness.settle()).attentions == ()
    accepted_mails = [
        subject for subject in harness.mail_subjects() if subject.startswith("Accepted")
    ]
    assert len(accepted_mails) == deliverable


async def test_undeliverable_notice_goes_to_the_corrected_owner(harness: WorkflowHarness) -> None:
    harness.world.aws.buyers[BUYER] = Buyer(BUYER, exists=False)
    harness.vendors.smtp.answer(550, "RCPT")
    await harness.start()
    await harness.advance_until(Stage.FAILED)
    failed = await harness.settle()
    assert [each.code for each in failed.attentions] == ["offer-rejected", "notification-failed"]
    harness.set_buyer(accepts_after=None)
    corrected = TermChanges(terms={"owner_email": "successor@example.com"})
    await harness.client.revise(OPPORTUNITY, corrected)
    assert harness.mail_subjects() == []
    await harness.client.resume(OPPORTUNITY)
    assert (await harness.settle()).attentions == ()
    assert {mail.subject: mail.recipients for mail in harness.world.mail.messages} == {
        "Somebody else owns the offer for Example Corp now": ["owner@example.com"],
        "Failed: the offer for Example Corp": ["successor@example.com"],
    }


async def test_resend_sends_the_offer_mail_again(harness: WorkflowHarness) -> None:
    await harness.start()
    with pytest.raises(RequestRejected, match="nothing to send again"):
        await harness.client.resend(OPPORTUNITY)
    await harness.advance_until(Stage.SHARED)
    await harness.client.resend(OPPORTUNITY)
    await harness.settle()
    first, second = harness.world.mail.messages
    assert first.subject == second.subject
    assert first.message_id != second.message_id


async def test_delayed_reminder_is_not_sent_after_acceptance(
    harness: WorkflowHarness,
) -> None:
    shared = await harness.share()
    now = await harness.server.get_current_time()
    end = shared.require_terms().availability_end
    reminder, _ = reminder_times(end, shared.policy.reminder_days, now)
    harness.schedule_acceptance(reminder + timedelta(minutes=5))
    await harness.sleep(reminder - now - timedelta(minutes=1))
    harness.vendors.smtp.answer(451, "DATA", times=None)
    await harness.advance(minutes=10)
    assert harness.world.calls["smtp", "DATA"] > 1, "the reminder was not attempted"
    await harness.watch_agreements()
    await harness.settle()
    harness.vendors.clear()
    await harness.advance(hours=1)
    assert "Accepted: Example Corp" in harness.mail_subjects()
    assert not any(subject.startswith("Reminder") for subject in harness.mail_subjects())


async def test_salesforce_outage_does_not_block_the_offer(harness: WorkflowHarness) -> None:
    await harness.start()
    harness.vendors.salesforce.down()
    assert (await harness.advance_until(Stage.SHARED)).attention_code is None
    assert len(harness.world.mail.messages) == 1
    harness.vendors.clear()
    await harness.advance(minutes=10)
    assert harness.salesforce_fields()["Offer_Stage__c"] == "shared"
    assert harness.stages_in_salesforce()[-2:] == ["generating", "shared"]


async def test_short_stages_are_written_to_salesforce_when_delayed(
    harness: WorkflowHarness,
) -> None:
    harness.vendors.catalog.answer(503, "StartChangeSet")
    harness.vendors.smtp.answer(451, "DATA")
    await harness.share()
    await harness.settle()
    assert harness.stages_in_salesforce() == ["submitted", "generating", "live", "shared"]


async def test_invalid_signals_do_not_block_the_offer(harness: WorkflowHarness) -> None:
    harness.set_buyer(accepts_after=1)
    await harness.share()
    handle = harness.temporal_client.get_workflow_handle(harness.handle.id)
    arguments: tuple[Any, ...] = ("text", 5, None, {}, {"offer_id": 7}, [1], {"invoices": []})
    for argument in arguments:
        for signal in (
            "agreement_reported",
            "payout_reported",
            "change_set_finished",
            "cancel",
            "unknown",
        ):
            if signal == "cancel" and isinstance(argument, str | None):
                continue  # a valid cancel, with or without a reason
            await handle.signal(signal, argument)
    await handle.signal("payout_reported")
    await handle.signal("agreement_reported", args=[1, 2, 3])
    await harness.advance(days=2)
    await harness.watch_agreements()
    assert (await harness.settle()).stage is Stage.ACCEPTED


async def test_second_start_returns_the_running_offer(harness: WorkflowHarness) -> None:
    await harness.start()
    first = await harness.advance_until(Stage.GENERATING)
    second = await harness.start()
    assert second.change_set_id == first.change_set_id
    assert len(harness.world.aws.change_sets) == 1


async def test_summary_card_has_no_personal_data(harness: WorkflowHarness) -> None:
    shared = await harness.share()
    details = await harness.summary_card()
    assert "**shared**" in details
    assert "| Waits for | acceptance, until " in details
    assert f"{OPPORTUNITY}](https:" in details
    assert f"/lightning/r/Opportunity/{OPPORTUNITY}/view)" in details
    assert "| Possible now | extend, amend, cancel, resend |" in details
    assert shared.offer_id is not None
    assert shared.offer_id in details
    assert "@" not in details


def test_failures_that_pause_are_never_retried() -> None:
    from workflows.common.escalation import ESCALATIONS

    assert set(ESCALATIONS) == {Failure.CREDENTIALS, Failure.REJECTED, Failure.NOT_FOUND}


async def test_sandbox_clock_follows_the_server(harness: WorkflowHarness) -> None:
    await harness.start()
    before = harness.sandbox.world.now()
    await harness.advance(days=1)
    await harness.advance_until(Stage.SHARED)
    assert harness.sandbox.world.now() - before >= timedelta(hours=20)


@pytest.mark.parametrize("linked_by_hand", [False, True])
async def test_offer_is_linked_without_the_clazar_feed(
    harness: WorkflowHarness, linked_by_hand: bool
) -> None:
    """The feed may not be read, and it has no offers that a person has linked."""
    harness.clazar_watched = False
    await harness.start()
    offer_id = (await harness.advance_until(Stage.SHARED)).require_offer_id()
    ours = {"salesforce": {"object_type": "Opportunity", "object_id": OPPORTUNITY}}
    if linked_by_hand:
        harness.world.clazar.links[offer_id] = ClazarLinks(external_object_associations=ours)
    assert (await harness.advance(days=24)).attention_code is None
    assert harness.world.clazar.links[offer_id].external_object_associations == ours
    for call in ("GetPrivateOffer", "PatchPrivateOffer"):
        assert harness.world.calls["clazar", call] == (0 if linked_by_hand else 1)


async def test_accepted_offer_is_linked_without_the_clazar_feed(harness: WorkflowHarness) -> None:
    harness.clazar_watched = False
    await harness.start()
    offer_id = (await harness.advance_until(Stage.SHARED)).require_offer_id()
    accept(harness.world, offer_id, BUYER)
    await harness.watch_agreements()
    assert (await harness.advance(days=1)).stage is Stage.ACCEPTED
    assert offer_id not in harness.world.clazar.links
    await harness.advance(days=7)
    ours = {"salesforce": {"object_type": "Opportunity", "object_id": OPPORTUNITY}}
    assert harness.world.clazar.links[offer_id].external_object_associations == ours


async def test_offer_missing_in_clazar_needs_attention(harness: WorkflowHarness) -> None:
    harness.world.clazar.delay_minutes = 60 * 24 * 60
    await harness.share()
    late = await harness.advance(days=24)
    assert [(each.code, each.problem) for each in late.attentions] == [
        ("vendor-unresponsive", "Clazar does not show the offer")
    ]
    harness.world.clazar.delay_minutes = 0
    await harness.client.resume(OPPORTUNITY)
    assert not (await harness.settle()).attentions
    assert harness.world.clazar.links


async def test_amended_offer_is_not_waited_for_in_clazar(harness: WorkflowHarness) -> None:
    harness.world.clazar.delay_minutes = 60 * 24 * 60
    await harness.share()
    assert (await harness.advance(days=24)).attention_code == "vendor-unresponsive"
    changes = TermChanges(recreate=True)
    async with harness.advance_until_answered(harness.client.amend(OPPORTUNITY, changes)) as answer:
        await answer
    assert not (await harness.advance_until(Stage.SHARED)).attentions


async def test_changed_clock_moves_what_is_waited_for(harness: WorkflowHarness) -> None:
    shared = await harness.share()
    clock = shared.clock.slowed_down(harness.time(), 86_400)
    await harness.handle.signal(OfferWorkflow.clock_changed, clock)
    assert (await harness.advance(minutes=2)).stage is Stage.EXPIRED
