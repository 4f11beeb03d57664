"""Shows a diagnosis."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.text import Text

from cli.actions import command_line
from offers.diagnosis.cause import Explanation, Question
from offers.diagnosis.snapshot import Snapshot, Unanswered

TITLES = {
    Question.NOT_SEEN: "The customer can't see the offer, or can't accept it",
    Question.ENDED_AFTER_ACCEPTANCE: "It was accepted, then cancelled",
    Question.NOT_PAID: "The payment is not showing up",
}
NOTHING = {
    Question.NOT_SEEN: "Nothing is known that prevents it.",
    Question.ENDED_AFTER_ACCEPTANCE: "No agreement has ended or failed.",
    Question.NOT_PAID: "Nothing is known to be missing.",
}
INDENT = "     "


def diagnosis_text(snapshot: Snapshot, causes: Sequence[Explanation]) -> Text:
    """The causes by question, with what to do and what to write."""
    text = Text()
    progress, deal = snapshot.summary.progress, snapshot.summary.deal
    named = [deal.path, deal.company, f"stage {progress.stage}", progress.offer_id]
    text.append(", ".join(filter(None, named)) + "\n", "bold")
    for question, title in TITLES.items():
        found = [each for each in causes if each.question is question]
        text.append(f"\n{title}\n", "bold")
        if not found:
            text.append(f"  {NOTHING[question]}\n")
        for number, each in enumerate(found, 1):
            possible = "" if each.certain else "Possible: "
            text.append(f"  {number}. {possible}{each.sentence}\n")
            for line in _lines(each):
                text.append(f"{INDENT}{line}\n", "dim")
    text.rstrip()
    return text


def _lines(each: Explanation) -> Iterator[str]:
    yield f"{'Seen by' if each.certain else 'Why'}: {each.evidence}"
    yield f"To do: {each.remedy}."
    yield from (f"  {command_line(action)}" for action in each.actions)
    if each.customer_text:
        yield f"To the customer: “{each.customer_text}”"
    yield f"Source: {each.source}"


def to_json_data(
    snapshot: Snapshot, causes: Iterable[Explanation], unanswered: Iterable[Unanswered]
) -> dict[str, Any]:
    """The diagnosis for programs (docs/command-line.md)."""
    progress = snapshot.summary.progress
    return {
        "offer": snapshot.summary.deal.path,
        "stage": progress.stage.value,
        "offer_id": progress.offer_id,
        "asked_at": snapshot.now.isoformat(),
        "causes": [
            each.model_dump(mode="json", exclude={"actions"})
            | {"commands": list(map(command_line, each.actions))}
            for each in causes
        ],
        "unanswered": [each.model_dump(mode="json") for each in unanswered],
    }
