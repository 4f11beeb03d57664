"""How the offers of the demo ended, and whether each met its fate.

A day passes in a second, so on a slow machine things happen days later.  What that makes right is
no mistake: a reminder whose time was over before the buyer had the offer is left out, and so is a
letter about an offer that was accepted before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from demo.scenarios import OFFER_LETTER, REMINDER, Scenario
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.reminders import reminder_times
from offers.stage import Stage

STILL = datetime.max.replace(tzinfo=UTC)
"""When a stage ends that has not ended."""

TIME_TO_SEND = timedelta(days=4)
"""How long a reminder may take.

One that was due less than this before the offer's fate was decided may have been stopped by that:
what it says was no longer true.
"""


@dataclass(frozen=True)
class Outcome:
    """How one offer ended."""

    fate: Scenario
    record: OfferRecord
    wrong: list[str]
    """What differs from its fate."""
    late: list[str]
    """What was left out, and rightly, because the machine was slow."""


@dataclass(frozen=True)
class Reminders:
    """How many reminders of an offer there must have been."""

    at_least: int
    at_most: int
    too_late: int
    """How many more there would have been if the buyer had got the offer earlier."""


def reminders(record: OfferRecord) -> Reminders:
    """How many reminders were due while the buyer had the offer and could accept it.

    They are counted by the last revision's terms.
    """
    if not record.has_been(Stage.SHARED):
        return Reminders(0, 0, 0)
    steps = [(entry.stage, entry.at) for entry in record.history]
    shared = [
        (since, until)
        for (stage, since), (_, until) in pairwise([*steps, (record.stage, STILL)])
        if stage is Stage.SHARED
    ]
    first = shared[0][0]
    days = record.policy.reminder_days
    times = reminder_times(record.require_terms().availability_end, days, record.history[0].at)
    return Reminders(
        at_least=sum(
            any(since < time and time + TIME_TO_SEND <= until for since, until in shared)
            for time in times
        ),
        at_most=sum(any(since < time < until for since, until in shared) for time in times),
        too_late=sum(time <= first for time in times),
    )


def accepted_unseen(record: OfferRecord) -> int:
    """How often a buyer had accepted before it was known here that AWS had made the offer.

    Nobody is told then of an offer that they can accept.
    """
    stages = [entry.stage for entry in record.history]
    return sum(step == (Stage.GENERATING, Stage.ACCEPTED) for step in pairwise(stages))


def judge(
    fate: Scenario,
    record: OfferRecord,
    *,
    original: OfferRecord,
    acceptable: Sequence[bool],
    subjects: Sequence[str],
    in_salesforce: str | None,
    crashed: bool,
) -> Outcome:
    """Compare how an offer ended with its fate.

    `original` is the opportunity's own offer, which is the record itself unless it was amended.
    `acceptable` says of each offer that AWS made whether a buyer can still accept it, and
    `subjects` are those of all mails about it, `in_salesforce` is the stage that is shown there.
    After a crash reminders are not counted: seconds without a worker are days here, and what is
    overdue by then is not sent.
    """
    wrong, late = [], []
    if record.stage is not fate.ends:
        wrong.append(f"it is {record.stage}, not {fate.ends}")
    unseen = accepted_unseen(record)
    never = [stage for stage in fate.through if not record.has_been(stage)]
    wrong += [f"it never was {stage}" for stage in never if not (stage is Stage.SHARED and unseen)]
    if original is not record:
        unseen += accepted_unseen(original)
        if not original.has_been(Stage.REPLACED):
            wrong.append("the original was not replaced")
    if unseen:
        late.append("accepted before it was known here that AWS had made it")
    if len(acceptable) > fate.offers_made:
        wrong.append(f"{len(acceptable)} offers were made for one opportunity")
    if any(acceptable):
        wrong.append("a buyer can still accept it")
    if in_salesforce != record.stage:
        wrong.append(f"Salesforce shows {in_salesforce}")

    def sent(subject: str) -> int:
        return sum(each.startswith(subject) for each in subjects)

    for subject, told in fate.mails:
        expected = told - unseen if subject == OFFER_LETTER else told
        if sent(subject) != expected:
            wrong.append(f"{sent(subject)} mails {subject!r} instead of {expected}")
    if fate.reminded and not crashed:
        due = reminders(record)
        if not due.at_least <= sent(REMINDER) <= due.at_most:
            wrong.append(f"{sent(REMINDER)} mails {REMINDER!r}, and {_range(due)} were due")
        if due.too_late:
            late.append(f"shared too late for {due.too_late} of its reminders")
    return Outcome(fate, record, wrong, late)


def _range(due: Reminders) -> str:
    if due.at_least == due.at_most:
        return str(due.at_least)
    return f"{due.at_least} to {due.at_most}"
