"""Everything about an offer as labels and texts, for whatever shows it."""

from offers.agreements.agreement import CancellationRequest
from offers.lifecycle.account_confirmation import confirmation_text
from offers.lifecycle.expected_payments import listing_fee_of
from offers.lifecycle.record import Amendment, Decision, OfferRecord, PreviousRevision
from offers.payouts.listing_fee import ListingFee
from offers.payouts.refund import Refund
from offers.terms.terms import OfferTerms
from offers.text import day_text, instant_text

Facts = list[tuple[str, str]]


def facts_of_terms(terms: OfferTerms | None) -> Facts:
    """Of the terms; nothing if there are no legal ones."""
    if terms is None:
        return []
    found = [
        ("Buyer account", terms.accounts),
        ("Offer name", terms.offer_name),
        ("Price", f"{terms.price} {terms.term}, {terms.payment}"),
        ("Dimensions", ", ".join(map(str, terms.dimensions))),
        ("Starts", _period(terms)),
        *(
            (f"Instalment {n}", f"{terms.price.currency} {each.amount:,} on {day_text(each.on)}")
            for n, each in enumerate(sorted(terms.payment_schedule, key=lambda i: i.on), 1)
        ),
        ("Last day", f"{day_text(terms.availability_end)} (UTC)"),
        ("Contract", terms.eula.type),
        ("Note", terms.description),
    ]
    return _known(found)


def _known(facts: list[tuple[str, str | None]]) -> Facts:
    return [(label, value) for label, value in facts if value]


def _period(terms: OfferTerms) -> str | None:
    if terms.starts_on is None or terms.ends_on is None:
        return None
    return f"{day_text(terms.starts_on)} to {day_text(terms.ends_on)}"


def _first(record: OfferRecord) -> str | None:
    agreement = record.agreement
    if agreement is None or agreement.initial_agreement_id == agreement.agreement_id:
        return None
    return agreement.initial_agreement_id


def _renewal(record: OfferRecord) -> str | None:
    """As it was before the last reminder of the agreement's end."""
    offer = record.renewal.offer if record.renewal else None
    return f"{offer.path} ({offer.stage})" if offer else None


def _amendment(amendment: Amendment) -> str:
    return "  ".join(filter(None, (amendment.stage, amendment.offer_id, amendment.agreement_id)))


def _cancellation(request: CancellationRequest | None) -> str | None:
    return f"{request.status}, reason {request.reason_code}" if request else None


def _refund(refund: Refund) -> str:
    """What is refunded, how far it is, and why it was not done."""
    status = f"{refund.status}: {refund.problem}" if refund.problem else str(refund.status)
    parts = [
        f"{refund.amount} of invoice {refund.invoice_id}",
        status,
        refund.adjustment_id,
        f"in the payout data since {day_text(refund.shown_at)}" if refund.shown_at else None,
    ]
    return ", ".join(filter(None, parts))


def _past(past: PreviousRevision) -> str:
    offer = f" ({past.offer_id})" if past.offer_id else ""
    why = "".join(f"\n  {f.field} [{f.seen}]: {f.problem}" for f in past.findings)
    return f"{past.outcome}{offer}, {instant_text(past.ended_at)}{why}"


def _decision(decision: Decision) -> str:
    reason = f": {decision.reason}" if decision.reason else ""
    return f"{decision.finding.code} by {decision.by}, {instant_text(decision.at)}{reason}"


def _fee(fee: ListingFee) -> str:
    if fee.is_certain:
        return f"{fee.fee} ({fee.rates_text}), leaving {fee.net}"
    return f"at most {fee.fee} ({fee.rates_text}), leaving at least {fee.net}"


def facts_of(record: OfferRecord) -> Facts:
    """Of an offer, from the opportunity to the history of its stages."""
    terms, agreement, payout = record.terms, record.agreement, record.payout
    fee = listing_fee_of(record)
    ends_at = agreement.ends_at if agreement else None
    found = [
        ("Opportunity", record.opportunity_id),
        ("Amendment", f"{record.amendment}, of {record.replaces}" if record.amends else None),
        ("Stage", str(record.stage)),
        ("Revision", str(record.revision)),
        ("Company", record.company),
        ("Buyer", record.contacts.buyer_email if record.contacts else None),
        *facts_of_terms(terms),
        ("Account check", confirmation_text(record.account_link, record.account_confirmation)),
        ("Expected fee", _fee(fee) if fee else None),
        ("Expires", instant_text(record.expires_at) if record.expires_at else None),
        ("Change set", record.change_set_id),
        ("Offer", record.offer_id),
        ("Agreement", f"{agreement.agreement_id} ({agreement.status})" if agreement else None),
        ("Accepted", instant_text(agreement.accepted_at) if agreement else None),
        ("Paid out", f"{payout.disbursed} of {payout.gross} gross" if payout else None),
        ("Ends", instant_text(ends_at) if ends_at else None),
        ("Renews", record.renews),
        ("Renewed by", _renewal(record)),
        ("First agreement", _first(record)),
        ("Replaced by", record.replaced_by),
        *((f"Amendment {a.number}", _amendment(a)) for a in record.amendments),
        ("Cancellation", _cancellation(record.cancellation)),
        *((f"Refund {r.number}", _refund(r)) for r in record.refunds),
        ("Cancel reason", record.cancel_reason),
        *(record.pricing.lines if record.pricing else ()),
        *((f"Revision {p.number}", _past(p)) for p in record.previous_revisions),
        *((instant_text(e.at), e.description) for e in record.agreement_events),
        *(("Approved" if d.approved else "Declined", _decision(d)) for d in record.decisions),
        (
            "History",
            "\n".join(f"{instant_text(entry.at)}  {entry.stage}" for entry in record.history),
        ),
    ]
    return _known(found)
