"""Changes before acceptance: in place where AWS supports that, otherwise as a new revision."""

from datetime import date, timedelta
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope

from client.offer_client import RequestRejected
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.commands import Extension, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from sandbox.aws.catalog.rules.working_copy import WorkingCopy
from sandbox.aws.marketplace_state import Offer
from sandbox.mail.smtp_server import SmtpHandler
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness
from workflows.offer.workflow import OfferWorkflow


def price_change(amount: str) -> TermChanges:
    return TermChanges(terms={"price": {"amount": amount, "currency": "USD"}})


async def amend(harness: WorkflowHarness, changes: TermChanges) -> OfferRecord:
    """Request a change, and skip the time that AWS needs."""
    async with harness.advance_until_answered(harness.client.amend(OPPORTUNITY, changes)) as answer:
        record = await answer
    await harness.settle()
    return record


async def test_name_and_description_change_in_place(harness: WorkflowHarness) -> None:
    before = await harness.share()
    changes = TermChanges(
        terms={"offer_name": "Example Product, as agreed", "description": "PO 4711"}
    )
    record = await amend(harness, changes)
    assert record.stage is Stage.SHARED
    assert record.offer_id == before.offer_id
    (offer,) = harness.world.aws.offers.values()
    assert offer.name == record.require_terms().offer_name == "Example Product, as agreed"
    assert offer.description == f"offer-{OPPORTUNITY}-rev1: PO 4711"
    assert len(harness.mail_subjects()) == 1, "a second mail was sent for the same link"


async def test_new_buyer_email_gets_the_offer_without_a_change_set(
    harness: WorkflowHarness,
) -> None:
    await harness.share()
    calls = harness.world.calls["catalog", "StartChangeSet"]
    record = await amend(harness, TermChanges(terms={"buyer_email": "other@example.com"}))
    assert record.stage is Stage.SHARED
    assert harness.world.calls["catalog", "StartChangeSet"] == calls
    assert harness.world.mail.messages[-1].recipients == ["other@example.com"]
    assert harness.mail_subjects()[-1].endswith("is ready (Example Corp)")


async def test_new_owner_email_gets_later_notices(harness: WorkflowHarness) -> None:
    before = await harness.share()
    record = await amend(harness, TermChanges(terms={"owner_email": "successor@example.com"}))
    assert record.require_owner().owner_name == before.require_owner().owner_name
    harness.accept(record)
    await harness.watch_agreements()
    await harness.settle()
    assert harness.world.mail.messages[-1].subject.startswith("Accepted")
    assert harness.world.mail.messages[-1].recipients == ["successor@example.com"]


async def test_new_price_creates_a_revision_and_voids_the_old_offer(
    harness: WorkflowHarness,
) -> None:
    first = await harness.share()
    record = await amend(harness, price_change("110000"))
    assert harness.count_acceptable_offers() == 0
    assert record.revision == 2
    second = await harness.advance_until(Stage.SHARED)
    assert second.offer_id != first.offer_id
    assert str(second.require_terms().price) == "USD 110,000.00"
    assert harness.count_acceptable_offers() == 1
    assert harness.world.aws.acceptable(harness.world.aws.offers[second.require_offer_id()])
    (first_revision,) = second.previous_revisions
    assert (first_revision.offer_id, first_revision.outcome, first_revision.number) == (
        first.offer_id,
        "amended",
        1,
    )
    assert harness.mail_subjects() == [
        "Your private offer for Example Product is ready (Example Corp)",
        "Your private offer for Example Product is being changed (Example Corp)",
        "Your private offer for Example Product is ready (Example Corp)",
    ]
    sentence = f"It replaces {first.offer_id}. The link in our earlier mail no longer works."
    assert sentence in " ".join(harness.world.mail.messages[-1].text.split())


async def test_recreate_reads_corrected_terms_from_salesforce(
    harness: WorkflowHarness,
) -> None:
    await harness.share()
    harness.put_opportunity(Amount=115000.0)
    await amend(harness, TermChanges(recreate=True))
    assert (
        str((await harness.advance_until(Stage.SHARED)).require_terms().price) == "USD 115,000.00"
    )


