"""A finding: one thing that is wrong with a deal, and what to do about it."""

import hashlib
import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import ValidationError, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from offers.model import FrozenModel

PRIVATE_FIELDS = frozenset(
    {"buyer_email", "buyer_name", "owner_email", "owner_name", "roles", "webhooks"}
)
"""Values of these never appear in a finding: findings reach logs, search and error text.  The
address of a webhook may contain a token."""


# The lookbehind keeps it linear: without it, each place in a long word is tried as a beginning.
ADDRESS = re.compile(r"(?<![^\s,;<>\[\]()])[^\s,;<>\[\]()]+@[^\s,;<>\[\]()]+")
"""A mail address: personal data, wherever it turns up."""

LONGEST_TEXT = 500
"""Characters of the value seen, and of the problem."""

LONGEST_SEEN = 2 * LONGEST_TEXT
"""Characters that are looked at: mail addresses among them become shorter."""


class Severity(StrEnum):
    """What a finding does to the offer."""

    REFUSE = "refuse"
    """The offer cannot be created like this: something must be corrected."""
    APPROVAL = "approval"
    """An exception that somebody may approve."""
    WARN = "warn"
    """Worth knowing; nothing waits for it."""


ILLEGAL = "illegal"
"""The code of findings about values that are not legal in themselves."""


class Finding(FrozenModel):
    """One thing that is wrong: which field, what was seen there, why it is wrong, what to do."""

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

    @field_validator("seen", "problem")
    @classmethod
    def _fit_for_all(cls, text: str | None) -> str | None:
        """Findings go to places that anybody may read, and must survive on the way there."""
        if text is None:
            return None
        # What is cut off is not looked at: a word of any length costs the same.
        text = _beginning(text).encode("utf-8", "replace").decode("utf-8")
        text = ADDRESS.sub("(a mail address)", text)
        return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"

    @property
    def reference(self) -> str:
        """Names exactly this finding, such as `not-annual:1f3a9c`."""
        identity = json.dumps(_identity(self)).encode()
        return f"{self.code}:{hashlib.sha256(identity).hexdigest()[:6]}"

    def is_same(self, other: "Finding") -> bool:
        """Whether both report the same problem of the same value, whatever its source."""
        return _identity(self) == _identity(other)

    @property
    def statement(self) -> str:
        """What is wrong, without what to do: for when that is decided."""
        where = f"{self.field} ({self.source})" if self.source else self.field
        seen = f" [{self.seen}]" if self.seen is not None else ""
        return f"{where}{seen}: {self.problem}."

    def __str__(self) -> str:
        rule = f' Rule: "{self.rule}".' if self.rule else ""
        return f"{self.statement} {self.remedy}.{rule}"


def _beginning(text: str) -> str:
    """What of a text may be shown: not the word that is cut, which may be half of a secret."""
    if len(text) <= LONGEST_SEEN:
        return text
    kept = text[:LONGEST_SEEN]
    if place := max(map(kept.rfind, " \t\n,;<>[]()")) + 1:
        return kept[:place] + "…"
    scheme, separator, _ = kept.partition("://")
    return f"{scheme}{separator}…" if separator else kept


def _identity(finding: Finding) -> tuple[str | None, ...]:
    return (finding.code, finding.field, finding.seen, finding.problem, finding.role)


def illegal(problem: str, remedy: str) -> PydanticCustomError:
    """What a validator raises: `findings_in` gets problem and remedy from it."""
    return PydanticCustomError(
        "illegal", "{problem}. {remedy}.", {"problem": problem, "remedy": remedy}
    )


def findings_in(
    error: ValidationError, sources: Mapping[str, str] | None = None
) -> tuple[Finding, ...]:
    """The findings of a failed validation; `sources` says where each field's value came from."""
    errors = error.errors(include_url=False)
    return tuple(
        _finding(each, sources or {}) for each in errors if not _is_for_want_of_items(each, errors)
    )


def _is_for_want_of_items(error: ErrorDetails, errors: list[ErrorDetails]) -> bool:
    """Whether a list has too few items only because those that are illegal do not count."""
    place = error["loc"]
    return error["type"] == "too_short" and any(
        len(each["loc"]) > len(place) and each["loc"][: len(place)] == place for each in errors
    )


