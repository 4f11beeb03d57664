"""The Agreement API's operations on cancellation requests, for the seller.

ASSUMED, as AWS documents only the error codes: the condition for each error, the order of the list,
and that a client token belongs to one request.
"""

from typing import Any

from sandbox.aws.agreement.agreement_protocol import field_error, find_agreement, paginate
from sandbox.aws.marketplace_state import CancellationRequest
from sandbox.aws.protocol import AwsError
from sandbox.marketplace import cancellations
from sandbox.world import World

CALLS_PER_SECOND = {
    "SendAgreementCancellationRequest": 2,
    "GetAgreementCancellationRequest": 5,
    "ListAgreementCancellationRequests": 5,
    "CancelAgreementCancellationRequest": 2,
}
"""For one account (AWS Marketplace developer guide: quotas of the Agreement API)."""

Request = dict[str, Any]


class CancellationRequests:
    """The operations on cancellation requests."""

    def __init__(self, world: World) -> None:
        self.world = world

    def send(self, request: Request) -> dict[str, Any]:
        """Send a request to the buyer; a repeated request with the same token is sent once."""
        agreement = find_agreement(self.world, request["agreementId"])
        if sent := self._by_token(request.get("clientToken")):
            _check_same(sent, request)
            return _described(sent)
        if agreement.status != "ACTIVE":
            raise field_error("INACTIVE_AGREEMENT", "agreementId", f"is {agreement.status}")
        if pending := self.world.aws.pending_cancellation(agreement.id):
            raise _conflict(pending, f"{pending.id} of the agreement is PENDING_APPROVAL already.")
        created = cancellations.send_request(
            self.world,
            agreement,
            request["reasonCode"],
            request.get("description"),
            request.get("clientToken"),
        )
        return _described(created)

    def get(self, request: Request) -> dict[str, Any]:
        """GetAgreementCancellationRequest."""
        found = self._find(request)
        message = {"statusMessage": found.status_message} if found.status_message else {}
        return {**_described(found), **message}

    def list(self, request: Request) -> dict[str, Any]:
        """The requests that match all filters, the latest first."""
        if request["partyType"] not in ("Proposer", "Acceptor"):
            raise field_error("INVALID_PARTY_TYPE", "partyType", "must be Proposer or Acceptor")
        if request.get("catalog", "AWSMarketplace") != "AWSMarketplace":
            raise field_error("INVALID_CATALOG", "catalog", "must be AWSMarketplace")
        if request.get("agreementType", "PurchaseAgreement") != "PurchaseAgreement":
            raise field_error(
                "INVALID_AGREEMENT_TYPE", "agreementType", "must be PurchaseAgreement"
            )
        listed = [
            each
            for each in reversed(self.world.aws.cancellation_requests.values())
            if request["partyType"] == "Proposer"
            and request.get("agreementId", each.agreement_id) == each.agreement_id
            and request.get("status", each.status) == each.status
        ]
        shown, token = paginate(listed, request)
        return {"items": [_summary(each) for each in shown], **token}

    def cancel(self, request: Request) -> dict[str, Any]:
        """Withdraw a pending request."""
        found = self._find(request)
        if found.status != "PENDING_APPROVAL":
            raise _conflict(found, f"{found.id} is {found.status}.")
        cancellations.withdraw(self.world, found, request["cancellationReason"])
        return self.get(request)

    def _find(self, request: Request) -> CancellationRequest:
        agreement = find_agreement(self.world, request["agreementId"])
        request_id = request["agreementCancellationRequestId"]
        found = self.world.aws.cancellation_requests.get(request_id)
        if found is None or found.agreement_id != agreement.id:
            raise AwsError(
                "ResourceNotFoundException",
                f"AgreementCancellationRequest {request_id} isn't found.",
                resourceId=request_id,
                resourceType="AgreementCancellationRequest",
            )
        return found

    def _by_token(self, token: str | None) -> CancellationRequest | None:
        every = self.world.aws.cancellation_requests.values()
        return next((each for each in every if token and each.token == token), None)


def _check_same(sent: CancellationRequest, request: Request) -> None:
    earlier = (sent.agreement_id, sent.reason_code, sent.description)
    if earlier != (request["agreementId"], request["reasonCode"], request.get("description")):
        message = f"was used for another request: {sent.id}"
        raise field_error("INVALID_CLIENT_TOKEN", "clientToken", message)


def _conflict(request: CancellationRequest, message: str) -> AwsError:
    return AwsError(
        "ConflictException",
        f"AgreementCancellationRequest {message}",
        resourceId=request.id,
        resourceType="AgreementCancellationRequest",
    )


def _described(request: CancellationRequest) -> dict[str, Any]:
    return _common(request) | ({"description": request.description} if request.description else {})


def _summary(request: CancellationRequest) -> dict[str, Any]:
    kind = {"agreementType": "PurchaseAgreement", "catalog": "AWSMarketplace"}
    return _common(request) | kind


def _common(request: CancellationRequest) -> dict[str, Any]:
    return {
        "agreementId": request.agreement_id,
        "agreementCancellationRequestId": request.id,
        "status": request.status,
        "reasonCode": request.reason_code,
        "createdAt": request.created_at.timestamp(),
        "updatedAt": request.updated_at.timestamp(),
    }
