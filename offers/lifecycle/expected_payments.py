"""The money that an offer still has to come."""

from datetime import date

from offers.lifecycle.record import OfferRecord
from offers.payouts.forecast import PaymentTerms, forecast
from offers.stage import Stage

ENDED_AGREEMENT = frozenset({Stage.REPLACED, Stage.TERMINATED})
"""Stages in which nothing more is invoiced."""


def update_expected_payments(record: OfferRecord, today: date) -> None:
    """Put on record what is still to come, and what of it is overdue, as of a UTC day."""
    terms, agreement = record.terms, record.agreement
    if terms is None or agreement is None:
        record.expected_payments = record.overdue = ()
        return
    record.expected_payments = forecast(
        PaymentTerms.of(terms),
        agreement.accepted_at.date(),
        record.payout,
        record.policy.payouts,
        today=today,
        paused_on=record.payouts_paused_on,
        ended=record.stage in ENDED_AGREEMENT,
    )
    record.overdue = tuple(e for e in record.expected_payments if e.overdue_on <= today)
