"""The money that an offer still has to come."""

from datetime import date

from offers.lifecycle.record import OfferRecord
from offers.payouts.forecast import forecast
from offers.payouts.listing_fee import expected_fee
from offers.stage import Stage


def update_expected_payments(record: OfferRecord, today: date) -> None:
    """Put on record what is still to come, and what of it is overdue, as of a UTC day."""
    terms, agreement = record.terms, record.agreement
    if terms is None or agreement is None:
        record.expected_payments = record.overdue = ()
        return
    record.expected_payments = forecast(
        terms,
        expected_fee(terms),
        agreement.accepted_at.date(),
        record.payout,
        record.policy.payouts,
        today=today,
        paused_on=record.payouts_paused_on,
        ended=record.stage in (Stage.REPLACED, Stage.TERMINATED),
    )
    record.overdue = tuple(e for e in record.expected_payments if e.overdue_on <= today)
