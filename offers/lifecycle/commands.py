"""Requests to an offer: decide about an exception, change terms, extend."""

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from offers.agreements.amendment_pricing import AMENDMENT_FIELDS
from offers.model import FrozenModel
from offers.policy.policy import CreationMethod
from offers.terms.contacts import CONTACT_FIELDS
from offers.terms.parsing import parse_day, parse_months
from offers.terms.terms import TERM_FIELDS, Day


class ApprovalDecision(FrozenModel):
    """A person's decision about exceptions."""

    by: str = Field(repr=False)
    """Mail address, by which the policy names who holds a role.  Personal data."""
    finding: str | None = None
    """Its reference, or its code; None: every exception that this person may decide about.

    A reference holds for what was seen: once that has changed, it means nothing any more.
    """
    deal: str | None = None
    """Digest of the deal as it was shown; the decision does not count for another one.  None: as
    the deal is now."""
    reason: str = ""
    proof: str | None = Field(default=None, repr=False)
    """That the person has signed it (`decision_proof`); needed where the worker has keys."""


class TermChanges(FrozenModel, extra="forbid"):
    """Terms and contacts that overrule the opportunity's from now on."""

    terms: dict[str, Any] = Field(default_factory=dict)
    """Fields of `OfferTerms` and `Contacts`, for an amendment also of `AmendmentRequest`; None
    removes what was given before."""
    method: CreationMethod | None = None
    recreate: bool = False
    """Create a released offer again from the opportunity as it is now, without a changed term."""
    by: str | None = Field(default=None, repr=False)
    """Mail address of who asks, as they gave it.  Personal data."""

    def unknown_field(self, *, amendment: bool = False) -> str | None:
        """The first name that is no field, if there is one."""
        known = TERM_FIELDS | CONTACT_FIELDS | (AMENDMENT_FIELDS if amendment else frozenset())
        return next(
            (name for name in self.terms if name not in known),
            None,
        )

    def merged_into(self, given: dict[str, Any]) -> dict[str, Any]:
        """What is given after the change."""
        changed = given | self.terms
        return {name: value for name, value in changed.items() if value is not None}

    def without_past_last_day(self, today: date) -> "TermChanges":
        """The same without a last day to accept that is over by a UTC date."""
        try:
            last_day = parse_day(self.terms.get("availability_end"))
        except ValueError:  # not given, or a finding of its own
            return self
        if last_day > today:
            return self
        terms = {name: v for name, v in self.terms.items() if name != "availability_end"}
        return self.model_copy(update={"terms": terms})


class Extension(FrozenModel, extra="forbid"):
    """More time for the buyer."""

    until: Day
    """The new last day (UTC)."""
    duration_months: Annotated[int, BeforeValidator(parse_months)] | None = None
    """A longer contract with it, where AWS needs one; None: as it is."""
    by: str | None = Field(default=None, repr=False)
    """Mail address of who asks, as they gave it.  Personal data."""

    @property
    def as_term_changes(self) -> TermChanges:
        """The same as changes of terms."""
        months = {} if self.duration_months is None else {"duration_months": self.duration_months}
        return TermChanges(terms={"availability_end": self.until.isoformat(), **months})
