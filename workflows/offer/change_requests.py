"""What people ask of an offer: revise, cancel, amend, extend, cancel the agreement.

For each request there is a function that says why it cannot be done, and one that has it done.
Requests are put into the state; the stages follow them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.common.waiting import wait_condition
from workflows.offer.policy import read_current_policy
from workflows.offer.transitions import EDITABLE
from workflows.offer.visibility import publish

with workflow.unsafe.imports_passed_through():
    from offers.agreements.agreement import CancellationRequestInput
    from offers.lifecycle import guards
    from offers.lifecycle.account_confirmation import AccountAnswer
    from offers.lifecycle.actions import ActionKind
    from offers.lifecycle.attentions import AttentionCode
    from offers.lifecycle.commands import ApprovalDecision, Extension, TermChanges
    from offers.lifecycle.guards import Reason
    from offers.payouts.refund import AdjustableInvoice, RefundRequest
    from offers.stage import ENDS, Stage
    from offers.text import shorten

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext

REVISABLE = frozenset({Stage.DRAFT, Stage.FAILED})
DECIDED = frozenset({Stage.ACCEPTED, *ENDS})
"""Stages in which an offer cannot be cancelled any more, at least for the time being."""
FAILED = {
    ActionKind.AMEND: "The amendment",
    ActionKind.EXTEND: "The extension",
    ActionKind.REQUEST_CANCELLATION: "The request to cancel the agreement",
    ActionKind.REFUND: "The request of a refund",
}
"""What AWS, or the buyer's acceptance, can make fail after it was taken on."""
AGREED = frozenset({Stage.ACCEPTED, Stage.DISBURSED})
"""Stages in which there is an agreement."""


def reject_if(reason: Reason | str | None) -> None:
    """Raises the error by which an update is rejected, if there is a reason to.

    Whoever asked gets the reason in the details.
    """
    if reason is not None:
        raise rejection(reason)


def rejection(reason: Reason | str) -> ApplicationError:
    """The error by which an update is rejected."""
    if isinstance(reason, Reason):
        return ApplicationError(str(reason), reason, type=reason.code, non_retryable=True)
    return ApplicationError(reason, non_retryable=True)


def note_request(ctx: OfferContext, kind: ActionKind, by: str | None) -> None:
    """Put on record what was asked, and by whom as far as they said."""
    ctx.record.note_request(kind, by, ctx.now())


def report_rejected_signal(ctx: OfferContext, reason: Reason | str | None) -> None:
    """A signal has no answer: why it was not followed is shown as an attention."""
    if reason is not None:
        ctx.attentions.raise_(
            AttentionCode.SIGNAL_REJECTED,
            f"A signal could not be followed: {reason}",
            "Send another one if that helps; resume",
        )


def finish_request(ctx: OfferContext, kind: ActionKind, reason: Reason | str | None) -> None:
    """Raises the error by which an update fails that was taken on, and shows the reason.

    AWS takes minutes: whoever asked may not wait for the answer.  It is shown until somebody
    resolves it, or until such a request succeeds.
    """
    if reason is None:
        ctx.attentions.resolve(AttentionCode.REQUEST_FAILED)
        return
    ctx.attentions.raise_(
        AttentionCode.REQUEST_FAILED,
        f"{FAILED[kind]} failed: {reason}",
        "Ask again, with other values if that helps; or resume",
    )
    raise rejection(reason)


# Decide ------------------------------------------------------------------------------------------


async def decide(ctx: OfferContext, decision: ApprovalDecision, *, approved: bool) -> None:
    """Put a decision about exceptions or a refund on record, if its author holds the role now."""
    await read_current_policy(ctx)
    reject_if(guards.why_cannot_decide(ctx.record, decision, approved=approved))
    if refund := ctx.record.refund_named(decision.finding):
        ctx.refunds.decide(refund, decision, approved=approved)
        return
    ctx.approvals.decide(decision, approved=approved)


# Revise ------------------------------------------------------------------------------------------


def why_cannot_revise(ctx: OfferContext, changes: TermChanges) -> Reason | None:
    """Why the terms cannot be revised, if they cannot."""
    return _why_closing(ctx) or guards.why_cannot_revise(ctx.record, changes)


async def revise(ctx: OfferContext, changes: TermChanges) -> None:
    """Revise the terms, and wait until preflight has reported on them."""
    control = ctx.control
    note_request(ctx, ActionKind.REVISE, changes.by)
    version = apply_changes(ctx, changes)
    await wait_condition(
        lambda: (
            control.checked_version >= version
            or ctx.is_withdrawing()
            or control.not_found_reason is not None
            or ctx.record.stage not in REVISABLE
        )
    )


def apply_changes(ctx: OfferContext, changes: TermChanges) -> int:
    """Let changes hold from now on; the version of what overrules the opportunity's terms."""
    control = ctx.control
    ctx.record.note_change(changes.by)
    control.changes = TermChanges(
        terms=changes.merged_into(control.changes.terms),
        method=changes.method or control.changes.method,
    )
    control.changes_version += 1
    return control.changes_version


# Cancel ------------------------------------------------------------------------------------------


def can_be_cancelled(ctx: OfferContext) -> bool:
    """Whether the offer is not decided yet."""
    extending = ctx.record.stage is Stage.EXPIRED and ctx.edits.is_busy
    return extending or ctx.record.stage not in DECIDED


def why_cannot_cancel(ctx: OfferContext) -> Reason | None:
    """Why the offer cannot be cancelled any more."""
    return None if can_be_cancelled(ctx) else guards.why_cannot_cancel(ctx.record)


def cancel(ctx: OfferContext, reason: str, by: str | None = None) -> None:
    """Have the offer cancelled, if it still can be."""
    if can_be_cancelled(ctx):
        note_request(ctx, ActionKind.CANCEL, by)
        ctx.control.withdraw_to = Stage.CANCELLED
        # Who cancels is not refused for a long reason.
        why = shorten(reason.strip(), guards.LONGEST_REASON)
        ctx.record.cancel_reason = ctx.record.cancel_reason or why or None


async def cancel_and_wait(ctx: OfferContext, reason: str, by: str | None) -> None:
    """Have the offer cancelled, and wait until it is decided who was first."""
    cancel(ctx, reason, by)
    await wait_condition(
        lambda: not can_be_cancelled(ctx) or ctx.control.not_found_reason is not None
    )


# Amend -------------------------------------------------------------------------------------------


def why_cannot_amend(ctx: OfferContext, changes: TermChanges) -> Reason | None:
    """Why the offer, or its agreement, cannot be amended."""
    return _why_closing(ctx) or guards.why_cannot_amend(
        ctx.record,
        changes,
        ctx.now(),
        withdrawing=ctx.is_withdrawing(),
        busy=_why_agreement_busy(ctx),
    )


async def amend(ctx: OfferContext, changes: TermChanges) -> Reason | str | None:
    """Amend in place, by a new revision, or by a new agreement; the reason if it failed.

    Waits until the change is made, or until preflight has reported on it.
    """
    record, control = ctx.record, ctx.control
    note_request(ctx, ActionKind.AMEND, changes.by)
    if record.stage in AGREED:
        await ctx.amendments.begin(changes)
        return None
    if record.stage in EDITABLE and guards.is_in_place_edit(record, changes):
        return await _edit(ctx, changes)
    before, control.changes = (
        control.changes,
        control.changes.without_past_last_day(ctx.now().date()),
    )
    version = apply_changes(ctx, changes)
    if record.stage not in REVISABLE:
        control.withdraw_to = Stage.DRAFT
    await wait_condition(
        lambda: (
            control.checked_version >= version
            or control.not_found_reason is not None
            or control.closing
            or (record.stage in DECIDED and not ctx.is_withdrawing())
        )
    )
    if record.stage in DECIDED and control.checked_version < version:
        _restore_terms(ctx, changes, before)
        return guards.why_amended_too_late(record)
    return None


def _restore_terms(ctx: OfferContext, changes: TermChanges, before: TermChanges) -> None:
    """Undo what one request changed, and keep what others have changed meanwhile."""
    terms = {n: v for n, v in ctx.control.changes.terms.items() if n not in changes.terms}
    terms |= {n: v for n, v in before.terms.items() if n in changes.terms}
    ctx.control.changes = TermChanges(terms=terms, method=before.method)


def _why_agreement_busy(ctx: OfferContext) -> Reason | None:
    return guards.why_agreement_is_busy(
        ctx.record, requested=ctx.agreement_cancellation.is_open, open_amendment=ctx.amendments.open
    )


