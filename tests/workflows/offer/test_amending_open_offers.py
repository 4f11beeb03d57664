"""Changes before acceptance: in place where AWS lets them, otherwise by a new revision."""

from datetime import date, timedelta

import pytest

from cli.offer_client import RequestRejected
from offers.lifecycle.commands import Extension, TermChanges
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from sandbox.marketplace.buyers import accept
from sandbox.marketplace.race_injection import accept_when
from tests.support.builders import BUYER
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness
from workflows.offer.workflow import OfferWorkflow


def priced(amount: str) -> TermChanges:
    return TermChanges(terms={"price": {"amount": amount, "currency": "USD"}})


async def amended(harness: WorkflowHarness, changes: TermChanges) -> OfferRecord:
    """Ask for it, and let AWS have the time that it needs."""
    async with harness.advance_until_answered(harness.client.amend(OPPORTUNITY, changes)) as asked:
        record = await asked
    await harness.settle()
    return record


async def test_a_name_changes_in_place(harness: WorkflowHarness) -> None:
    await harness.start()
    before = await harness.advance_until(Stage.SHARED)
    changes = TermChanges(
        terms={"offer_name": "Example Product, as agreed", "description": "PO 4711"}
    )
    record = await amended(harness, changes)
    assert record.stage is Stage.SHARED
    assert record.offer_id == before.offer_id
    (offer,) = harness.world.offers.values()
    assert offer.name == record.require_terms().offer_name == "Example Product, as agreed"
    assert offer.description == f"offer-{OPPORTUNITY}-rev1: PO 4711"
    assert len(harness.mail_subjects()) == 1, "the link is the same"


async def test_another_buyer_is_written_to_without_aws(harness: WorkflowHarness) -> None:
    await harness.start()
    await harness.advance_until(Stage.SHARED)
    calls = harness.world.calls["catalog", "StartChangeSet"]
    record = await amended(harness, TermChanges(terms={"buyer_email": "other@example.com"}))
    assert record.stage is Stage.SHARED
    assert harness.world.calls["catalog", "StartChangeSet"] == calls
    assert harness.world.mails[-1].recipients == ["other@example.com"]
    assert harness.mail_subjects()[-1].endswith("is ready")


async def test_another_owner_is_told_what_follows(harness: WorkflowHarness) -> None:
    await harness.start()
    before = await harness.advance_until(Stage.SHARED)
    record = await amended(harness, TermChanges(terms={"owner_email": "successor@example.com"}))
    assert record.require_owner().owner_name == before.require_owner().owner_name
    accept(harness.world, record.require_offer_id(), BUYER)
    await harness.report_acceptance()
    await harness.settle()
    assert harness.world.mails[-1].subject.startswith("Accepted")
    assert harness.world.mails[-1].recipients == ["successor@example.com"]


async def test_another_price_is_another_offer_and_the_old_link_is_void(
    harness: WorkflowHarness,
) -> None:
    await harness.start()
    first = await harness.advance_until(Stage.SHARED)
    record = await amended(harness, priced("110000"))
    assert harness.count_acceptable_offers() == 0
    assert record.revision == 2
    second = await harness.advance_until(Stage.SHARED)
    assert second.offer_id != first.offer_id
    assert str(second.require_terms().price) == "USD 110,000.00"
    assert harness.count_acceptable_offers() == 1
    assert harness.world.acceptable(harness.world.offers[second.require_offer_id()])
    (past,) = second.previous_revisions
    assert (past.offer_id, past.outcome, past.number) == (first.offer_id, "amended", 1)
    assert harness.mail_subjects() == [
        "Your private offer for Example Product is ready",
        "Your private offer for Example Product is being changed",
        "Your private offer for Example Product is ready",
    ]
    replaced = f"It replaces {first.offer_id}. The link in our earlier mail no longer works."
    assert replaced in " ".join(harness.world.mails[-1].text.split())


async def test_what_was_corrected_in_salesforce_is_taken_without_naming_it(
    harness: WorkflowHarness,
) -> None:
    await harness.start()
    await harness.advance_until(Stage.SHARED)
    harness.put_opportunity(Amount=115000.0)
    await amended(harness, TermChanges(recreate=True))
    assert (
        str((await harness.advance_until(Stage.SHARED)).require_terms().price) == "USD 115,000.00"
    )


async def test_only_what_changed_needs_another_approval(harness: WorkflowHarness) -> None:
    await harness.start(duration_months=24)
    await harness.approve_all()
    await harness.advance_until(Stage.SHARED)
    record = await amended(harness, priced("90000"))
    assert record.stage is Stage.DRAFT
    assert [finding.code for finding in record.awaiting_approval] == ["below-minimum"]
    await harness.approve_all()
    assert (await harness.advance_until(Stage.SHARED)).require_terms().duration_months == 24


