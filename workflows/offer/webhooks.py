"""Events for other systems (webhooks): one after the other, beside the stages.

An offer waits for no receiver.  What is still to be delivered when it is over is handed to a
workflow of its own.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.common import VersioningBehavior
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception
from temporalio.workflow import ParentClosePolicy

from workflows.common.activity_options import failure_of, start_activity
from workflows.common.waiting import wait_condition, wait_condition_for

with workflow.unsafe.imports_passed_through():
    from activities.webhooks.delivery import EventDelivery, WebhookDelivery
    from offers.ids import path_of_workflow
    from offers.lifecycle.attentions import AttentionCode, Vendor
    from offers.lifecycle.webhook_events import (
        GROUPS,
        EventData,
        EventType,
        WebhookEvent,
        event_id,
        events_between,
    )
    from offers.model import FrozenModel

if TYPE_CHECKING:
    from workflows.offer.context import OfferContext

RETRIED_FOR = timedelta(days=3)
"""How long after an event it is tried to deliver it.  Real time."""

RETRIED_AT_LEAST = timedelta(hours=1)
"""The same for one that waited behind others, or that a person has sent again.  Real time."""

WAITED_FOR_AT_THE_END = timedelta(minutes=1)
"""How long an offer that is over waits for receivers.  Real time."""

REMEDY = "Correct the receiver, or its entry in the policy; then resume: its events are sent again"


class Webhooks:
    """Makes events of what has changed, and delivers them in their order."""

    def __init__(self, ctx: OfferContext) -> None:
        self._ctx = ctx
        self._loop: asyncio.Task[None] | None = None

    def update(self) -> None:
        """Make events of what has changed, for receivers that want them."""
        record, state = self._ctx.record, self._ctx.state.webhooks
        before, state.reported = state.reported, state.reported.after(record)
        if state.reported == before or not record.policy.webhooks.endpoints:
            return
        for kind, data in events_between(before, state.reported, record):
            if record.policy.webhooks.receivers(GROUPS[kind]):
                self._add(kind, data)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be delivered, except what waits for a person."""
        return not self._ctx.state.webhooks.pending

    def restart(self) -> None:
        """Go on in a run that continues another."""
        if self._ctx.state.webhooks.failed:
            self._start()

    def send_again(self) -> None:
        """The offer is over, and nobody can resume it: what was given up is sent once more."""
        state = self._ctx.state.webhooks
        if state.attention is not None:
            self._ctx.attentions.dismiss(state.attention)
            self._send_again_if_resumed()

    async def finish(self) -> None:
        """Stop; what receivers have not taken by then is delivered by another workflow."""
        state = self._ctx.state.webhooks
        if state.pending:
            await wait_condition_for(
                WAITED_FOR_AT_THE_END, lambda: self.is_idle, summary="receivers of webhooks"
            )
        if self._loop:
            self._loop.cancel()
        if left := [*state.failed, *state.pending]:
            path = path_of_workflow(workflow.info().workflow_id)
            await workflow.start_child_workflow(
                DeliverEvents.run,
                LeftEvents(deliveries=tuple(left)),
                id=f"webhooks/{path}/{left[0].event.id}",
                parent_close_policy=ParentClosePolicy.ABANDON,
            )

    def _add(self, kind: EventType, data: EventData) -> None:
        state, info = self._ctx.state.webhooks, workflow.info()
        state.events += 1
        event = WebhookEvent(
            id=event_id(info.workflow_id, info.first_execution_run_id, state.events),
            type=kind,
            timestamp=self._ctx.now(),
            data=data,
        )
        state.pending.append(EventDelivery(event=event))
        self._start()

    def _start(self) -> None:
        if self._loop is None:
            self._loop = self._ctx.start(self._deliver_all())

    async def _deliver_all(self) -> None:
        state = self._ctx.state.webhooks
        while True:
            await wait_condition(lambda: bool(state.pending) or self._is_resumed)
            self._send_again_if_resumed()
            delivery = state.pending[0]
            try:
                await start_activity(
                    WebhookDelivery.deliver_event, delivery, budget=self._time_left(delivery.event)
                )
            except ActivityError as error:
                if is_cancelled_exception(error):
                    return  # the offer is over
                self._give_up(delivery, failure_of(error))
            state.pending.remove(delivery)

    def _time_left(self, event: WebhookEvent) -> timedelta:
        passed = self._ctx.record.clock.real_duration(self._ctx.now() - event.timestamp)
        return max(RETRIED_FOR - passed, RETRIED_AT_LEAST)

    @property
    def _is_resumed(self) -> bool:
        """Whether a person has what was given up sent again."""
        state = self._ctx.state.webhooks
        return state.attention is not None and not self._ctx.attentions.is_open(state.attention)

    def _send_again_if_resumed(self) -> None:
        state = self._ctx.state.webhooks
        if self._is_resumed:
            state.pending[:0], state.failed, state.attention = state.failed, [], None

    def _give_up(self, delivery: EventDelivery, failure: ApplicationError | None) -> None:
        state = self._ctx.state.webhooks
        self._send_again_if_resumed()
        state.failed.append(_still_missing(delivery, failure))
        if state.attention is None:
            problem = failure.message if failure else "A webhook was not delivered"
            state.attention = self._ctx.attentions.raise_(
                AttentionCode.WEBHOOK_FAILED, problem, REMEDY, vendor=Vendor.WEBHOOKS
            ).number


def _still_missing(delivery: EventDelivery, failure: ApplicationError | None) -> EventDelivery:
    """For those only who do not have it, as far as that is known."""
    if failure is None or len(failure.details) < 2:
        return delivery
    return delivery.model_copy(update={"receivers": tuple(failure.details[1])})


class LeftEvents(FrozenModel):
    """Events of an offer that is over."""

    deliveries: tuple[EventDelivery, ...]
    """The oldest first."""


@workflow.defn(versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class DeliverEvents:
    """Delivers what receivers did not take while the offer's own workflow was open."""

    @workflow.run
    async def run(self, left: LeftEvents) -> None:
        """Fails if some of them are not delivered; Temporal's reset sends them again."""
        missing: list[str] = []
        for delivery in left.deliveries:
            try:
                await start_activity(WebhookDelivery.deliver_event, delivery, budget=RETRIED_FOR)
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                failure = failure_of(error)
                missing.append(failure.message if failure else delivery.event.id)
        if missing:
            raise ApplicationError(
                f"{len(missing)} events were not delivered. {missing[-1]}", non_retryable=True
            )
