"""A seller's requests to cancel an agreement, and the buyers' answers.

AWS: the buyer has 7 days; a request without an answer is then approved.  Only charges that are not
invoiced yet are cancelled.
"""

from datetime import datetime, timedelta

from sandbox.aws.eventbridge import marketplace_events
from sandbox.aws.marketplace_state import Agreement, CancellationRequest
from sandbox.marketplace import agreements
from sandbox.random_ids import new_id
from sandbox.world import World

ANSWER_PERIOD = timedelta(days=7)


def send_request(
    world: World,
    agreement: Agreement,
    reason_code: str,
    description: str | None = None,
    token: str | None = None,
) -> CancellationRequest:
    """Send a request to the buyer.  The agreement must be ACTIVE, without a pending request."""
    now = world.now()
    request = CancellationRequest(
        new_id("acr-", 25), agreement.id, reason_code, description, token, now, now
    )
    world.aws.cancellation_requests[request.id] = request
    marketplace_events.send_cancellation_changed(world, request)
    schedule_answer(world, request)
    world.schedule(now + ANSWER_PERIOD, lambda _: _approve_unanswered(world, request))
    return request


def schedule_answer(world: World, request: CancellationRequest) -> None:
    """Schedule the buyer's answer to a request, if the buyer has a `cancellation_answer`."""
    account = world.aws.agreements[request.agreement_id].acceptor
    buyer = world.aws.buyers.get(account)
    if buyer is None or buyer.cancellation_answer is None:
        return

    def answer_unless_changed(_: datetime) -> None:
        if request.status == "PENDING_APPROVAL" and world.aws.buyers[account] == buyer:
            answer(world, request, approve=buyer.cancellation_answer == "approve")

    due = request.created_at + timedelta(days=buyer.cancellation_answer_after_days)
    world.schedule(max(due, world.now()), answer_unless_changed)


def answer(world: World, request: CancellationRequest, *, approve: bool) -> None:
    """The buyer answers a pending request now."""
    if approve:
        _approve(world, request, "The buyer approved the request.")
    else:
        _finish(world, request, "REJECTED", "The buyer rejected the request.")


def withdraw(world: World, request: CancellationRequest, reason: str) -> None:
    """The seller withdraws a pending request."""
    # ASSUMED: the status message is then the seller's reason.
    _finish(world, request, "CANCELLED", reason)


def _approve_unanswered(world: World, request: CancellationRequest) -> None:
    if request.status == "PENDING_APPROVAL":
        _approve(world, request, "The buyer did not answer in time.")


def _approve(world: World, request: CancellationRequest, message: str) -> None:
    _finish(world, request, "APPROVED", message)
    agreements.end(world, world.aws.agreements[request.agreement_id], "CANCELLED")


def _finish(world: World, request: CancellationRequest, status: str, message: str) -> None:
    request.set_result(status, message, world.now())
    marketplace_events.send_cancellation_changed(world, request)
