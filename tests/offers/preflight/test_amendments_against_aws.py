"""Preflight and AWS agree about amendments, and an amendment charges nothing twice or too little.

Each original offer is created, accepted and invoiced in the sandbox before it is amended.
"""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from pydantic_core import to_jsonable_python

from activities.aws.documents import create_offer
from offers.agreements.agreement import Agreement
from offers.agreements.amendment_pricing import (
    AMENDMENT_FIELDS,
    AgreementSnapshot,
    OriginalOffer,
    Proposal,
    propose,
)
from offers.clock import end_of_day
from offers.policy.policy import Policy
from offers.preflight.draft import draft
from offers.preflight.marketplace import Marketplace
from offers.preflight.report import AmendmentDeal, Deal, PreflightReport, preflight
from offers.terms.terms import OfferTerms
from sandbox.aws.marketplace_state import Aws
from sandbox.marketplace import agreements, buyers
from sandbox.world import World
from tests.support.aws_rules import (
    DIMENSIONS,
    PRODUCT,
    SELLER,
    TODAY,
    aws_errors,
    unchecked_terms,
)
from tests.support.builders import BUYER, facts, terms

LAST_DAY = TODAY + timedelta(days=10)


def day(number: int) -> str:
    """The date this many days after the offer was created."""
    return (TODAY + timedelta(days=number)).isoformat()


class Case(NamedTuple):
    """The original terms, after how many days they are amended, and the given terms."""

    original_terms: dict[str, Any]
    after: int
    given: dict[str, Any]
    status: str = "ACTIVE"
    accepted_after: int = 0


class AcceptedOffer:
    """An accepted offer at the time of its amendment."""

    def __init__(self, case: Case) -> None:
        now = datetime.combine(TODAY, time(9), UTC)
        self.world = World(
            lambda: now, Aws(lambda: now, seller_account=SELLER, dimensions=DIMENSIONS)
        )
        self.world.aws.throttle = False
        self.terms = terms(availability_end=LAST_DAY, **case.original_terms)
        assert aws_errors(self.world, create_offer(self.terms, "reference", TODAY)) == []
        (offer_id,) = self.world.aws.offers
        self.advance_to(now + timedelta(days=case.accepted_after))
        self.agreement = buyers.accept(self.world, offer_id, BUYER)
        self.advance_to(now + timedelta(days=case.after))
        agreements.end(self.world, self.agreement, case.status)
        self.given, self.today = case.given, self.world.now().date()
        self.proposal = self._propose()

    def advance_to(self, instant: datetime) -> None:
        """Advance the time."""
        self.world.set_time(max(instant, self.world.now()))
        self.world.advance()

    def invoiced(self, agreement_id: str) -> Decimal:
        """The amount that AWS has invoiced for an agreement."""
        found = (i.amount for i in self.world.money.invoices if i.agreement_id == agreement_id)
        return sum(found, Decimal())

    def _snapshot(self) -> AgreementSnapshot:
        return AgreementSnapshot(
            agreement=Agreement.model_validate(
                {
                    "agreement_id": self.agreement.id,
                    "offer_id": self.agreement.offer_id,
                    "buyer_account": self.agreement.acceptor,
                    "status": self.agreement.status,
                    "accepted_at": self.agreement.accepted_at,
                    "starts_at": self.agreement.start,
                    "ends_at": self.agreement.end,
                }
            ),
            invoiced=self.invoiced(self.agreement.id),
        )

    def _propose(self) -> Proposal:
        requested = {name: value for name, value in self.given.items() if name in AMENDMENT_FIELDS}
        snapshot = self._snapshot()
        self.original = OriginalOffer(agreement=snapshot.agreement, terms=self.terms)
        return propose(self.original, snapshot, requested, Policy(), self.today)

    @property
    def known(self) -> dict[str, Any]:
        """The values from which the amendment is drafted."""
        overrides = {n: v for n, v in self.given.items() if n not in AMENDMENT_FIELDS}
        return facts() | self.proposal.facts | overrides

    def report(self) -> PreflightReport:
        """Preflight's report on the amendment."""
        deal = Deal(
            marketplace=Marketplace(product=PRODUCT),
            amends=AmendmentDeal(
                original=self.original,
                snapshot=self._snapshot(),
                pricing=self.proposal.pricing,
                findings=self.proposal.findings,
            ),
        )
        return preflight(draft(self.known, Policy(), self.today), deal, Policy(), self.today, {})

    def aws_errors(self, amendment: OfferTerms) -> list[str]:
        """AWS's error codes for the amendment; none if the offer is created."""
        changes = create_offer(amendment, "amendment", self.today, replaces=self.agreement.id)
        return aws_errors(self.world, changes)


