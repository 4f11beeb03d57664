"""Drafting: from what is known of an opportunity to terms that can be offered, or to findings."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, TypeVar
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from offers.findings import Finding, findings_in
from offers.policy import Policy
from offers.terms import OfferTerms

ADDRESS = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$"
"""An address in ASCII: few mail servers take others."""


class Contacts(BaseModel):
    """Who is written to.  Personal data: never in ids, search attributes, logs or error text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    buyer_email: str = Field(pattern=ADDRESS, max_length=320, repr=False)
    buyer_name: str | None = Field(default=None, max_length=200, repr=False)
    buyer_time_zone: str | None = None
    """IANA name; None where it is not known."""
    owner_email: str = Field(pattern=ADDRESS, max_length=320, repr=False)
    owner_name: str | None = Field(default=None, max_length=200, repr=False)


class Draft(BaseModel):
    """The outcome of drafting: terms and contacts, and the findings that stand in their way.

    Without findings both are there; with some, whichever of them is legal is.
    """

    model_config = ConfigDict(frozen=True)

    terms: OfferTerms | None = None
    contacts: Contacts | None = None
    findings: tuple[Finding, ...] = ()


ModelT = TypeVar("ModelT", bound=BaseModel)

CONTACT_FIELDS = frozenset(Contacts.model_fields)


def draft(
    facts: Mapping[str, Any],
    policy: Policy,
    today: date,
    sources: Mapping[str, str] | None = None,
) -> Draft:
    """Terms and contacts from an opportunity's facts, with the policy's defaults for what is open.

    `facts` are named as the fields of `OfferTerms` and `Contacts`; None counts as not given.
    `today` is a UTC date.  `sources` says where each fact came from, for the findings.
    """
    known = {name: value for name, value in facts.items() if value is not None}
    contact_facts = {name: known.pop(name) for name in CONTACT_FIELDS & known.keys()}
    known.setdefault("duration_months", policy.duration_months)
    known.setdefault("availability_end", today + timedelta(days=policy.days_to_accept))
    # A missing company is one finding; that the name is made from it is not another.
    known.setdefault("offer_name", policy.name_offer(str(known.get("company", "?")), today))

    terms, findings = _read(OfferTerms, known, sources)
    contacts, contact_findings = _read(Contacts, contact_facts, sources)
    if terms is not None and terms.availability_end <= today:
        findings = (
            Finding(
                field="availability_end",
                seen=terms.availability_end.isoformat(),
                problem=f"the buyer's last day is not after today ({today.isoformat()} UTC)",
                remedy="Choose a later day",
                source=(sources or {}).get("availability_end"),
            ),
        )
    findings += contact_findings
    zone = contact_facts.get("buyer_time_zone")
    if zone is not None and zone not in available_timezones():
        # Checked here and not in the model: what is stored must not depend on a machine's zones.
        findings += (
            Finding(
                field="buyer_time_zone",
                seen=str(zone),
                problem="there is no such time zone",
                remedy="Use an IANA name such as Europe/Berlin",
                source=(sources or {}).get("buyer_time_zone"),
            ),
        )
    return Draft(terms=terms, contacts=contacts, findings=findings)


def _read(
    model: type[ModelT], facts: Mapping[str, Any], sources: Mapping[str, str] | None
) -> tuple[ModelT | None, tuple[Finding, ...]]:
    try:
        return model.model_validate(facts), ()
    except ValidationError as error:
        return None, findings_in(error, sources)
