"""What the demo prints at its end, and how long it waits for that."""

from datetime import date, timedelta
from io import StringIO

import pytest
from rich.console import Console

from client.offer_client import NoWorkerRunning, RequestRejected
from demo import __main__ as demo
from demo.outcomes import Outcome
from demo.runner import request_until_answered
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
DIFFERENCES = [
    "it was never shared",
    "0 mails 'Your private offer for Example Product is being changed' instead of 1",
    "0 mails 'Reminder' instead of 1 to 2",
]


def outcomes(*differences: str) -> list[Outcome]:
    """The outcomes of all scenarios; the first with differences."""
    results = [
        Outcome(
            scenario,
            OfferRecord(
                opportunity_id=scenario.opportunity_id, stage=scenario.last_stage, payout=PAYOUT
            ),
            [],
            [],
        )
        for scenario in SCENARIOS
    ]
    results[0].differences.extend(differences)
    return results


@pytest.mark.parametrize("width", [80, 120])
def test_differences_are_printed_in_full(width: int) -> None:
    printed = StringIO()
    results = outcomes(*DIFFERENCES)
    results[1].omissions.append("shared too late for 1 of its reminders")
    demo.print_results(Console(file=printed, width=width, highlight=False), results)
    text = printed.getvalue()
    first, second = (scenario.opportunity_id for scenario in SCENARIOS[:2])
    assert f"{first}: {'; '.join(DIFFERENCES)}\n" in text
    assert f"{second}: shared too late for 1 of its reminders\n" in text
    assert "…" not in text
    assert text.count("│ no ") == 1
    assert text.count("│ yes ") == len(SCENARIOS) - 1


@pytest.mark.parametrize("width", [80, 120])
def test_descriptions_are_printed_in_full(width: int) -> None:
    printed = StringIO()
    demo.print_results(Console(file=printed, width=width), outcomes())
    lines = [line.split("│") for line in printed.getvalue().splitlines()]
    descriptions = " ".join(cells[2].strip() for cells in lines if len(cells) > 2)
    for scenario in SCENARIOS:
        assert scenario.description in descriptions
        assert f"│ {scenario.last_stage} " in printed.getvalue()


async def test_results_wait_for_late_write_backs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SETTLE_TIME", timedelta())
    monkeypatch.setattr(demo, "CHECK_EVERY", timedelta())
    answers = [None, outcomes("Salesforce shows shared"), outcomes()]

    async def read() -> list[Outcome]:
        if found := answers.pop(0):
            return found
        raise NoWorkerRunning  # it was killed

    assert not any(outcome.differences for outcome in await demo.wait_for_outcomes(read))


async def test_differences_that_remain_are_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SETTLE_TIME", timedelta())
    monkeypatch.setattr(demo, "SETTLE_TIMEOUT", timedelta())

    async def read() -> list[Outcome]:
        return outcomes(*DIFFERENCES)

    assert (await demo.wait_for_outcomes(read))[0].differences == DIFFERENCES


async def test_offer_that_never_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SETTLE_TIME", timedelta())
    monkeypatch.setattr(demo, "SETTLE_TIMEOUT", timedelta())

    async def read() -> list[Outcome]:
        raise NoWorkerRunning

    with pytest.raises(NoWorkerRunning):
        await demo.wait_for_outcomes(read)


@pytest.mark.parametrize(
    "answers",
    [
        [None],
        [NoWorkerRunning(), None],
        # The first request had arrived.
        [NoWorkerRunning(), NoWorkerRunning(), RequestRejected("it is approved already")],
    ],
)
async def test_request_is_repeated_until_a_worker_answers(answers: list[Exception | None]) -> None:
    async def request() -> None:
        if answer := answers.pop(0):
            raise answer

    await request_until_answered(request)
    assert answers == []


async def test_rejected_request_raises() -> None:
    async def request() -> None:
        raise RequestRejected("it cannot be")

    with pytest.raises(RequestRejected, match="it cannot be"):
        await request_until_answered(request)
