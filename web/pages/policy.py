"""The policy: the rules in force with the company's own words, and who holds which role."""

from typing import Any, NamedTuple

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from offers.policy.policy import Policy
from offers.policy.rules import Rule
from web.pages.page import CurrentActor, CurrentConsole, render

router = APIRouter(include_in_schema=False)


SHOWN_ELSEWHERE = ("roles", "webhooks")
"""The addresses of webhooks may have a token in them: they are shown nowhere."""


class ShownRule(NamedTuple):
    """A selling rule."""

    name: str
    rule: Rule
    limits: str
    """What else it says, such as the longest schedule."""


class Difference(NamedTuple):
    """A value of the policy that is not the handbook's."""

    name: str
    handbook: str
    now: str


def rules_of(policy: Policy) -> list[ShownRule]:
    """Every rule."""
    shown = []
    for name, rule in policy.rules:
        if isinstance(rule, Rule):
            more = {k: v for k, v in rule if k not in Rule.model_fields}
            limits = ", ".join(f"{key.replace('_', ' ')}: {_text(v)}" for key, v in more.items())
            shown.append(ShownRule(name, rule, limits))
    return shown


def differences(policy: BaseModel, handbook: BaseModel, prefix: str = "") -> list[Difference]:
    """What differs from the handbook's defaults; without people and addresses."""
    found = []
    for name, value in policy:
        usual = getattr(handbook, name)
        if value == usual or (not prefix and name in SHOWN_ELSEWHERE):
            continue
        if isinstance(value, BaseModel) and type(value) is type(usual):
            found += differences(value, usual, f"{prefix}{name}.")
        else:
            found.append(Difference(f"{prefix}{name}", _text(usual), _text(value)))
    return found


def _text(value: Any) -> str:
    if isinstance(value, BaseModel):
        return ", ".join(f"{name}: {_text(each)}" for name, each in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_text(each)}" for key, each in value.items()) or "none"
    if isinstance(value, list | tuple | frozenset | set):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None or value == "" else str(value)


@router.get("/policy")
async def policy(request: Request, actor: CurrentActor, console: CurrentConsole) -> Response:
    """The page."""
    return render(
        request,
        "policy.html",
        actor,
        rules=rules_of(console.policy),
        roles=sorted(console.policy.roles.items()),
        differences=differences(console.policy, Policy()),
        policy=console.policy,
    )