@pytest.mark.parametrize("minutes", [2, 20])
async def test_while_aws_builds_it_nothing_of_it_can_be_accepted(
    harness: WorkflowHarness, minutes: float
) -> None:
    await harness.start()
    await harness.advance(minutes=minutes)
    await amended(harness, priced("110000"))
    assert harness.count_acceptable_offers() == 0
    assert (
        str((await harness.advance_until(Stage.SHARED)).require_terms().price) == "USD 110,000.00"
    )
    assert harness.count_acceptable_offers() == 1
    assert len(harness.mail_subjects()) == 1, "of the first nobody had been told"


async def test_in_a_draft_it_is_a_revision(harness: WorkflowHarness) -> None:
    harness.put_opportunity(Order_Form_Signed__c=False)
    await harness.start()
    record = await amended(harness, priced("110000"))
    assert record.stage is Stage.DRAFT
    assert str(record.require_terms().price) == "USD 110,000.00"
    assert record.revision == 1


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"colour": "red"}, "colour: there is no such term"),
        (
            {"additional_amount": "1 USD"},
            "additional_amount: only an agreement is changed by it",
        ),
        ({"price": {"amount": "-1", "currency": "USD"}}, "price USD -1.00 is out of range"),
        ({"availability_end": "2026-03-01"}, "the buyer's last day is not after today"),
        ({"offer_name": "<none>"}, "AWS forbids < > in a name"),
        ({"buyer_time_zone": "Europe/Nowhere"}, "there is no such time zone"),
    ],
)
async def test_what_cannot_be_is_refused_and_leaves_no_trace(
    harness: WorkflowHarness, given: dict[str, str], reason: str
) -> None:
    await harness.start()
    await harness.advance_until(Stage.SHARED)
    await harness.settle()
    events = await harness.history_events()
    with pytest.raises(RequestRejected, match=reason):
        await harness.client.amend(OPPORTUNITY, TermChanges(terms=given))
    assert await harness.history_events() == events
    assert harness.count_acceptable_offers() == 1


async def test_a_plain_signal_does_the_same(harness: WorkflowHarness) -> None:
    await harness.start()
    await harness.advance_until(Stage.SHARED)
    await harness.handle.signal(OfferWorkflow.amend_signal, priced("110000"))
    await harness.handle.signal(OfferWorkflow.amend_signal, priced("105000"))
    await harness.advance(minutes=30)
    record = await harness.advance_until(Stage.SHARED)
    assert str(record.require_terms().price) == "USD 110,000.00"
    assert record.attention_code == "signal-rejected", (
        "the second came while the first was under way"
    )
    assert "is being withdrawn" in record.attentions[0].problem
    await harness.client.resume(OPPORTUNITY)
    assert (await harness.settle()).attention_code is None


async def test_a_signal_that_says_nothing_legal_wedges_nothing(harness: WorkflowHarness) -> None:
    await harness.start()
    await harness.advance_until(Stage.SHARED)
    await harness.handle.signal("amend", "cheaper, please")
    await harness.handle.signal("extend", {"until": "some day"})
    assert (await harness.settle()).stage is Stage.SHARED
    await amended(harness, priced("110000"))
    await harness.advance_until(Stage.SHARED)


async def test_more_time_moves_reminders_and_tells_the_buyer(harness: WorkflowHarness) -> None:
    await harness.start()
    record = await harness.advance_until(Stage.SHARED)
    until = record.require_terms().availability_end + timedelta(days=30)
    extended = await extended_to(harness, until)
    assert extended.require_terms().availability_end == until
    assert harness.world.offers[extended.require_offer_id()].availability_end == until
    await harness.settle()
    assert "can be accepted until" in harness.mail_subjects()[-1]
    await harness.advance(days=29)
    assert not [subject for subject in harness.mail_subjects() if subject.startswith("Reminder")]
    await harness.advance(days=30)
    assert (
        len([subject for subject in harness.mail_subjects() if subject.startswith("Reminder")]) == 2
    )
    assert (await harness.advance_to_end()).stage is Stage.EXPIRED


async def extended_to(
    harness: WorkflowHarness, until: date, months: int | None = None
) -> OfferRecord:
    extension = Extension(until=until, duration_months=months)
    async with harness.advance_until_answered(
        harness.client.extend(OPPORTUNITY, extension)
    ) as asked:
        record = await asked
    await harness.settle()
    return record


async def test_what_has_expired_is_revived_for_a_while(harness: WorkflowHarness) -> None:
    await harness.start()
    await harness.advance_until(Stage.SHARED)
    expired = await harness.advance_to_end()
    assert expired.stage is Stage.EXPIRED
    await harness.advance(days=10)
    until = harness.world.now().date() + timedelta(days=10)
    revived = await extended_to(harness, until)
    assert revived.offer_id == expired.offer_id
    assert (await harness.settle()).stage is Stage.SHARED
    assert harness.count_acceptable_offers() == 1
    assert "can be accepted until" in harness.mail_subjects()[-1]
    harness.schedule_acceptance(harness.world.now() + timedelta(days=2))
    await harness.advance(days=3)
    await harness.report_acceptance()
    assert (await harness.settle()).stage is Stage.ACCEPTED


