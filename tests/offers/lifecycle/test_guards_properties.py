"""A guard answers for any values: those of signals have not been validated before."""

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from offers.agreements.amendment_pricing import AMENDMENT_FIELDS
from offers.lifecycle import guards
from offers.lifecycle.commands import Extension, TermChanges
from offers.lifecycle.in_place_edits import apply_edit
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from offers.terms.contacts import CONTACT_FIELDS, Contacts
from offers.terms.terms import TERM_FIELDS
from tests.support.builders import NOW, terms

FIELDS = sorted(TERM_FIELDS | CONTACT_FIELDS | AMENDMENT_FIELDS)
NAMES = st.sampled_from([*FIELDS, "amount", "currency"]) | st.text(max_size=5)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["9999-12-31", "0001-01-01", "2026-13-01", "-1", "upfront", "USD 1"]),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(NAMES, values, max_size=3),
    max_leaves=6,
)
STAGES = st.sampled_from(list(Stage))


def record(stage: Stage) -> OfferRecord:
    contacts = Contacts(buyer_email="buyer@example.com", owner_email="owner@example.com")
    return OfferRecord(
        opportunity_id="0065g00000AbCdEAAV", stage=stage, terms=terms(), contacts=contacts
    )


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, VALUES, max_size=4), STAGES)
def test_any_change_is_answered(changed: dict[str, Any], stage: Stage) -> None:
    offer, changes = record(stage), TermChanges(terms=changed)
    guards.why_cannot_revise(offer, changes)
    reason = guards.why_cannot_amend(offer, changes, NOW, withdrawing=False, busy=None)
    changes.without_past_last_day(NOW.date()).merged_into({})
    if reason is None and stage is Stage.SHARED and guards.is_in_place_edit(offer, changes):
        # An edit that the guard accepts is valid, at least for the offer's present terms.
        apply_edit(offer.require_terms(), offer.require_contacts(), changes.terms)


@given(st.dates(), st.none() | st.integers(), STAGES)
def test_any_extension_is_answered(until: date, months: int | None, stage: Stage) -> None:
    try:
        extension = Extension(until=until, duration_months=months)
    except ValidationError:
        return
    guards.why_cannot_extend(record(stage), extension, NOW, None)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("value", ["x" * 100_000, "1," * 50_000, "a@" * 50_000, ["x" * 100_000]])
def test_long_value_is_answered_quickly(value: Any) -> None:
    """A handler that computes for two seconds fails the workflow task on every attempt."""
    for name in FIELDS:
        changes = TermChanges(terms={name: value})
        guards.why_cannot_amend(record(Stage.SHARED), changes, NOW, withdrawing=False, busy=None)


def test_accepted_offer_without_an_agreement_cannot_be_amended() -> None:
    """AWS has just rolled the acceptance back, and the workflow is about to leave the stage."""
    changes = TermChanges(terms={"additional_amount": "1000.00 USD"})
    reason = guards.why_cannot_amend(
        record(Stage.ACCEPTED), changes, NOW, withdrawing=False, busy=None
    )
    assert reason is not None
    assert reason.code is guards.ReasonCode.NO_AGREEMENT


def test_offer_without_contacts_cannot_be_extended() -> None:
    unknown = record(Stage.SHARED).model_copy(update={"contacts": None})
    extension = Extension(until=date(2026, 4, 30))
    reason = guards.why_cannot_extend(unknown, extension, NOW, None)
    assert reason is not None
    assert "not known" in reason.problem
