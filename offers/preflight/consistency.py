"""The rules between terms: what AWS would refuse although each term is legal in itself.

Rules are AWS's (work-with-private-offers) unless another source is named.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from offers.findings import Finding, Severity
from offers.preflight.check import Check
from offers.terms.terms import (
    DOCUMENTED_INSTALMENTS,
    DOCUMENTED_MONTHS,
    OfferTerms,
    contract_end,
)
from offers.text import day_text


def _last_day(terms: OfferTerms, today: date) -> Iterator[Finding]:
    if terms.availability_end <= today:
        yield Finding(
            code="last-day-over",
            field="availability_end",
            seen=terms.availability_end.isoformat(),
            problem=f"the buyer's last day is not after today ({day_text(today)} UTC)",
            remedy="Choose a later day",
        )


def _start(terms: OfferTerms, _: date) -> Iterator[Finding]:
    if terms.starts_on and terms.starts_on <= terms.availability_end:
        yield Finding(
            code="start-before-expiry",
            field="starts_on",
            seen=terms.starts_on.isoformat(),
            problem=f"the contract starts before the last day to accept ({terms.availability_end})",
            remedy="Let it start later, or end the offer earlier",
        )


def _repeated_dimensions(terms: OfferTerms, _: date) -> Iterator[Finding]:
    keys = [dimension.key for dimension in terms.dimensions]
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        yield Finding(
            code="dimension-twice",
            field="dimensions",
            seen=key,
            problem="a dimension is named twice",
            remedy="Name it once, with the whole quantity",
        )


def _long_contract(terms: OfferTerms, _: date) -> Iterator[Finding]:
    """More months than AWS documents: vendors report that it takes them (2026-09)."""
    if terms.duration_months > DOCUMENTED_MONTHS:
        yield Finding(
            code="long-contract",
            severity=Severity.WARN,
            field="duration_months",
            seen=str(terms.duration_months),
            problem=f"AWS's guide names {DOCUMENTED_MONTHS} months as the longest contract; vendors"
            " report that it takes more",
            remedy="See whether AWS creates the offer; if not, make the contract shorter",
        )


def _many_instalments(terms: OfferTerms, _: date) -> Iterator[Finding]:
    """More instalments than AWS documents: vendors report that it takes them (2026-09)."""
    if len(terms.payment_schedule) > DOCUMENTED_INSTALMENTS:
        yield Finding(
            code="many-instalments",
            severity=Severity.WARN,
            field="payment_schedule",
            seen=f"{len(terms.payment_schedule)} instalments",
            problem=f"AWS's guide names {DOCUMENTED_INSTALMENTS} instalments as the most; vendors"
            " report that it takes more",
            remedy="See whether AWS creates the offer; if not, make fewer instalments of them",
        )


def _sum(terms: OfferTerms, _: date) -> Iterator[Finding]:
    total = sum((each.amount for each in terms.payment_schedule), Decimal())
    if terms.payment_schedule and total != terms.price.amount:
        yield Finding(
            code="schedule-sum",
            field="payment_schedule",
            seen=f"{terms.price.currency} {total:,}",
            problem=f"the instalments do not add up to the price ({terms.price})",
            remedy="Correct an instalment or the price",
        )


def _repeated_days(terms: OfferTerms, _: date) -> Iterator[Finding]:
    days = [each.on for each in terms.payment_schedule]
    for day in sorted({day for day in days if days.count(day) > 1}):
        yield Finding(
            code="charge-twice",
            field="payment_schedule",
            seen=day.isoformat(),
            problem="two instalments are due on one day",
            remedy="Make them one, or move one of them",
        )


def _first_charge(terms: OfferTerms, today: date) -> Iterator[Finding]:
    days = sorted(each.on for each in terms.payment_schedule)
    if days and days[0] < today:
        yield Finding(
            code="charge-past",
            field="payment_schedule",
            seen=days[0].isoformat(),
            problem="the first instalment is due in the past",
            remedy=f"Let it be due today ({day_text(today)} UTC) to be charged at acceptance",
        )


def _charges_before_expiry(terms: OfferTerms, today: date) -> Iterator[Finding]:
    days = sorted({each.on for each in terms.payment_schedule})
    if len(days) > 1 and days[1] <= terms.availability_end:
        can_end_earlier = days[1] > today + timedelta(days=1)
        yield Finding(
            code="charges-before-expiry",
            field="payment_schedule",
            seen=days[1].isoformat(),
            problem="only one instalment may be due by the last day to accept"
            f" ({terms.availability_end})",
            remedy="Move the second instalment past it"
            + (", or end the offer earlier" if can_end_earlier else ""),
        )


def _last_charge(terms: OfferTerms, today: date) -> Iterator[Finding]:
    if not terms.payment_schedule:
        return
    last = max(each.on for each in terms.payment_schedule)
    # AWS wants it before the end.  A contract of so many months that starts when it is accepted
    # ends soonest when it is accepted today.
    set_end = terms.agreement_end or terms.ends_on
    latest = set_end - timedelta(days=1) if set_end else contract_end(today, terms.duration_months)
    if last > latest:
        yield Finding(
            code="charge-after-end",
            field="payment_schedule",
            seen=last.isoformat(),
            problem="the last instalment is due after the contract's end",
            remedy=(
                f"Let it be due by {day_text(latest)}, or make the contract longer"
                if latest >= today
                else "Let the contract end later"
            ),
        )


def _agreement_end(terms: OfferTerms, today: date) -> Iterator[Finding]:
    end, soonest = terms.agreement_end, today + timedelta(days=2)
    if end is None or end > terms.availability_end:
        return
    if end < soonest:
        yield Finding(
            code="end-before-expiry",
            field="agreement_end",
            seen=end.isoformat(),
            problem="the agreement ends before a buyer has had a day to accept",
            remedy=f"Let it end on {day_text(soonest)} or later, or make a new offer",
        )
    else:
        yield Finding(
            code="end-before-expiry",
            field="availability_end",
            seen=terms.availability_end.isoformat(),
            problem=f"the agreement ends on {day_text(end)}, not after the last day to accept",
            remedy="End the offer earlier, or the agreement later",
        )


EXTENSION_ROOM = timedelta(days=30)
"""How much later than planned an offer is likely to be extended to (ours)."""


def _extension_trap(terms: OfferTerms, _: date) -> Iterator[Finding]:
    days = sorted({each.on for each in terms.payment_schedule})
    if len(days) > 1 and timedelta() < days[1] - terms.availability_end <= EXTENSION_ROOM:
        yield Finding(
            code="extension-trap",
            severity=Severity.WARN,
            field="payment_schedule",
            seen=days[1].isoformat(),
            problem="the offer can never be extended to the second instalment or past it",
            remedy="If the buyer may need longer, let the second instalment be due later",
        )


def _invoicing(terms: OfferTerms, _: date) -> Iterator[Finding]:
    if terms.is_fixed:
        yield Finding(
            code="needs-invoicing",
            severity=Severity.WARN,
            field="payment_schedule" if terms.payment_schedule else "dimensions",
            problem="AWS builds it with a payment schedule, which has needed a buyer who pays AWS"
            " by invoice",
            remedy="Ask the buyer whether their AWS account is on invoicing",
        )


CHECKS = (
    Check({"availability_end"}, _last_day),
    Check({"duration_months"}, _long_contract),
    Check({"payment_schedule"}, _many_instalments),
    Check({"starts_on", "availability_end"}, _start),
    Check({"dimensions"}, _repeated_dimensions),
    Check({"payment_schedule", "price"}, _sum),
    Check({"payment_schedule"}, _repeated_days),
    Check({"payment_schedule"}, _first_charge),
    Check({"payment_schedule", "availability_end"}, _charges_before_expiry),
    Check({"payment_schedule", "starts_on", "duration_months", "agreement_end"}, _last_charge),
    Check({"agreement_end", "availability_end"}, _agreement_end),
    Check({"payment_schedule", "availability_end"}, _extension_trap),
    Check({"payment_schedule", "dimensions"}, _invoicing),
)
