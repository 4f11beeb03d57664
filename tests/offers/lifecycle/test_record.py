"""The record of an offer: what holds it up, its last day, and what is not known yet."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from offers.clock import end_of_day
from offers.findings import Finding, Severity
from offers.lifecycle.deal import Deal
from offers.lifecycle.record import Amendment, Decision, NotYetKnown, OfferRecord
from offers.payouts.clazar_report import ReportRow, payout_from_report
from offers.payouts.model import Payout
from offers.stage import Stage
from offers.terms.contacts import Contacts
from tests.support.agreements import agreement
from tests.support.builders import NOW, terms

CONTACTS = Contacts(buyer_email="buyer@example.com", owner_email="owner@example.com")

EXCEPTION = Finding(
    code="not-annual",
    severity=Severity.APPROVAL,
    field="duration_months",
    problem="24 months",
    remedy="Get it approved",
    role="deal-desk",
)


def offer(stage: Stage = Stage.DRAFT, approved: bool | None = None) -> OfferRecord:
    """An offer with an exception, and what was decided about it."""
    decisions = (
        ()
        if approved is None
        else (
            Decision(
                finding=EXCEPTION,
                deal=Deal.of(terms(), None, None),
                approved=approved,
                by="desk@example.com",
                at=NOW,
            ),
        )
    )
    return OfferRecord(
        opportunity_id="0065g00000AbCdEAAV",
        stage=stage,
        terms=terms(),
        findings=(EXCEPTION,),
        decisions=decisions,
    )


def payout() -> Payout:
    row = {"offer_id": "offer-1", "invoice_id": "INV-1", "currency": "USD"}
    amounts = {"gross": 5, "listing_fee": 0, "disbursed": 0, "undisbursed": 5}
    return payout_from_report([ReportRow.model_validate(row | amounts)])


@pytest.mark.parametrize(
    ("approved", "blocks", "waits"),
    [(None, True, True), (True, False, False), (False, True, False)],
)
def test_exception_blocks_until_it_is_approved(
    approved: bool | None, blocks: bool, waits: bool
) -> None:
    record = offer(approved=approved)
    assert (record.blocking_findings == (EXCEPTION,)) is blocks
    assert (record.awaiting_approval == (EXCEPTION,)) is waits
    assert record.is_approved(EXCEPTION) is (approved is True)
    assert record.is_declined(EXCEPTION) is (approved is False)
    assert offer(Stage.LIVE, approved).blocking_findings == ()


def test_extended_offer_expires_later() -> None:
    record = offer(Stage.SHARED)
    record.extend(date(2026, 5, 1))
    assert record.expires_at == end_of_day(date(2026, 5, 1))


def test_what_is_not_known_yet() -> None:
    record = offer(Stage.GENERATING)
    with pytest.raises(NotYetKnown, match="the offer has no change set yet"):
        record.require_change_set_id()
    record.change_set_id, record.offer_id = "changeset-1", "offer-1"
    assert (record.require_change_set_id(), record.require_offer_id()) == ("changeset-1", "offer-1")


def test_next_revision_has_told_the_buyer_nothing() -> None:
    record = offer(Stage.SHARED)
    record.offer_id, record.buyer_notified = "offer-1", True
    record.start_revision("withdrawn", NOW)
    assert record.revision == 2
    assert record.as_previous("", NOW).offer_id is None
    assert not record.as_previous("", NOW).buyer_notified
    (past,) = record.previous_revisions
    assert (past.number, past.offer_id, past.buyer_notified) == (1, "offer-1", True)


OTHERS = Contacts(buyer_email="b@example.com", owner_email="o@example.com")


@pytest.mark.parametrize("now", [None, OTHERS])
@pytest.mark.parametrize("then", [None, CONTACTS])
def test_earlier_revision_that_was_accepted_is_the_offer_again(
    now: Contacts | None, then: Contacts | None
) -> None:
    """Who is written to stays as it is known now, or else as it was then."""
    record = offer(Stage.SHARED)
    record.terms = terms(company="Then")
    record.contacts = record.owner = then
    record.change_set_id, record.offer_id = "changeset-1", "offer-1"
    record.offer_url, record.buyer_notified = "https://example.com", True
    record.start_revision("changed", NOW)
    record.terms, record.contacts, record.owner = terms(company="Now"), now, now
    record.offer_id = "offer-2"
    (past,) = record.previous_revisions
    record.restore_revision(past, agreement())
    assert (record.revision, record.agreement) == (2, agreement())
    assert record.terms == terms(company="Then")
    assert record.findings == (EXCEPTION,)
    assert record.contacts == record.owner == (now or then)
    assert (record.change_set_id, record.offer_id) == ("changeset-1", "offer-1")
    assert (record.offer_url, record.buyer_notified) == ("https://example.com", True)
    given_up = record.previous_revisions[-1]
    assert (given_up.number, given_up.offer_id) == (2, "offer-2")
    assert given_up.outcome == "given up for an earlier one"


def test_next_revision_begins_without_what_the_last_one_found() -> None:
    record = offer(Stage.SHARED)
    record.change_set_id, record.offer_url = "changeset-1", "https://example.com"
    record.agreement, record.payout = agreement(), payout()
    record.payout_findings = (EXCEPTION,)
    record.start_revision("changed", NOW)
    begun = OfferRecord(opportunity_id=record.opportunity_id, terms=terms())
    found = {"findings", "payout_findings", "expected_payments", "overdue", "agreement", "payout"}
    found |= {"change_set_id", "offer_id", "offer_url"}
    assert record.model_dump(include=found) == begun.model_dump(include=found)


def test_last_offer_id_is_its_own_or_the_newest_before() -> None:
    record = offer(Stage.SHARED)
    assert record.last_offer_id is None
    for offer_id in ("offer-1", "offer-2", None):
        record.offer_id = offer_id
        record.start_revision("changed", NOW)
    assert record.last_offer_id == "offer-2"
    record.offer_id = "offer-4"
    assert record.last_offer_id == "offer-4"


@pytest.mark.parametrize(
    ("earlier", "own", "numbers", "last"),
    [(0, 0, (), 0), (0, 2, (), 2), (5, 2, (), 5), (1, 0, (1, 3), 3)],
)
def test_last_amendment(earlier: int, own: int, numbers: tuple[int, ...], last: int) -> None:
    record = offer()
    record.earlier_amendments, record.amendment = earlier, own
    record.amendments = tuple(Amendment(number=each, stage=Stage.DRAFT) for each in numbers)
    assert record.last_amendment == last


@pytest.mark.parametrize(
    ("person", "own"),
    [("owner@example.com", True), ("x@example.com", True), ("y@example.com", False)],
)
def test_whose_deal_it_is(person: str, own: bool) -> None:
    record = offer()
    assert not record.is_own_deal(person)
    record.owner = CONTACTS
    for by in ("x@example.com", None, "x@example.com"):
        record.note_change(by)
    assert record.changed_by == ("x@example.com",)
    assert record.is_own_deal(person) is own


def test_what_holds_up_an_offer_in_each_stage() -> None:
    held = {stage for stage in Stage if offer(stage).blocking_findings}
    assert held == {Stage.DRAFT, Stage.SUBMITTED, Stage.GENERATING, Stage.FAILED}
    record = offer()
    record.terms = None
    assert (record.blocking_findings, record.awaiting_approval) == ((EXCEPTION,), ())
    refused = Finding(field="price", problem="p", remedy="r")
    warned = refused.model_copy(update={"severity": Severity.WARN})
    record.findings = (warned, refused)
    assert record.blocking_findings == (refused,)


def test_last_decision_counts() -> None:
    record = offer(approved=True)
    (yes,) = record.decisions
    record.decisions = (yes, yes.model_copy(update={"approved": False}))
    assert record.is_declined(EXCEPTION)
    record.decisions = record.decisions[::-1]
    assert record.is_approved(EXCEPTION)
    record.terms = terms(price="120000.01 USD")
    assert record.is_approved(EXCEPTION), "a better deal ends the approval"
    record.decisions = record.decisions[:1]
    assert not record.is_declined(EXCEPTION), "a changed deal is not looked at again"


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (OfferRecord.require_terms, "terms"),
        (OfferRecord.require_contacts, "contacts"),
        (OfferRecord.require_owner, "owner"),
        (OfferRecord.require_change_set_id, "change set"),
        (OfferRecord.require_offer_id, "offer"),
        (OfferRecord.require_payout, "payout"),
    ],
)
def test_fact_that_is_not_known_is_named(ask: Callable[[OfferRecord], Any], what: str) -> None:
    unknown = OfferRecord(opportunity_id="0065g00000AbCdEAAV")
    with pytest.raises(NotYetKnown, match=f"the offer has no {what} yet"):
        ask(unknown)
    assert unknown.expires_at is None
    assert unknown.attention_code is None
