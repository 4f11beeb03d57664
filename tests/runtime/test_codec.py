"""With keys set, Temporal stores no readable personal data."""

import base64
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage
from temporalio.api.update.v1 import Input, Meta, Outcome, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError
from temporalio.converter import (
    ActivitySerializationContext,
    DataConverter,
    WorkflowSerializationContext,
)

from activities.task_queues import TaskQueue
from offers.stage import Stage
from runtime.codec import EncryptionCodec, InvalidKeys, RefusedPayload
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter
from tests.support.workflow_harness import OPPORTUNITY, open_harness
from workflows.offer.messages import OfferRequest
from workflows.offer.workflow import OfferWorkflow

ACCEPTED = UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED


def key(name: str) -> str:
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def converter(*keys: str, is_migration: bool = False) -> DataConverter:
    return data_converter(
        TemporalSettings.model_validate(
            {
                "offers_encryption_keys": ",".join(keys),
                "offers_encryption_migration": is_migration,
            }
        )
    )


async def test_key_rotation_reads_values_of_the_old_key() -> None:
    old, new = key("old"), key("new")
    (encrypted,) = await converter(old).encode(["buyer@example.com"])
    assert b"buyer" not in encrypted.SerializeToString()
    assert await converter(new, old).decode([encrypted]) == ["buyer@example.com"]
    with pytest.raises(InvalidKeys, match="no key 'old'"):
        await converter(new).decode([encrypted])
    with pytest.raises(InvalidKeys, match=r"'old' .* is another one"):
        await converter(key("old")).decode([encrypted])


def of(converter: DataConverter, workflow_id: str, namespace: str = "sales") -> DataConverter:
    return converter.with_context(WorkflowSerializationContext(namespace, workflow_id))


async def test_values_are_bound_to_their_namespace_and_workflow() -> None:
    keyed = converter(key("k"))
    values = await of(keyed, "offer/1").encode(["approved"])
    assert await of(keyed, "offer/1").decode(values) == ["approved"]
    for elsewhere in of(keyed, "offer/2"), of(keyed, "offer/1", "another"):
        with pytest.raises(RefusedPayload, match="made for another workflow or namespace"):
            await elsewhere.decode(values)
    assert await keyed.decode(values) == ["approved"]  # Temporal UI names no workflow


async def test_values_of_another_workflow_cannot_be_relabelled() -> None:
    keyed = converter(key("k"))
    (copied,) = await of(keyed, "offer/1").encode(["approved"])
    (label,) = await of(keyed, "offer/2").encode(["label"])
    copied.metadata["workflow"] = label.metadata["workflow"]
    for reader in of(keyed, "offer/2"), keyed:
        with pytest.raises(InvalidKeys):
            await reader.decode([copied])


async def test_activities_read_the_values_of_their_workflow() -> None:
    keyed = converter(key("k"))
    activity = keyed.with_context(
        ActivitySerializationContext(
            namespace="sales",
            activity_id="1",
            activity_type="read_policy",
            activity_task_queue="offers",
            workflow_id="offer/1",
            workflow_type="OfferWorkflow",
            is_local=False,
        )
    )
    assert await activity.decode(await of(keyed, "offer/1").encode(["text"])) == ["text"]
    assert await of(keyed, "offer/1").decode(await activity.encode(["text"])) == ["text"]


async def test_runs_of_a_schedule_share_their_values() -> None:
    keyed = converter(key("k"))
    action = of(keyed, "policy-watch")
    first, second = (of(keyed, f"policy-watch-2026-01-0{day}T09:15:00Z") for day in (1, 2))
    assert await first.decode(await action.encode(["input"])) == ["input"]
    assert await second.decode(await first.encode(["result"])) == ["result"]
    with pytest.raises(RefusedPayload):
        await of(keyed, "clazar-watch-2026-01-01T09:15:00Z").decode(await first.encode(["result"]))


CLEAR = Payload(metadata={"encoding": b"json/plain"}, data=b'"text"')


async def test_values_in_clear_are_refused_unless_in_a_migration() -> None:
    keys = key("k")
    with pytest.raises(RefusedPayload, match="not encrypted, although OFFERS_ENCRYPTION_KEYS"):
        await of(converter(keys), "offer/1").decode([CLEAR])
    migrating = of(converter(keys, is_migration=True), "offer/1")
    assert await migrating.decode([CLEAR]) == ["text"]
    assert CLEAR.SerializeToString() not in (await migrating.encode(["text"]))[0].data


