"""Waiting: for AWS, for people, for vendors that are down; and whatever is sent meanwhile."""

from datetime import timedelta
from typing import Any

import pytest

from activities.errors import Failure
from cli.offer_client import RequestRejected
from offers.lifecycle.reminders import reminder_times
from offers.stage import Stage
from sandbox.faults import Fault
from sandbox.marketplace.buyers import accept
from sandbox.world import Buyer, ClazarLinks
from tests.support.builders import BUYER
from tests.support.life import OPPORTUNITY, Life
from workflows.offer.workflow import OfferWorkflow


async def test_a_report_cuts_the_wait_for_aws_short(life: Life) -> None:
    life.world.change_set_processing.publish_minutes = 12
    await life.start()
    record = await life.reaches(Stage.GENERATING)
    await life.passes(minutes=13)
    assert (await life.record()).stage is Stage.GENERATING, "the next look is at 30 minutes"
    assert record.change_set_id is not None
    await life.handle.signal(OfferWorkflow.change_set_finished, "another change set")
    assert (await life.quiet()).stage is Stage.GENERATING
    await life.handle.signal(OfferWorkflow.change_set_finished, record.change_set_id)
    assert (await life.quiet()).stage is Stage.SHARED


async def test_people_are_told_when_aws_takes_unusually_long(life: Life) -> None:
    life.world.change_set_processing.publish_minutes = 5 * 60
    await life.start()
    late = await life.passes(hours=3)
    assert late.stage is Stage.GENERATING
    assert late.attention_code == "publication-delayed"
    assert life.mails() == ["Delayed in AWS: the offer for Example Corp"]
    done = await life.passes(hours=3)
    assert done.stage is Stage.SHARED
    assert done.attention_code is None


@pytest.mark.parametrize("system", ["catalog", "salesforce", "clazar"])
async def test_refused_credentials_pause_the_offer_until_resumed(life: Life, system: str) -> None:
    refused = Fault(system, "status", status=403, times=None, code="AccessDeniedException")
    if system == "salesforce":
        refused.status, refused.code = 401, "INVALID_SESSION_ID"
    life.world.faults.waiting.append(refused)
    await life.start()
    paused = await life.passes(hours=20)
    assert paused.attention_code == "credentials-rejected"
    tries = life.world.calls.total()
    await life.passes(hours=20)
    assert life.world.calls.total() == tries, "they never burn retries"
    life.world.faults.waiting.clear()
    await life.desk.resume(OPPORTUNITY)
    assert (await life.passes(hours=20)).attention_code is None
    assert (await life.record()).stage is Stage.SHARED


@pytest.mark.parametrize(
    ("system", "operation"),
    [
        ("catalog", "DescribeChangeSet"),
        ("catalog", "DescribeEntity"),
        ("agreement", "SearchAgreements"),
        ("agreement", "DescribeAgreement"),
    ],
)
async def test_whatever_call_is_refused_the_offer_waits_and_is_not_lost(
    life: Life, system: str, operation: str
) -> None:
    life.buyer(accepts_after=1)
    life.world.faults.waiting.append(
        Fault(system, "status", operation, status=403, code="AccessDeniedException", times=None)
    )
    await life.start()
    await life.passes(hours=2)
    await life.passes(days=2)
    if life.world.agreements:
        await life.report_acceptance()
    paused = await life.passes(hours=1)
    assert paused.attention_code == "credentials-rejected"
    life.world.faults.waiting.clear()
    await life.desk.resume(OPPORTUNITY)
    await life.passes(days=2)
    await life.report_acceptance()
    assert (await life.quiet()).stage is Stage.ACCEPTED


async def test_people_hear_of_a_vendor_that_does_not_answer_for_hours(life: Life) -> None:
    life.world.faults.waiting.append(Fault("smtp", "status", "DATA", status=451, times=None))
    await life.start()
    late = await life.passes(hours=6)
    assert late.stage is Stage.LIVE
    assert late.attention_code == "vendor-unresponsive"
    life.world.faults.waiting.clear()
    sent = await life.passes(minutes=10)
    assert sent.stage is Stage.SHARED, "it went on by itself"
    assert sent.attention_code is None


