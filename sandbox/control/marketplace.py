"""The part of the control API for AWS Marketplace: actions of buyers, of AWS, and of the seller's
users outside of the product."""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.aws.eventbridge import marketplace_events
from sandbox.aws.marketplace_state import Agreement
from sandbox.control.request_bodies import (
    ControlResponse,
    RequestError,
    keyword_arguments,
    read_body,
    required_text,
)
from sandbox.marketplace import agreements, buyers, cancellations
from sandbox.marketplace.amendments import create_amendment_in_portal
from sandbox.world import World


class MarketplaceControl:
    """Actions of buyers and AWS, and the state of AWS Marketplace."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def accept(self, request: Request) -> Response:
        body = await read_body(request)
        offer_id, account = required_text(body, "offer_id"), required_text(body, "account")
        try:
            agreement = buyers.accept(self.world, offer_id, account)
        except buyers.AcceptanceRefused as error:
            raise RequestError(str(error), 409) from None
        return ControlResponse({"agreement_id": agreement.id})

    async def end(self, request: Request) -> Response:
        """End an agreement early: the buyer cancels it, or AWS terminates it."""
        body = await read_body(request)
        agreement = self._agreement(body)
        status = body.get("status", "CANCELLED")
        if status not in ("CANCELLED", "TERMINATED"):
            raise RequestError("status: choose CANCELLED or TERMINATED")
        if agreement.status != "ACTIVE":
            raise RequestError(f"agreement {agreement.id} is {agreement.status}", 409)
        agreements.end(self.world, agreement, status)
        return ControlResponse({"agreement_id": agreement.id, "status": agreement.status})

    async def roll_back(self, request: Request) -> Response:
        """AWS rolls an acceptance back."""
        agreement = self._agreement(await read_body(request))
        try:
            agreements.roll_back(self.world, agreement)
        except agreements.AgreementNotActive as error:
            raise RequestError(str(error), 409) from None
        return ControlResponse({"agreement_id": agreement.id, "status": agreement.status})

    async def renew(self, request: Request) -> Response:
        """AWS renews an agreement now."""
        agreement = self._agreement(await read_body(request))
        try:
            renewed = agreements.renew(self.world, agreement)
        except agreements.AgreementNotActive as error:
            raise RequestError(str(error), 409) from None
        return ControlResponse({"agreement_id": renewed.id, "offer_id": renewed.offer_id})

    async def answer_cancellation(self, request: Request) -> Response:
        """The buyer answers the pending cancellation request."""
        body = await read_body(request)
        agreement = self._agreement(body)
        answer = required_text(body, "answer")
        if answer not in ("approve", "reject"):
            raise RequestError(f"answer: there is no {answer!r}; choose approve or reject")
        cancellation = self.world.aws.pending_cancellation(agreement.id)
        if cancellation is None:
            raise RequestError(f"agreement {agreement.id} has no pending cancellation request", 409)
        cancellations.answer(self.world, cancellation, approve=answer == "approve")
        return ControlResponse(asdict(cancellation))

    async def send_disbursement_paused(self, _: Request) -> Response:
        """AWS sends the event "Disbursement Paused"; payouts themselves go on."""
        marketplace_events.send_disbursement_paused(self.world)
        return ControlResponse({})

    async def amend(self, request: Request) -> Response:
        """Release an amendment that was created in the AWS Marketplace Management Portal."""
        arguments = keyword_arguments(create_amendment_in_portal, await read_body(request))
        try:
            offer = create_amendment_in_portal(self.world, **arguments)
        except ValueError as error:
            raise RequestError(str(error)) from None
        return ControlResponse({"offer_id": offer.id})

    async def show(self, _: Request) -> Response:
        """The state of AWS Marketplace."""
        world = self.world
        return ControlResponse(
            {
                "offers": [
                    asdict(offer) | {"acceptable": world.aws.acceptable(offer)}
                    for offer in world.aws.offers.values()
                ],
                "change_sets": list(map(asdict, world.aws.change_sets.values())),
                "agreements": list(map(self._describe, world.aws.agreements.values())),
                "invoices": list(map(asdict, world.money.invoices)),
                "disbursements": list(map(asdict, world.money.disbursements)),
            }
        )

    def _describe(self, agreement: Agreement) -> dict[str, Any]:
        requests = [
            asdict(each)
            for each in self.world.aws.cancellation_requests.values()
            if each.agreement_id == agreement.id
        ]
        return asdict(agreement) | {"cancellation_requests": requests}

    def _agreement(self, body: dict[str, Any]) -> Agreement:
        agreement_id = required_text(body, "agreement_id")
        if agreement_id not in self.world.aws.agreements:
            raise RequestError(f"agreement_id: there is no agreement {agreement_id}")
        return self.world.aws.agreements[agreement_id]
