"""Compares how the offers of the demo ended with their scenarios.

A day takes a second, so on a slow machine things happen days later.  Two omissions are then
correct: a reminder that was due before the offer was shared, and the mail about an offer that was
accepted before the product had read that AWS released it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from demo.scenarios import OFFER_MAIL, REMINDER, Scenario
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.reminders import reminder_times
from offers.stage import Stage

NOT_ENDED = datetime.max.replace(tzinfo=UTC)
"""The end of the present stage."""

TIME_TO_SEND = timedelta(days=4)
"""How long a reminder may take.

One that was due less than this before the offer left `shared` may have been stopped: its text was
no longer correct.
"""


@dataclass(frozen=True)
class Outcome:
    """How one offer ended."""

    scenario: Scenario
    record: OfferRecord
    differences: list[str]
    """What differs from its scenario."""
    omissions: list[str]
    """What was correctly omitted because the machine was slow."""


@dataclass(frozen=True)
class ExpectedReminders:
    """How many reminders must have been sent for an offer."""

    at_least: int
    at_most: int
    omitted: int
    """How many more there would have been if the offer had been shared earlier."""


def expected_reminders(record: OfferRecord) -> ExpectedReminders:
    """How many reminders were due while the offer was shared.

    They are counted by the last revision's terms.
    """
    if not record.has_been(Stage.SHARED):
        return ExpectedReminders(0, 0, 0)
    steps = [(entry.stage, entry.at) for entry in record.history]
    shared = [
        (since, until)
        for (stage, since), (_, until) in pairwise([*steps, (record.stage, NOT_ENDED)])
        if stage is Stage.SHARED
    ]
    first = shared[0][0]
    days = record.policy.reminder_days
    times = reminder_times(record.require_terms().availability_end, days, record.history[0].at)
    return ExpectedReminders(
        at_least=sum(
            any(since < time and time + TIME_TO_SEND <= until for since, until in shared)
            for time in times
        ),
        at_most=sum(any(since < time < until for since, until in shared) for time in times),
        omitted=sum(time <= first for time in times),
    )


def count_early_acceptances(record: OfferRecord) -> int:
    """How often a buyer accepted before the product had read that AWS released the offer.

    The buyer then gets no mail about the offer.
    """
    stages = [entry.stage for entry in record.history]
    return sum(step == (Stage.GENERATING, Stage.ACCEPTED) for step in pairwise(stages))


def compare_with_scenario(
    scenario: Scenario,
    record: OfferRecord,
    *,
    original: OfferRecord,
    acceptable: Sequence[bool],
    subjects: Sequence[str],
    in_salesforce: str | None,
    crashed: bool,
) -> Outcome:
    """Compare how an offer ended with its scenario.

    `original` is the opportunity's own offer, which is the record itself unless it was amended.
    `acceptable` has for each offer in AWS whether a buyer can still accept it, `subjects` are those
    of all mails about the offer, `in_salesforce` is the stage in Salesforce.
    After a crash reminders are not counted: seconds without a worker are days here, and a reminder
    that is overdue by then is not sent.
    """
    differences, omissions = [], []
    if record.stage is not scenario.last_stage:
        differences.append(f"its stage is {record.stage}, not {scenario.last_stage}")
    early = count_early_acceptances(record)
    missing = [stage for stage in scenario.required_stages if not record.has_been(stage)]
    differences += [
        f"it was never {stage}" for stage in missing if not (stage is Stage.SHARED and early)
    ]
    if original is not record:
        early += count_early_acceptances(original)
        if not original.has_been(Stage.REPLACED):
            differences.append("the original was not replaced")
    if early:
        omissions.append("accepted before its release was read from AWS")
    if len(acceptable) > scenario.offers_in_aws:
        differences.append(f"{len(acceptable)} offers were created for one opportunity")
    if any(acceptable):
        differences.append("a buyer can still accept it")
    if in_salesforce != record.stage:
        differences.append(f"Salesforce shows {in_salesforce}")

    def sent(subject: str) -> int:
        return sum(each.startswith(subject) for each in subjects)

    for subject, count in scenario.expected_mails:
        expected = count - early if subject == OFFER_MAIL else count
        if sent(subject) != expected:
            differences.append(f"{sent(subject)} mails {subject!r} instead of {expected}")
    if scenario.expects_reminders and not crashed:
        due = expected_reminders(record)
        if not due.at_least <= sent(REMINDER) <= due.at_most:
            differences.append(f"{sent(REMINDER)} mails {REMINDER!r} instead of {_range(due)}")
        if due.omitted:
            omissions.append(f"shared too late for {due.omitted} of its reminders")
    return Outcome(scenario, record, differences, omissions)


def _range(due: ExpectedReminders) -> str:
    if due.at_least == due.at_most:
        return str(due.at_least)
    return f"{due.at_least} to {due.at_most}"
