"""The signed order form, held against what the opportunity says: the two must agree."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field
from pydantic_core import PydanticCustomError

from offers.findings import Finding, Severity, illegal
from offers.model import FrozenModel
from offers.money import CURRENCIES, LONGEST_AMOUNT, number_text, parse_amount, parse_money
from offers.policy.policy import Policy
from offers.policy.rules import Rule
from offers.preflight.check import Check
from offers.terms.parsing import parse_months
from offers.terms.terms import OfferTerms
from offers.text import LONGEST_NAME, clean_code, is_same_name

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
    """What the order form says, as it was read; `sources` names the fields that carry it.

    `opportunity_currency` is that of its amount where no field says another.
    """

    values: dict[OrderFormName, Any] = Field(default_factory=dict)
    sources: dict[OrderFormName, str] = Field(default_factory=dict)
    opportunity_currency: str | None = None

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
    elif not (isinstance(method, str) and is_same_name(method, policy.billing_method)):
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
    given = form.of("amount")
    if given is None:
        return
    try:
        amount, currency = _form_amount(form, given, terms.price.currency)
    except ValueError as error:
        theirs, agreed = f"{_quoted(given)} ({_why(error)})", False
    else:
        theirs = f"{currency} {amount.normalize():,f}"
        agreed = (amount, currency) == (terms.price.amount, terms.price.currency)
    if not agreed:
        yield from _disagreement(
            form,
            "amount",
            policy.rules.order_form,
            field="price",
            ours=str(terms.price),
            theirs=theirs,
        )


def _form_amount(form: OrderForm, given: Any, otherwise: str) -> tuple[Decimal, str]:
    """The amount with its currency; a text may name its own."""
    said = form.of("currency")
    currency = _currency(form.opportunity_currency or otherwise if said is None else said)
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise illegal("it is not an amount", "Correct it")
    if not isinstance(given, str):
        return Decimal(number_text(given)), currency
    if not any(letter.isalpha() for letter in given[:LONGEST_AMOUNT]):
        return parse_amount(given, currency), currency
    money = parse_money(given)
    if said is not None and money["currency"] != currency:
        raise illegal(f"its currency field says {currency}", "Correct one of them")
    return money["amount"], money["currency"]


def _currency(said: Any) -> str:
    code = clean_code(said[:LONGEST_AMOUNT]).upper() if isinstance(said, str) else None
    if code is None or code not in CURRENCIES:
        raise illegal("its currency is none of " + ", ".join(CURRENCIES), "Correct it")
    return code


def _opportunity_currency(terms: OfferTerms, form: OrderForm, _: Policy) -> Iterator[Finding]:
    known = form.opportunity_currency
    if known is not None and known != terms.price.currency:
        yield Finding(
            code="opportunity-currency",
            severity=Severity.WARN,
            field="price",
            seen=str(terms.price),
            problem=f"the opportunity is in {known}, so its fields for amounts stay empty",
            remedy=f"Change its currency to {terms.price.currency} if that is what was agreed",
        )


def _term(terms: OfferTerms, form: OrderForm, policy: Policy) -> Iterator[Finding]:
    given = form.of("duration_months")
    if given is None:
        return
    try:
        months: int | None = parse_months(given)
    except ValueError:
        months = None
    if months != terms.duration_months:
        yield from _disagreement(
            form,
            "duration_months",
            policy.rules.order_form,
            field="duration_months",
            ours=f"{terms.duration_months} months",
            theirs=_quoted(given) if months is None else f"{months:,} months",
        )


def _payment(terms: OfferTerms, form: OrderForm, policy: Policy) -> Iterator[Finding]:
    said = form.of("payment_terms")
    own_rule = policy.rules.payment_terms
    if said is None:
        if form.source("payment_terms") is None and own_rule.action != "off":
            yield _unchecked("payment_terms", own_rule)
        return
    is_text = isinstance(said, str) and len(said) <= LONGEST_TERMS
    text = clean_code(said) if is_text else ""
    net = NET.search(text)
    upfront = bool(UPFRONT.search(text))
    scheduled = bool(SCHEDULED.search(text))
    if not (net or upfront or scheduled) or (upfront and scheduled):
        yield Finding(
            code="order-form-payment-unclear",
            severity=Severity.WARN,
            field="order_form.payment_terms",
            seen=str(said)[:LONGEST_TERMS],
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
            policy.rules.order_form if own_rule.action == "off" else own_rule,
            field="payment_schedule",
            ours=terms.payment,
            theirs=text,
        )


LONGEST_TERMS = 2000
"""Characters of payment terms; what is longer is for a person to read."""

NET = re.compile(r"(?i)\bnet[\s-]{0,3}(\d{1,4})\b")
UPFRONT = re.compile(r"(?i)\bup[\s-]?front\b|\bpre[\s-]?pa(id|y|yment)\b|\bin advance\b")
SCHEDULED = re.compile(
    r"(?i)\binstal+ments?\b|\bquarterly\b|\bmonthly\b|\bschedule\b|\bsemi-?annual"
)
"""How payment terms are commonly worded (ours)."""


def _company(terms: OfferTerms, form: OrderForm, policy: Policy) -> Iterator[Finding]:
    company = form.of("company")
    if company is not None and not (
        isinstance(company, str) and is_same_name(company, terms.company)
    ):
        yield from _disagreement(
            form,
            "company",
            policy.rules.order_form_company,
            field="company",
            ours=terms.company,
            theirs=str(company)[:LONGEST_NAME],
        )


CHECKS = (
    Check({"price"}, _amount),
    Check({"price"}, _opportunity_currency),
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


def _quoted(value: Any) -> str:
    return repr(str(value)[:40])


def _why(error: Exception) -> str:
    context = error.context if isinstance(error, PydanticCustomError) else None
    return str((context or {}).get("problem", "it is not an amount"))
