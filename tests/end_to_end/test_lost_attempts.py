"""Lost activity attempts: repeated for notices, never for mails to the buyer."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.exceptions import ActivityError
from temporalio.worker import Worker

import workflows.common.activity_options
from activities.email.message import EmailKind
from activities.email.smtp import Email, OfferEmail
from activities.task_queues import TaskQueue
from client import offer_client
from offers.lifecycle.record import OfferRecord
from tests.support.dev_server import new_namespace
from tests.support.workflow_harness import OPPORTUNITY
from workflows.common.escalation import execute_with_escalation
from workflows.offer.context import OfferContext
from workflows.offer.state import OfferState


@workflow.defn(sandboxed=False)
class OneMail:
    """Sends one mail, as an offer does; returns whether the delivery is known."""

    @workflow.run
    async def run(self, kind: EmailKind, has_failure_callback: bool) -> str:
        record = OfferRecord(opportunity_id=OPPORTUNITY)
        attentions = OfferContext(OfferState(record=record)).attentions
        send: Callable[..., Any] = (
            Email.send_to_buyer if kind is EmailKind.OFFER_SHARED else Email.send_notice
        )
        on_first_failure = (lambda: None) if has_failure_callback else None
        try:
            await execute_with_escalation(
                attentions,
                send,
                OfferEmail(kind=kind, record=record),
                on_first_failure=on_first_failure,
            )
        except ActivityError:
            return "unknown"
        return "sent"


class LostAttemptMailer:
    """Sends each mail, but its first attempt never completes."""

    def __init__(self) -> None:
        self.sent = 0

    @activity.defn(name="send_to_buyer")
    async def send_to_buyer(self, _mail: OfferEmail) -> None:
        await self._send()

    @activity.defn(name="send_notice")
    async def send_notice(self, _mail: OfferEmail) -> None:
        await self._send()

    async def _send(self) -> None:
        self.sent += 1
        if self.sent == 1:
            await activity.wait_for_cancelled()


@pytest.mark.parametrize("has_failure_callback", [True, False])
@pytest.mark.parametrize(
    ("kind", "delivery_and_copies"),
    [(EmailKind.OFFER_SHARED, ("unknown", 1)), (EmailKind.OWNER_EXPIRED, ("sent", 2))],
)
async def test_lost_attempt_is_repeated_for_notices_only(
    dev_server: str,
    monkeypatch: pytest.MonkeyPatch,
    kind: EmailKind,
    has_failure_callback: bool,
    delivery_and_copies: tuple[str, int],
) -> None:
    for send in (Email.send_to_buyer, Email.send_notice):
        call = workflows.common.activity_options.ACTIVITY_OPTIONS[send]
        options = call.model_copy(update={"timeout": timedelta(seconds=1)})
        monkeypatch.setitem(workflows.common.activity_options.ACTIVITY_OPTIONS, send, options)
    mailer = LostAttemptMailer()
    client = await new_namespace(dev_server)
    async with (
        Worker(client, task_queue="test", workflows=[OneMail]),
        Worker(
            client,
            task_queue=TaskQueue.EMAIL,
            activities=[mailer.send_to_buyer, mailer.send_notice],
        ),
    ):
        result = await client.execute_workflow(
            OneMail.run, args=[kind, has_failure_callback], id="mail", task_queue="test"
        )
    assert (result, mailer.sent) == delivery_and_copies


async def test_commands_fail_in_time_without_a_worker(dev_server: str) -> None:
    client = offer_client.OfferClient(await new_namespace(dev_server))
    for request in (client.start, client.record, client.resume, client.resend):
        with pytest.raises(offer_client.NoWorkerRunning, match=r"start worker\.py"):
            await request(OPPORTUNITY)
    with pytest.raises(offer_client.NoWorkerRunning):
        await client.cancel(OPPORTUNITY, "")
    assert [row.stage for row in await client.list_offers()] == ["draft"], (
        "the offer was not started"
    )
