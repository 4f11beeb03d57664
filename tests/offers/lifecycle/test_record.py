"""The record of an offer: what holds it up, its last day, and what is not known yet."""

from datetime import date

import pytest

from offers.clock import end_of_day
from offers.findings import Finding, Severity
from offers.lifecycle.deal import Deal
from offers.lifecycle.record import Decision, NotYetKnown, OfferRecord
from offers.stage import Stage
from tests.support.builders import NOW, terms

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
