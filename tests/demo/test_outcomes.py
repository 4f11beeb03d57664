"""How the demo compares an offer with its scenario, also on a slow machine."""

from datetime import UTC, datetime, timedelta

import pytest

from demo.outcomes import Outcome, compare_with_scenario
from demo.scenarios import OFFER_MAIL, REMINDER, Scenario
from offers.ids import parse_opportunity_id
from offers.lifecycle.record import OfferRecord, StageEntry
from offers.policy.policy import Policy
from offers.stage import Stage
from tests.support.builders import NOW, terms

# Availability ends on 2026-04-01: the reminders are due on days 16 and 25, it is over on day 31.
WITH_REMINDERS = Scenario(
    3, "Example Three Ltd", "expires after two reminders", Stage.EXPIRED, expects_reminders=True
)
WITH_OFFER_MAIL = Scenario(
    1,
    "Example One Inc",
    "accepted on the third day",
    Stage.ACCEPTED,
    required_stages=(Stage.SHARED,),
    expected_mails=((OFFER_MAIL, 1),),
)
RELEASED = (Stage.GENERATING, 1), (Stage.LIVE, 3)


def record_with(*steps: tuple[Stage, float]) -> OfferRecord:
    """The record of an offer that entered each stage this many days after its start."""
    return OfferRecord(
        opportunity_id=parse_opportunity_id("006DEMO00000003"),
        stage=steps[-1][0],
        terms=terms(),
        policy=Policy(reminder_days=(14, 5)),
        history=tuple(
            StageEntry(stage=stage, at=NOW + timedelta(days=days)) for stage, days in steps
        ),
    )


def compare(
    scenario: Scenario, record: OfferRecord, *subjects: str, crashed: bool = False
) -> Outcome:
    return compare_with_scenario(
        scenario,
        record,
        original=record,
        acceptable=[False],
        subjects=subjects,
        in_salesforce=record.stage,
        crashed=crashed,
    )


@pytest.mark.parametrize(
    ("shared", "decided", "due"),
    [
        (4, 31, {2}),
        # Shared after one, or both, were due.
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
def test_each_due_reminder_must_have_been_sent(
    shared: float, decided: float, due: set[int]
) -> None:
    record = record_with(*RELEASED, (Stage.SHARED, shared), (Stage.EXPIRED, decided))
    accepted = {
        sent
        for sent in range(4)
        if not compare(WITH_REMINDERS, record, *[f"{REMINDER}: …"] * sent).differences
    }
    assert accepted == due


def test_missing_reminder_is_a_difference() -> None:
    record = record_with(*RELEASED, (Stage.SHARED, 4), (Stage.EXPIRED, 31))
    outcome = compare(WITH_REMINDERS, record, REMINDER)
    assert outcome.differences == ["1 mails 'Reminder' instead of 2"]
    assert outcome.omissions == []


def test_reminder_due_before_sharing_is_an_omission() -> None:
    record = record_with(*RELEASED, (Stage.SHARED, 17), (Stage.EXPIRED, 31))
    outcome = compare(WITH_REMINDERS, record, REMINDER)
    assert outcome.differences == []
    assert outcome.omissions == ["shared too late for 1 of its reminders"]


def test_shared_offer_must_have_its_reminders() -> None:
    record = record_with(*RELEASED, (Stage.SHARED, 4))
    assert compare(WITH_REMINDERS, record).differences == [
        "its stage is shared, not expired",
        "0 mails 'Reminder' instead of 2",
    ]


def test_reminders_are_not_counted_after_a_crash() -> None:
    record = record_with(*RELEASED, (Stage.SHARED, 4), (Stage.EXPIRED, 31))
    assert not compare(WITH_REMINDERS, record, crashed=True).differences


def test_reminders_are_compared_only_if_expected() -> None:
    record = record_with(*RELEASED, (Stage.SHARED, 4), (Stage.ACCEPTED, 6))
    assert not compare(WITH_OFFER_MAIL, record, OFFER_MAIL).differences


def test_offer_accepted_before_its_release_was_read_need_not_be_shared() -> None:
    record = record_with((Stage.GENERATING, 1), (Stage.ACCEPTED, 9))
    outcome = compare(WITH_OFFER_MAIL, record)
    assert outcome.differences == []
    assert outcome.omissions == ["accepted before its release was read from AWS"]
    assert compare(WITH_OFFER_MAIL, record, OFFER_MAIL).differences == [
        f"1 mails {OFFER_MAIL!r} instead of 0"
    ]


def test_offer_whose_release_was_read_must_be_shared() -> None:
    record = record_with(*RELEASED, (Stage.ACCEPTED, 9))
    assert compare(WITH_OFFER_MAIL, record).differences == [
        "it was never shared",
        f"0 mails {OFFER_MAIL!r} instead of 1",
    ]


def test_original_may_be_accepted_before_its_release_was_read() -> None:
    amended = Scenario(
        11,
        "Example Eleven SpA",
        "more sold after acceptance",
        Stage.ACCEPTED,
        required_stages=(Stage.SHARED,),
        additional_amount="30000.00 USD",
        expected_mails=((OFFER_MAIL, 2),),
    )
    amendment = record_with(*RELEASED, (Stage.SHARED, 4), (Stage.ACCEPTED, 6))
    original = record_with((Stage.GENERATING, 1), (Stage.ACCEPTED, 9), (Stage.REPLACED, 20))

    def differences(original: OfferRecord, offer_mails: int) -> list[str]:
        return compare_with_scenario(
            amended,
            amendment,
            original=original,
            acceptable=[False, False],
            subjects=[OFFER_MAIL] * offer_mails,
            in_salesforce=Stage.ACCEPTED,
            crashed=False,
        ).differences

    assert differences(original, 1) == []
    never_replaced = record_with(*RELEASED, (Stage.SHARED, 4), (Stage.ACCEPTED, 6))
    assert differences(never_replaced, 2) == ["the original was not replaced"]


def test_second_offer_open_offer_and_salesforce_stage_are_differences() -> None:
    record = record_with(*RELEASED, (Stage.SHARED, 4), (Stage.ACCEPTED, 6))
    outcome = compare_with_scenario(
        WITH_OFFER_MAIL,
        record,
        original=record,
        acceptable=[False, True],
        subjects=[OFFER_MAIL],
        in_salesforce="shared",
        crashed=False,
    )
    assert outcome.differences == [
        "2 offers were created for one opportunity",
        "a buyer can still accept it",
        "Salesforce shows shared",
    ]


def test_reminder_days_used_in_this_file() -> None:
    end = terms().availability_end
    first = datetime(2026, 3, 18, 14, tzinfo=UTC)
    assert (end - timedelta(days=14)) == first.date()
    assert NOW + timedelta(days=16) < first < NOW + timedelta(days=17)
