"""What can be done next, as command lines to copy."""

import re
from collections.abc import Sequence

from offers.lifecycle.actions import Action, ActionKind
from offers.lifecycle.attentions import Attention
from offers.lifecycle.record import OfferRecord

PROGRAM = "offerflow"
PLACEHOLDER = '"…"'
"""Stands for a value that only the person knows."""

COMMANDS = {
    ActionKind.START: "start {offer}",
    ActionKind.SHOW: "show {offer}",
    ActionKind.SHOW_PAYOUTS: "payouts --offer {offer}",
    ActionKind.START_AGAIN: "start {offer} --restart",
    ActionKind.REVISE: "revise {offer}",
    ActionKind.AMEND: "amend {offer}",
    ActionKind.RECREATE: "amend {offer} --recreate",
    ActionKind.EXTEND: "extend {offer}",
    ActionKind.CANCEL: "cancel {offer}",
    ActionKind.REQUEST_CANCELLATION: "cancel {offer} --agreement",
    ActionKind.APPROVE: "approve {offer}",
    ActionKind.DECLINE: "decline {offer}",
    ActionKind.LINK_OFFER: "link-offer {offer}",
    ActionKind.REFUND: "refund {offer}",
    ActionKind.RESUME: "resume {offer}",
    ActionKind.RESEND: "resend {offer}",
}
REQUIRED = {
    ActionKind.EXTEND: ("until",),
    ActionKind.REQUEST_CANCELLATION: ("reason-code", "message"),
    ActionKind.APPROVE: ("by",),
    ActionKind.DECLINE: ("by", "reason"),
    ActionKind.LINK_OFFER: ("offer-id",),
    ActionKind.REFUND: ("invoice", "amount", "reason", "by"),
}
OPTIONS = {
    "availability_end": "until",
    "duration_months": "months",
    "reason_code": "reason-code",
    "message": "message",
}
"""The options by which an action's terms are given, except to `revise` and `amend`."""


def command_line(action: Action) -> str:
    """The command that does it; a placeholder stands where only the person knows the value."""
    command = f"{PROGRAM} {COMMANDS[action.kind].format(offer=action.offer)}"
    if action.kind in (ActionKind.REVISE, ActionKind.AMEND):
        terms = [f"{name}={_quoted(value)}" for name, value in action.terms.items()]
        return " ".join([command, *(terms or ["NAME=VALUE"])])
    options = dict.fromkeys(REQUIRED.get(action.kind, ()), "")
    options |= {OPTIONS[name]: value for name, value in action.terms.items()}
    if action.finding:
        options["finding"] = action.finding
    if action.attention:
        options["attention"] = action.attention
    return " ".join([command, *(f"--{name} {_quoted(value)}" for name, value in options.items())])


def _quoted(value: str) -> str:
    if not value:
        return PLACEHOLDER
    # Double quotes are read alike by all shells; what they expand is in no id, date or amount.
    return value if re.fullmatch(r"[\w.:/@+,-]+", value) else '"' + value.replace('"', '\\"') + '"'


def with_commands(problem: str, actions: Sequence[Action]) -> str:
    """On one line, why something cannot be done and what can be done instead."""
    if not actions:
        return problem
    return f"{problem}; run {' or '.join(map(command_line, actions))}"


def attention_commands(record: OfferRecord, attention: Attention) -> list[str]:
    """What can be done about an attention of an offer, the most likely first."""
    codes = {each.code for each in record.attentions}
    return [
        command_line(
            Action(
                kind=kind,
                offer=record.path,
                finding=attention.finding,
                attention=attention.code if kind is ActionKind.RESUME and len(codes) > 1 else None,
            )
        )
        for kind in attention.actions
    ]
