"""The selling rules, held against the terms alone."""

from datetime import date

from offers.findings import Finding, Severity
from offers.money import Money
from offers.policy.policy import Policy
from offers.preflight.check import Check
from offers.terms.terms import OfferTerms


def _annual(terms: OfferTerms, policy: Policy, _: date) -> tuple[Finding, ...]:
    if terms.duration_months == policy.duration_months:
        return ()
    return policy.rules.annual.violation(
        "not-annual",
        "duration_months",
        f"a contract lasts {policy.duration_months} months",
        "Correct the duration, or have the exception approved",
        seen=str(terms.duration_months),
    )


def _upfront(terms: OfferTerms, policy: Policy, _: date) -> tuple[Finding, ...]:
    if not terms.payment_schedule:
        return ()
    return policy.rules.upfront.violation(
        "not-upfront",
        "payment_schedule",
        "the price is not paid up front",
        "Remove the payment schedule, or have the exception approved",
        seen="; ".join(f"{each.on} {each.amount:,}" for each in terms.payment_schedule),
    )


def _minimum(terms: OfferTerms, policy: Policy, _: date) -> tuple[Finding, ...]:
    least = policy.minimum_price.get(terms.price.currency)
    if least is None:
        return (
            Finding(
                code="no-minimum",
                severity=Severity.WARN,
                field="price",
                seen=str(terms.price),
                problem=f"the policy has no minimum in {terms.price.currency}",
                remedy="Judge by hand whether the price is high enough",
                rule=policy.rules.minimum.text,
            ),
        )
    if terms.price.amount >= least:
        return ()
    return policy.rules.minimum.violation(
        "below-minimum",
        "price",
        f"the price is below {Money.nearest(least, terms.price.currency)}",
        "Raise the price, or have the exception approved",
        seen=str(terms.price),
    )


def _days_to_accept(terms: OfferTerms, policy: Policy, today: date) -> tuple[Finding, ...]:
    if (terms.availability_end - today).days <= policy.days_to_accept:
        return ()
    return policy.rules.days_to_accept.violation(
        "long-to-accept",
        "availability_end",
        f"the buyer has more than {policy.days_to_accept} days to accept",
        "Choose an earlier day unless the deal needs it",
        seen=terms.availability_end.isoformat(),
    )


def _payment_terms(terms: OfferTerms, policy: Policy, _: date) -> tuple[Finding, ...]:
    if terms.net_payment_days is not None:
        return ()
    return policy.rules.payment_terms.violation(
        "no-payment-terms",
        "net_payment_days",
        "the offer has no payment terms, so the buyer's default at AWS holds",
        "Give the days of the order form, such as net_payment_days=30",
    )


def _start_date(terms: OfferTerms, policy: Policy, _: date) -> tuple[Finding, ...]:
    if terms.agreement_end is not None or bool(terms.renewal) == bool(terms.starts_on):
        return ()
    if terms.starts_on:
        problem = "a new contract starts when it is accepted, and this one starts later"
        remedy = "Remove the first day, or have the exception approved"
    else:
        problem = "a renewal starts on the day after the earlier end, and this one at acceptance"
        remedy = "Give the day after the earlier end as the first day"
    return policy.rules.start_date.violation(
        "start-date",
        "starts_on",
        problem,
        remedy,
        seen=terms.starts_on.isoformat() if terms.starts_on else None,
    )


CHECKS = (
    Check({"duration_months"}, _annual),
    Check({"payment_schedule"}, _upfront),
    Check({"price"}, _minimum),
    Check({"availability_end"}, _days_to_accept),
    Check({"net_payment_days"}, _payment_terms),
    Check({"starts_on", "renewal"}, _start_date),
)