currencies = st.sampled_from(["USD", "EUR", "JPY"])
small = st.integers(1, 500).map(str)


@st.composite
def original_offers(draw: st.DrawFn) -> dict[str, Any]:
    """Terms with which AWS creates an offer."""
    currency = draw(currencies)
    later = st.integers(11, 364) | st.integers(11, 20)
    if draw(st.booleans()):
        kinds = ["platform", "seats", "seats x 2", "platform; seats x 3"]
        price = {"amount": draw(small), "currency": currency}
        start = draw(st.none() | later.map(day))
        return {"price": price, "dimensions": draw(st.sampled_from(kinds)), "starts_on": start}
    due = [*draw(st.lists(st.integers(0, 10), max_size=1)), *draw(st.sets(later, max_size=4))]
    assume(due)
    charges = {day(number): draw(small | st.just("0")) for number in due}
    total = sum(map(int, charges.values()))
    assume(total)
    return {
        "price": {"amount": str(total), "currency": currency},
        "payment_schedule": [{"on": on, "amount": amount} for on, amount in charges.items()],
        "net_payment_days": draw(st.sampled_from([None, 30])),
    }


days = st.integers(0, 500).map(day)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "agreement_end": days,
    "availability_end": days,
    "payment_schedule": st.lists(st.fixed_dictionaries({"on": days, "amount": small}), max_size=2),
    "dimensions": st.sampled_from(
        [
            [{"key": "platform", "quantity": 1}],
            [{"key": "seats", "quantity": 5}],
            [{"key": "other", "quantity": 1}],
        ]
    ),
    "net_payment_days": st.sampled_from([15, 31]),
    "offer_name": st.sampled_from(["Amended", "a <b>"]),
    "starts_on": days,
    "renewal": st.just("External"),
    "price": st.fixed_dictionaries({"amount": small, "currency": currencies}),
}


@st.composite
def override_terms(draw: st.DrawFn) -> dict[str, Any]:
    """Some given terms, close to the proposal or far from it."""
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=3, unique=True))
    return {name: draw(FIELDS[name]) for name in names}


@st.composite
def cases(draw: st.DrawFn, overrides: st.SearchStrategy[dict[str, Any]]) -> Case:
    """An amendment of an accepted offer, on any day of the agreement."""
    original_terms = draw(original_offers())
    requested: dict[str, Any] = {}
    if draw(st.booleans()):
        requested["additional_amount"] = {
            "amount": draw(small),
            "currency": original_terms["price"]["currency"],
        }
    if unpaid_action := draw(st.sampled_from(["carry", "carry", "drop", None])):
        requested["unpaid_installments"] = unpaid_action
    after = draw(st.integers(0, 364) | st.integers(0, 12) | st.integers(360, 364))
    status = draw(st.sampled_from(["ACTIVE"] * 9 + ["CANCELLED"]))
    accepted_after = draw(st.integers(0, min(after, 10)))
    return Case(original_terms, after, requested | draw(overrides), status, accepted_after)


fast = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
UPFRONT = {"price": {"amount": "120", "currency": "USD"}}
SCHEDULED = {
    "price": {"amount": "120", "currency": "USD"},
    "payment_schedule": [{"on": day(n), "amount": "40"} for n in (0, 184, 364)],
}
FIVE = {"additional_amount": {"amount": "5", "currency": "USD"}}


