"""What holds for every amendment, whatever was sold and whatever is wished for."""

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
    """A sale, how it stands today, and a wish."""

    amended: OriginalOffer
    stands: AgreementSnapshot
    wish: dict[str, Any]

    @property
    def proposal(self) -> Proposal:
        """What the product makes of it."""
        return propose_amendment(self.wish, self.amended, self.stands, TODAY)

    @property
    def terms(self) -> OfferTerms:
        """The terms that this comes to."""
        return amendment_terms(self.proposal, TODAY)


def case(
    instalments: dict[int, int],
    ends_in: int,
    *,
    currency: Currency = "USD",
    add: int | None = None,
    fate: str | None = "carry",
    quantity: int = 1,
) -> Case:
    """Amounts are in minor units, days are counted from today."""
    unit = Decimal(1).scaleb(-MINOR_DIGITS[currency])
    price = sum(instalments.values()) * unit or Decimal(500)
    due = {TODAY + timedelta(days=day): amount * unit for day, amount in instalments.items()}
    wish: dict[str, Any] = {"unpaid_installments": fate} if fate else {}
    if add is not None:
        wish["additional_amount"] = f"{add * unit} {currency}"
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
        wish,
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
        fate=st.sampled_from(["carry", "drop", None]),
        quantity=st.integers(1, 2),
    )
)


def unpaid(some: Case) -> dict[date, Decimal]:
    """What AWS would drop, worked out from the sale alone."""
    schedule = some.amended.terms.payment_schedule
    return {each.on: each.amount for each in schedule if each.on > TODAY and each.amount}


def wished(some: Case) -> Decimal:
    return Decimal(some.wish.get("additional_amount", "0 USD").split()[0])


@settings(deadline=None)
@each_case
def test_the_price_is_added_and_carried_to_the_minor_unit(some: Case) -> None:
    carried = sum(unpaid(some).values()) if some.wish.get("unpaid_installments") == "carry" else 0
    terms, sums = some.terms, some.proposal.pricing
    assert terms.price == sums.total
    assert terms.price.amount == wished(some) + carried
    assert terms.price.currency == some.amended.terms.price.currency


@settings(deadline=None)
@each_case
def test_the_schedule_always_adds_up_to_the_price(some: Case) -> None:
    terms = some.terms
    assert terms.is_fixed == some.amended.terms.is_fixed
    if terms.is_fixed:
        assert sum(each.amount for each in terms.payment_schedule) == terms.price.amount
    else:
        assert terms.payment_schedule == ()


@settings(deadline=None)
@each_case
def test_nothing_that_is_invoiced_is_charged_again(some: Case) -> None:
    terms, left = some.terms, unpaid(some)
    for each in terms.payment_schedule:
        if each.on > TODAY:
            assert each.amount == left[each.on]
        else:
            assert (each.on, each.amount) == (TODAY, wished(some))
    if some.wish.get("unpaid_installments") == "carry" and left:
        old = some.amended.terms.payment_schedule
        invoiced = sum(each.amount for each in old if each.on <= TODAY)
        assert invoiced + terms.price.amount == some.amended.terms.price.amount + wished(some)


def refusals(some: Case, **given: Any) -> set[str]:
    """The codes of all that refuses the amendment."""
    terms = amendment_terms(some.proposal, TODAY, **given)
    against = (some.amended, some.stands, Policy(), TODAY)
    found = (
        *some.proposal.findings,
        *findings_of(amendment.CHECKS, terms, OfferTerms.model_fields, *against),
        *findings_of(consistency.CHECKS, terms, OfferTerms.model_fields, TODAY),
    )
    return {each.code for each in found if each.severity is Severity.REFUSE}


@settings(deadline=None)
@each_case
def test_an_instalment_due_by_the_last_day_to_accept_is_refused_and_due_tomorrow(
    some: Case,
) -> None:
    last_day = some.terms.availability_end
    assert last_day > TODAY
    if due := [day for day in unpaid(some) if day <= last_day]:
        assert due == [TODAY + timedelta(days=1)] == [last_day]
        assert "charged-twice" in refusals(some)


@settings(deadline=None, max_examples=300)
@each_case
@example(case({0: 100, 90: 100}, 200, add=100))
@example(case({-9: 100, 1: 100}, 200, add=100))
@example(case({-9: 100, 1: 100}, 200))
@example(case({-9: 100, 90: 100}, 90))
@example(case({-9: 100}, 0, add=100))
@example(case({}, 1, add=100))
@example(case({-9: 100, 90: 0}, 200))
def test_a_wish_is_refused_only_for_what_stands_in_its_way(some: Case) -> None:
    left, last_end = unpaid(some), some.stands.agreement.ends_at
    assert last_end is not None
    charges = some.terms.payment_schedule
    tomorrow, end = TODAY + timedelta(days=1), last_end.date()
    expected = set()
    if left and "unpaid_installments" not in some.wish:
        expected.add("unpaid-instalments")
    if tomorrow in left:
        expected.add("charged-twice")
        if wished(some) and some.wish.get("unpaid_installments") == "carry":
            expected.add("charges-before-expiry")
    if end <= tomorrow:
        expected |= {"end-before-expiry", "agreement-over-first"}
    if charges and charges[-1].on >= end:
        expected.add("charge-after-end")
    assert refusals(some) == expected


@settings(deadline=None)
@each_case
def test_a_later_end_takes_away_whatever_an_early_one_is_refused_for(some: Case) -> None:
    assert not {"end-before-expiry", "charge-after-end"} & refusals(
        some, agreement_end=TODAY + timedelta(days=1000)
    )
