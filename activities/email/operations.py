"""The mails to those who run this program."""

from collections.abc import Sequence

from activities.email.actions import LIST_SCHEDULES
from activities.email.message import EmailMessage
from activities.temporal.schedules import ScheduleProblem


def compose_schedule_problems(found: Sequence[ScheduleProblem]) -> EmailMessage:
    """The mail about Schedules that do not work."""
    names = ", ".join(dict.fromkeys(each.schedule_id for each in found))
    return EmailMessage(
        subject=f"Schedules that do not work: {names}",
        greeting="Hello,",
        paragraphs=(
            "Some of Offerflow's Temporal Schedules do not work. Nothing is lost, but until they"
            " do, what they read is not known: new opportunities, acceptances, payouts.",
            *(f"{each.schedule_id}: {each.problem}." for each in found),
            "This is sent once for each problem. See how it goes on with:",
        ),
        closing=(LIST_SCHEDULES,),
    )


def compose_test() -> EmailMessage:
    """The mail that shows whether mails arrive."""
    return EmailMessage(
        subject="Test mail of Offerflow",
        greeting="Hello,",
        paragraphs=(
            "Somebody checks whether the mails of Offerflow arrive. Nothing is to be done.",
        ),
    )
