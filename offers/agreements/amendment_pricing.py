"""Amendments: what an agreement-based offer (ABO) must say, and the sums behind it.

On acceptance it replaces the agreement whole: AWS drops every instalment that is not invoiced yet,
and what is invoiced stays (AWS: agreement-based offers).  So its price is what is added now, plus
the unpaid instalments that are carried forward.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import ValidationError

from offers.agreements.agreement import Agreement
from offers.clock import end_of_day
from offers.findings import Finding, Severity, findings_in
from offers.model import FrozenModel
from offers.money import GivenMoney, Money
from offers.policy.policy import Policy
from offers.terms.terms import HIGHEST_PRICE, Instalment, OfferTerms
from offers.text import day_text, shorten


class AmendmentRequest(FrozenModel, extra="forbid"):
    """What is to change in the sums; every other change is one of terms."""

    additional_amount: GivenMoney | None = None
    """What the buyer pays on top, charged at acceptance; None: nothing."""
    unpaid_installments: Literal["carry", "drop"] | None = None
    """What becomes of the instalments that are not invoiced yet; None: not decided yet."""


AMENDMENT_FIELDS = frozenset(AmendmentRequest.model_fields)
"""What can be given for an amendment besides terms."""


class OriginalOffer(FrozenModel):
    """The accepted offer that an amendment changes."""

    number: int = 0
    """0 for the opportunity's own offer, or which amendment it is itself."""
    next_number: int = 1
    """Which amendment of the opportunity this one is."""
    agreement: Agreement
    terms: OfferTerms
    """As they were accepted."""


class AgreementSnapshot(FrozenModel):
    """The agreement as AWS shows it now."""

    agreement: Agreement
    invoiced: Decimal = Decimal()
    """Before tax, so far, in the currency of the contract."""


class AmendmentPricing(FrozenModel):
    """How the price of an amendment comes about."""

    agreed: Money
    """The price of the agreement as it stands."""
    invoiced: Money
    """What AWS has invoiced of it: it stays."""
    unpaid: tuple[Instalment, ...]
    """What AWS drops when the amendment is accepted."""
    unpaid_action: Literal["carry", "drop"] | None
    """What becomes of that; None: not decided yet, or nothing is unpaid."""
    added: Money

    @property
    def carried(self) -> tuple[Instalment, ...]:
        """The unpaid instalments that the amendment takes over."""
        return self.unpaid if self.unpaid_action == "carry" else ()

    @property
    def open(self) -> Money:
        """The sum of what is unpaid."""
        return Money(
            amount=sum((each.amount for each in self.unpaid), Decimal()),
            currency=self.agreed.currency,
        )

    @property
    def total(self) -> Money:
        """The amendment's price."""
        return self.added + self.open if self.unpaid_action == "carry" else self.added

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """Each step of the sum, in words."""
        fate = {"carry": "carried forward", "drop": "given up", None: "undecided"}[
            self.unpaid_action
        ]
        unpaid = [
            (f"Unpaid on {day_text(each.on)}", f"{self.agreed.currency} {each.amount:,}, {fate}")
            for each in self.unpaid
        ]
        return (
            ("Agreed so far", str(self.agreed)),
            ("Invoiced so far", f"{self.invoiced}, stays"),
            *unpaid,
            ("Added", str(self.added)),
            ("Price of the amendment", str(self.total)),
        )


class Proposal(FrozenModel):
    """The terms of an amendment, unless others are given."""

    pricing: AmendmentPricing
    facts: dict[str, Any]
    """Fields of `OfferTerms`."""
    findings: tuple[Finding, ...]


def propose(
    amended: OriginalOffer,
    standing: AgreementSnapshot,
    given: Mapping[str, Any],
    policy: Policy,
    today: date,
) -> Proposal:
    """The terms of an amendment, from what is given of a `Wish`; `today` is a UTC date."""
    wish, findings = _request(given, amended.terms)
    unpaid = due_after(today, amended.terms)
    currency = amended.terms.price.currency
    sums = AmendmentPricing(
        agreed=amended.terms.price,
        invoiced=Money.nearest(standing.invoiced, currency),
        unpaid=unpaid,
        unpaid_action=wish.unpaid_installments if unpaid else None,
        added=wish.additional_amount or Money(amount=Decimal(), currency=currency),
    )
    return Proposal(
        pricing=sums,
        facts=_facts(amended, standing, sums, policy, today),
        findings=(
            *findings,
            # A value that cannot be read has a finding of its own.
            *(_undecided(sums) if given.get("unpaid_installments") is None else ()),
            *_invoices(sums),
        ),
    )