@fast
@given(cases(st.just({})))
@example(Case(UPFRONT, 0, {}))
@example(Case(UPFRONT, 363, FIVE))
@example(Case(SCHEDULED, 0, {"unpaid_installments": "carry", **FIVE}))
@example(Case(SCHEDULED, 183, {"unpaid_installments": "carry", **FIVE}))
@example(Case(SCHEDULED, 184, {"unpaid_installments": "carry", **FIVE}))
@example(Case(SCHEDULED, 363, {"unpaid_installments": "drop"}))
def test_proposed_amendment_is_valid_in_aws_or_blocked_for_its_dates(
    case: Case,
) -> None:
    sale = AcceptedOffer(case)
    found = sale.report()
    if not found.has_refusal:
        assert found.terms is not None
        assert sale.aws_errors(found.terms) == []
        return
    blocking = {each.code for each in found.findings if each.severity == "refuse"}
    no_days_left = {"charged-twice", "charges-before-expiry", "end-before-expiry"}
    assert blocking <= no_days_left | {
        "charge-after-end",
        "unpaid-instalments",
        "agreement-not-active",
        "agreement-over-first",
    }


@fast
@given(cases(override_terms()), st.integers(0, 400))
@example(Case(SCHEDULED, 1, {"unpaid_installments": "carry", "availability_end": day(184)}), 400)
@example(Case(SCHEDULED, 1, {"unpaid_installments": "drop", "availability_end": day(184)}), 400)
@example(Case(SCHEDULED, 184, {"unpaid_installments": "carry", **FIVE}), 400)
@example(Case(UPFRONT, 183, {"agreement_end": day(400), "availability_end": day(365)}), 400)
def test_amendment_that_passes_preflight_is_accepted_and_charged_once(
    case: Case, wait: int
) -> None:
    sale = AcceptedOffer(case)
    found = sale.report()
    if found.has_refusal:
        return
    assert found.terms is not None
    before = sale.invoiced(sale.agreement.id)
    assert sale.aws_errors(found.terms) == []
    (offer,) = [each for each in sale.world.aws.offers.values() if each.replaces_agreement]
    last = end_of_day(found.terms.availability_end)
    sale.advance_to(min(last, sale.world.now() + timedelta(days=wait)))
    new = buyers.accept(sale.world, offer.id, BUYER)
    sale.advance_to(sale.world.now() + timedelta(days=900))
    assert sale.invoiced(sale.agreement.id) == before, (
        "the agreement was charged after the amendment was created"
    )
    assert sale.invoiced(new.id) == found.terms.price.amount == new.value


@fast
@given(cases(override_terms()))
@example(Case(SCHEDULED, 1, {"unpaid_installments": "carry", "availability_end": day(364)}))
@example(Case(UPFRONT, 1, {"payment_schedule": [{"on": day(1), "amount": "120"}]}))
@example(Case(SCHEDULED, 1, {"unpaid_installments": "carry"}, "CANCELLED"))
@example(Case(SCHEDULED, 1, {"unpaid_installments": "carry", "starts_on": day(90)}))
def test_preflight_rejects_what_aws_rejects(case: Case) -> None:
    sale = AcceptedOffer(case)
    found = sale.report()
    codes = sale.aws_errors(unchecked_amendment(sale))
    if codes:
        assert found.has_refusal, f"AWS rejects with {codes}"


def unchecked_amendment(sale: AcceptedOffer) -> OfferTerms:
    """The amendment's terms without validation."""
    known = to_jsonable_python(sale.known)
    assert isinstance(known, dict)
    return unchecked_terms(known)


def test_both_results_occur() -> None:
    accepted = AcceptedOffer(Case(SCHEDULED, 1, {"unpaid_installments": "carry"}))
    assert not accepted.report().has_refusal
    assert accepted.aws_errors(unchecked_amendment(accepted)) == []
    rejected = AcceptedOffer(
        Case(SCHEDULED, 1, {"unpaid_installments": "carry", "agreement_end": day(2)})
    )
    assert rejected.report().has_refusal
    assert "INVALID_AVAILABILITY_END_DATE" in rejected.aws_errors(unchecked_amendment(rejected))
