"""The AWS Marketplace Agreement API for the seller as the proposer (protocol: JSON 1.0)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from starlette.applications import Starlette

from sandbox.aws.agreement.cancellation_requests import CancellationRequests
from sandbox.aws.agreement.invoice_line_items import invoice_line_items
from sandbox.aws.agreement.requests import (
    check_simulated,
    field_error,
    find_agreement,
    model_error,
    paginate,
)
from sandbox.aws.marketplace_state import Agreement
from sandbox.aws.protocol import AwsService, Members, NotSimulated, Operation
from sandbox.aws.shapes import Shapes
from sandbox.world import World

SHAPES = Shapes("marketplace-agreement")

FILTERS: dict[str, Callable[[Agreement, str], bool]] = {
    "ResourceIdentifier": lambda agreement, value: agreement.product_id == value,
    "AcceptorAccountId": lambda agreement, value: agreement.acceptor == value,
    "OfferId": lambda agreement, value: agreement.offer_id == value,
    "Status": lambda agreement, value: agreement.status == value,
    "InitialAgreementId": lambda agreement, value: agreement.initial_agreement_id == value,
    "AfterLastUpdateTime": lambda agreement, value: _last_update(agreement) > _instant(value),
}
"""Besides `PartyType` and `AgreementType`."""


def app(world: World) -> Starlette:
    agreements = Agreements(world)
    requests = CancellationRequests(world)
    operations = {
        "SearchAgreements": Operation(
            agreements.search, 5, "catalog filters sort maxResults nextToken"
        ),
        "DescribeAgreement": Operation(agreements.describe, 5, "agreementId"),
        "SendAgreementCancellationRequest": Operation(
            requests.send, 2, "agreementId reasonCode clientToken description"
        ),
        "GetAgreementCancellationRequest": Operation(
            requests.get, 5, "agreementCancellationRequestId agreementId"
        ),
        "ListAgreementCancellationRequests": Operation(
            requests.list, 5, "partyType agreementId status catalog maxResults nextToken"
        ),
        "ListAgreementInvoiceLineItems": Operation(
            partial(invoice_line_items, world), 10, "agreementId groupBy maxResults nextToken"
        ),
    }
    return AwsService(world, "agreement", SHAPES, model_error, operations).app


class Agreements:
    def __init__(self, world: World) -> None:
        self.world = world

    def search(self, request: Members) -> Members:
        """SearchAgreements: the agreements that match all filters, by default by their end."""
        sort = request.get("sort", {})
        check_simulated(sort, sortBy="LastUpdateTime", sortOrder="ASCENDING")
        listed_by = self.world.now() - timedelta(minutes=self.world.aws.agreement_lag_minutes)
        filters = _filters(request)
        found = [
            each
            for each in self.world.aws.agreements.values()
            if each.accepted_at <= listed_by
            and all(FILTERS[name](each, value) for name, value in filters.items())
        ]
        found.sort(key=_last_update if "sortBy" in sort else lambda agreement: agreement.end)
        shown, token = paginate(found, request)
        summaries = [
            {
                **self._common(agreement),
                "lastUpdateTime": _last_update(agreement).timestamp(),
                "endTimeBehaviorType": "EXPIRE",
                "endTimeBehaviorReasonCode": "NO_RENEWAL_TERM",
            }
            for agreement in shown
        ]
        return {"agreementViewSummaries": summaries, **token}

    def describe(self, request: Members) -> Members:
        agreement = find_agreement(self.world, request)
        return {
            **self._common(agreement),
            "estimatedCharges": {
                "currencyCode": agreement.currency,
                "agreementValue": str(agreement.value),
            },
            "endTimeBehavior": {"type": "EXPIRE", "reasonCode": "NO_RENEWAL_TERM"},
        }

    def _common(self, agreement: Agreement) -> Members:
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


def _filters(request: Members) -> dict[str, str]:
    filters: dict[str, str] = {}
    for index, each in enumerate(request.get("filters", [])):
        name, values = each.get("name", ""), each.get("values")
        if not values:
            raise field_error(
                "MISSING_FILTER_VALUES", f"filters.{index}.values", "must have a value"
            )
        if name in filters or name not in (*FILTERS, "PartyType", "AgreementType"):
            raise NotSimulated(f"filter {name} of SearchAgreements")
        filters[name] = values[0]
    if "AgreementType" not in filters:
        raise field_error("MISSING_FILTER_NAME", "filters", "AgreementType is required")
    check_simulated(filters, PartyType="Proposer", AgreementType="PurchaseAgreement")
    try:
        _instant(filters.get("AfterLastUpdateTime", "2026-01-01T00:00:00Z"))
    except ValueError:
        raise field_error("INVALID_FILTER_VALUES", "filters", "give a time in ISO 8601") from None
    return {name: value for name, value in filters.items() if name in FILTERS}


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(text)
    return instant


def _last_update(agreement: Agreement) -> datetime:
    return agreement.last_update or agreement.accepted_at
