"""A cause: one thing that may be behind a question, with what it is seen by and what to do."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from offers.diagnosis.snapshot import Snapshot
from offers.lifecycle.actions import Action, ActionKind
from offers.model import FrozenModel

Facts = dict[str, str]
"""What fills the texts of a cause."""


class Question(StrEnum):
    """What people ask of an offer that is not as they expect."""

    NOT_SEEN = "not-seen"
    """The customer can't see the offer."""
    ENDED_AFTER_ACCEPTANCE = "ended-after-acceptance"
    """It was accepted, then cancelled."""
    NOT_PAID = "not-paid"
    """The payment is not showing up."""


class Cause(NamedTuple):
    """A row of the knowledge.  Its texts are filled with the facts that were found."""

    code: str
    question: Question
    find: Callable[[Snapshot], Iterable[Facts]]
    """The facts, once for each thing that it applies to; none: it does not apply."""
    sentence: str
    evidence: str
    remedy: str
    source: str
    """Where the knowledge comes from."""
    customer: str | None = None
    """What to write to the customer; None: it is not for them."""
    actions: Mapping[ActionKind, Mapping[str, str]] = {}
    """What can be done here, with its terms, the most likely first."""
    certain: bool = True
    """Whether it is seen; otherwise it is possible, and nobody but the buyer can see it."""


class Explanation(FrozenModel):
    """A cause that applies to an offer."""

    code: str
    question: Question
    certain: bool
    sentence: str
    evidence: str
    remedy: str
    customer_text: str | None
    actions: tuple[Action, ...]
    source: str


ALWAYS = frozenset({ActionKind.SHOW, ActionKind.SHOW_PAYOUTS})
"""Actions that can be done whether or not the offer's workflow is open."""


def explain(causes: Iterable[Cause], snapshot: Snapshot) -> tuple[Explanation, ...]:
    """The causes that apply, the likeliest first: what is seen before what is possible."""
    found = [
        _explanation(cause, snapshot, facts) for cause in causes for facts in cause.find(snapshot)
    ]
    return tuple(sorted(found, key=lambda each: not each.certain))


def _explanation(cause: Cause, snapshot: Snapshot, facts: Facts) -> Explanation:
    known = {"offer": snapshot.offer_id or "the offer", **facts}
    return Explanation(
        code=cause.code,
        question=cause.question,
        certain=cause.certain,
        sentence=cause.sentence.format_map(known),
        evidence=cause.evidence.format_map(known),
        remedy=cause.remedy.format_map(known),
        customer_text=cause.customer.format_map(known) if cause.customer else None,
        actions=tuple(
            _action(snapshot, kind, {name: text.format_map(known) for name, text in terms.items()})
            for kind, terms in cause.actions.items()
            if kind in ALWAYS or (kind is ActionKind.START_AGAIN) is not snapshot.is_followed
        ),
        source=cause.source,
    )


def _action(snapshot: Snapshot, kind: ActionKind, terms: dict[str, str]) -> Action:
    path = snapshot.summary.deal.path
    if kind is ActionKind.START_AGAIN and snapshot.is_amendment:
        return Action(kind=ActionKind.AMEND, offer=path.partition("/")[0])
    return Action(kind=kind, offer=path, terms=terms)
