"""Editing a released offer in place: what AWS lets change, and what the rules say to it.

Name, description and last day may change, and the duration where it is a term of its own; anything
else is a new offer (AWS: work-with-private-offers).
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from pydantic import ValidationError

from offers.agreements.amendment_pricing import OriginalOffer, due_after, last_day_in_force
from offers.findings import Finding, Severity, findings_in
from offers.model import FrozenModel
from offers.policy.policy import Policy
from offers.preflight import consistency, selling_rules
from offers.preflight.check import findings_of
from offers.preflight.draft import foreign_owner, time_zone
from offers.terms.contacts import CONTACT_FIELDS, Contacts
from offers.terms.terms import TERM_FIELDS, OfferTerms, contract_end
from offers.text import day_text

EDITABLE = frozenset({"offer_name", "description", "availability_end"}) | CONTACT_FIELDS
"""What can change in place on every offer; contacts are ours alone."""


class Edit(FrozenModel):
    """How a released offer is to be from now on."""

    terms: OfferTerms
    contacts: Contacts


def is_in_place(terms: OfferTerms, changes: Mapping[str, Any]) -> bool:
    """Whether changes can be made in place; otherwise they need a new offer."""
    editable = EDITABLE | ({"duration_months"} if has_own_duration(terms) else frozenset())
    return bool(changes) and set(changes) <= editable and None not in changes.values()


def has_own_duration(terms: OfferTerms) -> bool:
    """Whether the duration is a term of its own: not of a rate card, nor between set days."""
    return terms.is_fixed and terms.starts_on is None and terms.agreement_end is None


def apply_edit(terms: OfferTerms, contacts: Contacts, changes: Mapping[str, Any]) -> Edit:
    """The offer after the changes.  Raises pydantic.ValidationError if one is illegal."""
    return Edit(
        terms=OfferTerms.model_validate(terms.model_dump() | _only(changes, TERM_FIELDS)),
        contacts=Contacts.model_validate(contacts.model_dump() | _only(changes, CONTACT_FIELDS)),
    )


def edit_findings(
    terms: OfferTerms,
    contacts: Contacts,
    changes: Mapping[str, Any],
    policy: Policy,
    today: date,
    *,
    amends: OriginalOffer | None = None,
) -> tuple[Finding, ...]:
    """Why changes cannot be made in place; `today` is a UTC date, `amends` what an amendment is of.

    What was found before the change, and was approved, is left out.
    """
    try:
        edit = apply_edit(terms, contacts, changes)
    except ValidationError as error:
        return findings_in(error)
    before, after = _found(terms, policy, today), edit.terms
    foreign = foreign_owner(edit.contacts, policy, {}) if "owner_email" in changes else ()
    return (
        foreign
        + time_zone(changes, {})
        + tuple(
            finding
            for finding in (
                *_found(after, policy, today),
                *_duration(after, today),
                *_overtaken(terms, after, amends),
            )
            if finding.severity is not Severity.WARN
            and not any(finding.is_same(known) for known in before)
        )
    )


def _found(terms: OfferTerms, policy: Policy, today: date) -> tuple[Finding, ...]:
    rules = () if terms.agreement_end else selling_rules.CHECKS
    return findings_of(consistency.CHECKS, terms, TERM_FIELDS, today) + findings_of(
        rules, terms, TERM_FIELDS, policy, today
    )


def _duration(terms: OfferTerms, today: date) -> Iterator[Finding]:
    if terms.starts_on or terms.agreement_end:
        return
    end = contract_end(today, terms.duration_months)
    if terms.availability_end >= end:
        instead = (
            "Choose a longer contract, too (duration_months), or an earlier day"
            if has_own_duration(terms)
            else "Choose an earlier day, or amend the offer: a longer contract needs a new offer"
        )
        yield Finding(
            code="duration-too-short",
            field="availability_end",
            seen=terms.availability_end.isoformat(),
            problem="a contract accepted today would be over by then, on"
            f" {day_text(end + timedelta(days=1))}",
            remedy=instead,
        )


def _overtaken(
    before: OfferTerms, after: OfferTerms, amends: OriginalOffer | None
) -> Iterator[Finding]:
    """What the agreement that an amendment is of comes to in the days that are added."""
    if amends is None or after.availability_end <= before.availability_end:
        return
    seen = after.availability_end.isoformat()
    for each in due_after(before.availability_end, amends.terms, until=after.availability_end)[:1]:
        day = day_text(each.on)
        wait = "cancel this amendment and amend again once AWS has invoiced that"
        has_room = each.on - timedelta(days=1) > before.availability_end
        instead = f"Choose a day before {day}, or" if has_room else f"No later day is before {day}:"
        yield Finding(
            code="charged-twice",
            field="availability_end",
            seen=seen,
            problem=f"the instalment of {day} falls due by then: the agreement as it is would"
            " charge it first, whatever the amendment makes of it",
            remedy=f"{instead} {wait}",
        )
    last = last_day_in_force(amends.agreement)
    if last and after.availability_end > last:
        yield Finding(
            code="agreement-over-first",
            field="availability_end",
            seen=seen,
            problem="the agreement ends before that, and only until then can the buyer accept what"
            " amends it",
            remedy=(
                f"Choose {day_text(last)} or an earlier day"
                if last > before.availability_end
                else "Leave the last day as it is"
            ),
        )


def _only(changes: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if name in names}
