"""Suggested commands exist and accept their arguments."""

from datetime import UTC, datetime

import pytest

from cli.actions import attention_commands, command_line, with_commands
from offers.lifecycle import guards
from offers.lifecycle.actions import Action, ActionKind
from offers.lifecycle.attentions import Attention, AttentionCode
from offers.lifecycle.commands import TermChanges
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from tests.support.agreements import accepted_offer
from tests.support.commands import check_command
from tests.support.requests import ID, REQUESTS, record


@pytest.mark.parametrize("kind", ActionKind)
def test_every_action_is_a_valid_command(kind: ActionKind) -> None:
    check_command(command_line(Action(kind=kind, offer=ID)))


@pytest.mark.parametrize(
    ("action", "line"),
    [
        (Action(kind=ActionKind.AMEND, offer=ID, terms={"price": ""}), f'amend {ID} price="…"'),
        (
            Action(kind=ActionKind.REVISE, offer=ID, terms={"company": 'A "B" C'}),
            f'revise {ID} company="A \\"B\\" C"',
        ),
        (
            Action(kind=ActionKind.EXTEND, offer=ID, terms={"availability_end": "2027-01-31"}),
            f"extend {ID} --until 2027-01-31",
        ),
        (
            Action(kind=ActionKind.APPROVE, offer=ID, finding="not-annual:1f3a9c"),
            f'approve {ID} --by "…" --finding not-annual:1f3a9c',
        ),
        (
            Action(kind=ActionKind.REQUEST_CANCELLATION, offer=ID, terms={"message": ""}),
            f'cancel {ID} --agreement --reason-code "…" --message "…"',
        ),
        (Action(kind=ActionKind.START_AGAIN, offer=ID), f"start {ID} --restart"),
    ],
)
def test_known_values_are_filled_in(action: Action, line: str) -> None:
    assert command_line(action) == f"offerflow {line}"
    check_command(command_line(action))


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("amendment", [0, 2])
def test_commands_suggested_by_reasons_are_valid(stage: Stage, amendment: int) -> None:
    offer = record(stage, amendment=amendment, amends=accepted_offer() if amendment else None)
    reasons = [
        *(why_rejected(offer) for why_rejected in REQUESTS.values()),
        guards.why_amended_too_late(offer),
    ]
    for reason in reasons:
        for action in reason.actions if reason else ():
            check_command(command_line(action))


def test_reason_is_one_line() -> None:
    reason = guards.why_cannot_revise(record(Stage.SHARED), TermChanges())
    assert reason is not None
    assert with_commands(reason.problem, reason.actions) == (
        "the offer is shared: its terms can no longer be revised; run"
        f" offerflow amend {ID} NAME=VALUE"
    )
    nothing = guards.why_cannot_cancel(record(Stage.CANCELLED))
    assert (
        with_commands(nothing.problem, nothing.actions)
        == "the offer is cancelled: there is nothing to cancel"
    )


def offer_with_attentions(*codes: AttentionCode) -> OfferRecord:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    offer = record(Stage.DRAFT)
    offer.attentions = tuple(
        Attention(code=code, problem="p", remedy="r", since=now) for code in codes
    )
    return offer


@pytest.mark.parametrize("code", AttentionCode)
def test_commands_suggested_by_attentions_are_valid(code: AttentionCode) -> None:
    offer = offer_with_attentions(code, AttentionCode.VENDOR_REJECTED)
    lines = attention_commands(offer, offer.attentions[0])
    for line in lines:
        check_command(line)
    resumes = [line for line in lines if " resume " in line]
    assert all(line.endswith(f"--attention {code}") for line in resumes) or (
        code is AttentionCode.VENDOR_REJECTED
    )


def test_only_attention_is_resumed_without_its_code() -> None:
    offer = offer_with_attentions(AttentionCode.CREDENTIALS_REJECTED)
    assert attention_commands(offer, offer.attentions[0]) == [f"offerflow resume {ID}"]
