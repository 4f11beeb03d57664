"""Drafting: from an opportunity's facts to terms and contacts, or to what is illegal in them."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any, TypeVar
from zoneinfo import available_timezones

from pydantic import BaseModel, ValidationError

from offers.findings import Finding, findings_in
from offers.model import FrozenModel
from offers.policy.policy import Policy
from offers.terms.contacts import CONTACT_FIELDS, Contacts, Owner, domain_of
from offers.terms.terms import TERM_FIELDS, OfferTerms


class Draft(FrozenModel):
    """What could be drafted."""

    terms: OfferTerms | None
    """None if a term is illegal."""
    contacts: Contacts | None
    owner: Owner | None
    """Known even where the buyer's address is not legal: the owner must be told of that."""
    checkable_terms: OfferTerms | None
    """The terms with stand-ins for those that are illegal, so that the others can be checked."""
    valid_fields: frozenset[str]
    """The names of the terms that are not stand-ins."""
    findings: tuple[Finding, ...]


ModelT = TypeVar("ModelT", bound=BaseModel)


def draft(
    facts: Mapping[str, Any],
    policy: Policy,
    today: date,
    sources: Mapping[str, str] | None = None,
    *,
    contacts_needed: bool = True,
) -> Draft:
    """Terms and contacts from facts, with the policy's defaults for what is left open.

    `facts` are named as the fields of `OfferTerms` and `Contacts`; None counts as not given.
    `today` is a UTC date.  `sources` says where each fact came from, for the findings.  Without an
    opportunity nobody is written to, and no contacts are needed.
    """
    known = {name: value for name, value in facts.items() if value is not None}
    contact_facts = {name: known.pop(name) for name in CONTACT_FIELDS & known.keys()}
    known.setdefault("duration_months", policy.duration_months)
    known.setdefault("availability_end", today + timedelta(days=policy.days_to_accept))
    # A company that is missing or illegal is one finding; the name built from it is not another.
    known.setdefault("offer_name", policy.offer_name_for(str(known.get("company", "?")), today))

    terms, findings = _read(OfferTerms, known, sources)
    contacts, contact_findings = (
        _read(Contacts, contact_facts, sources) if contact_facts or contacts_needed else (None, ())
    )
    owner = contacts or _read(Owner, _only(contact_facts, Owner), None)[0]
    if foreign := foreign_owner(owner, policy, sources or {}):
        owner = None  # who is not to be written to is not
    illegal = {finding.field.partition(".")[0] for finding in findings}
    if "terms" in illegal:  # between the price and its instalments
        illegal |= {"price", "payment_schedule"}
    return Draft(
        terms=terms,
        contacts=contacts,
        owner=owner,
        checkable_terms=terms or _stood_in(known, illegal, today),
        valid_fields=TERM_FIELDS - illegal,
        findings=findings + contact_findings + foreign + time_zone(contact_facts, sources or {}),
    )


def _read(
    model: type[ModelT], facts: Mapping[str, Any], sources: Mapping[str, str] | None
) -> tuple[ModelT | None, tuple[Finding, ...]]:
    try:
        return model.model_validate(facts), ()
    except ValidationError as error:
        return None, findings_in(error, sources)


def _only(facts: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name in model.model_fields}


def _stood_in(facts: Mapping[str, Any], illegal: set[str], today: date) -> OfferTerms | None:
    stand_ins = {
        "buyer_accounts": "000000000000",
        "company": "?",
        "offer_name": "?",
        "product_id": "unknown",
        "dimensions": "unknown",
        "price": {"amount": "1", "currency": "USD"},
        "availability_end": today + timedelta(days=1),
    }
    legal = {name: value for name, value in facts.items() if name in TERM_FIELDS - illegal}
    terms, _ = _read(
        OfferTerms, {name: v for name, v in stand_ins.items() if name in illegal} | legal, None
    )
    return terms


def foreign_owner(
    owner: Owner | None, policy: Policy, sources: Mapping[str, str]
) -> tuple[Finding, ...]:
    """The finding for an owner whose address is not the company's: they get what is internal."""
    if owner is None or policy.is_own_address(owner.owner_email):
        return ()
    return (
        Finding(
            code="foreign-owner",
            field="owner_email",
            seen=domain_of(owner.owner_email),
            problem="the owner's address has a domain that is not the company's",
            remedy="Correct the owner, or add the domain under domains in the policy",
            source=sources.get("owner_email"),
        ),
    )


@cache
def known_time_zones() -> frozenset[str]:
    """The zones that this machine knows: finding them reads hundreds of files."""
    return frozenset(available_timezones())


def time_zone(contact_facts: Mapping[str, Any], sources: Mapping[str, str]) -> tuple[Finding, ...]:
    """The finding for a time zone that there is not."""
    # Checked here and not in the model: what is stored must not depend on a machine's zones.
    zone = contact_facts.get("buyer_time_zone")
    if not isinstance(zone, str) or zone in known_time_zones():
        return ()
    return (
        Finding(
            field="buyer_time_zone",
            seen=zone,
            problem="there is no such time zone",
            remedy="Use an IANA name such as Europe/Berlin",
            source=sources.get("buyer_time_zone"),
        ),
    )