async def test_an_acceptance_reported_before_we_know_the_offer_is_not_forgotten(life: Life) -> None:
    life.world.change_set_processing.publish_minutes = 31
    life.buyer(accepts_after=0)
    await life.start()
    generating = await life.passes(minutes=35)
    assert generating.stage is Stage.GENERATING
    await life.report_acceptance()
    accepted = await life.passes(minutes=20)
    assert accepted.stage is Stage.ACCEPTED


async def test_resume_is_refused_when_nothing_waits(life: Life) -> None:
    await life.start()
    await life.reaches(Stage.SHARED)
    with pytest.raises(RequestRejected, match="shared and waits for nobody"):
        await life.desk.resume(OPPORTUNITY)


async def test_several_things_that_wait_are_answered_one_by_one(life: Life) -> None:
    life.world.faults.waiting += [
        Fault("smtp", "drop_after", "DATA"),
        # Clazar's watch asks first, then the offer itself.
        Fault("clazar", "status", "GetPrivateOffer", status=403, times=2),
    ]
    await life.start()
    waiting = await life.passes(hours=2)
    assert {attention.code for attention in waiting.attentions} == {
        "credentials-rejected",
        "email-delivery-unknown",
    }
    with pytest.raises(
        RequestRejected,
        match="several things wait, name one: credentials-rejected, email-delivery-unknown",
    ):
        await life.desk.resume(OPPORTUNITY)
    with pytest.raises(
        RequestRejected,
        match="vendor-rejected does not wait; credentials-rejected, email-delivery-unknown does",
    ):
        await life.desk.resume(OPPORTUNITY, "vendor-rejected")
    await life.handle.signal(OfferWorkflow.resume_signal, None)
    await life.desk.resume(OPPORTUNITY, "credentials-rejected")
    record = await life.passes(hours=1)
    assert [attention.code for attention in record.attentions] == ["email-delivery-unknown"]
    assert record.stage is Stage.LIVE, "nobody has said whether the letter was sent"


@pytest.mark.parametrize("resend", [False, True])
async def test_a_letter_whose_fate_is_doubtful_waits_for_a_person(life: Life, resend: bool) -> None:
    life.world.faults.waiting.append(Fault("smtp", "drop_after", "DATA"))
    await life.start()
    doubtful = await life.passes(hours=2)
    assert doubtful.stage is Stage.LIVE
    assert doubtful.attention_code == "email-delivery-unknown"
    assert len(life.world.mails) == 1, "it was sent, in truth"
    await (life.desk.resend(OPPORTUNITY) if resend else life.desk.resume(OPPORTUNITY))
    record = await life.quiet()
    assert record.stage is Stage.SHARED
    assert record.attention_code is None
    assert len(life.world.mails) == (2 if resend else 1)


async def test_a_doubtful_letter_does_not_hide_an_acceptance(life: Life) -> None:
    life.world.faults.waiting.append(Fault("smtp", "drop_after", "DATA"))
    life.buyer(accepts_after=1)
    await life.start()
    await life.passes(hours=2)
    await life.passes(days=2)
    await life.report_acceptance()
    accepted = await life.quiet()
    assert accepted.stage is Stage.ACCEPTED
    assert accepted.attention_code is None, "whether it was sent no longer matters"


async def test_a_notice_to_the_owner_is_rather_sent_twice(life: Life) -> None:
    life.world.buyers[BUYER] = Buyer(BUYER, exists=False)
    life.world.faults.waiting.append(Fault("smtp", "drop_after", "DATA"))
    await life.start()
    await life.reaches(Stage.FAILED)
    failed = await life.passes(minutes=5)
    assert failed.attention_code == "offer-rejected", "and not a question whether it was sent"
    assert life.mails() == ["Failed: the offer for Example Corp"] * 2
    assert life.world.mails[0].message_id == life.world.mails[1].message_id


