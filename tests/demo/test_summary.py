"""What the demo prints at its end, and how it comes to it."""

from datetime import date, timedelta
from io import StringIO

import pytest
from rich.console import Console

from cli.offer_client import NoWorkerRunning, RequestRejected
from demo import __main__ as demo
from demo.outcomes import Outcome
from demo.runner import answered
from demo.scenarios import SCENARIOS
from offers.lifecycle.record import OfferRecord
from offers.money import Money
from offers.payouts.model import InvoicePayout, Payout, Transfer

PAYOUT = Payout(
    offer_id="offer-1",
    invoices=(
        InvoicePayout(
            invoice_id="INV-1",
            gross=Money.of(250_000, "EUR"),
            refunded=Money.of(0, "EUR"),
            listing_fee=Money.of(7_500, "EUR"),
            tax=Money.of(0, "EUR"),
            undisbursed=Money.of(0, "EUR"),
            transfers=(Transfer(on=date(2026, 4, 3), amount=Money.of(242_500, "EUR")),),
        ),
    ),
)
REASONS = [
    "it never was shared",
    "0 mails 'Your private offer for Example Product is being changed' instead of 1",
    "0 mails 'Reminder', and 1 to 2 were due",
]


def outcomes(*wrong: str) -> list[Outcome]:
    """How all ended; the first not as it should."""
    ended = [
        Outcome(
            fate,
            OfferRecord(opportunity_id=fate.opportunity_id, stage=fate.ends, payout=PAYOUT),
            [],
            [],
        )
        for fate in SCENARIOS
    ]
    ended[0].wrong.extend(wrong)
    return ended


@pytest.mark.parametrize("width", [80, 120])
def test_reasons_are_printed_whole(width: int) -> None:
    printed = StringIO()
    ended = outcomes(*REASONS)
    ended[1].late.append("shared too late for 1 of its reminders")
    demo.summarise(Console(file=printed, width=width, highlight=False), ended)
    said = printed.getvalue()
    first, second = (fate.opportunity_id for fate in SCENARIOS[:2])
    assert f"{first}: {'; '.join(REASONS)}\n" in said
    assert f"{second}: shared too late for 1 of its reminders\n" in said
    assert "…" not in said
    assert said.count("│ no ") == 1
    assert said.count("│ yes ") == len(SCENARIOS) - 1


@pytest.mark.parametrize("width", [80, 120])
def test_stories_are_printed_whole(width: int) -> None:
    printed = StringIO()
    demo.summarise(Console(file=printed, width=width), outcomes())
    lines = [line.split("│") for line in printed.getvalue().splitlines()]
    told = " ".join(cells[2].strip() for cells in lines if len(cells) > 2)
    for fate in SCENARIOS:
        assert fate.story in told
        assert f"│ {fate.ends} " in printed.getvalue()


async def test_late_write_backs_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SETTLING", timedelta())
    answers = [outcomes("Salesforce shows shared"), outcomes()]

    async def look() -> list[Outcome]:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    assert not any(outcome.wrong for outcome in await demo.settled(look))


async def test_what_stays_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SETTLING", timedelta())
    monkeypatch.setattr(demo, "SETTLING_LIMIT", timedelta())

    async def look() -> list[Outcome]:
        return outcomes(*REASONS)

    assert (await demo.settled(look))[0].wrong == REASONS


@pytest.mark.parametrize(
    "answers",
    [
        [None],
        [NoWorkerRunning(), None],
        # What was asked first had arrived.
        [NoWorkerRunning(), NoWorkerRunning(), RequestRejected("it is approved already")],
    ],
)
async def test_an_offer_is_asked_until_a_worker_answers(answers: list[Exception | None]) -> None:
    async def ask() -> None:
        if answer := answers.pop(0):
            raise answer

    await answered(ask)
    assert answers == []


async def test_a_refusal_is_not_overlooked() -> None:
    async def ask() -> None:
        raise RequestRejected("it cannot be")

    with pytest.raises(RequestRejected, match="it cannot be"):
        await answered(ask)
