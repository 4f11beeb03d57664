"""The signed order form, held against what the opportunity says: the two must agree."""

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from pydantic import Field

from offers.findings import Finding, Severity
from offers.model import FrozenModel
from offers.policy.policy import Policy
from offers.policy.rules import Rule
from offers.preflight.check import Check
from offers.terms.terms import OfferTerms
from offers.text import is_same_name

OrderFormName = Literal[
    "signed",
    "billing_method",
    "amount",
    "currency",
    "duration_months",
    "payment_terms",
    "company",
]
"""What an order form says."""


class OrderForm(FrozenModel):
    """What the order form says, as it was read; `sources` names the fields that carry it."""

    values: dict[OrderFormName, Any] = Field(default_factory=dict)
    sources: dict[OrderFormName, str] = Field(default_factory=dict)

    def of(self, name: OrderFormName) -> Any:
        """A value; None where the form says nothing."""
        return self.values.get(name)

    def source(self, name: OrderFormName) -> str | None:
        """The field that carries a value; None where no field does."""
        return self.sources.get(name)


def signature(form: OrderForm, policy: Policy) -> Iterator[Finding]:
    """Whether it is signed, with our marketplace as its billing method."""
    if form.source("signed") is None:
        yield _unchecked("signed", policy.rules.signed_order_form)
    elif form.of("signed") is not True:
        yield from _from(
            form,
            "signed",
            policy.rules.signed_order_form.violation(
                "order-form-unsigned",
                "order_form.signed",
                "the order form is not signed",
                "Have the customer sign it first",
            ),
        )
    method = form.of("billing_method")
    if form.source("billing_method") is None:
        yield _unchecked("billing_method", policy.rules.billing_method)
    elif not is_same_name(str(method or ""), policy.billing_method):
        yield from _from(
            form,
            "billing_method",
            policy.rules.billing_method.violation(
                "billing-method",
                "order_form.billing_method",
                f"the customer did not choose {policy.billing_method} on the order form",
                "Sell it otherwise, or correct the order form with the customer",
                seen=None if method is None else str(method),
            ),
        )


def _amount(terms: OfferTerms, form: OrderForm, policy: Policy) -> Iterator[Finding]:
    amount = _number(form.of("amount"))
    currency = form.of("currency") or terms.price.currency
    if amount is not None and (amount, currency) != (terms.price.amount, terms.price.currency):
        yield from _disagreement(
            form,
            "amount",
            policy.rules.order_form,
            field="price",
            ours=str(terms.price),
            theirs=_said(amount, form.of("amount"), f"{currency} "),
        )


def _term(terms: OfferTerms, form: OrderForm, policy: Policy) -> Iterator[Finding]:
    months = _number(form.of("duration_months"))
    if months is not None and months != terms.duration_months:
        yield from _disagreement(
            form,
            "duration_months",
            policy.rules.order_form,
            field="duration_months",
            ours=f"{terms.duration_months} months",
            theirs=_said(months, form.of("duration_months"), "") + " months",
        )


def _payment(terms: OfferTerms, form: OrderForm, policy: Policy) -> Iterator[Finding]:
    said = form.of("payment_terms")
    if said is None:
        return
    text = str(said)
    net = re.search(r"(?i)\bnet[\s-]*(\d{1,4})\b", text)
    upfront = bool(UPFRONT.search(text))
    scheduled = bool(SCHEDULED.search(text))
    if not (net or upfront or scheduled) or (upfront and scheduled):
        yield Finding(
            code="order-form-payment-unclear",
            severity=Severity.WARN,
            field="order_form.payment_terms",
            seen=text,
            problem="only a person can judge whether this is how the offer is paid"
            f" ({terms.payment})",
            remedy="Read the order form",
            source=form.source("payment_terms"),
        )
        return
    agreed = (
        (not upfront or not terms.payment_schedule)
        and (not scheduled or bool(terms.payment_schedule))
        and (not net or int(net[1]) == terms.net_payment_days)
    )
    if not agreed:
        yield from _disagreement(
            form,
            "payment_terms",
            policy.rules.order_form,
            field="payment_schedule",
            ours=terms.payment,
            theirs=text,
        )


UPFRONT = re.compile(r"(?i)\bup[\s-]?front\b|\bpre[\s-]?pa(id|y|yment)\b|\bin advance\b")
SCHEDULED = re.compile(
    r"(?i)\binstal+ments?\b|\bquarterly\b|\bmonthly\b|\bschedule\b|\bsemi-?annual"
)
"""How payment terms are commonly worded (ours)."""


def _company(terms: OfferTerms, form: OrderForm, policy: Policy) -> Iterator[Finding]:
    company = form.of("company")
    if company is not None and not is_same_name(str(company), terms.company):
        yield from _disagreement(
            form,
            "company",
            policy.rules.order_form_company,
            field="company",
            ours=terms.company,
            theirs=str(company),
        )


CHECKS = (
    Check({"price"}, _amount),
    Check({"duration_months"}, _term),
    Check({"payment_schedule", "net_payment_days"}, _payment),
    Check({"company"}, _company),
)


def _disagreement(
    form: OrderForm, name: OrderFormName, rule: Rule, *, field: str, ours: str, theirs: str
) -> tuple[Finding, ...]:
    where = f" ({form.source(name)})" if form.source(name) else ""
    return rule.violation(
        f"order-form-{name.replace('_', '-')}",
        field,
        f"the signed order form says {theirs}{where}",
        "Find out which of the two is right and correct the other",
        seen=ours,
    )


def _unchecked(name: OrderFormName, rule: Rule) -> Finding:
    return Finding(
        code="order-form-unknown",
        severity=Severity.WARN,
        field=f"order_form.{name}",
        problem="the field map names no field that says so",
        remedy=f"Look at the order form, and add {name} to [order_form] in the field map",
        rule=rule.text,
    )


def _from(form: OrderForm, name: OrderFormName, findings: tuple[Finding, ...]) -> Iterator[Finding]:
    for finding in findings:
        yield finding.model_copy(update={"source": form.source(name)})


def _number(value: Any) -> Decimal | None:
    """A number, or not-a-number, which agrees with none."""
    try:
        number = None if value is None else Decimal(str(value))
    except (InvalidOperation, ValueError):
        number = NO_NUMBER
    if number is None or (number.is_finite() and number.adjusted() < MOST_DIGITS):
        return number
    return NO_NUMBER


NO_NUMBER = Decimal("NaN")
MOST_DIGITS = 15
"""Before the point; no contract has a higher amount, or is longer."""


def _said(number: Decimal, value: Any, unit: str) -> str:
    return f"{unit}{number.normalize():,f}" if number.is_finite() else f"{str(value)[:40]!r}"