@pytest.mark.parametrize("taken", [True, False])
async def test_a_notice_that_nobody_can_be_given_holds_nothing_up(life: Life, taken: bool) -> None:
    life.buyer(accepts_after=1)
    await life.start()
    await life.reaches(Stage.SHARED)
    await life.passes(days=1, hours=1)
    life.world.faults.waiting.append(Fault("smtp", "status", "RCPT", status=550, times=None))
    await life.report_acceptance()
    record = await life.quiet()
    assert record.stage is Stage.ACCEPTED
    (attention,) = record.attentions
    assert attention.code == "notification-failed"
    assert "owner-accepted" in attention.problem
    assert "it rejects the recipient's address" in attention.problem
    assert "example.com" not in attention.problem
    if taken:
        life.world.faults.waiting.clear()
    await life.desk.resume(OPPORTUNITY)
    assert (await life.quiet()).attentions == ()
    told = [subject for subject in life.mails() if subject.startswith("Accepted")]
    assert len(told) == taken


async def test_resend_writes_to_the_buyer_again(life: Life) -> None:
    await life.start()
    with pytest.raises(RequestRejected, match="nothing to send again"):
        await life.desk.resend(OPPORTUNITY)
    await life.reaches(Stage.SHARED)
    await life.desk.resend(OPPORTUNITY)
    await life.quiet()
    first, second = life.world.mails
    assert first.subject == second.subject
    assert first.message_id != second.message_id


async def test_a_reminder_held_up_does_not_go_out_after_the_acceptance(life: Life) -> None:
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    now = await life.temporal.get_current_time()
    end = shared.require_terms().availability_end
    reminder, _ = reminder_times(end, shared.policy.reminder_days, now)
    life.accepts_at(reminder + timedelta(minutes=5))
    await life.sleep(reminder - now - timedelta(minutes=1))
    life.world.faults.waiting.append(Fault("smtp", "status", "DATA", times=None, status=451))
    await life.passes(minutes=10)
    assert life.world.calls["smtp", "DATA"] > 1, "it was tried"
    await life.report_acceptance()
    await life.quiet()
    life.world.faults.waiting.clear()
    await life.passes(hours=1)
    assert "Accepted: Example Corp" in life.mails()
    assert not any(subject.startswith("Reminder") for subject in life.mails())


async def test_an_outage_of_salesforce_holds_nothing_back(life: Life) -> None:
    await life.start()
    life.world.faults.waiting.append(Fault("salesforce", "status", times=None, status=503))
    assert (await life.reaches(Stage.SHARED)).attention_code is None
    assert len(life.world.mails) == 1
    life.world.faults.waiting.clear()
    await life.passes(minutes=10)
    assert life.in_salesforce()["Offer_Stage__c"] == "shared"
    assert life.stages_in_salesforce()[-2:] == ["generating", "shared"]


async def test_a_stage_that_one_call_ends_is_shown_when_something_holds_it_up(life: Life) -> None:
    life.world.faults.waiting += [
        Fault("catalog", "status", "StartChangeSet", status=503),
        Fault("smtp", "status", "DATA", status=451),
    ]
    await life.start()
    await life.reaches(Stage.SHARED)
    await life.quiet()
    assert life.stages_in_salesforce() == ["submitted", "generating", "live", "shared"]


async def test_no_signal_can_wedge_the_offer(life: Life) -> None:
    life.buyer(accepts_after=1)
    await life.start()
    await life.reaches(Stage.SHARED)
    handle = life.client.get_workflow_handle(life.handle.id)
    much: tuple[Any, ...] = ("text", 5, None, {}, {"offer_id": 7}, [1], {"invoices": []})
    for nonsense in much:
        for signal in (
            "agreement_reported",
            "payout_reported",
            "change_set_finished",
            "cancel",
            "unheard-of",
        ):
            if signal == "cancel" and isinstance(nonsense, str | None):
                continue  # that is a plain cancel, with or without a reason
            await handle.signal(signal, nonsense)
    await handle.signal("payout_reported")
    await handle.signal("agreement_reported", args=[1, 2, 3])
    await life.passes(days=2)
    await life.report_acceptance()
    assert (await life.quiet()).stage is Stage.ACCEPTED


