"""Approvals: exceptions wait for those who may approve them, mistakes for their correction."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

from workflows.offer.attentions import People
from workflows.offer.notifications import Correspondence

with workflow.unsafe.imports_passed_through():
    from activities.email.message import EmailKind
    from offers.findings import Finding, Severity
    from offers.lifecycle.commands import ApprovalDecision
    from offers.lifecycle.record import Decision, OfferRecord

TERMS, APPROVAL = "terms", "approval"
"""The attentions that findings wait under."""


class Approvals:
    """What stands in an offer's way, and the words of those who may say that it does not."""

    def __init__(
        self,
        record: OfferRecord,
        people: People,
        correspondence: Correspondence,
        now: Callable[[], datetime],
    ) -> None:
        self._record = record
        self._people = people
        self._correspondence = correspondence
        self._now = now
        self._told: tuple[int, tuple[Finding, ...], tuple[Finding, ...]] | None = None
        self._asked_at: datetime | None = None

    async def settled(self, remedy: str, interrupted: Callable[[], bool]) -> None:
        """Wait until nothing stands in the way, or somebody wants another look at it."""
        record, people = self._record, self._people
        while record.blocking_findings and not interrupted():
            shown = []
            if mistakes := [
                f for f in record.blocking_findings if f not in record.awaiting_approval
            ]:
                problem = f"It cannot be offered like this ({_named(mistakes)})"
                shown.append(people.call(TERMS, problem, remedy))
            if exceptions := record.awaiting_approval:
                roles = " and ".join(sorted({str(finding.role) for finding in exceptions}))
                problem = f"Exceptions wait for approval by {roles} ({_named(exceptions)})"
                shown.append(people.call(APPROVAL, problem, f"Approve or decline; or {remedy}"))
            self._tell()
            decided = len(record.decisions)
            await self._reminding(
                lambda: (
                    interrupted()
                    or len(record.decisions) > decided  # noqa: B023
                    or not all(map(people.is_open, shown))  # noqa: B023
                )
            )
            answered = not all(map(people.is_open, shown))
            for attention in shown:
                people.dismiss(attention)
            if answered:
                return

    def _tell(self) -> None:
        """Write to the owner and those who may approve, unless they know it all already."""
        now = self._record.revision, self._record.blocking_findings, self._record.awaiting_approval
        if now == self._told:
            return
        self._told = now
        # Mailboxes show one mail of several with the same id: other findings are another mail.
        about = " ".join(finding.reference for finding in self._record.blocking_findings)
        self._correspondence.tell_owner(
            EmailKind.OWNER_HELD_UP, f"{about} {len(self._record.decisions)}"
        )
        if self._record.awaiting_approval:
            self._asked_at = self._now()
            self._correspondence.tell_approvers(f"asked {about}")

    async def _reminding(self, until: Callable[[], bool]) -> None:
        for after in self._record.policy.remind_approvers_after:
            if not self._record.awaiting_approval or self._asked_at is None:
                break
            left = self._asked_at + after - self._now()
            if left <= timedelta():
                continue
            try:
                await workflow.wait_condition(
                    until,
                    timeout=self._record.clock.real_duration(left),
                    timeout_summary="until those who may approve are reminded",
                )
            except TimeoutError:
                self._correspondence.tell_approvers(f"reminded after {after}")
            else:
                return
        await workflow.wait_condition(until)

    def decide(self, verdict: ApprovalDecision, *, approved: bool) -> None:
        """Note what somebody decided."""
        self._record.decisions += tuple(
            Decision(
                finding=finding,
                approved=approved,
                by=verdict.by,
                reason=verdict.reason or None,
                at=self._now(),
            )
            for finding in self._meant(verdict)
        )

    def cannot_decide(self, verdict: ApprovalDecision) -> str | None:
        """Why a decision would not count, if it would not."""
        exceptions = self._exceptions()
        if not exceptions:
            return f"the offer is {self._record.stage}, and nothing in it waits for approval"
        named = [f for f in exceptions if verdict.finding in (None, f.code, f.reference)]
        if not named:
            waiting = ", ".join(finding.reference for finding in exceptions)
            return f"{verdict.finding} waits for no approval; {waiting} does"
        if self._meant(verdict):
            return None
        roles = sorted({str(finding.role) for finding in named})
        for role in roles:
            if not self._record.policy.roles.get(role):
                return (
                    f"nobody holds the role {role}: name someone under [roles] in the policy,"
                    " then resume"
                )
        return (
            f"this needs the role {' or '.join(roles)}, which the policy does not give to whoever"
            " you say you are (--by)"
        )

    def _exceptions(self) -> list[Finding]:
        """Also what was declined: whoever declined it may think again."""
        return [f for f in self._record.blocking_findings if f.severity is Severity.APPROVAL]

    def _meant(self, verdict: ApprovalDecision) -> list[Finding]:
        return [
            finding
            for finding in self._exceptions()
            if verdict.finding in (None, finding.code, finding.reference)
            and self._record.policy.has_role(verdict.by, str(finding.role))
        ]


def _named(findings: list[Finding] | tuple[Finding, ...]) -> str:
    return ", ".join(sorted({finding.code for finding in findings}))