async def test_amend_to_a_lower_price_asks_for_every_approval_again(
    harness: WorkflowHarness,
) -> None:
    await harness.share(duration_months=24)
    record = await amend(harness, price_change("90000"))
    assert record.stage is Stage.DRAFT
    codes = [finding.code for finding in record.awaiting_approval]
    assert codes == ["not-annual", "below-minimum"]
    await harness.approve_all()
    assert (await harness.advance_until(Stage.SHARED)).require_terms().duration_months == 24


@pytest.mark.parametrize("minutes", [2, 20])
async def test_amend_while_generating_leaves_one_acceptable_offer(
    harness: WorkflowHarness, minutes: float
) -> None:
    await harness.start()
    await harness.advance(minutes=minutes)
    await amend(harness, price_change("110000"))
    assert harness.count_acceptable_offers() == 0
    assert (
        str((await harness.advance_until(Stage.SHARED)).require_terms().price) == "USD 110,000.00"
    )
    assert harness.count_acceptable_offers() == 1
    assert len(harness.mail_subjects()) == 1, "the first offer was mailed"


async def test_amend_in_draft_revises_the_terms(harness: WorkflowHarness) -> None:
    harness.put_opportunity(Order_Form_Signed__c=False)
    await harness.start()
    record = await amend(harness, price_change("110000"))
    assert record.stage is Stage.DRAFT
    assert str(record.require_terms().price) == "USD 110,000.00"
    assert record.revision == 1


async def test_amend_by_signal(harness: WorkflowHarness) -> None:
    await harness.share()
    await harness.handle.signal(OfferWorkflow.amend_signal, price_change("110000"))
    await harness.handle.signal(OfferWorkflow.amend_signal, price_change("105000"))
    await harness.advance(minutes=30)
    record = await harness.advance_until(Stage.SHARED)
    assert str(record.require_terms().price) == "USD 110,000.00"
    assert record.attention_code == "signal-rejected", (
        "the signal during the first change was not rejected"
    )
    assert "is being withdrawn" in record.attentions[0].problem
    await harness.client.resume(OPPORTUNITY)
    assert (await harness.settle()).attention_code is None


async def test_invalid_amend_and_extend_signals_are_dropped(harness: WorkflowHarness) -> None:
    await harness.share()
    await harness.handle.signal("amend", "cheaper, please")
    await harness.handle.signal("extend", {"until": "some day"})
    assert (await harness.settle()).stage is Stage.SHARED
    await amend(harness, price_change("110000"))
    await harness.advance_until(Stage.SHARED)


async def test_extend_moves_reminders_and_notifies_the_buyer(harness: WorkflowHarness) -> None:
    record = await harness.share()
    until = record.require_terms().availability_end + timedelta(days=30)
    extended = await extend(harness, until)
    assert extended.require_terms().availability_end == until
    assert harness.world.aws.offers[extended.require_offer_id()].availability_end == until
    await harness.settle()
    assert "can be accepted until" in harness.mail_subjects()[-1]
    await harness.advance(days=29)
    assert not [subject for subject in harness.mail_subjects() if subject.startswith("Reminder")]
    await harness.advance(days=30)
    assert (
        len([subject for subject in harness.mail_subjects() if subject.startswith("Reminder")]) == 2
    )
    assert (await harness.advance_to_end()).stage is Stage.EXPIRED


async def extend(harness: WorkflowHarness, until: date, months: int | None = None) -> OfferRecord:
    extension = Extension(until=until, duration_months=months)
    async with harness.advance_until_answered(
        harness.client.extend(OPPORTUNITY, extension)
    ) as answer:
        record = await answer
    await harness.settle()
    return record


