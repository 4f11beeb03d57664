"""Notifications: mails to the buyer, never blindly sent twice, and notices to our own people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.common.activity_options import failure_of
from workflows.common.escalation import cancel_when, execute_with_escalation
from workflows.common.waiting import wait_condition

with workflow.unsafe.imports_passed_through():
    from activities.email.message import EmailKind
    from activities.email.smtp import Email, OfferEmail, OwnerCopy
    from activities.errors import Failure
    from offers.lifecycle.attentions import AttentionCode
    from offers.lifecycle.record import OfferRecord
    from offers.payouts.refund import Refund
    from offers.policy.policy import FINANCE
    from offers.stage import Stage
    from offers.terms.contacts import Owner, is_address_of

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext

OWNER_NOTICES = {
    Stage.FAILED: EmailKind.OWNER_PUBLICATION_FAILED,
    Stage.ACCEPTED: EmailKind.OWNER_ACCEPTED,
    Stage.EXPIRED: EmailKind.OWNER_EXPIRED,
    Stage.DISBURSED: EmailKind.OWNER_DISBURSED,
    Stage.TERMINATED: EmailKind.OWNER_AGREEMENT_ENDED,
}
"""What the owner is sent when a stage begins."""

DECIDED = frozenset({Stage.ACCEPTED, Stage.EXPIRED, Stage.CANCELLED})
"""Stages from which on mails about an open offer are no longer true."""


def _never() -> bool:
    return False


class Notifications:
    """Sends mail about one offer, beside its stages."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx
        self._background: list[asyncio.Task[None]] = []
        self._buyer_emails: list[asyncio.Task[None]] = []
        self._void_notice: tuple[str, asyncio.Task[None]] | None = None
        """To whom an earlier link is void, and the mail that says so."""

    # Our own people ------------------------------------------------------------------------------

    def stage_entered(self) -> None:
        """Tell the owner of the stage, unless they know."""
        record, known = self._ctx.record, self._ctx.state.notifications.stages_notified
        if record.stage in DECIDED:
            self.stop_buyer_emails()
        if record.stage not in OWNER_NOTICES:
            return
        # An offer can expire or be accepted more than once, and come back to where it was.
        why = record.agreement.agreement_id if record.agreement else str(record.expires_at)
        occasion = f"{record.revision} {why} {len(record.findings)}"
        if record.stage is Stage.FAILED:
            occasion = str(len(record.history))
        if record.stage is Stage.DISBURSED:
            if record.payout is None:
                return  # there was nothing to pay
            occasion = record.payout.fingerprint
        if (notice := f"{record.stage} {occasion}") not in known:
            known.add(notice)
            self.notify_owner(OWNER_NOTICES[record.stage], str(len(record.history)))

    def notify_owner(self, kind: EmailKind, occasion: str = "") -> None:
        """Send the owner a notice of how things stand now."""
        if self._ctx.record.owner is not None:
            copy_to = FINANCE if kind is EmailKind.OWNER_DISBURSED else None
            self._notify(kind, occasion, copy_to=copy_to)

    def notify_finance(self, kind: EmailKind, occasion: str) -> None:
        """Send finance a notice; the owner, if nobody holds that role."""
        self._notify(kind, occasion, role=FINANCE, to_owner=OwnerCopy.IF_ROLE_IS_VACANT)

    def notify_refund(self, kind: EmailKind, refund: Refund) -> None:
        """Tell finance and the owner how a refund stands; the mail is about this one alone."""
        record = self._ctx.record.model_copy(update={"refunds": (refund,)})
        occasion = f"{refund.reference} {refund.status}"
        self._notify(kind, occasion, role=FINANCE, to_owner=OwnerCopy.ALSO, about=record)

    def notify_approvers(self, occasion: str) -> None:
        """Write to those who may approve what waits for approval."""
        for role in sorted({str(finding.role) for finding in self._ctx.record.awaiting_approval}):
            self._notify(EmailKind.APPROVAL_REQUIRED, f"{role} {occasion}", role=role)

    def email_confirmation_request(self, occasion: str, outdated: Callable[[], bool]) -> None:
        """Ask the buyer to confirm the account; a second copy does no harm.

        `outdated`: whether nobody needs the answer any more.
        """
        self._notify(EmailKind.OFFER_ACCOUNT_CONFIRMATION, occasion, outdated=outdated)

    def notify_decision(self) -> None:
        """Tell the owner, and all who could have decided, what was decided last in their name."""
        record = self._ctx.record
        occasion = str(len(record.decisions))
        for role in sorted({str(each.finding.role) for each in record.last_decisions}):
            self._notify(
                EmailKind.APPROVAL_DECIDED, f"{role} {occasion}", role=role, to_owner=OwnerCopy.ALSO
            )

    def owner_changed(self, before: Owner | None) -> None:
        """Tell whoever owned the opportunity before that somebody else does."""
        record = self._ctx.record
        if (
            before is None
            or record.owner is None
            or is_address_of(before.owner_email, [record.owner.owner_email])
        ):
            return
        self.run_in_background(
            self._send_notice(
                OfferEmail(
                    kind=EmailKind.OWNER_CHANGED,
                    record=record.model_copy(update={"owner": before}),
                    occasion=f"{self._ctx.now():%F %T}",
                )
            )
        )

    def _notify(
        self,
        kind: EmailKind,
        occasion: str,
        *,
        role: str | None = None,
        copy_to: str | None = None,
        to_owner: OwnerCopy | None = None,
        about: OfferRecord | None = None,
        outdated: Callable[[], bool] | None = None,
    ) -> None:
        email = OfferEmail(
            kind=kind,
            record=about or self._ctx.record.model_copy(),
            occasion=occasion,
            role=role,
            copy_to=copy_to,
            to_owner=to_owner,
        )
        sending = self._send_notice(email, outdated or _never)
        self.run_in_background(cancel_when(outdated, sending) if outdated else sending)

    async def _send_notice(self, email: OfferEmail, outdated: Callable[[], bool] = _never) -> None:
        """A notice that no address takes holds nothing up once a person knows of it."""
        try:
            await self._send(email)
        except ActivityError as error:
            if outdated():
                return
            failure = failure_of(error)
            problem = failure.message if failure else str(error)
            await self._ctx.attentions.wait_until_resolved(
                AttentionCode.NOTIFICATION_FAILED,
                f"The notice {email.kind} could not be sent: {problem}",
                "Correct the address or tell them yourself, then resume: it is tried once more",
            )
            with suppress(ActivityError):
                await self._send(self._addressed_anew(email))

    async def _send(self, email: OfferEmail) -> None:
        await execute_with_escalation(
            self._ctx.attentions, Email.send_notice, email, expected=Failure.REJECTED
        )

    def _addressed_anew(self, email: OfferEmail) -> OfferEmail:
        """The same notice, to the owner as known now."""
        if email.kind is EmailKind.OWNER_CHANGED:
            return email
        owner = self._ctx.record.owner
        return email.model_copy(update={"record": email.record.model_copy(update={"owner": owner})})

    # The buyer -----------------------------------------------------------------------------------

    def email_buyer(
        self,
        kind: EmailKind,
        occasion: str = "",
        on_first_failure: Callable[[], None] | None = None,
    ) -> asyncio.Task[None]:
        """Write to the buyer about an open offer.

        `on_first_failure` is called if the mail is not sent at once.
        """
        email = self._ctx.start(
            self._email_buyer(kind, occasion, on_first_failure, revision=self._ctx.record.revision)
        )
        self._buyer_emails.append(email)
        return email

    def stop_buyer_emails(self) -> None:
        """The offer is decided: what a mail server still delays is no longer true."""
        for email in self._buyer_emails:
            email.cancel()

    def terms_changed(self) -> None:
        """Terms or contacts have changed: mails that are still delayed are written anew."""
        self._ctx.state.notifications.terms_version += 1

    def notify_buyer_void(self, kind: EmailKind) -> None:
        """Tell a buyer who may know of the offer that it is void, for good or to be changed."""
        state, record = self._ctx.state.notifications, self._ctx.record
        about = record.model_copy() if record.buyer_notified else state.replaced_offer
        state.replaced_offer = about if kind is EmailKind.OFFER_WITHDRAWN_FOR_CHANGE else None
        if about is not None and about.offer_id is not None:
            email = self._email_buyer(kind, "", None, revision=about.revision, about=about)
            self._void_notice = _buyer_of(about), self.run_in_background(email)

    def notify_buyer_extended(self) -> None:
        """Tell a buyer who may know of the offer that it has another last day."""
        if self._ctx.record.buyer_notified:
            occasion = f"edit {self._ctx.state.edits.requests}"
            self.email_buyer(EmailKind.OFFER_EXTENDED, occasion)

    def notify_new_buyer(self) -> None:
        """The buyer's contact has changed: they get what the one before them has."""
        if self._ctx.record.buyer_notified:
            self._send_offer_again()

    @property
    def is_delivery_unknown(self) -> bool:
        """Whether a mail to the buyer may or may not have been sent."""
        return self._ctx.state.notifications.deliveries_unknown > 0

    def resend(self) -> None:
        """Send again the mail of which nobody knows whether it was sent; else the offer itself."""
        state = self._ctx.state.notifications
        if self.is_delivery_unknown:
            state.resends += 1
            self._ctx.attentions.resolve(AttentionCode.EMAIL_DELIVERY_UNKNOWN)
        else:
            self._send_offer_again()

    def _send_offer_again(self) -> None:
        state = self._ctx.state.notifications
        state.resends += 1
        self.email_buyer(EmailKind.OFFER_SHARED, f"resent-{state.resends}")

    async def _email_buyer(
        self,
        kind: EmailKind,
        occasion: str,
        on_first_failure: Callable[[], None] | None,
        *,
        revision: int,
        about: OfferRecord | None = None,
    ) -> None:
        """Send one mail; if nobody knows whether it was sent, a person decides.

        It says how the offer is when it is sent; with `about`, how it was then.
        """
        state = self._ctx.state.notifications
        while True:
            resends, version = state.resends, state.terms_version
            record = about or self._ctx.record.model_copy()
            sending = asyncio.create_task(
                execute_with_escalation(
                    self._ctx.attentions,
                    Email.send_to_buyer,
                    OfferEmail(kind=kind, record=record, occasion=occasion),
                    expected=Failure.DELIVERY_UNKNOWN,
                    on_first_failure=on_first_failure,
                )
            )
            try:
                await wait_condition(
                    lambda: (
                        sending.done()  # noqa: B023
                        or (about is None and state.terms_version != version)  # noqa: B023
                    )
                )
            except asyncio.CancelledError:
                if await _stop_sending(sending):
                    self._buyer_notified(kind, revision)
                return
            if not sending.done():
                if await _stop_sending(sending):
                    self._buyer_notified(kind, revision)
                continue  # what it said is no longer so: better a second copy than a wrong one
            self._buyer_notified(kind, revision)
            if sending.exception() is None:
                return
            if on_first_failure is not None:
                on_first_failure()
            await self._ask_whether_sent(kind)
            if state.resends == resends:
                return

    def _buyer_notified(self, kind: EmailKind, revision: int) -> None:
        if self._ctx.record.revision == revision:
            self._ctx.record.buyer_notified = True
        if kind is EmailKind.OFFER_SHARED:
            self._ctx.state.notifications.replaced_offer = None
            match self._void_notice:
                # This mail says itself that the earlier link is void.
                case addressee, notice if addressee == _buyer_of(self._ctx.record):
                    if not notice.done():
                        self._background.remove(notice)
                        notice.cancel()
            self._void_notice = None

    async def _ask_whether_sent(self, kind: EmailKind) -> None:
        state = self._ctx.state.notifications
        state.deliveries_unknown += 1
        try:
            await self._ctx.attentions.wait_until_resolved(
                AttentionCode.EMAIL_DELIVERY_UNKNOWN,
                f"The mail {kind} to the buyer may have been sent: the server's answer was lost",
                "Look in the mail server's log, then resume if it was sent, or resend",
            )
        finally:
            state.deliveries_unknown -= 1

    # Work beside the stages ----------------------------------------------------------------------

    def run_in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have something done beside the stages; the run ends only when it is done."""
        task = self._ctx.start(work)
        self._background.append(task)
        return task

    @property
    def is_idle(self) -> bool:
        """Whether no mail is under way or waits for a person."""
        return all(task.done() for task in (*self._background, *self._buyer_emails))

    async def finish(self) -> None:
        """Wait until all that runs in the background is done."""
        await asyncio.gather(*self._background)


async def _stop_sending(sending: asyncio.Task[None]) -> bool:
    """Stop a mail; whether it was sent, or may have been at this very moment."""
    sending.cancel()
    await workflow.wait([sending])
    if sending.cancelled():
        return False  # it was not being sent, but waited for a person
    sending.exception()
    return True


def _buyer_of(record: OfferRecord) -> str:
    return record.require_contacts().buyer_email