# Extend ------------------------------------------------------------------------------------------


def why_cannot_extend(ctx: OfferContext, extension: Extension) -> Reason | None:
    """Why the buyer cannot be given more time."""
    return _why_closing(ctx) or guards.why_cannot_extend(
        ctx.record, extension, ctx.now(), ctx.control.withdraw_to
    )


async def extend(ctx: OfferContext, extension: Extension) -> str | None:
    """Give the buyer more time; the reason if it failed."""
    note_request(ctx, ActionKind.EXTEND, extension.by)
    return await _edit(ctx, extension.as_term_changes)


async def _edit(ctx: OfferContext, changes: TermChanges) -> str | None:
    rejection = await ctx.edits.submit(changes.terms)
    if rejection is None:
        # The next revision, if there is one, is to have it, too.
        control = ctx.control
        terms = changes.merged_into(control.changes.terms)
        control.changes = control.changes.model_copy(update={"terms": terms})
    return rejection


# Cancel the agreement ----------------------------------------------------------------------------


def why_cannot_request_cancellation(ctx: OfferContext) -> Reason | None:
    """Why the buyer cannot be asked to agree to the cancellation of the agreement."""
    return _why_closing(ctx) or guards.why_cannot_request_cancellation(
        ctx.record, requested=ctx.agreement_cancellation.is_open, open_amendment=ctx.amendments.open
    )


async def request_cancellation(ctx: OfferContext, request: CancellationRequestInput) -> str | None:
    """Ask the buyer to agree to the cancellation; the reason if AWS did not take the request."""
    note_request(ctx, ActionKind.REQUEST_CANCELLATION, request.by)
    rejection = await ctx.agreement_cancellation.request(request)
    publish(ctx)
    return rejection


# Refund ------------------------------------------------------------------------------------------


def why_cannot_refund(ctx: OfferContext, request: RefundRequest) -> Reason | None:
    """Why nothing of an invoice can be refunded, as far as is known here."""
    return _why_closing(ctx) or guards.why_cannot_refund(ctx.record, request)


async def check_refund(ctx: OfferContext, request: RefundRequest) -> AdjustableInvoice:
    """The invoice that AWS lets be refunded; rejected if it does not."""
    found = await ctx.refunds.find_invoice(request)
    if isinstance(found, AdjustableInvoice):
        return found
    raise rejection(found)


async def request_refund(ctx: OfferContext, request: RefundRequest) -> Reason | str | None:
    """Put a refund on record, which finance must approve; the reason if AWS does not let it."""
    found = await ctx.refunds.find_invoice(request)
    if not isinstance(found, AdjustableInvoice):
        return found
    if reason := why_cannot_refund(ctx, request):  # another one may have been asked for meanwhile
        return reason
    note_request(ctx, ActionKind.REFUND, request.by)
    ctx.refunds.add(request)
    return None


# Go on ------------------------------------------------------------------------------------------


def resume(ctx: OfferContext, code: str | None, by: str | None) -> None:
    """Let what waits go on; a buyer who did not confirm the account in time is asked again."""
    note_request(ctx, ActionKind.RESUME, by)
    resolved = {each.code for each in ctx.record.attentions if code in (None, each.code)}
    if AttentionCode.ACCOUNT_UNCONFIRMED in resolved and ctx.buyer_confirmation.is_expired:
        ctx.buyer_confirmation.ask_again()
    ctx.attentions.resolve(code)


def resend(ctx: OfferContext, by: str | None) -> None:
    """Write to the buyer again, in a draft by another link to confirm the account."""
    note_request(ctx, ActionKind.RESEND, by)
    notifications = ctx.notifications
    if ctx.record.can_ask_buyer_again and not notifications.is_delivery_unknown:
        ctx.buyer_confirmation.ask_again()
    else:
        notifications.resend()


# Confirm the account -----------------------------------------------------------------------------


def why_cannot_confirm_account(ctx: OfferContext, answer: AccountAnswer) -> Reason | None:
    """Why a buyer cannot confirm the account by this link."""
    return _why_closing(ctx) or guards.why_cannot_confirm_account(
        ctx.record, answer.nonce, ctx.now(), ctx.control.withdraw_to
    )


def _why_closing(ctx: OfferContext) -> Reason | None:
    return guards.why_closing(ctx.record) if ctx.control.closing else None
