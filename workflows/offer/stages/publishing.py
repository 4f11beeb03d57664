"""From the submission to the release: by AWS alone, or by a person in Clazar."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.common.escalation import (
    Aborted,
    aws_errors_in,
    cancel_when,
    execute_with_escalation,
)
from workflows.offer.context import OfferContext
from workflows.offer.visibility import publish
from workflows.offer.withdrawal import (
    give_up,
    raise_accepted_with_differences,
    withdraw,
    withdraw_unless_accepted,
)

with workflow.unsafe.imports_passed_through():
    from activities.aws.catalog import AwsCatalog, ChangeSetOutcome, ReleasedOffer, SubmitOffer
    from activities.errors import Failure
    from activities.eula.documents import EulaDocuments, PublishEula
    from activities.eula.links import PublishedEula
    from offers.lifecycle.attentions import AttentionCode
    from offers.lifecycle.aws_errors import explain
    from offers.lifecycle.read_back import PublishedOffer, differences
    from offers.policy.policy import CreationMethod
    from offers.preflight.marketplace import conflicting_offers
    from offers.stage import Stage
    from offers.terms.terms import CustomEula


async def submitted(ctx: OfferContext) -> Stage:
    """AWS is given the offer as one change set, or a person creates it in Clazar."""
    record = ctx.record
    if record.method is CreationMethod.CLAZAR:
        return await _create_in_clazar(ctx)
    try:
        eula = await _publish_eula(ctx)
        if ctx.is_withdrawing():
            return give_up(ctx)
        record.change_set_id = await execute_with_escalation(
            ctx.attentions,
            AwsCatalog.submit_offer,
            SubmitOffer(
                reference=record.reference,
                terms=record.require_terms(),
                eula=eula,
                replaces=record.replaces,
            ),
            expected=Failure.REJECTED,
            on_first_failure=lambda: publish(ctx),
            abort_if=ctx.is_withdrawing,
        )
    except Aborted:
        return give_up(ctx)
    except ActivityError as error:
        record.findings = tuple(map(explain, aws_errors_in(error)))
        return Stage.FAILED
    return Stage.GENERATING


async def generating(ctx: OfferContext) -> Stage:
    """AWS creates the offer; it must read back as it was asked for."""
    if ctx.clazar_handoff.is_active:
        return await _verify_created_in_clazar(ctx)
    outcome = await ctx.change_set.outcome()
    if outcome.offer is None:
        if ctx.is_withdrawing():
            return give_up(ctx)
        ctx.record.findings = tuple(map(explain, outcome.errors))
        return Stage.FAILED
    ctx.record.offer_id, ctx.record.offer_url = outcome.offer.offer_id, outcome.offer_url
    if ctx.is_withdrawing():
        return await withdraw(ctx)
    return await _verify_published(ctx, outcome, outcome.offer)


async def _verify_published(
    ctx: OfferContext, outcome: ChangeSetOutcome, offer: PublishedOffer
) -> Stage:
    """It must be as it was asked for, and the only one, before anybody is told of it."""
    record = ctx.record
    if late := await ctx.acceptance.find_late_acceptance():
        if await withdraw_unless_accepted(ctx):
            record.restore_revision(*late)
        return Stage.ACCEPTED
    wrong = differences(record.require_terms(), offer)
    # The watch finds an offer by its id, which nobody knew until now.
    if (outcome.has_agreement or ctx.acceptance.is_reported) and (
        await ctx.acceptance.find_agreement()
    ):
        if wrong:
            record.findings = wrong
            raise_accepted_with_differences(ctx)
        return Stage.ACCEPTED
    others = outcome.conflicting_offers
    if wrong := wrong + conflicting_offers(record.require_terms(), others, record.policy):
        record.findings = wrong
        return await withdraw(ctx, then=Stage.FAILED)
    return await withdraw(ctx) if ctx.is_withdrawing() else Stage.LIVE


async def _publish_eula(ctx: OfferContext) -> PublishedEula | None:
    """The merged custom EULA; None for the standard one, or if the offer is cancelled."""
    record = ctx.record
    eula = record.require_terms().eula
    if not isinstance(eula, CustomEula):
        return None
    content = PublishEula(
        opportunity_id=record.opportunity_id,
        revision=record.revision,
        documents=eula.documents,
        sha256=record.eula_sha256,
    )
    return await cancel_when(
        ctx.is_withdrawing,
        execute_with_escalation(
            ctx.attentions, EulaDocuments.publish, content, expected=Failure.REJECTED
        ),
    )


async def _create_in_clazar(ctx: OfferContext) -> Stage:
    if not ctx.clazar_handoff.is_active:
        publish(ctx)
        ctx.clazar_handoff.begin()
    ctx.record.offer_id = await ctx.clazar_handoff.wait_created()
    if ctx.record.offer_id:
        return Stage.GENERATING
    ctx.clazar_handoff.end()
    if not ctx.is_withdrawing() and (late := await ctx.acceptance.find_late_acceptance()):
        ctx.record.restore_revision(*late)
        return Stage.ACCEPTED
    # AWS may not show again what it showed a moment before: that is no reason to cancel.
    return give_up(ctx, then=Stage.DRAFT)


async def _verify_created_in_clazar(ctx: OfferContext) -> Stage:
    """What a person created in Clazar is accepted as it is, or withdrawn to be created again."""
    record, handoff, acceptance = ctx.record, ctx.clazar_handoff, ctx.acceptance
    while True:
        released = await handoff.wait_released()
        if released is None:
            record.offer_id = None
            handoff.end()
            return give_up(ctx)
        offer = released.offer
        record.offer_id, record.offer_url = offer.offer_id, released.offer_url
        if ctx.is_withdrawing():
            return await _withdraw_handoff(ctx, offer)
        if await _is_earlier_accepted(ctx, offer):
            return Stage.ACCEPTED
        if handoff.accepts(offer):
            if following := await _verify_only_offer(ctx, released):
                return following
            continue
        await ctx.approvals.wait_until_unblocked(
            "Correct it in Clazar and resume",
            interrupted=lambda: handoff.has_news() or acceptance.is_reported or handoff.rejects(),
        )
        if acceptance.is_reported and await acceptance.find_agreement():
            raise_accepted_with_differences(ctx)
            return Stage.ACCEPTED
        if handoff.rejects() and not handoff.has_news():
            return await _withdraw_handoff(ctx, offer, then=Stage.DRAFT)


async def _verify_only_offer(ctx: OfferContext, released: ReleasedOffer) -> Stage | None:
    """The offer is right: it must also be the only one; None to look at it again."""
    record, handoff = ctx.record, ctx.clazar_handoff
    if await ctx.acceptance.find_agreement():
        return Stage.ACCEPTED
    others = {*await handoff.other_open_offers()}
    if conflicting_offers(record.require_terms(), released.conflicting_offers, record.policy):
        others |= {other.offer_id for other in released.conflicting_offers}
    if handoff.has_news():
        return None
    if not others:
        handoff.end()
        return Stage.LIVE
    await ctx.attentions.wait_until_resolved(
        AttentionCode.DUPLICATE_OFFER,
        f"{released.offer.offer_id} is right, but {', '.join(sorted(others))} can be accepted, too",
        "Withdraw all but one in Clazar or AWS, then resume; or say which one it is",
        or_when=handoff.has_news,
    )
    return None


async def _is_earlier_accepted(ctx: OfferContext, offer: PublishedOffer) -> bool:
    """An earlier revision was accepted after all: the one created in Clazar is withdrawn."""
    late = await ctx.acceptance.find_late_acceptance()
    if late is None:
        return False
    if not ctx.clazar_handoff.is_ours(offer) or await withdraw_unless_accepted(ctx):
        ctx.record.restore_revision(*late)
    ctx.clazar_handoff.end()
    return True


async def _withdraw_handoff(
    ctx: OfferContext, offer: PublishedOffer, then: Stage | None = None
) -> Stage:
    """Make void what was created for this handoff, and nothing else."""
    handoff = ctx.clazar_handoff
    others = await handoff.other_open_offers()
    for offer_id in [offer.offer_id, *others] if handoff.is_ours(offer) else others:
        ctx.record.offer_id = offer_id
        if not await withdraw_unless_accepted(ctx):
            return Stage.ACCEPTED
    if not handoff.is_ours(offer):
        ctx.attentions.raise_(
            AttentionCode.UNMATCHED_OFFER,
            f"{offer.offer_id} does not contain the reference, so it was left as it is",
            "If it was created for this deal, withdraw it in AWS; resume when that is done",
        )
    handoff.end()
    return give_up(ctx, then)
