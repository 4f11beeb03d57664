"""The AWS Marketplace Agreement API for the seller as the proposer (protocol: JSON 1.0)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.aws.agreement import cancellation_requests, invoice_line_items
from sandbox.aws.agreement.accepted_terms import accepted_terms
from sandbox.aws.agreement.agreement_protocol import (
    AgreementService,
    field_error,
    find_agreement,
    paginate,
)
from sandbox.aws.marketplace_state import Agreement
from sandbox.aws.protocol import AwsError
from sandbox.aws.shapes import Shapes
from sandbox.world import World

SHAPES = Shapes("marketplace-agreement")

CALLS_PER_SECOND = {
    "SearchAgreements": 5,
    "DescribeAgreement": 5,
    "GetAgreementTerms": 10,
    **cancellation_requests.CALLS_PER_SECOND,
    **invoice_line_items.CALLS_PER_SECOND,
}
"""For one account (AWS Marketplace developer guide: quotas of the Agreement API)."""


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(text)
    return instant


def _last_update(agreement: Agreement) -> datetime:
    return agreement.last_update or agreement.accepted_at


Predicate = Callable[[Agreement, str], bool]

FILTERS: dict[str, Predicate] = {
    "PartyType": lambda _, value: value == "Proposer",
    "AgreementType": lambda _, value: value == "PurchaseAgreement",
    "ResourceIdentifier": lambda agreement, value: agreement.product_id == value,
    "ResourceType": lambda _, value: value == "SaaSProduct",
    "AcceptorAccountId": lambda agreement, value: agreement.acceptor == value,
    "OfferId": lambda agreement, value: agreement.offer_id == value,
    "Status": lambda agreement, value: agreement.status == value,
    "InitialAgreementId": lambda agreement, value: agreement.initial_agreement_id == value,
    "EndTimeBehaviorType": lambda _, value: value == "EXPIRE",
    "AfterEndTime": lambda agreement, value: agreement.end > _instant(value),
    "BeforeEndTime": lambda agreement, value: agreement.end < _instant(value),
    "AfterStartTime": lambda agreement, value: agreement.start > _instant(value),
    "BeforeStartTime": lambda agreement, value: agreement.start < _instant(value),
    "AfterLastUpdateTime": lambda agreement, value: _last_update(agreement) > _instant(value),
    "BeforeLastUpdateTime": lambda agreement, value: _last_update(agreement) < _instant(value),
}

SORTS: dict[str, Callable[[Agreement], datetime]] = {
    "EndTime": lambda agreement: agreement.end,
    "StartTime": lambda agreement: agreement.start,
    "LastUpdateTime": _last_update,
}


def app(world: World) -> Starlette:
    """The operations that a seller needs to read agreements and to request their cancellation."""
    service = AgreementService(world, "agreement", SHAPES, CALLS_PER_SECOND)
    agreements = Agreements(world)
    requests = cancellation_requests.CancellationRequests(world)
    operations = {
        "SearchAgreements": agreements.search,
        "DescribeAgreement": agreements.describe,
        "GetAgreementTerms": agreements.terms,
        "SendAgreementCancellationRequest": requests.send,
        "GetAgreementCancellationRequest": requests.get,
        "ListAgreementCancellationRequests": requests.list,
        "CancelAgreementCancellationRequest": requests.cancel,
        "ListAgreementInvoiceLineItems": invoice_line_items.InvoiceLineItems(world).list,
    }
    handlers = {name: service.handler(name, each) for name, each in operations.items()}

    async def handle(request: Request) -> Response:
        name = requested_operation(request)
        if name not in handlers:
            error = AwsError("UnknownOperationException", f"Unknown operation {name}")
            return service.error(error, SHAPES.status_of(error.code))
        return await handlers[name](request)

    def counted_as(request: Request) -> str:
        name = requested_operation(request)
        return name if name in handlers else "Unknown"

    return Starlette(
        routes=[Route("/", service.system.endpoint(counted_as, handle), methods=["POST"])]
    )


def requested_operation(request: Request) -> str:
    """The operation named in a request's header; empty for another service."""
    service, _, name = request.headers.get("X-Amz-Target", "").partition(".")
    return name if service == SHAPES.model.metadata["targetPrefix"] else ""


