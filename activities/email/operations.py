"""The mails to those who run this program."""

from collections.abc import Sequence

from activities.email.actions import LIST_OFFERS, LIST_SCHEDULES, resume_all
from activities.email.message import EmailMessage
from activities.temporal.schedules import ScheduleProblem
from activities.temporal.vendor_problems import VendorProblem
from offers.lifecycle.attentions import AttentionCode, Vendor
from offers.text import instant_text

NAMES = {
    Vendor.AWS: "AWS",
    Vendor.CLAZAR: "Clazar",
    Vendor.SALESFORCE: "Salesforce",
    Vendor.EMAIL: "the mail server",
    Vendor.WEBHOOKS: "receivers of webhooks",
}
REMEDIES = {
    AttentionCode.CREDENTIALS_REJECTED: "Renew or widen the credentials, and start the workers"
    " again if they are settings. The offers try them within the hour; at once with:",
    AttentionCode.VENDOR_UNRESPONSIVE: "The offers go on trying. Find out what delays it; they try"
    " at once with:",
}


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


def compose_vendor_problems(found: Sequence[VendorProblem]) -> EmailMessage:
    """The mail about vendors that hold offers up."""
    return EmailMessage(
        subject=f"Offers are held up by {_names(found)}",
        greeting="Hello,",
        paragraphs=tuple(
            text
            for each in found
            for text in (
                f"{each.problem}. This holds up {_offers(each)}, the first since"
                f" {instant_text(each.since)}. {REMEDIES[each.code]}",
                resume_all(each.code, each.vendor),
            )
        ),
        closing=(
            "This is sent once, and again when it is over. All offers that wait for somebody:",
            LIST_OFFERS,
        ),
    )


def compose_vendors_recovered(over: Sequence[VendorProblem]) -> EmailMessage:
    """The mail about vendors that hold no offer up any more."""
    return EmailMessage(
        subject=f"Over: offers were held up by {_names(over)}",
        greeting="Hello,",
        paragraphs=tuple(
            f"{each.problem}, since {instant_text(each.since)}. It holds up no offer any more."
            for each in over
        ),
    )


def _names(found: Sequence[VendorProblem]) -> str:
    return " and ".join(dict.fromkeys(NAMES[each.vendor] for each in found))


def _offers(problem: VendorProblem) -> str:
    return "an offer" if problem.offers == 1 else f"{problem.offers} offers"


def compose_test() -> EmailMessage:
    """The mail that shows whether mails arrive."""
    return EmailMessage(
        subject="Test mail of Offerflow",
        greeting="Hello,",
        paragraphs=(
            "Somebody checks whether the mails of Offerflow arrive. Nothing is to be done.",
        ),
    )