async def test_a_report_that_aws_does_not_confirm_is_not_believed(life: Life) -> None:
    life.buyer(accepts_after=None)
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    report = {
        "agreement_id": "agmt-1",
        "offer_id": shared.offer_id,
        "status": "ACTIVE",
        "updated_at": "2026-03-04T00:00:00Z",
    }
    await life.client.get_workflow_handle(life.handle.id).signal("agreement_reported", report)
    assert (await life.quiet()).stage is Stage.SHARED


async def test_starting_twice_is_harmless(life: Life) -> None:
    await life.start()
    first = await life.reaches(Stage.GENERATING)
    second = await life.start()
    assert second.change_set_id == first.change_set_id
    assert len(life.world.change_sets) == 1


async def test_the_card_tells_the_story_without_personal_data(life: Life) -> None:
    await life.start()
    shared = await life.reaches(Stage.SHARED)
    details = await life.card()
    assert "**shared**" in details
    assert shared.offer_id is not None
    assert shared.offer_id in details
    assert "@" not in details


def test_failures_that_pause_are_those_that_are_never_retried() -> None:
    from workflows.common.escalation import ESCALATIONS

    assert set(ESCALATIONS) == {Failure.CREDENTIALS, Failure.REJECTED, Failure.NOT_FOUND}


async def test_time_moves_only_forward(life: Life) -> None:
    await life.start()
    before = life.sandbox.world.now()
    await life.passes(days=1)
    await life.reaches(Stage.SHARED)
    assert life.sandbox.world.now() - before >= timedelta(hours=20)


@pytest.mark.parametrize("tied_by_hand", [False, True])
async def test_an_offer_that_no_feed_tells_of_looks_by_itself(
    life: Life, tied_by_hand: bool
) -> None:
    """Perhaps nobody reads Clazar's feed; what a person has tied the watch does not tell."""
    life.clazar_is_watched = False
    await life.start()
    offer_id = (await life.reaches(Stage.SHARED)).require_offer_id()
    ours = {"salesforce": {"object_type": "Opportunity", "object_id": OPPORTUNITY}}
    if tied_by_hand:
        life.world.clazar_links[offer_id] = ClazarLinks(external_object_associations=ours)
    assert (await life.passes(days=24)).attention_code is None
    assert life.world.clazar_links[offer_id].external_object_associations == ours
    for call in ("GetPrivateOffer", "PatchPrivateOffer"):
        assert life.world.calls["clazar", call] == (0 if tied_by_hand else 1)


async def test_also_after_its_acceptance(life: Life) -> None:
    life.clazar_is_watched = False
    await life.start()
    offer_id = (await life.reaches(Stage.SHARED)).require_offer_id()
    accept(life.world, offer_id, BUYER)
    await life.report_acceptance()
    assert (await life.passes(days=1)).stage is Stage.ACCEPTED
    assert offer_id not in life.world.clazar_links
    await life.passes(days=7)
    ours = {"salesforce": {"object_type": "Opportunity", "object_id": OPPORTUNITY}}
    assert life.world.clazar_links[offer_id].external_object_associations == ours


async def test_people_hear_of_an_offer_that_clazar_never_shows(life: Life) -> None:
    life.world.clazar_delay_minutes = 60 * 24 * 60
    await life.start()
    await life.reaches(Stage.SHARED)
    late = await life.passes(days=24)
    assert [(each.code, each.problem) for each in late.attentions] == [
        ("vendor-unresponsive", "Clazar does not show the offer")
    ]
