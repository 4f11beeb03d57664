"""Workflows that somebody starts with input that cannot be read."""

from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from activities.task_queues import TaskQueue
from offers.ids import workflow_id
from runtime.workflow_runner import UNREADABLE_INPUT
from tests.support.offer_environment import OfferEnvironment
from tests.support.workflow_harness import OPPORTUNITY

UNREADABLE: dict[str, tuple[str, list[Any]]] = {
    "no input": ("OfferWorkflow", []),
    "a text": ("OfferWorkflow", [OPPORTUNITY]),
    "null": ("OfferWorkflow", [None]),
    "a field is missing": ("OfferWorkflow", [{"opportunity": "secret"}]),
    "two inputs": ("OfferWorkflow", [{"opportunity_id": OPPORTUNITY}, "again"]),
    "a Schedule's": ("AgreementWatch", [{"overlap": "secret"}]),
}


async def start(
    environment: OfferEnvironment, name: str, given: list[Any]
) -> WorkflowHandle[Any, Any]:
    return await environment.temporal_client.start_workflow(
        name, args=given, id=workflow_id(OPPORTUNITY), task_queue=TaskQueue.OFFERS
    )


async def test_it_fails_at_once_and_says_why(environment: OfferEnvironment) -> None:
    for case, (name, given) in UNREADABLE.items():
        handle = await start(environment, name, given)
        with pytest.raises(WorkflowFailureError) as raised:
            await handle.result()
        failure = raised.value.cause
        assert isinstance(failure, ApplicationError), case
        assert failure.type == UNREADABLE_INPUT, case
        assert failure.message.startswith(f"the input of {name} cannot be read: "), case
        assert "secret" not in failure.message
    # The id is free again.
    environment.put_opportunities(1)
    (opportunity,) = environment.put_opportunities(1)
    assert (await environment.client.start(opportunity)).terms


async def test_encrypted_input_waits_for_a_worker_with_the_keys(
    environment: OfferEnvironment,
) -> None:
    encrypted = Payload(metadata={"encoding": b"binary/encrypted"}, data=b"...")
    handle = await start(environment, "OfferWorkflow", [RawValue(encrypted)])
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            return
        assert event.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED
