"""Lost activity attempts: repeated for notices, never for mails to the buyer."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.exceptions import ActivityError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

import workflows.common.activity_options
from activities.email.message import EmailKind
from activities.email.smtp import Email, OfferEmail
from activities.task_queues import TaskQueue
from cli import offer_client
from offers.lifecycle.record import OfferRecord
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter, register_search_attributes
from tests.support.workflow_harness import OPPORTUNITY, installed_program
from workflows.common.escalation import execute_with_escalation
from workflows.offer.context import OfferContext
from workflows.offer.state import OfferState

pytestmark = pytest.mark.xdist_group("in-real-time")


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


async def server() -> WorkflowEnvironment:
    return await WorkflowEnvironment.start_local(
        dev_server_existing_path=installed_program("temporal"),
        dev_server_log_level="error",
        data_converter=data_converter(TemporalSettings()),
    )


@pytest.mark.parametrize("has_failure_callback", [True, False])
@pytest.mark.parametrize(
    ("kind", "delivery", "copies"),
    [(EmailKind.OFFER_SHARED, "unknown", 1), (EmailKind.OWNER_EXPIRED, "sent", 2)],
)
async def test_lost_attempt_is_repeated_for_notices_only(
    monkeypatch: pytest.MonkeyPatch,
    kind: EmailKind,
    has_failure_callback: bool,
    delivery: str,
    copies: int,
) -> None:
    for send in (Email.send_to_buyer, Email.send_notice):
        call = workflows.common.activity_options.ACTIVITY_OPTIONS[send]
        options = call.model_copy(update={"timeout": timedelta(seconds=1)})
        monkeypatch.setitem(workflows.common.activity_options.ACTIVITY_OPTIONS, send, options)
    mailer = LostAttemptMailer()
    async with await server() as temporal:
        client: Client = temporal.client
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
    assert (result, mailer.sent) == (delivery, copies)


async def test_commands_fail_in_time_without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offer_client, "WORKER_TIMEOUT", timedelta(seconds=1))
    async with await server() as temporal:
        await register_search_attributes(temporal.client)
        client = offer_client.OfferClient(temporal.client)
        for request in (client.start, client.record, client.resume, client.resend):
            with pytest.raises(offer_client.NoWorkerRunning, match=r"start worker\.py"):
                await request(OPPORTUNITY)
        with pytest.raises(offer_client.NoWorkerRunning):
            await client.cancel(OPPORTUNITY, "")
        assert [row.stage for row in await client.list_offers()] == ["draft"], (
            "the offer was not started"
        )
