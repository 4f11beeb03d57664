"""The offer's mail: letters to the buyer, never blindly sent twice, and notices to the owner."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows.common.activity_options import failure_of
from workflows.common.escalation import ask
from workflows.offer.attentions import People

with workflow.unsafe.imports_passed_through():
    from activities.email.message import EmailKind
    from activities.email.smtp import Email, OfferEmail
    from activities.errors import Failure
    from offers.lifecycle.record import OfferRecord
    from offers.policy.policy import FINANCE
    from offers.stage import Stage

POSSIBLY_SENT = "possibly-sent"
NOT_TOLD = "not-told"

TELL_OWNER = {
    Stage.FAILED: EmailKind.OWNER_FAILED,
    Stage.ACCEPTED: EmailKind.OWNER_ACCEPTED,
    Stage.EXPIRED: EmailKind.OWNER_EXPIRED,
    Stage.DISBURSED: EmailKind.OWNER_PAID,
    Stage.TERMINATED: EmailKind.OWNER_TERMINATED,
}
"""What the owner is told when a stage begins."""

DECIDED = frozenset({Stage.ACCEPTED, Stage.EXPIRED, Stage.CANCELLED})
"""Stages from which on letters about an open offer are no longer true."""


class Correspondence:
    """Who is written to about one offer."""

    def __init__(self, record: OfferRecord, people: People) -> None:
        self._record = record
        self._people = people
        self._notices: list[asyncio.Task[None]] = []
        self._letters: list[asyncio.Task[None]] = []
        self._resends = 0
        self._edition = 0
        """Counts the changes of what letters say."""
        self._told: set[tuple[Stage, str]] = set()
        self._changing: OfferRecord | None = None
        """What the buyer was told is being changed, until the changed offer has been shared."""
        self._saying_so: asyncio.Task[None] | None = None
        self.doubtful = 0
        """How many letters to the buyer may or may not have been sent."""

    def stage_began(self, stage: Stage) -> None:
        """Tell the owner, if a stage is news to them."""
        if stage in DECIDED:
            self.stop_letters()
        # An offer can expire or be accepted more than once, and come back to where it was.
        record = self._record
        why = record.agreement.agreement_id if record.agreement else str(record.expires_at)
        news = stage, f"{record.revision} {why} {len(record.findings)}"
        if stage is Stage.FAILED:
            news = stage, str(len(record.history))
        if stage is Stage.DISBURSED:
            if record.payout is None:
                return  # there was nothing to pay
            news = stage, record.payout.fingerprint
        if stage in TELL_OWNER and news not in self._told:
            self._told.add(news)
            self.tell_owner(TELL_OWNER[stage], str(len(record.history)))

    def tell_owner(self, kind: EmailKind, occasion: str = "") -> None:
        """Send the owner a notice of how things stand now, beside the story."""
        if self._record.owner is not None:
            copy_to = FINANCE if kind is EmailKind.OWNER_PAID else None
            self._notify(kind, occasion, copy_to=copy_to)

    def tell_finance(self, kind: EmailKind, occasion: str) -> None:
        """Send finance a notice; the owner, if nobody holds that role."""
        if self._record.policy.roles.get(FINANCE):
            self._notify(kind, occasion, role=FINANCE)
        elif self._record.owner is not None:
            self._notify(kind, occasion)

    def _notify(
        self, kind: EmailKind, occasion: str, role: str | None = None, copy_to: str | None = None
    ) -> None:
        mail = OfferEmail(
            kind=kind,
            record=self._record.model_copy(),
            occasion=occasion,
            role=role,
            copy_to=copy_to,
        )
        self._notices.append(asyncio.create_task(self._send(mail)))

    def run_errand(self, errand: Coroutine[Any, Any, None]) -> None:
        """Have something done beside the story; the offer ends only when it is done."""
        self._notices.append(asyncio.create_task(errand))

    def tell_approvers(self, occasion: str) -> None:
        """Write to those who may approve what waits for approval."""
        for role in sorted({str(finding.role) for finding in self._record.awaiting_approval}):
            if self._record.policy.roles.get(role):
                self._notify(EmailKind.APPROVAL_ASKED, f"{role} {occasion}", role=role)

    def tell_buyer(
        self, kind: EmailKind, occasion: str = "", held_up: Callable[[], None] | None = None
    ) -> asyncio.Task[None]:
        """Write to the buyer about an open offer; `held_up` is called if it does not go at once."""
        letter = asyncio.create_task(
            self._letter(kind, occasion, held_up, revision=self._record.revision)
        )
        self._letters.append(letter)
        return letter

    def stop_letters(self) -> None:
        """The offer's fate is decided: what a mail server still holds up is no longer true."""
        for letter in self._letters:
            letter.cancel()

    def rewrite(self) -> None:
        """Terms or contacts have changed: what is still held up is written anew."""
        self._edition += 1

    def tell_buyer_void(self, kind: EmailKind) -> None:
        """Tell a buyer who may know of the offer that it is void, for good or to be changed."""
        about = self._record.model_copy() if self._record.buyer_notified else self._changing
        self._changing = about if kind is EmailKind.OFFER_CHANGING else None
        if about is not None and about.offer_id is not None:
            letter = self._letter(kind, "", None, revision=about.revision, about=about)
            self._saying_so = asyncio.create_task(letter)
            self._notices.append(self._saying_so)

    def tell_buyer_extended(self) -> None:
        """Tell a buyer who may know of the offer that it has another last day."""
        if self._record.buyer_notified:
            self.tell_buyer(EmailKind.OFFER_EXTENDED, f"edit {self._record.edit_count}")

    def tell_new_buyer(self) -> None:
        """Somebody else is written to: they get what the one before them has."""
        if self._record.buyer_notified:
            self._resends += 1
            self.tell_buyer(EmailKind.OFFER_SHARED, f"resent-{self._resends}")

    async def _letter(
        self,
        kind: EmailKind,
        occasion: str,
        held_up: Callable[[], None] | None,
        *,
        revision: int,
        about: OfferRecord | None = None,
    ) -> None:
        """A letter whose fate is doubtful waits for a person's word.

        It tells how the offer is when it is sent; with `about`, how it was then.
        """
        while True:
            resends, edition = self._resends, self._edition
            record = about or self._record.model_copy()
            mail = OfferEmail(kind=kind, record=record, occasion=occasion)
            sending = asyncio.create_task(
                ask(
                    self._people,
                    Email.send_to_buyer,
                    mail,
                    expected=Failure.DELIVERY_UNKNOWN,
                    held_up=held_up,
                )
            )
            try:
                await workflow.wait_condition(
                    lambda: (
                        sending.done()  # noqa: B023
                        or (about is None and self._edition != edition)  # noqa: B023
                    )
                )
            except asyncio.CancelledError:
                if await _may_have_gone(sending):
                    self._buyer_knows(kind, revision)
                return
            if not sending.done():
                if await _may_have_gone(sending):
                    self._buyer_knows(kind, revision)
                continue  # what it said is no longer so: better a second copy than a wrong one
            self._buyer_knows(kind, revision)
            if sending.exception() is None:
                return
            if held_up is not None:
                held_up()
            await self._ask_whether_sent(kind)
            if self._resends == resends:
                return

    def _buyer_knows(self, kind: EmailKind, revision: int) -> None:
        if self._record.revision == revision:
            self._record.buyer_notified = True
        if kind is EmailKind.OFFER_SHARED:
            # It says itself that the earlier link is void.
            self._changing = None
            if self._saying_so and not self._saying_so.done():
                self._notices.remove(self._saying_so)
                self._saying_so.cancel()

    async def _ask_whether_sent(self, kind: EmailKind) -> None:
        self.doubtful += 1
        try:
            await self._people.wait_for(
                POSSIBLY_SENT,
                f"The mail {kind} to the buyer may have been sent: the server's answer was lost",
                "Look in the mail server's log, then resume if it was sent, or resend",
            )
        finally:
            self.doubtful -= 1

    def resend(self) -> None:
        """Send what is doubtful once more; if nothing is, the offer itself."""
        self._resends += 1
        if self.doubtful:
            self._people.answer(POSSIBLY_SENT)
        else:
            self.tell_buyer(EmailKind.OFFER_SHARED, f"resent-{self._resends}")

    async def finished(self) -> None:
        """Wait until everything sent beside the story has gone out."""
        await asyncio.gather(*self._notices)

    async def _send(self, mail: OfferEmail) -> None:
        """A notice that nobody can be given holds nothing up once a person knows of it."""
        try:
            await ask(self._people, Email.send_notice, mail, expected=Failure.REJECTED)
        except ActivityError as error:
            failure = failure_of(error)
            if failure is None or is_cancelled_exception(error):
                raise
            await self._people.wait_for(
                NOT_TOLD,
                f"The notice {mail.kind} could not be sent: {failure.message}",
                "Correct the address or tell them yourself, then resume: it is tried once more",
            )
            with suppress(ActivityError):
                await ask(
                    self._people,
                    Email.send_notice,
                    self._addressed(mail),
                    expected=Failure.REJECTED,
                )

    def _addressed(self, mail: OfferEmail) -> OfferEmail:
        """The same notice for who is to be told now."""
        owner = self._record.owner
        return mail.model_copy(update={"record": mail.record.model_copy(update={"owner": owner})})


async def _may_have_gone(sending: asyncio.Task[None]) -> bool:
    """Stop sending a letter; whether it was sent, or may have been at this very moment."""
    sending.cancel()
    await workflow.wait([sending])
    if sending.cancelled():
        return False  # it was in nobody's hands, but waited for a person
    sending.exception()
    return True
