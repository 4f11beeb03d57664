"""Changed terms as people write them: NAME=VALUE."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from offers.findings import findings_in
from offers.money import GivenMoney


class InvalidChange(ValueError):
    """A change that cannot be read.  The text names it, with the remedy."""


def parse_change(text: str) -> tuple[str, Any]:
    """The term's name, and its value; None removes what was given before.

    Raises InvalidChange.  Most values are checked with the other terms, by preflight.
    """
    name, equals, value = (each.strip() for each in text.partition("="))
    if not equals:
        raise InvalidChange(f"{text}: write a change as NAME=VALUE, such as company=Example")
    if name in ("price", "additional_amount"):
        return name, _money(text, value) if value else None
    return name, value or None


def _money(text: str, value: str) -> dict[str, Any]:
    try:
        return TypeAdapter(GivenMoney).validate_python(value).model_dump(mode="json")
    except ValidationError as error:
        (finding,) = findings_in(error)
        raise InvalidChange(f"{text}: {finding.problem}. {finding.remedy}") from None
