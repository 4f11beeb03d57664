"""A finding: one thing that is wrong with a deal, said so that a person knows what to do."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

PRIVATE_FIELDS = frozenset({"buyer_email", "buyer_name", "owner_email", "owner_name", "roles"})
"""Values of these never appear in a finding: findings reach logs, search and error text."""


class Severity(StrEnum):
    """What a finding does to the offer."""

    REFUSE = "refuse"
    """It cannot be made like this: something must be corrected."""
    APPROVAL = "approval"
    """An exception that somebody may approve."""
    WARN = "warn"
    """Worth knowing; nothing waits for it."""


ILLEGAL = "illegal"
"""The code of findings about values that are not legal in themselves."""


class Finding(BaseModel):
    """One thing that is wrong: which field, what was seen there, why it is wrong, what to do."""

    model_config = ConfigDict(frozen=True)

    code: str = ILLEGAL
    """A short word for the kind of finding; an approval names it."""
    severity: Severity = Severity.REFUSE
    field: str
    problem: str
    remedy: str
    seen: str | None = None
    """The offending value as it was given; None where there is none or it is personal."""
    source: str | None = None
    """Where the value came from, such as the name of a Salesforce field."""
    role: str | None = None
    """Who may approve it, if it is an exception."""
    rule: str | None = None
    """The line of the selling rules that it is held against."""

    def is_same(self, other: "Finding") -> bool:
        """Whether both say the same of the same value, wherever it came from."""
        return _said_of(self) == _said_of(other)

    def __str__(self) -> str:
        where = f"{self.field} ({self.source})" if self.source else self.field
        seen = f" [{self.seen}]" if self.seen is not None else ""
        rule = f' Rule: "{self.rule}".' if self.rule else ""
        return f"{where}{seen}: {self.problem}. {self.remedy}.{rule}"


def _said_of(finding: Finding) -> tuple[str | None, ...]:
    return (finding.code, finding.field, finding.seen, finding.problem, finding.role)


def illegal(problem: str, remedy: str) -> PydanticCustomError:
    """What a validator raises, so that `findings_in` can tell problem and remedy apart."""
    return PydanticCustomError(
        "illegal", "{problem}. {remedy}.", {"problem": problem, "remedy": remedy}
    )


def findings_in(
    error: ValidationError, sources: Mapping[str, str] | None = None
) -> tuple[Finding, ...]:
    """The findings of a failed validation; `sources` says where each field's value came from."""
    return tuple(_finding(details, sources or {}) for details in error.errors(include_url=False))


_NO_DATE = ("it is not a date", "Write it as 2027-01-31")
_NO_WHOLE_NUMBER = ("it is not a whole number", "Write it as 12")
_REMEDIES = {
    "missing": ("it is missing", "Give it a value"),
    "extra_forbidden": ("there is no such field", "Remove it or correct its name"),
    "model_type": (
        "it is not of the form it should be",
        'Write an amount as {"amount": "120000.00", "currency": "USD"}',
    ),
    "decimal_parsing": ("it is not a number", 'Write it as "120000.00"'),
    "date_parsing": _NO_DATE,
    "date_type": _NO_DATE,
    "date_from_datetime_parsing": _NO_DATE,
    "date_from_datetime_inexact": _NO_DATE,
    "int_parsing": _NO_WHOLE_NUMBER,
    "int_type": _NO_WHOLE_NUMBER,
    "int_from_float": _NO_WHOLE_NUMBER,
}
"""By pydantic's type of error, what is wrong and what to do, in words for people."""


def _finding(details: ErrorDetails, sources: Mapping[str, str]) -> Finding:
    # A whole-model check has no location of its own; a tagged union adds its tag to the location.
    field = ".".join(str(part) for part in details["loc"]) or "terms"
    top = field.partition(".")[0]
    context: dict[str, Any] = details.get("ctx", {})
    problem, remedy = _REMEDIES.get(details["type"], (details["msg"], "Correct it"))
    given = details["input"]
    # An unknown field may be a misspelled personal one.
    shown = (
        details["type"] not in ("missing", "extra_forbidden")
        and top not in PRIVATE_FIELDS
        and isinstance(given, str | int | float | bool)
        and "@" not in str(given)
    )
    return Finding(
        field=field,
        problem=context.get("problem", problem[:1].lower() + problem[1:]),
        remedy=context.get("remedy", remedy),
        seen=str(given) if shown else None,
        source=sources.get(field, sources.get(top)),
    )
