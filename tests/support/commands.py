"""Checks that a suggested command line exists and accepts its arguments."""

import shlex
from typing import Any

import starter
from cli import common
from offers.lifecycle.commands import TermChanges

COMMANDS: Any = starter.Commands
EXAMPLE_VALUES = {
    "--until": "2027-01-31",
    "--reason": "OTHER",
    "--reason-code": "OTHER",
    "price": "1 USD",
    "additional_amount": "1 USD",
}
"""What replaces `…`, for arguments that do not accept any text."""


def check_command(line: str) -> None:
    """Assert that the command exists and accepts each of its arguments."""
    program, name, *arguments = shlex.split(line)
    assert program == "offerflow"
    for before, (place, argument) in zip(["", *arguments], enumerate(arguments), strict=False):
        if argument in ("…", "YYYY-MM-DD"):
            arguments[place] = EXAMPLE_VALUES.get(before, "x")
        name_of_term, equals, value = argument.partition("=")
        if equals and value == "…":
            arguments[place] = f"{name_of_term}={EXAMPLE_VALUES.get(name_of_term, 'x')}"
    arguments = ["company=Other" if each == "NAME=VALUE" else each for each in arguments]
    context = COMMANDS.load(name).make_context(name, arguments)
    changes = common.given_changes(None, context.params.get("changes"))
    assert TermChanges(terms=changes).unknown_field(amendment=True) is None