async def test_extend_of_an_expired_offer(harness: WorkflowHarness) -> None:
    await harness.share()
    expired = await harness.advance_to_end()
    assert expired.stage is Stage.EXPIRED
    await harness.advance(days=10)
    until = harness.world.now().date() + timedelta(days=10)
    extended = await extend(harness, until)
    assert extended.offer_id == expired.offer_id
    assert (await harness.settle()).stage is Stage.SHARED
    assert harness.count_acceptable_offers() == 1
    assert "can be accepted until" in harness.mail_subjects()[-1]
    harness.schedule_acceptance(harness.world.now() + timedelta(days=2))
    await harness.advance(days=3)
    await harness.watch_agreements()
    assert (await harness.settle()).stage is Stage.ACCEPTED


async def test_extend_after_the_workflow_closed_is_rejected(harness: WorkflowHarness) -> None:
    await harness.share()
    await harness.advance_to_end()
    assert (await harness.advance_until_closed()).stage is Stage.EXPIRED
    with pytest.raises(
        RequestRejected,
        match="the offer is expired: start a new one",
        check=lambda error: error.actions[0].kind is ActionKind.START_AGAIN,
    ):
        await extend(harness, harness.world.now().date() + timedelta(days=10))


async def test_restart_of_an_expired_offer_with_other_terms(harness: WorkflowHarness) -> None:
    await harness.share()
    first = await harness.advance_to_end()
    async with harness.advance_until_answered(
        harness.client.start(OPPORTUNITY, price_change("110000").terms, restart=True)
    ) as answer:
        await answer
    second = await harness.advance_until(Stage.SHARED)
    assert second.revision == 2
    assert second.offer_id != first.offer_id
    assert harness.count_acceptable_offers() == 1


async def test_expired_offer_is_created_again_with_a_new_last_day(
    harness: WorkflowHarness,
) -> None:
    await harness.share(availability_end=harness.day(3).isoformat())
    assert (await harness.advance_to_end()).stage is Stage.EXPIRED
    record = await amend(harness, price_change("110000"))
    assert record.findings == ()
    shared = await harness.advance_until(Stage.SHARED)
    assert shared.require_terms().availability_end > harness.world.now().date()
    assert harness.count_acceptable_offers() == 1


ALREADY = r"the last day to accept is \d+ \w+ \d+ already: choose a later one"


@pytest.mark.parametrize(
    ("terms", "refused"),
    [
        (
            {},
            {
                30: ALREADY,
                -5: ALREADY,
                366: "would be over by then.*: a longer contract needs a new offer",
            },
        ),
        (
            {"payment_schedule": "{0} 60000; {40} 60000"},
            {40: "only one instalment may be due by the last day to accept"},
        ),
        ({"starts_on": "{40}"}, {40: "the contract starts before the last day"}),
        ({"dimensions": "platform x 2"}, {366: "Choose a longer contract, too"}),
    ],
)
async def test_extend_that_breaks_aws_rules_is_rejected_without_a_call(
    harness: WorkflowHarness, terms: dict[str, str], refused: dict[int, str]
) -> None:
    """`refused`: by the day until which it would be extended."""
    days = [f"{harness.day(n)}" for n in range(50)]
    await harness.start(**{name: value.format(*days) for name, value in terms.items()})
    await harness.approve_all()
    await harness.advance_until(Stage.SHARED)
    await harness.settle()
    calls, events = harness.world.calls.copy(), await harness.history_events()
    for until, reason in refused.items():
        with pytest.raises(RequestRejected, match=reason):
            await extend(harness, harness.day(until))
        assert harness.world.calls == calls
        assert await harness.history_events() == events


async def test_extend_with_a_duration_that_cannot_change_is_rejected(
    harness: WorkflowHarness,
) -> None:
    await harness.share(dimensions="platform x 2")
    with pytest.raises(RequestRejected, match="a contract lasts 12 months"):
        await extend(harness, harness.day(380), months=24)


async def test_extend_with_a_new_duration_changes_both_in_place(
    harness: WorkflowHarness,
) -> None:
    await harness.share(dimensions="platform x 2", duration_months=11)
    record = await extend(harness, harness.day(40), months=12)
    assert record.require_terms().duration_months == 12
    (offer,) = harness.world.aws.offers.values()
    assert {"Type": "ValidityTerm", "AgreementDuration": "P12M"} in offer.terms
    assert offer.availability_end == harness.day(40)


