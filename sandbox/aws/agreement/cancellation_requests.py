"""The Agreement API's operations on cancellation requests, for the seller.

ASSUMED, as AWS documents only the error codes: the condition for each error, the order of the list,
and that a client token belongs to one request.
"""

from sandbox.aws.agreement.requests import (
    check_simulated,
    field_error,
    find_agreement,
    not_found,
    paginate,
)
from sandbox.aws.marketplace_state import CancellationRequest
from sandbox.aws.protocol import AwsError, Members
from sandbox.marketplace import cancellations
from sandbox.world import World

KIND = "AgreementCancellationRequest"


class CancellationRequests:
    def __init__(self, world: World) -> None:
        self.world = world

    def send(self, request: Members) -> Members:
        """Send a request to the buyer; a repeated request with the same token is sent once."""
        agreement = find_agreement(self.world, request)
        reason, description = request["reasonCode"], request.get("description")
        token = request.get("clientToken")
        if token and (sent := self._by_token(token)):
            earlier = (sent.agreement_id, sent.reason_code, sent.description)
            if earlier != (agreement.id, reason, description):
                message = f"was used for another request: {sent.id}"
                raise field_error("INVALID_CLIENT_TOKEN", "clientToken", message)
            return _described(sent)
        if agreement.status != "ACTIVE":
            raise field_error("INACTIVE_AGREEMENT", "agreementId", f"is {agreement.status}")
        if pending := self.world.aws.pending_cancellation(agreement.id):
            raise AwsError(
                "ConflictException",
                f"{KIND} {pending.id} of the agreement is PENDING_APPROVAL already.",
                resourceId=pending.id,
                resourceType=KIND,
            )
        return _described(
            cancellations.send_request(self.world, agreement, reason, description, token)
        )

    def get(self, request: Members) -> Members:
        agreement = find_agreement(self.world, request)
        request_id = request["agreementCancellationRequestId"]
        found = self.world.aws.cancellation_requests.get(request_id)
        if found is None or found.agreement_id != agreement.id:
            raise not_found(KIND, request_id)
        message = {"statusMessage": found.status_message} if found.status_message else {}
        return {**_described(found), **message}

    def list(self, request: Members) -> Members:
        """The requests that match all filters, the latest first."""
        check_simulated(request, partyType="Proposer")
        listed = [
            each
            for each in reversed(self.world.aws.cancellation_requests.values())
            if request.get("agreementId", each.agreement_id) == each.agreement_id
            and request.get("status", each.status) == each.status
        ]
        shown, token = paginate(listed, request)
        kind = {"agreementType": "PurchaseAgreement", "catalog": "AWSMarketplace"}
        return {"items": [_summary(each) | kind for each in shown], **token}

    def _by_token(self, token: str) -> CancellationRequest | None:
        every = self.world.aws.cancellation_requests.values()
        return next((each for each in every if each.token == token), None)


def _described(request: CancellationRequest) -> Members:
    description = {"description": request.description} if request.description else {}
    return _summary(request) | description


def _summary(request: CancellationRequest) -> Members:
    return {
        "agreementId": request.agreement_id,
        "agreementCancellationRequestId": request.id,
        "status": request.status,
        "reasonCode": request.reason_code,
        "createdAt": request.created_at.timestamp(),
        "updatedAt": request.updated_at.timestamp(),
    }
