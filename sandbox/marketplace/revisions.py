"""Revisions of agreements for AWS's agreements data feed: one for each change of the status."""

from dataclasses import replace
from datetime import timedelta

from sandbox.aws.marketplace_state import Agreement
from sandbox.billing.data_feed_state import AgreementRevision
from sandbox.billing.ledger import account_guid
from sandbox.world import World


def record(world: World, agreement: Agreement) -> None:
    """Record the current status of an agreement; its previous revision is superseded."""
    now = world.now()
    latest = world.money.feed.latest_revisions.get(agreement.id)
    if latest is None:
        _write(world, _first(world, agreement))
        return
    # Two versions must not have the same `update_date`.
    updated = max(now, latest.update_date + timedelta(seconds=1))
    if latest.valid_from < now:
        _write(world, replace(latest, status="SUPERSEDED", update_date=updated))
        latest = replace(latest, valid_from=now, insert_date=now)
    _write(world, replace(latest, status=agreement.status, update_date=updated))


def _write(world: World, revision: AgreementRevision) -> None:
    world.money.feed.revisions.append(revision)
    world.money.feed.latest_revisions[revision.agreement_id] = revision


def _first(world: World, agreement: Agreement) -> AgreementRevision:
    offer = world.aws.offers[agreement.offer_id]
    intent = "NEW"
    if agreement.replaces:
        intent = "RENEW" if offer.renews_agreement else "REPLACE"
    return AgreementRevision(
        agreement_id=agreement.id,
        valid_from=agreement.accepted_at,
        insert_date=world.now(),
        update_date=world.now(),
        offer_id=agreement.offer_id,
        proposer_account_id=account_guid(world.aws.seller_account),
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
