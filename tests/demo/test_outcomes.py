"""What counts as an offer's fate in the demo: also on a slow machine, where days pass meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest

from demo.outcomes import Outcome, judge
from demo.scenarios import OFFER_LETTER, REMINDER, Scenario
from offers.ids import parse_opportunity_id
from offers.lifecycle.record import OfferRecord, StageEntry
from offers.policy.policy import Policy
from offers.stage import Stage
from tests.support.builders import NOW, terms

# Availability ends on 2026-04-01: the reminders are due on days 16 and 25, it is over on day 31.
REMINDED = Scenario(
    3, "Example Three Ltd", "expires after two reminders", Stage.EXPIRED, reminded=True
)
NOTIFIED = Scenario(
    1,
    "Example One Inc",
    "accepted on the third day",
    Stage.ACCEPTED,
    through=(Stage.SHARED,),
    mails=((OFFER_LETTER, 1),),
)
MADE = (Stage.GENERATING, 1), (Stage.LIVE, 3)


def lived(*steps: tuple[Stage, float]) -> OfferRecord:
    """The record of an offer that entered each stage so many days after its beginning."""
    return OfferRecord(
        opportunity_id=parse_opportunity_id("006DEMO00000003"),
        stage=steps[-1][0],
        terms=terms(),
        policy=Policy(reminder_days=(14, 5)),
        history=tuple(
            StageEntry(stage=stage, at=NOW + timedelta(days=days)) for stage, days in steps
        ),
    )


def judged(
    fate: Scenario, record: OfferRecord, *subjects: str, crashed: bool = False, **seen: str
) -> Outcome:
    return judge(
        fate,
        record,
        original=record,
        acceptable=[False],
        subjects=subjects,
        in_salesforce=seen.get("in_salesforce", record.stage),
        crashed=crashed,
    )


@pytest.mark.parametrize(
    ("shared", "decided", "due"),
    [
        (4, 31, {2}),
        # It was shared when the time of one, or of both, was over.
        (17, 31, {1}),
        (26, 31, {0}),
        # Accepted before one, or both, were due.
        (4, 7, {0}),
        (4, 23, {1}),
        # Accepted while the reminder may have been on its way.
        (4, 17, {0, 1}),
        (4, 26, {1, 2}),
        (17, 26, {0, 1}),
    ],
)
def test_each_reminder_that_was_due_must_have_been_sent(
    shared: float, decided: float, due: set[int]
) -> None:
    record = lived(*MADE, (Stage.SHARED, shared), (Stage.EXPIRED, decided))
    right = {
        sent for sent in range(4) if not judged(REMINDED, record, *[f"{REMINDER}: …"] * sent).wrong
    }
    assert right == due


def test_a_reminder_that_is_missing_is_told_with_what_was_due() -> None:
    record = lived(*MADE, (Stage.SHARED, 4), (Stage.EXPIRED, 31))
    outcome = judged(REMINDED, record, REMINDER)
    assert outcome.wrong == ["1 mails 'Reminder', and 2 were due"]
    assert outcome.late == []


def test_a_reminder_left_out_because_it_was_late_is_told_and_not_wrong() -> None:
    record = lived(*MADE, (Stage.SHARED, 17), (Stage.EXPIRED, 31))
    outcome = judged(REMINDED, record, REMINDER)
    assert outcome.wrong == []
    assert outcome.late == ["shared too late for 1 of its reminders"]


def test_an_offer_still_shared_must_have_been_reminded_of() -> None:
    record = lived(*MADE, (Stage.SHARED, 4))
    assert judged(REMINDED, record).wrong == [
        "it is shared, not expired",
        "0 mails 'Reminder', and 2 were due",
    ]


def test_after_a_crash_reminders_are_not_counted() -> None:
    record = lived(*MADE, (Stage.SHARED, 4), (Stage.EXPIRED, 31))
    assert not judged(REMINDED, record, crashed=True).wrong


def test_reminders_of_others_are_not_looked_at() -> None:
    record = lived(*MADE, (Stage.SHARED, 4), (Stage.ACCEPTED, 6))
    assert not judged(NOTIFIED, record, OFFER_LETTER).wrong


def test_an_offer_accepted_before_it_was_known_to_be_made_need_not_be_shared() -> None:
    record = lived((Stage.GENERATING, 1), (Stage.ACCEPTED, 9))
    outcome = judged(NOTIFIED, record)
    assert outcome.wrong == []
    assert outcome.late == ["accepted before it was known here that AWS had made it"]
    assert judged(NOTIFIED, record, OFFER_LETTER).wrong == [
        f"1 mails {OFFER_LETTER!r} instead of 0"
    ]


def test_an_offer_known_to_be_made_must_be_shared() -> None:
    record = lived(*MADE, (Stage.ACCEPTED, 9))
    assert judged(NOTIFIED, record).wrong == [
        "it never was shared",
        f"0 mails {OFFER_LETTER!r} instead of 1",
    ]


def test_an_original_may_be_accepted_unseen_too() -> None:
    sold_more = Scenario(
        11,
        "Example Eleven SpA",
        "more sold after acceptance",
        Stage.ACCEPTED,
        through=(Stage.SHARED,),
        added="30000.00 USD",
        mails=((OFFER_LETTER, 2),),
    )
    amendment = lived(*MADE, (Stage.SHARED, 4), (Stage.ACCEPTED, 6))
    original = lived((Stage.GENERATING, 1), (Stage.ACCEPTED, 9), (Stage.REPLACED, 20))

    def with_original(original: OfferRecord, letters: int) -> list[str]:
        return judge(
            sold_more,
            amendment,
            original=original,
            acceptable=[False, False],
            subjects=[OFFER_LETTER] * letters,
            in_salesforce=Stage.ACCEPTED,
            crashed=False,
        ).wrong

    assert with_original(original, 1) == []
    never_replaced = lived(*MADE, (Stage.SHARED, 4), (Stage.ACCEPTED, 6))
    assert with_original(never_replaced, 2) == ["the original was not replaced"]


def test_what_can_be_wrong_besides() -> None:
    record = lived(*MADE, (Stage.SHARED, 4), (Stage.ACCEPTED, 6))
    outcome = judge(
        NOTIFIED,
        record,
        original=record,
        acceptable=[False, True],
        subjects=[OFFER_LETTER],
        in_salesforce="shared",
        crashed=False,
    )
    assert outcome.wrong == [
        "2 offers were made for one opportunity",
        "a buyer can still accept it",
        "Salesforce shows shared",
    ]


def test_the_days_above_are_those_of_the_reminders() -> None:
    end = terms().availability_end
    first = datetime(2026, 3, 18, 14, tzinfo=UTC)
    assert (end - timedelta(days=14)) == first.date()
    assert NOW + timedelta(days=16) < first < NOW + timedelta(days=17)