async def test_values_bound_to_no_workflow_are_refused_unless_in_a_migration() -> None:
    keys = key("k")
    unbound = await converter(keys).encode(["text"])
    with pytest.raises(RefusedPayload, match="bound to no workflow"):
        await of(converter(keys), "offer/1").decode(unbound)
    assert await of(converter(keys, is_migration=True), "offer/1").decode(unbound) == ["text"]


async def test_only_what_was_made_for_an_offer_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request without the key, and one copied from another offer, change nothing."""
    monkeypatch.setenv("OFFERS_ENCRYPTION_KEYS", keys := key("k"))
    async with open_harness() as harness:
        client, shared = harness.handle._client, await harness.share()

        async def request(name: str, payloads: Sequence[Payload]) -> Outcome:
            update = Request(
                meta=Meta(update_id=str(uuid4())),
                input=Input(name=name, args=Payloads(payloads=payloads)),
            )
            answer = await client.workflow_service.update_workflow_execution(
                UpdateWorkflowExecutionRequest(
                    namespace=client.namespace,
                    workflow_execution=WorkflowExecution(workflow_id=harness.handle.id),
                    wait_policy=WaitPolicy(lifecycle_stage=ACCEPTED),
                    request=update,
                )
            )
            return answer.outcome

        arguments = ["the deal is off", "owner@example.com"]
        for foreign in (
            await data_converter(TemporalSettings(offers_encryption_keys=None)).encode(arguments),
            await of(converter(keys), "offer/another", client.namespace).encode(arguments),
        ):
            assert (await request("cancel", foreign)).HasField("failure")
        assert (await harness.record()).stage is shared.stage is Stage.SHARED
        own = await of(converter(keys), harness.handle.id, client.namespace).encode(arguments)
        assert not (await request("cancel", own)).HasField("failure")
        assert (await harness.advance_to_end()).stage is Stage.CANCELLED


async def test_signal_in_clear_is_dropped_and_a_start_in_clear_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OFFERS_ENCRYPTION_KEYS", key("k"))
    async with open_harness() as harness:
        in_clear = await Client.connect(
            harness.handle._client.service_client.config.target_host,
            data_converter=data_converter(TemporalSettings(offers_encryption_keys=None)),
        )
        await harness.sell()
        at = datetime(2026, 1, 1, tzinfo=UTC)
        await in_clear.get_workflow_handle(harness.handle.id).signal("payouts_paused", at)
        assert (await harness.advance(minutes=1)).payouts_paused_on is None
        await harness.handle.signal("payouts_paused", at)
        assert (await harness.advance(minutes=1)).payouts_paused_on == at.date()
        started = await in_clear.start_workflow(
            OfferWorkflow.run,
            OfferRequest(opportunity_id=OPPORTUNITY),
            id="offer/in-clear",
            task_queue=TaskQueue.OFFERS,
        )
        keyed = harness.handle._client.get_workflow_handle(started.id)
        with pytest.raises(WorkflowFailureError) as failure:
            await keyed.result()
        assert "not encrypted, although OFFERS_ENCRYPTION_KEYS is set" in str(failure.value.cause)


@pytest.mark.parametrize("keyring", ["", "k1", "k1:???", "k1:c2hvcnQ=", ",", ":" + "A" * 43 + "="])
def test_invalid_keyring_is_rejected_with_the_remedy(keyring: str) -> None:
    with pytest.raises(InvalidKeys, match="write each key as id:base64"):
        EncryptionCodec(keyring)


def test_key_id_that_is_used_twice() -> None:
    with pytest.raises(InvalidKeys, match="two keys have the same id"):
        EncryptionCodec(f"{key('k1')},{key('k1')}")


async def test_history_has_no_personal_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFERS_ENCRYPTION_KEYS", key("k1"))
    async with open_harness() as harness:
        await harness.share()
        history = (await harness.handle.fetch_history()).to_json()
        description = await harness.handle.describe()
    for personal in ("buyer@example.com", "owner@example.com", "Example Buyer"):
        assert personal not in history
        assert base64.b64encode(personal.encode()).decode()[4:-4] not in history
        assert personal not in str(description.raw_description)
