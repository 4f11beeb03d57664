"""What is held against the terms of an amendment: they replace those of an agreement in force.

Rules are AWS's (agreement-based offers) unless another source is named.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from offers.agreements.agreement import AgreementStatus
from offers.agreements.amendment_pricing import (
    AgreementSnapshot,
    OriginalOffer,
    due_after,
    last_day_in_force,
)
from offers.findings import Finding, Severity
from offers.policy.policy import Policy
from offers.preflight.check import Check
from offers.terms.terms import OfferTerms
from offers.text import day_text, instant_text


def _agreement(
    _: OfferTerms, __: OriginalOffer, standing: AgreementSnapshot, *___: object
) -> Iterator[Finding]:
    agreement = standing.agreement
    if agreement.status is not AgreementStatus.ACTIVE:
        yield Finding(
            code="agreement-not-active",
            field="agreement",
            seen=agreement.agreement_id,
            problem=f"the agreement is {agreement.status}, and only an active one can be amended",
            remedy="Cancel the amendment; make a new offer if the deal is on",
        )


def _kinds(terms: OfferTerms, amended: OriginalOffer, *_: object) -> Iterator[Finding]:
    if terms.is_fixed != amended.terms.is_fixed:
        was = "fixed quantities, paid by a schedule" if amended.terms.is_fixed else "one dimension"
        yield Finding(
            code="other-kind-of-price",
            field="dimensions",
            seen=", ".join(map(str, terms.dimensions)),
            problem=f"the agreement was sold as {was}, and an amendment may not add or remove kinds"
            " of terms",
            remedy="Keep to that form, or end the agreement and make a new offer",
        )


def _starts(
    _: OfferTerms, __: OriginalOffer, standing: AgreementSnapshot, ___: Policy, today: date
) -> Iterator[Finding]:
    start = standing.agreement.starts_at.date()
    if start > today:
        yield Finding(
            code="starts-at-acceptance",
            severity=Severity.WARN,
            field="agreement",
            seen=start.isoformat(),
            problem="the agreement starts on this day, and an amendment when the buyer accepts it",
            remedy="Tell the buyer, or wait until it has started",
        )


def _end(terms: OfferTerms, *_: object) -> Iterator[Finding]:
    if terms.agreement_end is None:
        yield Finding(
            code="no-agreement-end",
            field="agreement_end",
            problem="AWS wants to know on which day an amended agreement ends, and shows no end of"
            " this one",
            remedy="Give its last day, such as agreement_end=2027-12-31",
        )


def _same_deal(
    terms: OfferTerms, amended: OriginalOffer, standing: AgreementSnapshot, *_: object
) -> Iterator[Finding]:
    account = standing.agreement.buyer_account
    for field, is_same, seen, what in (
        (
            "buyer_accounts",
            terms.buyer_accounts == (account,),
            terms.accounts,
            f"account {account}",
        ),
        (
            "price",
            terms.price.currency == amended.terms.price.currency,
            str(terms.price),
            f"the currency {amended.terms.price.currency}",
        ),
        (
            "product_id",
            terms.product_id == amended.terms.product_id,
            terms.product_id,
            f"the product {amended.terms.product_id}",
        ),
        ("starts_on", terms.starts_on is None, str(terms.starts_on), "a start at acceptance"),
    ):
        if not is_same:
            yield Finding(
                code="not-amendable",
                field=field,
                seen=seen,
                problem=f"an amendment keeps {what}",
                remedy="Leave it out",
            )


def _charged_twice(
    terms: OfferTerms, amended: OriginalOffer, _: AgreementSnapshot, __: Policy, today: date
) -> Iterator[Finding]:
    carried = {each.on for each in terms.payment_schedule if each.amount}
    for each in due_after(today, amended.terms, until=terms.availability_end):
        day, eve = day_text(each.on), each.on - timedelta(days=1)
        yield Finding(
            code="charged-twice",
            field="availability_end",
            seen=terms.availability_end.isoformat(),
            problem=f"the instalment of {day} falls due by the last day to accept: the agreement as"
            " it is would charge it first"
            + (", and the amendment again" if each.on in carried else ""),
            remedy=(
                f"Let the buyer accept until {day_text(eve)} at the latest"
                if eve > today
                else f"Wait, and resume from {day} on, once AWS has invoiced it"
            ),
        )


def _outlived(
    terms: OfferTerms, _: OriginalOffer, standing: AgreementSnapshot, __: Policy, today: date
) -> Iterator[Finding]:
    last, ends_at = last_day_in_force(standing.agreement), standing.agreement.ends_at
    if last and ends_at and terms.availability_end > last:
        yield Finding(
            code="agreement-over-first",
            field="availability_end",
            seen=terms.availability_end.isoformat(),
            problem=f"the agreement ends at {instant_text(ends_at)}, and"
            " only until then can the buyer accept what amends it",
            remedy=(
                f"Let the buyer accept until {day_text(last)} at the latest"
                if last > today
                else "It is too late to amend it: make a new offer once it has ended"
            ),
        )


CONFIRMED = "amendment"
"""The code of the finding by which somebody confirms the pricing."""


def _confirmed(
    terms: OfferTerms, amended: OriginalOffer, _: AgreementSnapshot, policy: Policy, __: date
) -> tuple[Finding, ...]:
    return policy.rules.amendment.violation(
        CONFIRMED,
        "price",
        f"it replaces agreement {amended.agreement.agreement_id}, and no order form field says what"
        " was agreed",
        "Compare the sums with what the customer signed, then approve",
        seen=f"{terms.price} {terms.term}, {terms.payment}",
    )


def _invoicing(*_: object) -> Iterator[Finding]:
    yield Finding(
        code="needs-invoicing",
        severity=Severity.WARN,
        field="agreement",
        problem="AWS lets only a buyer who pays by invoice accept an upgrade",
        remedy="Ask the buyer whether their AWS account is on invoicing",
    )


CHECKS = (
    Check((), _agreement),
    Check((), _starts),
    Check({"agreement_end"}, _end),
    Check({"dimensions", "payment_schedule"}, _kinds),
    Check({"buyer_accounts", "price", "product_id", "starts_on"}, _same_deal),
    Check({"payment_schedule", "availability_end"}, _charged_twice),
    Check({"availability_end"}, _outlived),
    Check({"price", "agreement_end"}, _confirmed),
    Check((), _invoicing),
)