class Agreements:
    """The operations on agreements."""

    def __init__(self, world: World) -> None:
        self.world = world

    def search(self, request: dict[str, Any]) -> dict[str, Any]:
        """SearchAgreements: the agreements that match all filters."""
        if request.get("catalog", "AWSMarketplace") != "AWSMarketplace":
            raise field_error("INVALID_CATALOG", "catalog", "must be AWSMarketplace")
        listed_by = self.world.now() - timedelta(minutes=self.world.aws.agreement_lag_minutes)
        found = [
            each for each in self.world.aws.agreements.values() if each.accepted_at <= listed_by
        ]
        for name, value in _filters(request).items():
            found = [agreement for agreement in found if FILTERS[name](agreement, value)]
        sort = request.get("sort", {})
        by = sort.get("sortBy", "EndTime")
        if by not in SORTS:
            raise field_error(
                "INVALID_SORT_BY", "sort.sortBy", f"must be one of {', '.join(SORTS)}"
            )
        found.sort(key=SORTS[by], reverse=sort.get("sortOrder") == "DESCENDING")
        shown, token = paginate(found, request)
        return {
            "agreementViewSummaries": [self._summary(agreement) for agreement in shown],
            **token,
        }

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeAgreement."""
        agreement = find_agreement(self.world, request["agreementId"])
        described = self._common(agreement)
        described["estimatedCharges"] = {
            "currencyCode": agreement.currency,
            "agreementValue": str(agreement.value),
        }
        described["endTimeBehavior"] = {"type": "EXPIRE", "reasonCode": "NO_RENEWAL_TERM"}
        return described

    def terms(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetAgreementTerms."""
        shown, token = paginate(
            accepted_terms(find_agreement(self.world, request["agreementId"])), request
        )
        return {"acceptedTerms": shown, **token}

    def _summary(self, agreement: Agreement) -> dict[str, Any]:
        return {
            **self._common(agreement),
            "lastUpdateTime": _last_update(agreement).timestamp(),
            "endTimeBehaviorType": "EXPIRE",
            "endTimeBehaviorReasonCode": "NO_RENEWAL_TERM",
        }

    def _common(self, agreement: Agreement) -> dict[str, Any]:
        return {
            "agreementId": agreement.id,
            "acceptanceTime": agreement.accepted_at.timestamp(),
            "startTime": agreement.start.timestamp(),
            "endTime": agreement.end.timestamp(),
            "agreementType": "PurchaseAgreement",
            "acceptor": {"accountId": agreement.acceptor},
            "proposer": {"accountId": self.world.aws.seller_account},
            "proposalSummary": {
                "resources": [{"id": agreement.product_id, "type": "SaaSProduct"}],
                "offerId": agreement.offer_id,
            },
            "status": agreement.status,
            "initialAgreementId": agreement.initial_agreement_id,
        }


def _filters(request: dict[str, Any]) -> dict[str, str]:
    filters: dict[str, str] = {}
    for index, each in enumerate(request.get("filters", [])):
        path = f"filters.{index}"
        name, values = each.get("name"), each.get("values")
        if name not in FILTERS:
            raise field_error("INVALID_FILTER_NAME", f"{path}.name", f"unknown filter {name}")
        if name in filters:
            raise field_error("INVALID_FILTERS", path, f"filter {name} is given twice")
        if not values:
            raise field_error("MISSING_FILTER_VALUES", f"{path}.values", "must have a value")
        filters[name] = values[0]
        if name.endswith("Time"):
            try:
                _instant(values[0])
            except ValueError:
                raise field_error(
                    "INVALID_FILTER_VALUES", f"{path}.values", "must be a time in ISO 8601"
                ) from None
    if "AgreementType" not in filters:
        raise field_error("MISSING_FILTER_NAME", "filters", "AgreementType is required")
    if filters["AgreementType"] != "PurchaseAgreement":
        raise field_error(
            "INVALID_FILTER_VALUES", "filters", "AgreementType must be PurchaseAgreement"
        )
    if filters.get("PartyType", "Proposer") not in ("Proposer", "Acceptor"):
        raise field_error("INVALID_PARTY_TYPE", "filters", "PartyType must be Proposer or Acceptor")
    return filters
