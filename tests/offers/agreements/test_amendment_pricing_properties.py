"""Properties of every amendment, for any original offer and any request."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from offers.agreements.amendment_pricing import AgreementSnapshot, OriginalOffer, Proposal
from offers.findings import Severity
from offers.money import MINOR_DIGITS, Currency
from offers.policy.policy import Policy
from offers.preflight import amendment, consistency
from offers.preflight.check import findings_of
from offers.terms.terms import OfferTerms
from tests.support.agreements import (
    accepted_offer,
    agreement_snapshot,
    amendment_terms,
    propose_amendment,
)

TODAY = date(2026, 6, 1)


class Case(NamedTuple):
    """An original offer, its agreement today, and a request."""

    original: OriginalOffer
    snapshot: AgreementSnapshot
    requested: dict[str, Any]

    @property
    def proposal(self) -> Proposal:
        """The proposal for the amendment."""
        return propose_amendment(self.requested, self.original, self.snapshot, TODAY)

    @property
    def terms(self) -> OfferTerms:
        """The terms of the proposal."""
        return amendment_terms(self.proposal, TODAY)


def case(
    instalments: dict[int, int],
    ends_in: int,
    *,
    currency: Currency = "USD",
    add: int | None = None,
    unpaid_action: str | None = "carry",
    quantity: int = 1,
) -> Case:
    """Amounts are in minor units, days are counted from today."""
    unit = Decimal(1).scaleb(-MINOR_DIGITS[currency])
    price = sum(instalments.values()) * unit or Decimal(500)
    due = {TODAY + timedelta(days=day): amount * unit for day, amount in instalments.items()}
    requested: dict[str, Any] = {"unpaid_installments": unpaid_action} if unpaid_action else {}
    if add is not None:
        requested["additional_amount"] = f"{add * unit} {currency}"
    return Case(
        accepted_offer(
            price={"amount": str(price), "currency": currency},
            dimensions=f"seats x {quantity}",
            payment_schedule="; ".join(f"{day} {amount}" for day, amount in due.items())
            or "upfront",
        ),
        agreement_snapshot(
            str(sum((amount for day, amount in due.items() if day <= TODAY), Decimal()) or price),
            ends_at=datetime.combine(TODAY + timedelta(days=ends_in), time(14), UTC),
        ),
        requested,
    )


amounts = st.integers(0, 10**7) | st.integers(1, 3)
each_case = given(
    st.builds(
        case,
        st.dictionaries(st.integers(-100, 400) | st.integers(-1, 3), amounts, max_size=5).filter(
            lambda due: not due or any(due.values())
        ),
        st.integers(0, 800) | st.integers(0, 3),
        currency=st.sampled_from(sorted(MINOR_DIGITS)),
        add=st.none() | amounts,
        unpaid_action=st.sampled_from(["carry", "drop", None]),
        quantity=st.integers(1, 2),
    )
)


def unpaid(some: Case) -> dict[date, Decimal]:
    """The unpaid instalments, computed from the original offer alone."""
    schedule = some.original.terms.payment_schedule
    return {each.on: each.amount for each in schedule if each.on > TODAY and each.amount}


def additional_amount(some: Case) -> Decimal:
    return Decimal(some.requested.get("additional_amount", "0 USD").split()[0])


@settings(deadline=None)
@each_case
def test_price_is_exact_to_the_minor_unit(some: Case) -> None:
    carried = (
        sum(unpaid(some).values()) if some.requested.get("unpaid_installments") == "carry" else 0
    )
    terms, pricing = some.terms, some.proposal.pricing
    assert terms.price == pricing.total
    assert terms.price.amount == additional_amount(some) + carried
    assert terms.price.currency == some.original.terms.price.currency


@settings(deadline=None)
@each_case
def test_schedule_adds_up_to_the_price(some: Case) -> None:
    terms = some.terms
    assert terms.is_fixed == some.original.terms.is_fixed
    if terms.is_fixed:
        assert sum(each.amount for each in terms.payment_schedule) == terms.price.amount
    else:
        assert terms.payment_schedule == ()


@settings(deadline=None)
@each_case
def test_invoiced_instalments_are_not_charged_again(some: Case) -> None:
    terms, left = some.terms, unpaid(some)
    for each in terms.payment_schedule:
        if each.on > TODAY:
            assert each.amount == left[each.on]
        else:
            assert (each.on, each.amount) == (TODAY, additional_amount(some))
    if some.requested.get("unpaid_installments") == "carry" and left:
        old = some.original.terms.payment_schedule
        invoiced = sum(each.amount for each in old if each.on <= TODAY)
        assert (
            invoiced + terms.price.amount
            == some.original.terms.price.amount + additional_amount(some)
        )


def blocking_codes(some: Case, **given: Any) -> set[str]:
    """The codes of the findings that block the amendment."""
    terms = amendment_terms(some.proposal, TODAY, **given)
    against = (some.original, some.snapshot, Policy(), TODAY)
    found = (
        *some.proposal.findings,
        *findings_of(amendment.CHECKS, terms, OfferTerms.model_fields, *against),
        *findings_of(consistency.CHECKS, terms, OfferTerms.model_fields, TODAY),
    )
    return {each.code for each in found if each.severity is Severity.REFUSE}


@settings(deadline=None)
@each_case
def test_instalment_due_by_the_last_day_is_due_tomorrow_and_blocked(
    some: Case,
) -> None:
    last_day = some.terms.availability_end
    assert last_day > TODAY
    if due := [day for day in unpaid(some) if day <= last_day]:
        assert due == [TODAY + timedelta(days=1)] == [last_day]
        assert "charged-twice" in blocking_codes(some)


@settings(deadline=None, max_examples=300)
@each_case
@example(case({0: 100, 90: 100}, 200, add=100))
@example(case({-9: 100, 1: 100}, 200, add=100))
@example(case({-9: 100, 1: 100}, 200))
@example(case({-9: 100, 90: 100}, 90))
@example(case({-9: 100}, 0, add=100))
@example(case({}, 1, add=100))
@example(case({-9: 100, 90: 0}, 200))
def test_amendment_has_only_the_expected_findings(some: Case) -> None:
    left, last_end = unpaid(some), some.snapshot.agreement.ends_at
    assert last_end is not None
    charges = some.terms.payment_schedule
    tomorrow, end = TODAY + timedelta(days=1), last_end.date()
    expected = set()
    if left and "unpaid_installments" not in some.requested:
        expected.add("unpaid-instalments")
    if tomorrow in left:
        expected.add("charged-twice")
        if additional_amount(some) and some.requested.get("unpaid_installments") == "carry":
            expected.add("charges-before-expiry")
    if end <= tomorrow:
        expected |= {"end-before-expiry", "agreement-over-first"}
    if charges and charges[-1].on >= end:
        expected.add("charge-after-end")
    assert blocking_codes(some) == expected


@settings(deadline=None)
@each_case
def test_later_agreement_end_removes_the_findings_of_an_early_one(some: Case) -> None:
    assert not {"end-before-expiry", "charge-after-end"} & blocking_codes(
        some, agreement_end=TODAY + timedelta(days=1000)
    )
