"""Approvals: exceptions wait for those who may approve them, mistakes for their correction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.offer.visibility import publish
from workflows.offer.waiting import WakeUp, wait_in_stage, wait_until

with workflow.unsafe.imports_passed_through():
    from activities.email.message import EmailKind
    from offers.findings import Finding
    from offers.lifecycle.account_confirmation import UNCONFIRMED
    from offers.lifecycle.attentions import AttentionCode
    from offers.lifecycle.commands import ApprovalDecision
    from offers.lifecycle.guards import exceptions_decided_by
    from offers.lifecycle.record import Decision
    from offers.lifecycle.reminders import times_after
    from offers.policy.policy import Policy

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


NO_ANSWER = (
    "The buyer was asked to confirm the account, and has not answered",
    "Ask the buyer, or send them another link; or revise the terms, or cancel",
)
"""The attention's problem and remedy."""


class Approvals:
    """What blocks an offer, and what those who may approve it decide."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx

    @property
    def is_waiting(self) -> bool:
        """Whether the stage waits for a person, perhaps since an earlier run."""
        return bool(self._ctx.state.approvals.attentions)

    async def wait_until_unblocked(self, remedy: str, interrupted: Callable[[], bool]) -> None:
        """Wait until nothing blocks the offer, or somebody asks for another check of it.

        Raises StageInterrupted if the run is to continue as new; called again, it goes on waiting.
        """
        record, state = self._ctx.record, self._ctx.state.approvals

        def is_resolved() -> bool:
            return not all(map(self._ctx.attentions.is_open, state.attentions))

        while self.is_waiting or (record.blocking_findings and not interrupted()):
            if not self.is_waiting:
                state.attentions, state.decisions = self._raise(remedy), len(record.decisions)
                self._notify()
            await self._wait_with_reminders(
                lambda: interrupted() or len(record.decisions) > state.decisions or is_resolved()
            )
            resolved, raised = is_resolved(), state.attentions
            state.attentions = ()
            for attention in raised:
                self._ctx.attentions.dismiss(attention)
            if resolved:
                return

    @property
    def _unconfirmed(self) -> tuple[Finding, ...]:
        """That the buyer has not confirmed the account."""
        return tuple(f for f in self._ctx.record.blocking_findings if f.code == UNCONFIRMED)

    @property
    def _for_buyer(self) -> tuple[Finding, ...]:
        """What nobody else is asked about yet: the buyer can still answer, or is asked later."""
        return () if self._ctx.buyer_confirmation.is_expired else self._unconfirmed

    @property
    def _exceptions(self) -> tuple[Finding, ...]:
        """What those who may approve are asked about."""
        return tuple(f for f in self._ctx.record.awaiting_approval if f not in self._for_buyer)

    def _raise(self, remedy: str) -> tuple[int, ...]:
        """Raise attentions for mistakes, for exceptions, and for the buyer's answer; their
        numbers."""
        record, exceptions, raised = self._ctx.record, self._exceptions, []
        asked = self._ctx.buyer_confirmation.was_asked
        unconfirmed = tuple(f for f in self._unconfirmed if asked and f not in exceptions)
        others = (*exceptions, *unconfirmed)
        if mistakes := [f for f in record.blocking_findings if f not in others]:
            # An offer that was made by hand exists already.
            problem = (
                f"{record.offer_id} is not as it was asked for ({_codes(mistakes)})"
                if record.offer_id
                else f"The offer cannot be created like this ({_codes(mistakes)})"
            )
            raised.append((AttentionCode.TERMS_INVALID, problem, remedy))
        if exceptions:
            roles = " and ".join(sorted({str(finding.role) for finding in exceptions}))
            problem = f"Exceptions wait for approval by {roles} ({_codes(exceptions)})"
            remedy = f"Approve or decline; or {remedy[:1].lower()}{remedy[1:]}"
            raised.append((AttentionCode.APPROVAL_REQUIRED, problem, remedy))
        if unconfirmed:
            raised.append((AttentionCode.ACCOUNT_UNCONFIRMED, *NO_ANSWER))
        return tuple(self._ctx.attentions.raise_(*each).number for each in raised)

    def _notify(self) -> None:
        """Write to the owner and those who may approve, unless they know it all already."""
        record, state = self._ctx.record, self._ctx.state.approvals
        blocking = tuple(f for f in record.blocking_findings if f not in self._for_buyer)
        news = record.revision, blocking, self._exceptions
        if news == state.notified_of:
            return
        state.notified_of = news
        if not blocking:
            return
        # Mailboxes show one mail of several with the same id: other findings are another mail.
        about = " ".join(finding.reference for finding in blocking)
        self._ctx.notifications.notify_owner(
            EmailKind.OWNER_ACTION_REQUIRED, f"{about} {len(record.decisions)}"
        )
        if self._exceptions:
            state.requested_at = state.reminded_until = self._ctx.now()
            self._ctx.notifications.notify_approvers(f"requested {about}")

    def notify_new_approvers(self, before: Policy) -> None:
        """Write to the holders of roles that others held before."""
        record = self._ctx.record
        for role in sorted({str(finding.role) for finding in record.awaiting_approval}):
            if record.policy.roles.get(role) != before.roles.get(role):
                self._ctx.notifications.notify_approvers(f"changed at {self._ctx.now():%F %T}")
                return

    async def _wait_with_reminders(self, condition: Callable[[], bool]) -> None:
        control = self._ctx.control

        def has_news() -> bool:
            return condition() or control.replan

        while not condition():
            control.replan = False
            planned = [self._wake_up, self._ctx.buyer_confirmation.wake_up]
            first = min(filter(None, planned), key=lambda each: each.moment, default=None)
            if first is None:
                await wait_in_stage(self._ctx, has_news)
            elif not await wait_until(self._ctx, first.moment, first.what, has_news):
                first.act()

    @property
    def _wake_up(self) -> WakeUp | None:
        if (moment := self._next_reminder) is None:
            return None

        def remind() -> None:
            self._ctx.state.approvals.reminded_until = moment
            # Of several that an outage delayed, only the last is sent.
            if (following := self._next_reminder) is None or following > self._ctx.now():
                self._ctx.notifications.notify_approvers(f"reminded at {moment:%F %T}")

        return WakeUp(moment, "next reminder to approvers", remind)

    @property
    def _next_reminder(self) -> datetime | None:
        record, state = self._ctx.record, self._ctx.state.approvals
        if not self._exceptions or not state.requested_at or not state.reminded_until:
            return None
        return next(
            iter(
                times_after(
                    state.requested_at, record.policy.remind_approvers_after, state.reminded_until
                )
            ),
            None,
        )

    def decide(self, decision: ApprovalDecision, *, approved: bool) -> None:
        """Put on record what somebody decided."""
        self._ctx.record.decisions += tuple(
            Decision(
                finding=finding,
                deal=self._ctx.record.deal,
                approved=approved,
                by=decision.by,
                reason=decision.reason or None,
                proof=decision.proof,
                at=self._ctx.now(),
            )
            for finding in exceptions_decided_by(self._ctx.record, decision, approved=approved)
        )
        self._ctx.notifications.notify_decision()
        publish(self._ctx)


def _codes(findings: list[Finding] | tuple[Finding, ...]) -> str:
    return ", ".join(sorted({finding.code for finding in findings}))
