"""The AWS Marketplace Agreement API, as the proposing seller sees it (protocol: JSON 1.0)."""

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
    found_agreement,
    paged,
    refused,
)
from sandbox.aws.protocol import AwsError
from sandbox.aws.shapes import Shapes
from sandbox.world import Agreement, World

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


def _updated(agreement: Agreement) -> datetime:
    return agreement.last_update or agreement.accepted_at


Test = Callable[[Agreement, str], bool]

FILTERS: dict[str, Test] = {
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
    "AfterLastUpdateTime": lambda agreement, value: _updated(agreement) > _instant(value),
    "BeforeLastUpdateTime": lambda agreement, value: _updated(agreement) < _instant(value),
}

SORTS: dict[str, Callable[[Agreement], datetime]] = {
    "EndTime": lambda agreement: agreement.end,
    "StartTime": lambda agreement: agreement.start,
    "LastUpdateTime": _updated,
}


def app(world: World) -> Starlette:
    """The operations that a seller needs to follow agreements, and to have one cancelled."""
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
    answers = {name: service.answer(name, each) for name, each in operations.items()}

    async def answer(request: Request) -> Response:
        name = operation_name(request)
        if name not in answers:
            error = AwsError("UnknownOperationException", f"Unknown operation {name}")
            return service.error(error, SHAPES.status_of(error.code))
        return await answers[name](request)

    def counted(request: Request) -> str:
        name = operation_name(request)
        return name if name in answers else "Unknown"

    return Starlette(routes=[Route("/", service.wire.endpoint(counted, answer), methods=["POST"])])


def operation_name(request: Request) -> str:
    """The operation that a request asks for."""
    service, _, name = request.headers.get("X-Amz-Target", "").partition(".")
    return name if service == SHAPES.model.metadata["targetPrefix"] else ""


class Agreements:
    """What the operations do."""

    def __init__(self, world: World) -> None:
        self.world = world

    def search(self, request: dict[str, Any]) -> dict[str, Any]:
        """The agreements that pass all filters."""
        if request.get("catalog", "AWSMarketplace") != "AWSMarketplace":
            raise refused("INVALID_CATALOG", "catalog", "must be AWSMarketplace")
        listed_by = self.world.now() - timedelta(minutes=self.world.agreement_lag_minutes)
        found = [each for each in self.world.agreements.values() if each.accepted_at <= listed_by]
        for name, value in _filters(request).items():
            found = [agreement for agreement in found if FILTERS[name](agreement, value)]
        sort = request.get("sort", {})
        by = sort.get("sortBy", "EndTime")
        if by not in SORTS:
            raise refused("INVALID_SORT_BY", "sort.sortBy", f"must be one of {', '.join(SORTS)}")
        found.sort(key=SORTS[by], reverse=sort.get("sortOrder") == "DESCENDING")
        shown, token = paged(found, request)
        return {
            "agreementViewSummaries": [self._summary(agreement) for agreement in shown],
            **token,
        }

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """One agreement."""
        agreement = found_agreement(self.world, request["agreementId"])
        described = self._common(agreement)
        described["estimatedCharges"] = {
            "currencyCode": agreement.currency,
            "agreementValue": str(agreement.value),
        }
        described["endTimeBehavior"] = {"type": "EXPIRE", "reasonCode": "NO_RENEWAL_TERM"}
        return described

    def terms(self, request: dict[str, Any]) -> dict[str, Any]:
        """The terms that were accepted."""
        shown, token = paged(
            accepted_terms(found_agreement(self.world, request["agreementId"])), request
        )
        return {"acceptedTerms": shown, **token}

    def _summary(self, agreement: Agreement) -> dict[str, Any]:
        return {
            **self._common(agreement),
            "lastUpdateTime": _updated(agreement).timestamp(),
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
            "proposer": {"accountId": self.world.seller_account},
            "proposalSummary": {
                "resources": [{"id": agreement.product_id, "type": "SaaSProduct"}],
                "offerId": agreement.offer_id,
            },
            "status": agreement.status,
            "initialAgreementId": agreement.initial_agreement_id,
        }


def _filters(request: dict[str, Any]) -> dict[str, str]:
    given: dict[str, str] = {}
    for index, each in enumerate(request.get("filters", [])):
        path = f"filters.{index}"
        name, values = each.get("name"), each.get("values")
        if name not in FILTERS:
            raise refused("INVALID_FILTER_NAME", f"{path}.name", f"unknown filter {name}")
        if name in given:
            raise refused("INVALID_FILTERS", path, f"filter {name} is given twice")
        if not values:
            raise refused("MISSING_FILTER_VALUES", f"{path}.values", "must have a value")
        given[name] = values[0]
        if name.endswith("Time"):
            try:
                _instant(values[0])
            except ValueError:
                raise refused(
                    "INVALID_FILTER_VALUES", f"{path}.values", "must be a time in ISO 8601"
                ) from None
    if "AgreementType" not in given:
        raise refused("MISSING_FILTER_NAME", "filters", "AgreementType is required")
    if given["AgreementType"] != "PurchaseAgreement":
        raise refused("INVALID_FILTER_VALUES", "filters", "AgreementType must be PurchaseAgreement")
    if given.get("PartyType", "Proposer") not in ("Proposer", "Acceptor"):
        raise refused("INVALID_PARTY_TYPE", "filters", "PartyType must be Proposer or Acceptor")
    return given
