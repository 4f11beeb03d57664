"""The signals of docs/changes.md, sent word for word as the Temporal UI sends them."""

import re
from pathlib import Path

from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest

from offers.ids import offer_path
from offers.stage import Stage
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness

PAGE = Path(__file__).parents[3] / "docs" / "changes.md"
LAST_DAY = "2027-01-31"
"""The day in the examples, which passes."""
FIRST = offer_path(OPPORTUNITY, 1)


def documented_signals() -> dict[str, tuple[str, str]]:
    """By the first cell of its row, each signal's name and its input."""
    rows = re.findall(
        r"^\| ([^|]+) \| `offerflow[^|]+` \| `(\w+)` `([^`]+)`.*\|$",
        PAGE.read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    return {change: (name, value) for change, name, value in rows}


async def send(harness: WorkflowHarness, change: str) -> None:
    """Send the row's signal as it is written, and skip the time that AWS needs."""
    name, value = documented_signals()[change]
    value = value.replace(LAST_DAY, str(harness.day(40)))
    value = value.replace("the attention's code", (await harness.record()).attention_code or "")
    payload = Payload(metadata={"encoding": b"json/plain"}, data=value.encode())
    await harness.temporal_client.workflow_service.signal_workflow_execution(
        SignalWorkflowExecutionRequest(
            namespace=harness.temporal_client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=harness.handle.id),
            signal_name=name,
            input=Payloads(payloads=[payload]),
        )
    )
    await harness.advance(minutes=15)


async def test_every_row_has_a_signal() -> None:
    assert list(documented_signals()) == [
        "cancel",
        "more time",
        "other terms",
        "create the offer again",
        "sell more after acceptance",
        "end the agreement",
        "continue after an attention",
    ]


async def test_documented_signals_before_acceptance(harness: WorkflowHarness) -> None:
    await harness.share()
    await send(harness, "more time")
    record = await harness.record()
    assert record.require_terms().availability_end == harness.day(40)

    await send(harness, "other terms")
    record = await harness.approve_all()
    assert (record.revision, str(record.require_terms().price.amount)) == (2, "110000.00")
    await harness.advance_until(Stage.SHARED)

    harness.put_opportunity(Buyer_Name__c="Another Buyer")
    await send(harness, "create the offer again")
    record = await harness.approve_all()
    assert record.revision == 3
    assert record.contacts is not None
    assert record.contacts.buyer_name == "Another Buyer"
    await harness.advance_until(Stage.SHARED)

    await send(harness, "cancel")
    assert (await harness.record()).stage is Stage.CANCELLED
    assert harness.count_acceptable_offers() == 0


async def test_documented_amendment_of_an_agreement(harness: WorkflowHarness) -> None:
    await harness.sell()
    await send(harness, "sell more after acceptance")
    amendment = await harness.record(FIRST)
    assert str(amendment.require_terms().price.amount) == "30000.00"


async def test_documented_request_to_cancel_an_agreement(harness: WorkflowHarness) -> None:
    await harness.sell()
    await send(harness, "end the agreement")
    (request,) = harness.world.aws.cancellation_requests.values()
    assert (request.reason_code, request.description) == ("OTHER", "…")


async def test_documented_signal_after_an_attention(harness: WorkflowHarness) -> None:
    harness.put_opportunity(Buyer_Email__c="")
    assert (await harness.start()).attention_code == "terms-invalid"
    harness.put_opportunity()
    await send(harness, "continue after an attention")
    await harness.approve_all()
    await harness.advance_until(Stage.SHARED)
