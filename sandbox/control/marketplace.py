"""The control API, of what happens in AWS Marketplace without the seller: by buyers, by AWS itself,
and by people who work past the product."""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.aws.eventbridge import marketplace_events
from sandbox.control.request_bodies import JsonResponse, RequestError, arguments, read_body, text
from sandbox.marketplace import agreements, buyers, cancellations
from sandbox.marketplace.amendments import amend_outside
from sandbox.marketplace.past_agreements import earlier_agreement
from sandbox.world import Agreement, World


class MarketplaceControl:
    """What buyers and AWS do on demand, and what there is."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def accept(self, request: Request) -> Response:
        body = await read_body(request)
        offer_id, account = text(body, "offer_id"), text(body, "account")
        try:
            agreement = buyers.accept(self.world, offer_id, account)
        except buyers.AcceptanceRefused as error:
            raise RequestError(str(error), 409) from None
        return JsonResponse({"agreement_id": agreement.id})

    async def end(self, request: Request) -> Response:
        """End an agreement early: the buyer cancels it, or AWS terminates it."""
        body = await read_body(request)
        agreement = self._agreement(body)
        status = body.get("status", "CANCELLED")
        if status not in ("CANCELLED", "TERMINATED"):
            raise RequestError("status: there is no such one; choose CANCELLED or TERMINATED")
        if agreement.status != "ACTIVE":
            raise RequestError(f"agreement {agreement.id} is {agreement.status}", 409)
        agreements.end(self.world, agreement, status)
        return JsonResponse({"agreement_id": agreement.id, "status": agreement.status})

    async def roll_back(self, request: Request) -> Response:
        """AWS undoes an acceptance."""
        agreement = self._agreement(await read_body(request))
        try:
            agreements.roll_back(self.world, agreement)
        except agreements.AgreementNotActive as error:
            raise RequestError(str(error), 409) from None
        return JsonResponse({"agreement_id": agreement.id, "status": agreement.status})

    async def renew(self, request: Request) -> Response:
        """AWS renews an agreement by an offer of its own."""
        agreement = self._agreement(await read_body(request))
        try:
            renewed = agreements.renew(self.world, agreement)
        except agreements.AgreementNotActive as error:
            raise RequestError(str(error), 409) from None
        return JsonResponse({"agreement_id": renewed.id, "offer_id": renewed.offer_id})

    async def answer_cancellation(self, request: Request) -> Response:
        """The buyer answers the seller's request to cancel."""
        body = await read_body(request)
        agreement = self._agreement(body)
        said = text(body, "answer")
        if said not in ("approve", "reject"):
            raise RequestError(f"answer: there is no {said!r}; choose approve or reject")
        asked = self.world.pending_cancellation(agreement.id)
        if asked is None:
            raise RequestError(f"nobody asks to cancel agreement {agreement.id}", 409)
        cancellations.answer(self.world, asked, approve=said == "approve")
        return JsonResponse(asdict(asked))

    async def pause_payouts(self, _: Request) -> Response:
        """AWS tells that it pays nothing out, for the seller's bank data are not valid."""
        marketplace_events.disbursement_paused(self.world)
        return JsonResponse({})

    async def amend(self, request: Request) -> Response:
        """Release an amendment in AWS that was made without the product."""
        given = arguments(amend_outside, await read_body(request))
        try:
            offer = amend_outside(self.world, **given)
        except ValueError as error:
            raise RequestError(str(error)) from None
        return JsonResponse({"offer_id": offer.id})

    async def add_earlier_agreement(self, request: Request) -> Response:
        """Put an agreement into AWS that was made without the product."""
        given = arguments(earlier_agreement, await read_body(request))
        try:
            agreement = earlier_agreement(self.world, **given)
        except ValueError as error:
            raise RequestError(str(error)) from None
        return JsonResponse({"agreement_id": agreement.id, "offer_id": agreement.offer_id})

    async def show(self, _: Request) -> Response:
        """All that there is in AWS."""
        world = self.world
        return JsonResponse(
            {
                "offers": [
                    asdict(offer) | {"acceptable": world.acceptable(offer)}
                    for offer in world.offers.values()
                ],
                "change_sets": list(map(asdict, world.change_sets.values())),
                "agreements": list(map(self._shown, world.agreements.values())),
                "invoices": list(map(asdict, world.invoices)),
                "disbursements": list(map(asdict, world.disbursements)),
            }
        )

    def _shown(self, agreement: Agreement) -> dict[str, Any]:
        asked = [
            asdict(each)
            for each in self.world.cancellation_requests.values()
            if each.agreement_id == agreement.id
        ]
        return asdict(agreement) | {"cancellation_requests": asked}

    def _agreement(self, body: dict[str, Any]) -> Agreement:
        agreement_id = text(body, "agreement_id")
        if agreement_id not in self.world.agreements:
            raise RequestError(f"agreement_id: there is no agreement {agreement_id}")
        return self.world.agreements[agreement_id]