_NO_DATE = ("it is not a date", "Write it as 2027-01-31")
_NO_INSTANT = ("it is not a point in time", "Write it as 2027-01-31T08:00:00Z")
_NO_WHOLE_NUMBER = ("it is not a whole number", "Write it as 12")
_NO_NUMBER = ("it is not a number", 'Write it as "120000.00"')
_NO_DURATION = ("it is not a duration", "Write it as PT5M, PT2H or P30D")
_NO_TIME = ("it is not a time of day", 'Write it as "08:00"')
_NO_TEXT = ("it is not text", "Write it as text, in quotes")
_NOT_YES_OR_NO = ("it is not yes or no", "Write true or false")
_NO_LIST = ("it is not a list", "Write it as a list, in square brackets")
AS_SHOWN = "Write it as the README, or the example of the file, shows"
_NOT_OF_THE_FORM = ("it is not of the form it should be", AS_SHOWN)
_OUT_OF_RANGE = "it is out of range"
_NONE_OF_THEM = ("it is none of the values it can have", "Choose {expected}")
_WORDS = {
    "missing": ("it is missing", "Give it a value"),
    "extra_forbidden": ("there is no such field", "Remove it or correct its name"),
    "model_type": _NOT_OF_THE_FORM,
    "string_type": _NO_TEXT,
    "string_unicode": _NO_TEXT,
    "string_too_short": ("it is too short", "Use at least {min_length} characters"),
    "string_too_long": ("it is too long", "Use at most {max_length} characters"),
    "bool_type": _NOT_YES_OR_NO,
    "bool_parsing": _NOT_YES_OR_NO,
    "decimal_parsing": _NO_NUMBER,
    "decimal_type": _NO_NUMBER,
    "float_parsing": _NO_NUMBER,
    "float_type": _NO_NUMBER,
    "finite_number": _NO_NUMBER,
    "date_parsing": _NO_DATE,
    "date_type": _NO_DATE,
    "date_from_datetime_parsing": _NO_DATE,
    "date_from_datetime_inexact": _NO_DATE,
    "datetime_type": _NO_INSTANT,
    "datetime_parsing": _NO_INSTANT,
    "datetime_from_date_parsing": _NO_INSTANT,
    "datetime_object_invalid": _NO_INSTANT,
    "timezone_aware": ("it has no time zone", "Write it as 2027-01-31T08:00:00Z"),
    "time_parsing": _NO_TIME,
    "time_type": _NO_TIME,
    "time_delta_parsing": _NO_DURATION,
    "time_delta_type": _NO_DURATION,
    "int_parsing": _NO_WHOLE_NUMBER,
    "int_parsing_size": _NO_WHOLE_NUMBER,
    "int_type": _NO_WHOLE_NUMBER,
    "int_from_float": _NO_WHOLE_NUMBER,
    "greater_than": (_OUT_OF_RANGE, "Choose more than {gt}"),
    "greater_than_equal": (_OUT_OF_RANGE, "Choose {ge} or more"),
    "less_than": (_OUT_OF_RANGE, "Choose less than {lt}"),
    "less_than_equal": (_OUT_OF_RANGE, "Choose {le} or less"),
    "enum": _NONE_OF_THEM,
    "literal_error": _NONE_OF_THEM,
    "list_type": _NO_LIST,
    "tuple_type": _NO_LIST,
    "set_type": _NO_LIST,
    "frozen_set_type": _NO_LIST,
    "iterable_type": _NO_LIST,
    "too_short": ("it has too few entries", "Give at least {min_length}"),
    "too_long": ("it has too many entries", "Give at most {max_length}"),
}
"""By pydantic's type of error, the problem and the remedy, with what its context says."""

KEY = "[key]"
"""Pydantic's place of a name in a table: after the name."""

OWN_ERRORS = ("value_error", "assertion_error")
"""What a validator of ours raised itself: its text is ours."""


def explained(details: ErrorDetails) -> tuple[str, str]:
    """Problem and remedy of an error in our own words: pydantic's are for programmers."""
    context: dict[str, Any] = details.get("ctx", {})
    if details["type"] == ILLEGAL:
        return context["problem"], context["remedy"]
    if details["type"] in OWN_ERRORS:
        return str(context["error"]), "Correct it"
    if details["loc"][-1:] == (KEY,) and details["type"] == "literal_error":
        return "there is no such name", f"Choose {context['expected']}"
    if details["type"] == "string_too_short" and context["min_length"] == 1:
        return "it is empty", "Give it a value"
    problem, remedy = _WORDS.get(details["type"], _NOT_OF_THE_FORM)
    return problem, remedy.format_map(context)


def _text(given: Any) -> str:
    try:
        text = str(given)
    except ValueError:  # Python does not write out numbers of thousands of digits
        return "a number of thousands of digits"
    text = _beginning(text)
    # The query of an address may hold a signature, and its beginning a password.
    return re.sub(r"\b(\w+://)([^/\s]*@)?([^\s?#]*)\S*", r"\1\3", text)


def _finding(details: ErrorDetails, sources: Mapping[str, str]) -> Finding:
    # A whole-model check has no location of its own; a tagged union adds its tag to the location.
    field = ".".join(str(part) for part in details["loc"] if part != KEY) or "terms"
    top = field.partition(".")[0]
    problem, remedy = explained(details)
    if (top, details["type"]) == ("price", "model_type"):
        remedy = 'Write an amount as {"amount": "120000.00", "currency": "USD"}'
    given = details["input"]
    # An unknown field may be a misspelled personal one.
    shown = (
        details["type"] not in ("missing", "extra_forbidden")
        and KEY not in details["loc"]
        and top not in PRIVATE_FIELDS
        and isinstance(given, str | int | float | bool)
    )
    return Finding(
        field=field,
        problem=problem,
        remedy=remedy,
        seen=_text(given) if shown else None,
        source=sources.get(field, sources.get(top)),
    )