def due_after(day: date, terms: OfferTerms, until: date = date.max) -> tuple[Instalment, ...]:
    """The instalments that fall due after a day, until another one, the first of them first."""
    due = (each for each in terms.payment_schedule if day < each.on <= until and each.amount)
    return tuple(sorted(due, key=lambda each: each.on))


def last_day_in_force(agreement: Agreement) -> date | None:
    """The last day at whose end an agreement is in force: until then it can be amended."""
    if agreement.ends_at is None:
        return None
    day = agreement.ends_at.date()
    return day if end_of_day(day) <= agreement.ends_at else day - timedelta(days=1)


def _request(
    given: Mapping[str, Any], terms: OfferTerms
) -> tuple[AmendmentRequest, tuple[Finding, ...]]:
    try:
        wish = AmendmentRequest.model_validate(given)
    except ValidationError as error:
        findings = findings_in(error)
        illegal = {finding.field.partition(".")[0] for finding in findings}
        legal = {name: value for name, value in given.items() if name not in illegal}
        wish, more = _request(legal, terms)
        return wish, findings + more
    currency = terms.price.currency
    if wish.additional_amount and not (
        wish.additional_amount.currency == currency
        and 0 <= wish.additional_amount.amount <= HIGHEST_PRICE
    ):
        return AmendmentRequest(unpaid_installments=wish.unpaid_installments), (
            Finding(
                field="additional_amount",
                seen=str(wish.additional_amount),
                problem=f"an amendment adds 0 to {HIGHEST_PRICE:,} in {currency}, the currency of"
                " the agreement",
                remedy="Correct it; to make the contract cheaper, drop the unpaid instalments"
                " (unpaid_installments: drop)",
            ),
        )
    return wish, ()


def _facts(
    amended: OriginalOffer,
    standing: AgreementSnapshot,
    sums: AmendmentPricing,
    policy: Policy,
    today: date,
) -> dict[str, Any]:
    terms, ends_at = amended.terms, standing.agreement.ends_at
    end = ends_at.date() if ends_at else terms.agreement_end or terms.ends_on
    last_day = today + timedelta(days=policy.days_to_accept)
    if sums.unpaid:
        # What falls due before the acceptance is invoiced by the agreement as it is, and would be
        # charged again by the amendment.
        last_day = min(last_day, sums.unpaid[0].on - timedelta(days=1))
    if end:
        last_day = min(last_day, end - timedelta(days=1))
    # Where there is no day left, what takes it is the finding, and not the day.
    last_day = max(last_day, today + timedelta(days=1))
    schedule: tuple[Instalment, ...] = ()
    if terms.is_fixed:
        now = Instalment(on=today, amount=sums.added.amount)
        schedule = sums.carried if sums.carried and not now.amount else (now, *sums.carried)
    return {
        "buyer_accounts": (standing.agreement.buyer_account,),
        "company": terms.company,
        "offer_name": f"{_name(terms)} - amendment {amended.next_number}",
        "product_id": terms.product_id,
        "dimensions": terms.dimensions,
        "price": sums.total,
        "payment_schedule": schedule,
        "net_payment_days": terms.net_payment_days,
        "duration_months": terms.duration_months,
        "agreement_end": end,
        "availability_end": last_day,
        "eula": terms.eula,
        # The opportunity's values of these are those of the original sale.
        "starts_on": None,
        "renewal": None,
    }


def _name(terms: OfferTerms) -> str:
    """The name, without its number where it is an amendment's, and so that another one fits."""
    return shorten(re.sub(r" - amendment [0-9]+$", "", terms.offer_name), NAME_ROOM)


NAME_ROOM = 130
"""What is kept of the name, so that the number still fits into it."""


def _undecided(sums: AmendmentPricing) -> Iterator[Finding]:
    if sums.unpaid and sums.unpaid_action is None:
        days = ", ".join(f"{each.amount:,} on {day_text(each.on)}" for each in sums.unpaid)
        yield Finding(
            code="unpaid-instalments",
            field="unpaid_installments",
            seen=f"{sums.agreed.currency} {days}",
            problem="AWS drops these instalments when the amendment is accepted, and it is not"
            " decided whether the amendment charges them",
            remedy="Decide on the unpaid instalments (unpaid_installments): carry charges them by"
            " the amendment, drop waives them",
        )


def _invoices(sums: AmendmentPricing) -> Iterator[Finding]:
    due = sums.agreed - sums.open
    if sums.invoiced != due:
        yield Finding(
            code="invoiced-otherwise",
            severity=Severity.WARN,
            field="unpaid_installments",
            seen=str(sums.invoiced),
            problem=f"AWS shows this as invoiced, and {due} has fallen due",
            remedy="Look at the invoices of the agreement in AWS before approving",
        )
