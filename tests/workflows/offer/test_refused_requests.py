"""Requests that a shared offer refuses: with the reason and what can be done, without a trace."""

from collections.abc import Awaitable, Callable

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from client.offer_client import OfferClient, RequestRejected
from offers.lifecycle.actions import Action, ActionKind
from offers.lifecycle.commands import TermChanges
from offers.lifecycle.guards import Reason, ReasonCode
from offers.payouts.refund import RefundRequest
from tests.support.builders import CANCELLATION_REQUEST
from tests.support.workflow_harness import OPPORTUNITY, WorkflowHarness
from workflows.offer.workflow import OfferWorkflow

LONGER = TermChanges(terms={"duration_months": 12})
REFUND = RefundRequest.model_validate(
    {
        "invoice_id": "INV-1",
        "amount": "4000.00 USD",
        "reason": "BUYER_DISSATISFACTION",
        "description": "Two weeks without the service.",
        "by": "desk@example.com",
        "token": "refund-00000000-0000-4000-8000-000000000001",
    }
)

INVALID_TERMS: dict[str, tuple[object, str]] = {
    "colour": ("red", "colour: there is no such term"),
    "additional_amount": ("1 USD", "additional_amount: only an agreement is changed by it"),
    "price": ({"amount": "-1", "currency": "USD"}, "price USD -1.00 is out of range"),
    "availability_end": ("2026-03-01", "the buyer's last day is not after today"),
    "offer_name": ("<none>", "AWS forbids < > in a name"),
    "buyer_time_zone": ("Europe/Nowhere", "there is no such time zone"),
}

REFUSED: tuple[tuple[Callable[[OfferClient], Awaitable[object]], str, ActionKind | None], ...] = (
    (
        lambda client: client.revise(OPPORTUNITY, LONGER),
        "its terms can no longer be revised",
        ActionKind.AMEND,
    ),
    (lambda client: client.resume(OPPORTUNITY), "is shared: it waits for nobody", None),
    (
        lambda client: client.request_cancellation(OPPORTUNITY, CANCELLATION_REQUEST),
        "the offer is shared: ",
        ActionKind.CANCEL,
    ),
    (
        lambda client: client.request_refund(OPPORTUNITY, REFUND),
        "it has no agreement, so nothing was invoiced",
        None,
    ),
)


async def test_shared_offer_refuses_without_a_trace(harness: WorkflowHarness) -> None:
    await harness.share()
    await harness.settle()
    calls, events = harness.world.calls.copy(), await harness.history_events()
    for name, (value, reason) in INVALID_TERMS.items():
        with pytest.raises(RequestRejected, match=reason):
            await harness.client.amend(OPPORTUNITY, TermChanges(terms={name: value}))
    for request, reason, instead in REFUSED:
        with pytest.raises(RequestRejected, match=reason) as rejected:
            await request(harness.client)
        if instead:
            assert rejected.value.actions[0].kind is instead, reason
    await rejected_update_has_its_reason(harness)
    assert harness.world.calls == calls
    assert await harness.history_events() == events
    assert harness.count_acceptable_offers() == 1


async def rejected_update_has_its_reason(harness: WorkflowHarness) -> None:
    """For a client of Temporal that is not ours."""
    with pytest.raises(WorkflowUpdateFailedError) as rejected:
        await harness.handle.execute_update(OfferWorkflow.revise, LONGER)
    cause = rejected.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.non_retryable) == (ReasonCode.TERMS_NOT_REVISABLE, True)
    (details,) = cause.details
    reason = Reason.model_validate(details)
    assert (
        cause.message == reason.problem == "the offer is shared: its terms can no longer be revised"
    )
    assert reason.data == {"stage": "shared"}
    assert reason.actions == (Action(kind=ActionKind.AMEND, offer=OPPORTUNITY),)
