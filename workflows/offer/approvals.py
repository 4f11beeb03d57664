"""Approvals: exceptions wait for those who may approve them, mistakes for their correction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.offer.waiting import wait_until

with workflow.unsafe.imports_passed_through():
    from activities.email.message import EmailKind
    from offers.findings import Finding
    from offers.lifecycle.attentions import AttentionCode
    from offers.lifecycle.commands import ApprovalDecision
    from offers.lifecycle.guards import exceptions_decided_by
    from offers.lifecycle.record import Decision

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


class Approvals:
    """What blocks an offer, and what those who may approve it decide."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx

    async def wait_until_unblocked(self, remedy: str, interrupted: Callable[[], bool]) -> None:
        """Wait until nothing blocks the offer, or somebody asks for another check of it."""
        record, attentions = self._ctx.record, self._ctx.attentions
        while record.blocking_findings and not interrupted():
            raised = []
            if mistakes := [
                f for f in record.blocking_findings if f not in record.awaiting_approval
            ]:
                problem = f"The offer cannot be created like this ({_codes(mistakes)})"
                raised.append(attentions.raise_(AttentionCode.TERMS_INVALID, problem, remedy))
            if exceptions := record.awaiting_approval:
                roles = " and ".join(sorted({str(finding.role) for finding in exceptions}))
                problem = f"Exceptions wait for approval by {roles} ({_codes(exceptions)})"
                raised.append(
                    attentions.raise_(
                        AttentionCode.APPROVAL_REQUIRED, problem, f"Approve or decline; or {remedy}"
                    )
                )
            self._notify()
            decided = len(record.decisions)
            await self._wait_with_reminders(
                lambda: (
                    interrupted()
                    or len(record.decisions) > decided  # noqa: B023
                    or not all(map(attentions.is_open, raised))  # noqa: B023
                )
            )
            resolved = not all(map(attentions.is_open, raised))
            for attention in raised:
                attentions.dismiss(attention)
            if resolved:
                return

    def _notify(self) -> None:
        """Write to the owner and those who may approve, unless they know it all already."""
        record, state = self._ctx.record, self._ctx.state.approvals
        news = record.revision, record.blocking_findings, record.awaiting_approval
        if news == state.notified_of:
            return
        state.notified_of = news
        # Mailboxes show one mail of several with the same id: other findings are another mail.
        about = " ".join(finding.reference for finding in record.blocking_findings)
        self._ctx.notifications.notify_owner(
            EmailKind.OWNER_ACTION_REQUIRED, f"{about} {len(record.decisions)}"
        )
        if record.awaiting_approval:
            state.requested_at = self._ctx.now()
            self._ctx.notifications.notify_approvers(f"requested {about}")

    async def _wait_with_reminders(self, condition: Callable[[], bool]) -> None:
        record, requested_at = self._ctx.record, self._ctx.state.approvals.requested_at
        for after in record.policy.remind_approvers_after:
            if not record.awaiting_approval or requested_at is None:
                break
            moment = requested_at + after
            if moment <= self._ctx.now():
                continue
            if await wait_until(self._ctx, moment, "next reminder to approvers", condition):
                return
            self._ctx.notifications.notify_approvers(f"reminded after {after}")
        await workflow.wait_condition(condition)

    def decide(self, decision: ApprovalDecision, *, approved: bool) -> None:
        """Put on record what somebody decided."""
        self._ctx.record.decisions += tuple(
            Decision(
                finding=finding,
                approved=approved,
                by=decision.by,
                reason=decision.reason or None,
                at=self._ctx.now(),
            )
            for finding in exceptions_decided_by(self._ctx.record, decision)
        )


def _codes(findings: list[Finding] | tuple[Finding, ...]) -> str:
    return ", ".join(sorted({finding.code for finding in findings}))
