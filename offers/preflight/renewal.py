"""A deal that renews an earlier contract, held against that contract's agreement in AWS."""

from collections.abc import Iterator
from datetime import date

from offers.agreements.agreement import Agreement, AgreementStatus
from offers.agreements.renewal import day_after
from offers.findings import Finding, Severity
from offers.model import FrozenModel
from offers.policy.policy import Policy
from offers.preflight.check import Check
from offers.terms.terms import OfferTerms
from offers.text import day_text, instant_text

FLAG = {"channel": "AwsMarketplace"}
"""The renewal flag of a deal that renews an agreement in AWS Marketplace."""


class Renewal(FrozenModel):
    """What a deal renews."""

    agreement: Agreement | None = None
    """The earlier agreement; None if it could not be found."""
    findings: tuple[Finding, ...] = ()
    """Why not."""


def not_found(seen: str, problem: str, remedy: str) -> Renewal:
    """A renewal whose earlier agreement cannot be found."""
    return Renewal(
        findings=(
            Finding(
                code="renewal-unknown", field="renews", seen=seen, problem=problem, remedy=remedy
            ),
        )
    )


def _account(terms: OfferTerms, earlier: Agreement, policy: Policy, _: date) -> Iterator[Finding]:
    if earlier.buyer_account not in terms.buyer_accounts:
        yield from policy.rules.renewal.violation(
            "renewal-account",
            "buyer_accounts",
            f"the agreement that it renews ({earlier.agreement_id}) is with account"
            f" {earlier.buyer_account}",
            "Offer it to that account, or ask the buyer why they change it",
            seen=terms.accounts,
        )


def _status(_: OfferTerms, earlier: Agreement, policy: Policy, __: date) -> Iterator[Finding]:
    if earlier.status is AgreementStatus.ACTIVE:
        return
    yield from policy.rules.renewal.violation(
        "renewal-ended",
        "renews",
        f"the agreement that it renews is {earlier.status} already"
        + (f", its end is {day_text(earlier.ends_at)}" if earlier.ends_at else ""),
        "Name the agreement that took its place"
        if earlier.status in (AgreementStatus.REPLACED, AgreementStatus.RENEWED)
        else "Ask the buyer whether this is a renewal or a new sale",
        seen=earlier.agreement_id,
    )


def _start(terms: OfferTerms, earlier: Agreement, policy: Policy, today: date) -> Iterator[Finding]:
    if earlier.ends_at is None:
        return
    due, is_active = day_after(earlier.ends_at), earlier.status is AgreementStatus.ACTIVE
    start = terms.starts_on or today
    starts = f"on {day_text(terms.starts_on)}" if terms.starts_on else "when it is accepted"
    problem = f"it starts {starts}, and the agreement that it renews ends on"
    problem += f" {instant_text(earlier.ends_at)}"
    seen = f"{terms.starts_on}" if terms.starts_on else None
    if is_active and start < due:
        yield from policy.rules.active_agreement.violation(
            "renewal-overlap", "starts_on", problem, f"Let it start on {day_text(due)}", seen=seen
        )
    elif start > due:
        yield from policy.rules.renewal.violation(
            "renewal-gap",
            "starts_on",
            f"{problem}: there is no contract in between",
            f"Let it start on {day_text(due)}"
            if due > today
            else "Ask the buyer whether that is agreed, or whether it is a new sale",
            seen=seen,
        )


def _price(terms: OfferTerms, earlier: Agreement, _: Policy, __: date) -> Iterator[Finding]:
    if earlier.value is None or earlier.value == terms.price:
        return
    change = ""
    if earlier.value.currency == terms.price.currency and earlier.value.amount:
        share = (terms.price.amount - earlier.value.amount) / earlier.value.amount
        change = f" ({share:+.1%})"
    term = day_text(earlier.starts_at)
    term += f" to {day_text(earlier.ends_at)}" if earlier.ends_at else ""
    yield Finding(
        code="renewal-price",
        severity=Severity.WARN,
        field="price",
        seen=str(terms.price),
        problem=f"the price changes{change}: the agreement that it renews has the value"
        f" {earlier.value} ({term}), this one {terms.price} {terms.term}",
        remedy="Nothing is to be done if that is what was agreed",
    )


CHECKS = (
    Check({"buyer_accounts"}, _account),
    Check((), _status),
    Check({"starts_on"}, _start),
    Check({"price", "duration_months"}, _price),
)
