"""The words of the mail that tells an owner each morning how their offers stand."""

from collections.abc import Callable
from datetime import UTC, datetime

from activities.email.actions import LIST_OFFERS, command_line
from activities.email.message import EmailMessage, day_of, greeting
from offers.lifecycle.actions import Action, ActionKind
from offers.reports.digest import Digest, DigestItem, DigestTopic
from offers.stage import Stage


def write_digest(digest: Digest) -> EmailMessage:
    """The letter; only what there is something to say of is in it."""
    said: list[str] = []
    for topic, title in TITLES.items():
        its = [item for item in digest.items if item.topic is topic]
        if not its:
            continue
        said.append(f"{title}:")
        for item in its:
            said += [f"- {item.company}: {WORDS[topic](item)}", _command(item)]
        if more := digest.unnamed.get(topic):
            said.append(f"- and {more} more:")
            said.append(LIST_OFFERS)
    return EmailMessage(
        subject=f"Your private offers: {_in_short(digest)}",
        greeting=greeting(digest.owner.owner_name),
        paragraphs=tuple(said),
    )


def _command(item: DigestItem) -> str:
    return command_line(Action(kind=ACTIONS[item.topic], offer=item.path))


def _in_short(digest: Digest) -> str:
    parts = []
    for topic, what in IN_SHORT.items():
        named = sum(item.topic is topic for item in digest.items)
        if number := named + digest.unnamed.get(topic, 0):
            parts.append(f"{number} {what[number > 1]}")
    return ", ".join(parts)


def _day(instant: datetime) -> str:
    return day_of(instant.astimezone(UTC))


def _expires(item: DigestItem) -> str:
    left = {0: "today", 1: "tomorrow"}.get(item.days_left, f"in {item.days_left} days")
    return (
        f"nobody has accepted it yet; its last day is {_day(item.at)} (UTC), {left}. Ask the buyer,"
        " or give them more time."
    )


def _waits(item: DigestItem) -> str:
    return f"{item.problem}. {item.remedy}."


def _accepted(item: DigestItem) -> str:
    return f"{item.amount}, accepted on {_day(item.at)} (UTC)."


def _paid(item: DigestItem) -> str:
    return f"AWS has paid out {item.amount}, known since {_day(item.at)} (UTC)."


def _ended(item: DigestItem) -> str:
    return f"{ENDED.get(item.stage, item.stage)} on {_day(item.at)} (UTC)."


TITLES = {
    DigestTopic.EXPIRES: "Expires soon",
    DigestTopic.WAITS: "Waits for you",
    DigestTopic.ACCEPTED: "Accepted",
    DigestTopic.PAID: "Paid",
    DigestTopic.ENDED: "Ended",
}

IN_SHORT = {
    DigestTopic.EXPIRES: ("expires soon", "expire soon"),
    DigestTopic.WAITS: ("waits for you", "wait for you"),
    DigestTopic.ACCEPTED: ("accepted", "accepted"),
    DigestTopic.PAID: ("paid", "paid"),
    DigestTopic.ENDED: ("ended", "ended"),
}
"""For one, and for several."""

WORDS: dict[DigestTopic, Callable[[DigestItem], str]] = {
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

ENDED = {
    Stage.EXPIRED: "nobody accepted it; expired",
    Stage.REPLACED: "an amendment took its place",
    Stage.TERMINATED: "the agreement was cancelled or terminated",
}
