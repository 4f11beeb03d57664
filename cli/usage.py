"""Wrong usage in our own words: Typer shows those of pydantic, by which it reads arguments."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand


@contextmanager
def in_own_words() -> Iterator[None]:
    """Words what is wrong with an argument anew."""
    try:
        yield
    except typer.BadParameter as error:
        error.message = _reworded(error)
        raise


class Command(TyperCommand):
    """A command that is no part of a group."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the arguments."""
        with in_own_words():
            return super().make_context(*args, **kwargs)


def _reworded(error: typer.BadParameter) -> str:
    # Not at the top: `--help` does without pydantic.
    from pydantic import ValidationError

    from offers.findings import OWN_ERRORS, explained

    if not isinstance(error.__cause__, ValidationError):
        return error.message
    first = error.__cause__.errors()[0]
    problem, remedy = explained(first)
    return problem if first["type"] in OWN_ERRORS else f"{problem}. {remedy}."
