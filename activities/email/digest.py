"""The mail that tells an owner each morning about their offers."""

from collections.abc import Callable
from datetime import UTC, datetime

from activities.email.actions import LIST_OFFERS, command_line
from activities.email.message import EmailMessage, day_of, greeting
from offers.lifecycle.actions import Action, ActionKind
from offers.reports.digest import Digest, DigestItem, DigestTopic
from offers.stage import Stage


def compose_digest(digest: Digest) -> EmailMessage:
    """The mail; topics with nothing to report are left out."""
    paragraphs: list[str] = []
    for topic, heading in HEADINGS.items():
        items = [item for item in digest.items if item.topic is topic]
        if not items:
            continue
        paragraphs.append(f"{heading}:")
        for item in items:
            paragraphs += [f"- {item.company}: {SENTENCES[topic](item)}", _command(item)]
        if more := digest.unnamed.get(topic):
            paragraphs += [f"- and {more} more:", LIST_OFFERS]
    if digest.unreadable:
        paragraphs.append(UNREADABLE)
        for path in digest.unreadable:
            paragraphs += [f"- {path}", command_line(Action(kind=ActionKind.SHOW, offer=path))]
        if digest.more_unreadable:
            paragraphs += [f"- and {digest.more_unreadable} more:", LIST_OFFERS]
    return EmailMessage(
        subject=f"Your private offers: {_counts(digest)}",
        greeting=greeting(digest.owner.owner_name),
        paragraphs=tuple(paragraphs),
    )


def _command(item: DigestItem) -> str:
    return command_line(Action(kind=ACTIONS[item.topic], offer=item.path))


def _counts(digest: Digest) -> str:
    parts = []
    for topic, (singular, plural) in COUNTS.items():
        named = sum(item.topic is topic for item in digest.items)
        if number := named + digest.unnamed.get(topic, 0):
            parts.append(f"{number} {plural if number > 1 else singular}")
    if unreadable := len(digest.unreadable) + digest.more_unreadable:
        parts.append(f"{unreadable} cannot be read")
    return ", ".join(parts)


def _day(instant: datetime) -> str:
    return day_of(instant.astimezone(UTC))


def _expires(item: DigestItem) -> str:
    left = {0: "today", 1: "tomorrow"}.get(item.days_left, f"in {item.days_left} days")
    return (
        f"not accepted yet; the last day is {_day(item.at)} (UTC), {left}. Ask the buyer, or extend"
        " the offer."
    )


def _waits(item: DigestItem) -> str:
    return f"{item.problem}. {item.remedy}."


def _accepted(item: DigestItem) -> str:
    return f"{item.amount}, accepted on {_day(item.at)} (UTC)."


def _paid(item: DigestItem) -> str:
    return f"AWS has paid out {item.amount}, reported on {_day(item.at)} (UTC)."


def _ended(item: DigestItem) -> str:
    return f"{OUTCOMES.get(item.stage, item.stage)} on {_day(item.at)} (UTC)."


HEADINGS = {
    DigestTopic.EXPIRES: "Expires soon",
    DigestTopic.WAITS: "Action required",
    DigestTopic.ACCEPTED: "Accepted",
    DigestTopic.PAID: "Paid",
    DigestTopic.ENDED: "Ended",
}

UNREADABLE = (
    "The data of these offers cannot be read, so what they have to report is missing here. If one"
    " of them is yours, look at it, and tell those who run this program:"
)

COUNTS = {
    DigestTopic.EXPIRES: ("expires soon", "expire soon"),
    DigestTopic.WAITS: ("needs action", "need action"),
    DigestTopic.ACCEPTED: ("accepted", "accepted"),
    DigestTopic.PAID: ("paid", "paid"),
    DigestTopic.ENDED: ("ended", "ended"),
}
"""For the subject: after 1, and after a greater number."""

SENTENCES: dict[DigestTopic, Callable[[DigestItem], str]] = {
    DigestTopic.EXPIRES: _expires,
    DigestTopic.WAITS: _waits,
    DigestTopic.ACCEPTED: _accepted,
    DigestTopic.PAID: _paid,
    DigestTopic.ENDED: _ended,
}

ACTIONS = {
    DigestTopic.EXPIRES: ActionKind.EXTEND,
    DigestTopic.WAITS: ActionKind.SHOW,
    DigestTopic.ACCEPTED: ActionKind.SHOW,
    DigestTopic.PAID: ActionKind.SHOW_PAYOUTS,
    DigestTopic.ENDED: ActionKind.SHOW,
}

OUTCOMES = {
    Stage.EXPIRED: "not accepted; expired",
    Stage.REPLACED: "replaced by an amendment",
    Stage.TERMINATED: "the agreement was cancelled or terminated",
}
