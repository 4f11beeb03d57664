"""Agreements as AWS's feed tells of them: a revision whenever one is made, ends or comes back."""

from dataclasses import replace
from datetime import timedelta

from sandbox.billing.data_feed_state import AgreementRevision
from sandbox.billing.ledger import account_guid
from sandbox.world import Agreement, World


def record(world: World, agreement: Agreement) -> None:
    """Note what has become of an agreement by now; the revision before is superseded."""
    now = world.now()
    before = world.feed.latest.get(agreement.id)
    if before is None:
        _write(world, _first(world, agreement))
        return
    # Two versions of the same instant could not be told apart.
    updated = max(now, before.update_date + timedelta(seconds=1))
    if before.valid_from < now:
        _write(world, replace(before, status="SUPERSEDED", update_date=updated))
        before = replace(before, valid_from=now, insert_date=now)
    _write(world, replace(before, status=agreement.status, update_date=updated))


def _write(world: World, revision: AgreementRevision) -> None:
    world.feed.revisions.append(revision)
    world.feed.latest[revision.agreement_id] = revision


def _first(world: World, agreement: Agreement) -> AgreementRevision:
    offer = world.offers[agreement.offer_id]
    intent = "NEW"
    if agreement.replaces:
        intent = "RENEW" if offer.renews_agreement else "REPLACE"
    return AgreementRevision(
        agreement_id=agreement.id,
        valid_from=agreement.accepted_at,
        insert_date=world.now(),
        update_date=world.now(),
        offer_id=agreement.offer_id,
        proposer_account_id=account_guid(world.seller_account),
        acceptor_account_id=account_guid(agreement.acceptor),
        acceptance_time=agreement.accepted_at,
        start_time=agreement.start,
        end_time=agreement.end,
        status=agreement.status,
        intent=intent,
        estimated_agreement_value=agreement.value,
        currency_code=agreement.currency,
        preceding_agreement_id=agreement.replaces,
    )
