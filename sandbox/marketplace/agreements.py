"""What becomes of agreements: made, ended, replaced, rolled back by AWS, and renewed by it."""

from copy import deepcopy
from datetime import date, timedelta
from typing import Any

from sandbox.aws.eventbridge import marketplace_events
from sandbox.billing import invoicing
from sandbox.marketplace import revisions
from sandbox.marketplace.offer_terms import Term, agreement_end, agreement_start, currency, value
from sandbox.world import Agreement, Offer, World, new_id

DATES = ("ChargeDate", "AgreementStartDate", "AgreementEndDate")


class AgreementNotActive(Exception):
    """Only an agreement in force can be rolled back or renewed; the text says what this one is."""


def conclude(world: World, offer: Offer, account: str) -> Agreement:
    """The agreement that comes of an offer now.  What it replaces or renews ends with that."""
    now = world.now()
    before = world.agreements.get(offer.replaces_agreement or offer.renews_agreement or "")
    start = agreement_start(offer.terms, now)
    agreement_id = new_id("agmt-", 25)
    agreement = Agreement(
        id=agreement_id,
        offer_id=offer.id,
        product_id=offer.product_id,
        acceptor=account,
        accepted_at=now,
        start=start,
        end=agreement_end(offer.terms, start),
        value=value(offer.terms),
        currency=currency(offer.terms),
        terms=offer.terms,
        initial_agreement_id=before.initial_agreement_id if before else agreement_id,
        last_update=now,
    )
    invoicing.plan(world, agreement, offer)
    world.agreements[agreement.id] = agreement
    marketplace_events.agreement_created(world, agreement, offer)
    if before:
        agreement.replaces, before.replaced_by = before.id, agreement.id
        end(world, before, "REPLACED" if offer.replaces_agreement else "RENEWED")
    revisions.record(world, agreement)
    world.at(agreement.end, lambda _: end(world, agreement, "EXPIRED"))
    return agreement


def end(world: World, agreement: Agreement, status: str) -> None:
    """End an agreement, unless it has ended already.  What is not invoiced by now never is."""
    if agreement.status != "ACTIVE":
        return
    agreement.status = status
    agreement.last_update = world.now()
    revisions.record(world, agreement)
    marketplace_events.agreement_ended(world, agreement)
    # ASSUMED: AWS finds that nothing is left of what the seller asked to cancel.
    if request := world.pending_cancellation(agreement.id):
        request.close("VALIDATION_FAILED", f"The agreement is {status}.", world.now())
        marketplace_events.cancellation_changed(world, request)


def roll_back(world: World, agreement: Agreement) -> None:
    """AWS undoes an acceptance: the offer can be accepted again as long as it is open.

    ASSUMED: what the agreement had replaced is in force again, with the invoices that fell due in
    between; and what was invoiced for the agreement itself stays.  Raises NotActive.
    """
    _check_active(agreement)
    end(world, agreement, "ROLLED_BACK")
    offer = world.offers[agreement.offer_id]
    if offer.replaces_agreement:
        _reinstate(world, world.agreements[offer.replaces_agreement])


def _reinstate(world: World, agreement: Agreement) -> None:
    agreement.status = "ACTIVE"
    agreement.replaced_by = None
    agreement.last_update = world.now()
    revisions.record(world, agreement)
    for invoice in world.withheld.pop(agreement.id, []):
        invoice(world.now())
    if agreement.end <= world.now():
        end(world, agreement, "EXPIRED")


def renew(world: World, agreement: Agreement) -> Agreement:
    """AWS renews an agreement now, by an offer of its own making.  Raises NotActive.

    ASSUMED: on the same terms, each date in them moved by as many days as lie between the two
    beginnings.
    """
    _check_active(agreement)
    now = world.now()
    offer = Offer(
        new_id("offer-", 13),
        agreement.product_id,
        state="Released",
        name=world.offers[agreement.offer_id].name,
        buyer_accounts=[agreement.acceptor],
        terms=_moved(agreement.terms, now.date() - agreement.start.date()),
        availability_end=now.date(),
        renews_agreement=agreement.id,
        released_at=now,
        last_modified=now,
    )
    world.offers[offer.id] = offer
    return conclude(world, offer, agreement.acceptor)


def _check_active(agreement: Agreement) -> None:
    if agreement.status != "ACTIVE":
        raise AgreementNotActive(f"agreement {agreement.id} is {agreement.status}")


def _moved(terms: list[Term], by: timedelta) -> list[Term]:
    moved = deepcopy(terms)
    for each in [*moved, *(charge for term in moved for charge in term.get("Schedule", []))]:
        _move(each, by)
    return moved


def _move(dated: dict[str, Any], by: timedelta) -> None:
    for name in DATES:
        if name in dated:
            dated[name] = (date.fromisoformat(dated[name]) + by).isoformat()
