"""The money that an offer still has to come, and AWS's part of it."""

from datetime import date

from offers.lifecycle.record import OfferRecord
from offers.payouts.forecast import PaymentTerms, forecast
from offers.payouts.listing_fee import ListingFee, expected_fee
from offers.stage import Stage

ENDED_AGREEMENT = frozenset({Stage.REPLACED, Stage.TERMINATED})
"""Stages in which nothing more is invoiced."""


def listing_fee_of(record: OfferRecord) -> ListingFee | None:
    """The fee that AWS is expected to keep; None while there are no legal terms."""
    if record.terms is None:
        return None
    return expected_fee(
        record.terms,
        record.policy.listing_fees,
        buyer_country=record.contacts.buyer_country if record.contacts else None,
        accepted_on=record.agreement.accepted_at.date() if record.agreement else None,
    )


def payment_terms_of(record: OfferRecord) -> PaymentTerms | None:
    """What decides when its money comes; None while there are no legal terms."""
    fee = listing_fee_of(record)
    return PaymentTerms.of(record.terms, fee) if record.terms and fee else None


def update_expected_payments(record: OfferRecord, today: date) -> None:
    """Put on record what is still to come, and what of it is overdue, as of a UTC day."""
    terms, agreement = payment_terms_of(record), record.agreement
    if terms is None or agreement is None:
        record.expected_payments = record.overdue = ()
        return
    record.expected_payments = forecast(
        terms,
        agreement.accepted_at.date(),
        record.payout,
        record.policy.payouts,
        today=today,
        paused_on=record.payouts_paused_on,
        ended=record.stage in ENDED_AGREEMENT,
    )
    record.overdue = tuple(e for e in record.expected_payments if e.overdue_on <= today)
