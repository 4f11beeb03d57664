"""Agreements: creation, end, replacement, and roll-back or renewal by AWS."""

from datetime import date, timedelta
from typing import Any

from sandbox.aws.eventbridge import marketplace_events
from sandbox.aws.marketplace_state import Agreement, Offer
from sandbox.billing import data_feed, invoicing
from sandbox.marketplace import offer_terms
from sandbox.random_ids import new_id
from sandbox.world import World

DATE_FIELDS = ("ChargeDate", "AgreementStartDate", "AgreementEndDate")


class AgreementNotActive(Exception):
    """Only an ACTIVE agreement can be rolled back or renewed; the message has the status."""


def create(world: World, offer: Offer, account: str) -> Agreement:
    """Create the agreement for an accepted offer.  It ends the one that it replaces or renews."""
    now = world.now()
    previous = world.aws.agreements.get(offer.replaces_agreement or offer.renews_agreement or "")
    start = offer_terms.agreement_start(offer.terms, now)
    agreement_id = new_id("agmt-", 25)
    agreement = Agreement(
        id=agreement_id,
        offer_id=offer.id,
        product_id=offer.product_id,
        acceptor=account,
        accepted_at=now,
        start=start,
        end=offer_terms.agreement_end(offer.terms, start),
        value=offer_terms.contract_value(offer.terms),
        currency=offer_terms.currency(offer.terms),
        terms=offer.terms,
        initial_agreement_id=previous.initial_agreement_id if previous else agreement_id,
        last_update=now,
    )
    invoicing.schedule_invoices(world, agreement, offer)
    world.aws.agreements[agreement.id] = agreement
    marketplace_events.send_agreement_created(world, agreement, offer)
    if previous:
        agreement.replaces, previous.replaced_by = previous.id, agreement.id
        end(world, previous, "REPLACED" if offer.replaces_agreement else "RENEWED")
    data_feed.record_revision(world, agreement)
    world.schedule(agreement.end, lambda _: end(world, agreement, "EXPIRED"))
    return agreement


def end(world: World, agreement: Agreement, status: str) -> None:
    """End an agreement, unless it has ended already.  It gets no more invoices."""
    if agreement.status != "ACTIVE":
        return
    _set_status(world, agreement, status)
    marketplace_events.send_agreement_ended(world, agreement)
    # ASSUMED: a pending cancellation request fails its validation.
    if request := world.aws.pending_cancellation(agreement.id):
        request.set_result("VALIDATION_FAILED", f"The agreement is {status}.", world.now())
        marketplace_events.send_cancellation_changed(world, request)


def _set_status(world: World, agreement: Agreement, status: str) -> None:
    agreement.status = status
    agreement.last_update = world.now()
    data_feed.record_revision(world, agreement)


def roll_back(world: World, agreement: Agreement) -> None:
    """AWS rolls an acceptance back: the offer can be accepted again until it expires.

    ASSUMED: the agreement that it had replaced is ACTIVE again, and gets the invoices that were due
    in between; invoices of the rolled back agreement stay.  Raises AgreementNotActive.
    """
    _check_active(agreement)
    end(world, agreement, "ROLLED_BACK")
    offer = world.aws.offers[agreement.offer_id]
    if offer.replaces_agreement:
        _reinstate(world, world.aws.agreements[offer.replaces_agreement])


def _reinstate(world: World, agreement: Agreement) -> None:
    agreement.replaced_by = None
    _set_status(world, agreement, "ACTIVE")
    for issue_invoice in world.money.withheld_invoices.pop(agreement.id, []):
        issue_invoice(world.now())
    if agreement.end <= world.now():
        end(world, agreement, "EXPIRED")


def renew(world: World, agreement: Agreement) -> Agreement:
    """AWS renews an agreement now, with an offer that AWS creates.  Raises AgreementNotActive.

    ASSUMED: the terms are the same, with all dates moved by the days between the two start dates.
    """
    _check_active(agreement)
    now = world.now()
    offer = Offer(
        new_id("offer-", 13),
        agreement.product_id,
        state="Released",
        name=world.aws.offers[agreement.offer_id].name,
        buyer_accounts=[agreement.acceptor],
        terms=_shift_dates(agreement.terms, now.date() - agreement.start.date()),
        availability_end=now.date(),
        renews_agreement=agreement.id,
        released_at=now,
        last_modified=now,
    )
    world.aws.offers[offer.id] = offer
    return create(world, offer, agreement.acceptor)


def _check_active(agreement: Agreement) -> None:
    if agreement.status != "ACTIVE":
        raise AgreementNotActive(f"agreement {agreement.id} is {agreement.status}")


def _shift_dates(value: Any, by: timedelta) -> Any:
    """A copy of terms, or a part of them, with later dates."""
    if isinstance(value, list):
        return [_shift_dates(each, by) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: f"{date.fromisoformat(each) + by}" if name in DATE_FIELDS else _shift_dates(each, by)
        for name, each in value.items()
    }
