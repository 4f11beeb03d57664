"""The change set that creates the offer: AWS takes about 45 minutes, once in a while hours."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.exceptions import ActivityError, RetryState

from workflows.common.activity_options import failure_of, start_activity
from workflows.common.escalation import (
    RefusedCredentials,
    attention_for,
    execute_with_escalation,
    is_refusal_of_credentials,
)
from workflows.common.waiting import wait_condition
from workflows.offer.state import PublicationState

with workflow.unsafe.imports_passed_through():
    from activities.aws.catalog import AwsCatalog, ChangeSetOutcome, WaitForChangeSet
    from activities.email.message import EmailKind
    from offers.diagnosis.sentences import CREATION_REMEDY
    from offers.lifecycle.attentions import AttentionCode, Vendor
    from offers.text import duration_text

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext


class ChangeSetFollower:
    """One activity that the server retries until AWS has finished, however long that takes."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx

    def report_finished(self, change_set_id: str) -> None:
        """AWS is said to have finished a change set: look at once instead of at the next try."""
        publication = self._ctx.state.publication
        if publication and change_set_id == self._ctx.record.change_set_id:
            publication.finish_reported = True

    async def outcome(self) -> ChangeSetOutcome:
        """How it ended.  If the offer is to be withdrawn, AWS is stopped while that is possible."""
        delayed_at = self._ctx.now() + self._ctx.record.policy.publication.delayed_after
        publication = PublicationState(delayed_at=delayed_at)
        self._ctx.state.publication = publication
        refused = RefusedCredentials(self._ctx.attentions)
        while (outcome := await self._wait(publication, refused)) is None:
            if self._ctx.is_withdrawing() and not publication.stop_requested:
                publication.stop_requested = True
                await execute_with_escalation(
                    self._ctx.attentions,
                    AwsCatalog.cancel_change_set,
                    self._ctx.record.require_change_set_id(),
                )
        refused.dismiss()
        if publication.attention:
            self._ctx.attentions.dismiss(publication.attention)
        self._ctx.state.publication = None
        return outcome

    async def _wait(
        self, publication: PublicationState, refused: RefusedCredentials
    ) -> ChangeSetOutcome | None:
        """Wait until AWS has finished; None if there is something else to do first."""
        record = self._ctx.record
        left = record.clock.real_duration(publication.delayed_at - self._ctx.now())

        def is_interrupted() -> bool:
            stop = self._ctx.is_withdrawing() and not publication.stop_requested
            return publication.finish_reported or stop

        waiting = start_activity(
            AwsCatalog.wait_for_change_set,
            WaitForChangeSet(
                change_set_id=record.require_change_set_id(), polling=record.policy.publication
            ),
            budget=None if publication.attention else max(left, timedelta(seconds=1)),
        )
        await wait_condition(lambda: waiting.done() or is_interrupted())
        if not waiting.done():
            waiting.cancel()
            with suppress(ActivityError):
                await waiting
            publication.finish_reported = False
            return None
        try:
            return await waiting
        except ActivityError as error:
            if error.retry_state is RetryState.TIMEOUT:
                self._raise_delayed(publication)
            elif is_refusal_of_credentials(failure := failure_of(error)):
                await refused.wait(failure, is_interrupted)
            else:
                await self._ctx.attentions.wait_until_resolved(
                    *attention_for(failure), vendor=Vendor.AWS, or_when=is_interrupted
                )
            return None

    def _raise_delayed(self, publication: PublicationState) -> None:
        delayed_after = self._ctx.record.policy.publication.delayed_after
        publication.attention = self._ctx.attentions.raise_(
            AttentionCode.PUBLICATION_DELAYED,
            f"AWS has been creating the offer for more than {duration_text(delayed_after)}",
            CREATION_REMEDY,
        ).number
        self._ctx.notifications.notify_owner(EmailKind.OWNER_PUBLICATION_DELAYED)
