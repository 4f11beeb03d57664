"""What people ask of a draft: to approve or decline an exception, or to change the terms."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from offers.contacts import CONTACT_FIELDS
from offers.policy import Road
from offers.terms import TERM_FIELDS


class Verdict(BaseModel):
    """What somebody says of exceptions."""

    model_config = ConfigDict(frozen=True)

    by: str = Field(repr=False)
    """Mail address, by which the policy's roles know people.  Personal data."""
    finding: str | None = None
    """Its reference, or its code; None: every exception that this person may decide about.

    A reference holds for what was seen: once that has changed, it means nothing any more.
    """
    reason: str = ""


class Changes(BaseModel):
    """Terms and contacts that overrule the opportunity's from now on."""

    model_config = ConfigDict(frozen=True)

    given: dict[str, Any] = Field(default_factory=dict)
    """Fields of `OfferTerms` and `Contacts`; None takes back what was given before."""
    road: Road | None = None

    def unknown(self) -> str | None:
        """The first name that is no field, if there is one."""
        known = TERM_FIELDS | CONTACT_FIELDS
        return next(
            (name for name, value in self.given.items() if value is not None and name not in known),
            None,
        )

    def applied_to(self, given: dict[str, Any]) -> dict[str, Any]:
        """What is given after the change."""
        changed = given | self.given
        return {name: value for name, value in changed.items() if value is not None}