async def test_edit_that_aws_made_otherwise_is_told_and_not_recorded(
    harness: WorkflowHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await harness.share()
    save = WorkingCopy.save

    def save_otherwise(self: WorkingCopy) -> list[Offer]:
        for offer in self.offers.values():
            offer.availability_end = harness.day(40)
        return save(self)

    monkeypatch.setattr(WorkingCopy, "save", save_otherwise)
    with pytest.raises(RequestRejected, match="availability_end"):
        await extend(harness, harness.day(50))
    record = await harness.settle()
    assert record.require_terms() == before.require_terms()
    assert len(harness.mail_subjects()) == 1, "the buyer was told of another last day"


async def test_extend_rejected_by_aws_changes_nothing(
    harness: WorkflowHarness,
) -> None:
    before = await harness.share()
    harness.world.aws.change_set_processing.failures.append("INVALID_AVAILABILITY_END_DATE")
    with pytest.raises(RequestRejected, match="AWS: INVALID_AVAILABILITY_END_DATE"):
        await extend(harness, harness.day(50))
    record = await harness.settle()
    assert record.require_terms() == before.require_terms()
    assert len(harness.mail_subjects()) == 1
    # Whoever asked may have left: AWS takes minutes.
    (attention,) = record.attentions
    assert attention.code == "request-failed"
    assert attention.problem.startswith("The extension failed: ")
    assert "AWS: INVALID_AVAILABILITY_END_DATE" in attention.problem
    extended = await extend(harness, harness.day(50))
    assert extended.stage is Stage.SHARED, "the second request failed"
    assert extended.attentions == ()


async def test_edit_refused_by_aws_changes_nothing(harness: WorkflowHarness) -> None:
    before = await harness.share()
    harness.vendors.catalog.answer(422, "StartChangeSet", code="ValidationException")
    with pytest.raises(RequestRejected, match="ValidationException"):
        await extend(harness, harness.day(50))
    assert (await harness.settle()).terms == before.terms


async def test_second_of_two_edits_is_checked_against_what_the_first_made(
    harness: WorkflowHarness,
) -> None:
    """Each of them alone is legal."""
    await harness.start(dimensions="platform x 2", duration_months=24)
    await harness.approve_all()
    await harness.advance_until(Stage.SHARED)
    until = harness.day(600)
    await harness.handle.signal(OfferWorkflow.extend_signal, Extension(until=until))
    with pytest.raises(RequestRejected, match="would be over by then"):
        await amend(harness, TermChanges(terms={"duration_months": 12}))
    terms = (await harness.settle()).require_terms()
    assert (terms.availability_end, terms.duration_months) == (until, 24)


@pytest.mark.parametrize("buyer", ["buyer@example.com", "another@example.com"])
async def test_delayed_mail_that_a_link_is_void_is_for_those_who_have_no_other(
    harness: WorkflowHarness, monkeypatch: pytest.MonkeyPatch, buyer: str
) -> None:
    """The mail about the new offer says it, too."""
    accept_mail, delayed = SmtpHandler.handle_DATA, [True]

    async def delay(handler: SmtpHandler, server: Any, session: Any, envelope: Envelope) -> str:
        if delayed and b"is being changed" in (envelope.content or b""):
            return "451 4.7.1 Try again later"
        return await accept_mail(handler, server, session, envelope)

    monkeypatch.setattr(SmtpHandler, "handle_DATA", delay)
    await harness.share()
    price = price_change("110000").terms
    await amend(harness, TermChanges(terms=price | {"buyer_email": buyer}))
    await harness.approve_all()
    await harness.advance_until(Stage.SHARED)
    delayed.clear()
    await harness.advance(hours=1)
    void = [m for m in harness.world.mail.messages if "is being changed" in m.subject]
    assert [m.recipients for m in void] == (
        [] if buyer == "buyer@example.com" else [["buyer@example.com"]]
    )
