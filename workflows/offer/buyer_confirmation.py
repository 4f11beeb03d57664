"""The buyer's confirmation of the account: asked for while the offer is a draft."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.offer.visibility import publish
from workflows.offer.waiting import WakeUp

with workflow.unsafe.imports_passed_through():
    from activities.email.message import EmailKind
    from offers.findings import Severity
    from offers.lifecycle import account_confirmation
    from offers.lifecycle.account_confirmation import (
        AccountAnswer,
        AccountConfirmation,
        AccountLink,
        confirmation_findings,
    )
    from offers.lifecycle.reminders import times_after
    from offers.stage import Stage

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


class BuyerConfirmation:
    """Asks the buyer to confirm the account, and takes the answer.

    The account of an amendment is that of its agreement, so nobody is asked then.
    """

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx

    def check(self) -> None:
        """Add what the buyer must still confirm to the findings of the report on the draft.

        The buyer is asked once nothing needs a correction; approvals can be given meanwhile.
        """
        record, state = self._ctx.record, self._ctx.state.buyer_confirmation
        state.checked = None
        terms, contacts = record.terms, record.contacts
        if not record.policy.confirm_account.is_on or record.amends is not None or terms is None:
            return
        if contacts and not (record.is_account_confirmed or self._needs_correction):
            link = record.account_link
            if link is None or not link.is_for(terms.buyer_accounts, contacts.buyer_email):
                self._ask()
        record.findings += confirmation_findings(
            record.policy,
            terms,
            record.account_link if self.was_asked else None,
            record.account_confirmation,
            expired=self.is_expired,
        )
        state.checked = self._situation

    @property
    def _needs_correction(self) -> bool:
        record = self._ctx.record
        return any(
            finding.severity is Severity.REFUSE or record.is_declined(finding)
            for finding in record.blocking_findings
        )

    @property
    def was_asked(self) -> bool:
        """Whether the last link asks about the accounts of the terms."""
        link, terms = self._ctx.record.account_link, self._ctx.record.terms
        return bool(link and terms and set(link.accounts) == set(terms.buyer_accounts))

    def _ask(self) -> None:
        record, now = self._ctx.record, self._ctx.now()
        record.account_link = AccountLink(
            number=record.account_link.number + 1 if record.account_link else 1,
            nonce=workflow.uuid4().hex,
            accounts=record.require_terms().buyer_accounts,
            buyer_email=record.require_contacts().buyer_email,
            asked_at=now,
            expires_at=now + record.policy.confirm_account.within,
        )
        self._ctx.state.buyer_confirmation.reminded_until = now
        self._email_buyer("asked")
        self._ctx.notifications.notify_owner(
            EmailKind.OWNER_ACCOUNT_CONFIRMATION, f"link {record.account_link.number}"
        )

    def ask_again(self) -> None:
        """Send the buyer another link; the one before cannot be used any more."""
        self._ask()
        publish(self._ctx)

    def _email_buyer(self, occasion: str) -> None:
        link = self._ctx.record.account_link
        number = link.number if link else 0
        self._ctx.notifications.email_confirmation_request(
            f"link {number} {occasion}", outdated=lambda: not self._is_open(number)
        )

    def _is_open(self, number: int) -> bool:
        """Whether the buyer can still answer by a link."""
        link = self._ctx.record.account_link
        return (
            link is not None
            and link.number == number
            and self.is_awaited
            and self._ctx.record.stage is Stage.DRAFT
            and not self._ctx.is_withdrawing()
        )

    def answer(self, answer: AccountAnswer) -> AccountConfirmation:
        """Put on record what the buyer answered by the last link."""
        record = self._ctx.record
        link = record.require_account_link()
        record.account_confirmation = AccountConfirmation(
            accounts=link.accounts, given=answer.accounts, at=self._ctx.now(), link=link.number
        )
        publish(self._ctx)
        return record.account_confirmation

    @property
    def is_awaited(self) -> bool:
        """Whether the buyer was asked about the accounts of the terms, and can still answer."""
        return self.was_asked and not self._is_answered and not self._is_expired

    @property
    def is_expired(self) -> bool:
        """Whether the buyer was asked about the accounts of the terms, and did not answer."""
        return self.was_asked and not self._is_answered and self._is_expired

    @property
    def _is_answered(self) -> bool:
        link, confirmation = self._ctx.record.account_link, self._ctx.record.account_confirmation
        return bool(link and confirmation and confirmation.link == link.number)

    @property
    def _is_expired(self) -> bool:
        link = self._ctx.record.account_link
        if link is None:
            return False
        # A timer may fire a moment too early by a clock that is faster than real time.
        known = self._ctx.state.buyer_confirmation.expired == link.number
        return known or account_confirmation.is_expired(link, self._ctx.now())

    @property
    def is_outdated(self) -> bool:
        """Whether the buyer has answered, or was asked again, or can no longer answer, since the
        findings were made."""
        return self._ctx.state.buyer_confirmation.checked not in (None, self._situation)

    @property
    def _situation(self) -> tuple[int, bool, bool]:
        link = self._ctx.record.account_link
        return (link.number if link else 0, self._is_answered, self._is_expired)

    @property
    def wake_up(self) -> WakeUp | None:
        """What is to be done next unless the buyer answers: a reminder, or the end of the link."""
        record, state = self._ctx.record, self._ctx.state.buyer_confirmation
        link = record.account_link
        if link is None or state.checked is None or not self.is_awaited:
            return None
        since, after = state.reminded_until, record.policy.confirm_account.remind_after
        times = times_after(link.asked_at, after, since) if since else []
        if times and times[0] < link.expires_at:
            return WakeUp(times[0], "next reminder to confirm the account", self._remind(times))
        return WakeUp(link.expires_at, "end of the link to confirm the account", self._expire)

    def _remind(self, times: list[datetime]) -> Callable[[], None]:
        def remind() -> None:
            # Of several that an outage delayed, only the last is sent.
            moment = max(times[:1] + [each for each in times if each <= self._ctx.now()])
            self._ctx.state.buyer_confirmation.reminded_until = moment
            self._email_buyer(f"reminded at {moment:%F %T}")

        return remind

    def _expire(self) -> None:
        link = self._ctx.record.account_link
        self._ctx.state.buyer_confirmation.expired = link.number if link else None

    def skip_past_reminders(self) -> None:
        """Leave out reminders that would have been sent before now."""
        state = self._ctx.state.buyer_confirmation
        if state.reminded_until:
            state.reminded_until = max(state.reminded_until, self._ctx.now())
