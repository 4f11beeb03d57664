"""Events to other systems: what is sent, and what becomes of what is not taken."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from activities.task_queues import TaskQueue
from activities.webhooks.delivery import EventDelivery
from bench.action_cost import cost
from bench.lifecycle_cost import accepted
from offers.lifecycle.attentions import AttentionCode, Vendor
from offers.lifecycle.webhook_events import EventData, EventType, WebhookEvent
from offers.stage import Stage
from tests.support.continue_as_new import continue_as_new_always
from tests.support.webhook_receiver import SECRET, Receiver, running_receiver
from tests.support.workflow_harness import (
    OPPORTUNITY,
    POLICY,
    WorkflowHarness,
    environment_variables,
    open_harness,
)
from workflows.offer.webhooks import RETRIED_FOR, DeliverEvents, LeftEvents
from workflows.offer.workflow import OfferWorkflow

ACTIVITIES_WITHOUT = 12
"""Scheduled in the life that `accepted` runs."""


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with running_receiver(tmp_path) as receiver:
        yield receiver


def policy_with(folder: Path, *endpoints: str, allow_private: bool = True) -> Path:
    policy = folder / "policy.toml"
    table = (
        f"\n[webhooks]\nallow_private = {str(allow_private).lower()}\n"
        f"endpoints = [{', '.join(endpoints)}]\n"
    )
    policy.write_text(POLICY.read_text(encoding="utf-8") + table, encoding="utf-8")
    return policy


@asynccontextmanager
async def harness_with(
    receiver: Receiver, folder: Path, events: str = ""
) -> AsyncIterator[WorkflowHarness]:
    """A harness whose policy sends events to the receiver."""
    secrets = {"OFFERS_WEBHOOK_SECRETS": f"crm:{SECRET}"}
    policy = policy_with(folder, receiver.policy(events=events))
    with environment_variables(receiver.trusted | secrets):
        async with open_harness(policy=policy) as harness:
            yield harness


@pytest.fixture
async def harness(receiver: Receiver, tmp_path: Path) -> AsyncIterator[WorkflowHarness]:
    async with harness_with(receiver, tmp_path) as harness:
        yield harness


def stages(receiver: Receiver) -> list[tuple[str, str]]:
    return [
        (each["data"]["previous_stage"], each["data"]["stage"])
        for each in receiver.messages
        if each["type"] == "offer.stage_changed"
    ]


async def test_life_until_it_is_paid(harness: WorkflowHarness, receiver: Receiver) -> None:
    await accepted(harness)
    record = await harness.settle()
    assert stages(receiver) == [
        ("draft", "generating"),
        ("generating", "shared"),
        ("shared", "accepted"),
        ("accepted", "disbursed"),
    ]
    (payment,) = [each for each in receiver.messages if each["type"] == "offer.payment_received"]
    (invoice,) = record.require_payout().invoices
    assert payment["data"] == {
        "offer": OPPORTUNITY,
        "opportunity_id": OPPORTUNITY,
        "revision": 1,
        "stage": "disbursed",
        "offer_id": record.offer_id,
        "agreement_id": record.agreement.agreement_id if record.agreement else None,
        "invoice_id": invoice.invoice_id,
        "amount": {"amount": "116400.00", "currency": "USD"},
        "paid_on": str(invoice.disbursed_on),
        "bank_trace_id": invoice.bank_trace_ids[0],
    }
    assert len({each.id for each in receiver.received}) == len(receiver.received)
    entered = {each.stage: each.at for each in record.history}
    for message in receiver.messages:
        at = datetime.fromisoformat(message["timestamp"])
        assert abs(at - entered[Stage(message["data"]["stage"])]) < timedelta(minutes=1)
    used = cost(await harness.handle.fetch_history())
    assert used.by_kind["activity_task_scheduled"] == 5 + ACTIVITIES_WITHOUT
    assert len(receiver.attempts) == 5, "one Action for each event"


async def test_off_there_is_no_activity_more(receiver: Receiver) -> None:
    with environment_variables(receiver.trusted):
        async with open_harness() as harness:
            await accepted(harness)
            used = cost(await harness.handle.fetch_history())
    assert used.by_kind["activity_task_scheduled"] == ACTIVITIES_WITHOUT
    assert receiver.attempts == []


async def test_receiver_that_is_down_holds_nothing_up_and_gets_all_in_order(
    harness: WorkflowHarness, receiver: Receiver
) -> None:
    receiver.always = 500
    await harness.sell()
    assert (await harness.record()).stage is Stage.ACCEPTED
    assert receiver.received == []
    receiver.always = None
    await harness.advance(hours=2)
    assert [stage for _, stage in stages(receiver)] == ["generating", "shared", "accepted"]
    assert len(set(receiver.attempts)) == 3, "an attempt had an id of its own"


async def test_given_up_after_days_and_sent_again_by_resume(
    harness: WorkflowHarness, receiver: Receiver
) -> None:
    receiver.always = 503
    await harness.share()
    assert (await harness.advance(hours=70)).attentions == ()
    waiting = await harness.advance(hours=6)
    (attention,) = waiting.attentions
    assert (attention.code, attention.vendor) == (AttentionCode.WEBHOOK_FAILED, Vendor.WEBHOOKS)
    assert attention.problem == "The webhook crm: it answers 503"
    assert waiting.stage is Stage.SHARED
    attempts = len(receiver.attempts)
    assert 60 < attempts < 120
    assert (await harness.advance(hours=12)).attentions == (attention,)
    assert len(receiver.attempts) == attempts, "it was tried although it was given up"
    receiver.always = None
    await harness.client.resume(OPPORTUNITY, AttentionCode.WEBHOOK_FAILED)
    assert (await harness.settle()).attentions == ()
    assert [stage for _, stage in stages(receiver)] == ["generating", "shared"]
    assert len(set(receiver.attempts)) == 2


async def test_resumed_in_vain_it_is_given_up_again(
    harness: WorkflowHarness, receiver: Receiver
) -> None:
    receiver.always = 500
    await harness.share()
    await harness.advance(hours=76)
    await harness.client.resume(OPPORTUNITY, AttentionCode.WEBHOOK_FAILED)
    assert (await harness.settle()).attentions == ()
    (attention,) = (await harness.advance(hours=3)).attentions
    assert attention.code is AttentionCode.WEBHOOK_FAILED


async def test_receiver_that_wants_no_events_any_more(
    harness: WorkflowHarness, receiver: Receiver
) -> None:
    receiver.always = 410
    (attention,) = (await harness.share()).attentions
    assert attention.problem == "The webhook crm: it wants no events any more (410)"
    assert len(receiver.attempts) == 2, "an event was tried again"


async def test_pause_that_a_receiver_asks_for_is_kept(
    harness: WorkflowHarness, receiver: Receiver
) -> None:
    receiver.answers = [(429, {"Retry-After": "1800"})]
    await harness.start()
    await harness.advance(minutes=25)
    assert (receiver.received, len(receiver.attempts)) == ([], 1)
    await harness.advance(minutes=10)
    assert len(receiver.received) >= 1


async def test_attentions_are_told_without_their_words(
    harness: WorkflowHarness, receiver: Receiver
) -> None:
    harness.put_opportunity(Contract_Months__c=24.0)
    await harness.start()
    await harness.approve_all()
    await harness.settle()
    raised, resolved = [each for each in receiver.messages if "attention" in each["data"]]
    assert (raised["type"], resolved["type"]) == (
        "offer.attention_raised",
        "offer.attention_resolved",
    )
    assert raised["data"] == {
        "offer": OPPORTUNITY,
        "opportunity_id": OPPORTUNITY,
        "revision": 1,
        "stage": "draft",
        "attention": "approval-required",
        "attention_number": 1,
    }
    assert resolved["data"]["attention_number"] == 1


async def test_nothing_personal_is_sent(harness: WorkflowHarness, receiver: Receiver) -> None:
    await accepted(harness)
    sent = b"".join(each.body for each in receiver.received)
    assert not [word for word in (b"Example", b"@", b"Buyer", b"Owner") if word in sent]


async def test_chosen_events_only(receiver: Receiver, tmp_path: Path) -> None:
    async with harness_with(receiver, tmp_path, events='"payments"') as harness:
        await accepted(harness)
    assert [each.type for each in receiver.received] == ["offer.payment_received"]


async def test_who_has_an_event_does_not_get_it_again(tmp_path: Path) -> None:
    """Between attempts the server keeps who has it."""
    (tmp_path / "other").mkdir()
    with running_receiver(tmp_path) as up, running_receiver(tmp_path / "other") as down:
        both = tmp_path / "both.pem"
        both.write_bytes(up.ca_file.read_bytes() + down.ca_file.read_bytes())
        policy = policy_with(tmp_path, up.policy("up"), down.policy("down"))
        secrets = {"OFFERS_WEBHOOK_SECRETS": f"up:{SECRET},down:{SECRET}"}
        with environment_variables({"SSL_CERT_FILE": str(both), **secrets}):
            async with open_harness(policy=policy) as harness:
                down.always = 500
                await harness.share()
                await harness.advance(hours=4)
                assert (len(up.attempts), len(down.received)) == (1, 0)
                down.always = None
                await harness.advance(hours=1)
    assert [each.id for each in up.received] == [each.id for each in down.received]
    assert len(up.attempts) == 2


async def test_private_address_is_refused(receiver: Receiver, tmp_path: Path) -> None:
    """By its name, as an address is refused with the policy."""
    url = f"https://localhost:{receiver.port}/"
    policy = policy_with(tmp_path, f'{{ name = "crm", url = "{url}" }}', allow_private=False)
    secrets = {"OFFERS_WEBHOOK_SECRETS": f"crm:{SECRET}"}
    with environment_variables(receiver.trusted | secrets):
        async with open_harness(policy=policy) as harness:
            assert (await harness.share()).stage is Stage.SHARED
            (attention,) = (await harness.advance(hours=76)).attentions
    assert attention.problem == "The webhook crm: its address is in a private network"
    assert receiver.attempts == []


async def test_run_that_continues_as_new_loses_nothing(receiver: Receiver, tmp_path: Path) -> None:
    with continue_as_new_always() as continued:
        async with harness_with(receiver, tmp_path) as harness:
            receiver.answers = [(500, {})] * 3
            await accepted(harness)
            await harness.settle()
    assert continued
    assert [stage for _, stage in stages(receiver)] == [
        "generating",
        "shared",
        "accepted",
        "disbursed",
    ]
    assert [each.type for each in receiver.received].count("offer.payment_received") == 1
    assert len({each.id for each in receiver.received}) == len(receiver.received) == 5


async def test_no_run_continues_while_an_event_is_on_its_way(
    receiver: Receiver, tmp_path: Path
) -> None:
    with continue_as_new_always() as continued:
        async with harness_with(receiver, tmp_path) as harness:
            receiver.always = 500
            await harness.share()
            await harness.advance(hours=2)
            runs = len(continued)
            receiver.always = None
            await harness.advance(hours=2)
            await harness.handle.signal(OfferWorkflow.change_set_finished, "of-another-offer")
            await harness.settle()
            assert len(continued) > runs
    assert [stage for _, stage in stages(receiver)] == ["generating", "shared"]


async def test_what_was_given_up_outlives_a_run(receiver: Receiver, tmp_path: Path) -> None:
    with continue_as_new_always() as continued:
        async with harness_with(receiver, tmp_path) as harness:
            receiver.always = 500
            await harness.share()
            await harness.advance(hours=76)
            runs = len(continued)
            await harness.handle.signal(OfferWorkflow.change_set_finished, "of-another-offer")
            await harness.settle()
            assert len(continued) > runs
            receiver.always = None
            await harness.client.resume(OPPORTUNITY, AttentionCode.WEBHOOK_FAILED)
            await harness.settle()
    assert [stage for _, stage in stages(receiver)] == ["generating", "shared"]


async def cancel(harness: WorkflowHarness) -> None:
    """Cancel the offer; its workflow closes within hours, whether or not events are taken."""
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    for _ in range(24):
        await harness.sleep(timedelta(minutes=10))
        if (await harness.handle.describe()).status is WorkflowExecutionStatus.COMPLETED:
            return
    raise AssertionError("a receiver holds it up")


async def test_offer_that_is_over_waits_for_no_receiver(
    harness: WorkflowHarness, receiver: Receiver
) -> None:
    """Another workflow delivers what is left, and what had been given up."""
    receiver.always = 500
    await harness.share()
    await harness.advance(hours=76)
    await cancel(harness)
    assert (await harness.handle.result()).attentions == (), "nobody could resume it"
    receiver.always = None
    await harness.sleep(timedelta(hours=2))
    assert [stage for _, stage in stages(receiver)] == ["generating", "shared", "cancelled"]
    left = f"webhooks/{OPPORTUNITY}/{receiver.received[0].id}"
    described = await harness.temporal_client.get_workflow_handle(left).describe()
    assert described.status is WorkflowExecutionStatus.COMPLETED


async def test_events_that_are_never_taken_fail_the_workflow_that_delivers_them(
    harness: WorkflowHarness, receiver: Receiver
) -> None:
    receiver.always = 500
    event = WebhookEvent(
        id="msg_1",
        type=EventType.STAGE_CHANGED,
        timestamp=harness.time(),
        data=EventData(offer=OPPORTUNITY),
    )
    delivery = EventDelivery(event=event)
    left = LeftEvents(deliveries=(delivery, delivery))
    handle = await harness.temporal_client.start_workflow(
        DeliverEvents.run, left, id="webhooks/1", task_queue=TaskQueue.OFFERS
    )
    for _ in range(4):
        await harness.sleep(RETRIED_FOR / 2 + timedelta(hours=1))
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    problem = "2 events were not delivered. The webhook crm: it answers 500"
    assert str(failed.value.cause) == problem


async def test_cancelled_offer_has_no_timer_for_receivers_that_answer(
    harness: WorkflowHarness, receiver: Receiver
) -> None:
    await harness.share()
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    await harness.advance_until_closed()
    assert stages(receiver)[-1] == ("shared", "cancelled")
    assert "START_CHILD" not in " ".join(await harness.history_events())


async def test_restarted_offer_has_events_of_its_own(
    harness: WorkflowHarness, receiver: Receiver
) -> None:
    """It has the workflow id of the one before."""
    await harness.share()
    await harness.handle.signal(OfferWorkflow.cancel_signal, "")
    await harness.advance_until_closed()
    before = {each.id for each in receiver.received}
    await harness.client.start(OPPORTUNITY, restart=True)
    await harness.advance_until(Stage.SHARED)
    await harness.settle()
    assert len({each.id for each in receiver.received} - before) == 2


async def test_policy_that_names_a_receiver_later(receiver: Receiver, tmp_path: Path) -> None:
    """What had happened before is no event."""
    async with open_harness(policy=policy_with(tmp_path), can_stop_worker=True) as harness:
        await harness.share()
        await harness.stop_worker()
        secrets = {"OFFERS_WEBHOOK_SECRETS": f"crm:{SECRET}"}
        policy_with(tmp_path, receiver.policy())
        with environment_variables(receiver.trusted | secrets):
            await harness.start_worker()
            await harness.handle.signal("policy_changed")
            harness.accept(await harness.settle())
            await harness.watch_agreements()
            await harness.settle()
            assert stages(receiver) == [("shared", "accepted")]
            await harness.stop_worker()