async def test_but_not_for_ever(harness: WorkflowHarness) -> None:
    await harness.start()
    await harness.advance_until(Stage.SHARED)
    await harness.advance_to_end()
    assert (await harness.advance_until_closed()).stage is Stage.EXPIRED
    with pytest.raises(
        RequestRejected,
        match=r"the offer is expired: start a new one; run offerflow start .* --restart",
    ):
        await extended_to(harness, harness.world.now().date() + timedelta(days=10))


async def test_an_expired_offer_is_made_anew_with_other_terms(harness: WorkflowHarness) -> None:
    await harness.start()
    await harness.advance_until(Stage.SHARED)
    first = await harness.advance_to_end()
    async with harness.advance_until_answered(
        harness.client.start(OPPORTUNITY, priced("110000").terms, restart=True)
    ) as asked:
        await asked
    second = await harness.advance_until(Stage.SHARED)
    assert second.revision == 2
    assert second.offer_id != first.offer_id
    assert harness.count_acceptable_offers() == 1


@pytest.mark.parametrize(
    ("terms", "until", "reason"),
    [
        ({}, 30, r"the last day to accept is \S+ already: choose a later one"),
        ({}, -5, r"the last day to accept is \S+ already: choose a later one"),
        ({}, 366, "would be over by then.*: a longer contract needs a new offer"),
        (
            {"payment_schedule": "{0} 60000; {40} 60000"},
            40,
            "only one instalment may be due by the last day to accept",
        ),
        ({"starts_on": "{40}"}, 40, "the contract starts before the last day"),
        ({"dimensions": "platform x 2"}, 366, "Choose a longer contract, too"),
    ],
)
async def test_aws_s_rules_are_known_before_it_is_asked(
    harness: WorkflowHarness, terms: dict[str, str], until: int, reason: str
) -> None:
    days = [f"{harness.day(n)}" for n in range(50)]
    await harness.start(**{name: value.format(*days) for name, value in terms.items()})
    await harness.approve_all()
    await harness.advance_until(Stage.SHARED)
    await harness.settle()
    calls, events = harness.world.calls.copy(), await harness.history_events()
    with pytest.raises(RequestRejected, match=reason):
        await extended_to(harness, harness.day(until))
    assert harness.world.calls == calls
    assert await harness.history_events() == events


async def test_a_longer_contract_goes_with_more_time(harness: WorkflowHarness) -> None:
    await harness.start(dimensions="platform x 2")
    await harness.approve_all()
    await harness.advance_until(Stage.SHARED)
    with pytest.raises(RequestRejected, match="a contract lasts 12 months"):
        await extended_to(harness, harness.day(380), months=24)


async def test_the_duration_changes_in_place_where_it_is_a_term_of_its_own(
    harness: WorkflowHarness,
) -> None:
    await harness.start(dimensions="platform x 2", duration_months=11)
    await harness.approve_all()
    await harness.advance_until(Stage.SHARED)
    record = await extended_to(harness, harness.day(40), months=12)
    assert record.require_terms().duration_months == 12
    (offer,) = harness.world.offers.values()
    assert {"Type": "ValidityTerm", "AgreementDuration": "P12M"} in offer.terms
    assert offer.availability_end == harness.day(40)


async def test_what_aws_refuses_all_the_same_is_told_and_changes_nothing(
    harness: WorkflowHarness,
) -> None:
    await harness.start()
    before = await harness.advance_until(Stage.SHARED)
    harness.world.change_set_processing.failures.append("INVALID_AVAILABILITY_END_DATE")
    with pytest.raises(RequestRejected, match="AWS: INVALID_AVAILABILITY_END_DATE"):
        await extended_to(harness, harness.day(50))
    record = await harness.settle()
    assert record.require_terms() == before.require_terms()
    assert len(harness.mail_subjects()) == 1
    assert (await extended_to(harness, harness.day(50))).stage is Stage.SHARED, "asked anew"


async def test_an_acceptance_while_it_is_amended_is_not_lost(harness: WorkflowHarness) -> None:
    await harness.start()
    first = await harness.advance_until(Stage.SHARED)
    accept_when(harness.world, BUYER, "applying")
    with pytest.raises(
        RequestRejected, match=r"too late: the buyer has accepted.*; run offerflow amend"
    ):
        await amended(harness, priced("110000"))
    record = await harness.settle()
    assert (record.stage, record.offer_id) == (Stage.ACCEPTED, first.offer_id)
    assert "Not changed: Example Corp has accepted" in harness.mail_subjects()
    assert not any("is being changed" in subject for subject in harness.mail_subjects())
    assert len(harness.world.offers) == 1
