"""A seller's requests to cancel an agreement, and how buyers answer them.

AWS: the buyer has 7 days; who says nothing has agreed.  Only what is not invoiced yet is cancelled.
"""

from datetime import datetime, timedelta

from sandbox.aws.eventbridge import marketplace_events
from sandbox.marketplace import agreements
from sandbox.world import Agreement, CancellationRequest, World, new_id

TIME_TO_ANSWER = timedelta(days=7)


def ask(
    world: World,
    agreement: Agreement,
    reason_code: str,
    description: str | None = None,
    token: str | None = None,
) -> CancellationRequest:
    """Ask the buyer to let an agreement be cancelled.  It must be ACTIVE, with nothing pending."""
    now = world.now()
    request = CancellationRequest(
        new_id("acr-", 25), agreement.id, reason_code, description, token, now, now
    )
    world.cancellation_requests[request.id] = request
    marketplace_events.cancellation_changed(world, request)
    plan(world, request)
    world.at(now + TIME_TO_ANSWER, lambda _: _pass_over(world, request))
    return request


def plan(world: World, request: CancellationRequest) -> None:
    """Put on the agenda when the buyer will answer a request, by their habits."""
    account = world.agreements[request.agreement_id].acceptor
    buyer = world.buyers.get(account)
    if buyer is None or buyer.answers_cancellation is None:
        return

    def answer_if_still_so_minded(_: datetime) -> None:
        if request.status == "PENDING_APPROVAL" and world.buyers[account] == buyer:
            answer(world, request, approve=buyer.answers_cancellation == "approve")

    due = request.created_at + timedelta(days=buyer.answers_after_days)
    world.at(max(due, world.now()), answer_if_still_so_minded)


def answer(world: World, request: CancellationRequest, *, approve: bool) -> None:
    """The buyer answers a pending request now."""
    if approve:
        _approve(world, request, "The buyer approved the request.")
    else:
        _close(world, request, "REJECTED", "The buyer rejected the request.")


def withdraw(world: World, request: CancellationRequest, reason: str) -> None:
    """The seller takes a pending request back."""
    # ASSUMED: the reason is what the status message says from then on.
    _close(world, request, "CANCELLED", reason)


def _pass_over(world: World, request: CancellationRequest) -> None:
    if request.status == "PENDING_APPROVAL":
        _approve(world, request, "The buyer did not answer in time.")


def _approve(world: World, request: CancellationRequest, message: str) -> None:
    _close(world, request, "APPROVED", message)
    agreements.end(world, world.agreements[request.agreement_id], "CANCELLED")


def _close(world: World, request: CancellationRequest, status: str, message: str) -> None:
    request.close(status, message, world.now())
    marketplace_events.cancellation_changed(world, request)
