"""The AWS Marketplace Agreement API for the seller as the proposer (protocol: JSON 1.0)."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette

from sandbox.aws.marketplace_state import Agreement, CancellationRequest
from sandbox.aws.protocol import AwsError, AwsService, Members, NotSimulated, Operation, page
from sandbox.aws.shapes import Shapes
from sandbox.billing import adjustments
from sandbox.billing.adjustments import adjustable
from sandbox.billing.money import Adjustment, Invoice
from sandbox.marketplace import cancellations
from sandbox.world import World

SHAPES = Shapes("marketplace-agreement")
DEFAULT_PAGE = 50
LARGEST_BATCH = 5
"""Entries of one call that creates billing adjustments (AWS: refunds)."""
PURCHASE = {"agreementType": "PurchaseAgreement"}
REQUEST = "AgreementCancellationRequest"

FILTERS: dict[str, Callable[[Agreement, str], bool]] = {
    "ResourceIdentifier": lambda agreement, value: agreement.product_id == value,
    "AcceptorAccountId": lambda agreement, value: agreement.acceptor == value,
    "OfferId": lambda agreement, value: agreement.offer_id == value,
    "Status": lambda agreement, value: agreement.status == value,
    "InitialAgreementId": lambda agreement, value: agreement.initial_agreement_id == value,
    "AfterLastUpdateTime": lambda agreement, value: agreement.last_update > _instant(value),
}
"""Besides `PartyType` and `AgreementType`."""


def app(world: World) -> Starlette:
    api = AgreementApi(world)
    operations = {
        "SearchAgreements": Operation(api.search, 5, "catalog filters sort maxResults nextToken"),
        "DescribeAgreement": Operation(api.describe, 5, "agreementId"),
        "GetAgreementEntitlements": Operation(
            api.get_entitlements, 10, "agreementId maxResults nextToken"
        ),
        "SendAgreementCancellationRequest": Operation(
            api.send_request, 2, "agreementId reasonCode clientToken description"
        ),
        "GetAgreementCancellationRequest": Operation(
            api.get_request, 5, "agreementCancellationRequestId agreementId"
        ),
        "ListAgreementCancellationRequests": Operation(
            api.list_requests, 5, "partyType agreementId status catalog maxResults nextToken"
        ),
        "ListAgreementInvoiceLineItems": Operation(
            api.list_invoice_line_items, 10, "agreementId groupBy invoiceId maxResults nextToken"
        ),
        "BatchCreateBillingAdjustmentRequest": Operation(
            api.create_adjustments, 2, "billingAdjustmentRequestEntries"
        ),
        "GetBillingAdjustmentRequest": Operation(
            api.get_adjustment, 5, "agreementId billingAdjustmentRequestId"
        ),
        "ListBillingAdjustmentRequests": Operation(
            api.list_adjustments,
            5,
            "agreementId status createdAfter createdBefore catalog agreementType maxResults"
            " nextToken",
        ),
    }
    return AwsService(world, "agreement", SHAPES, _model_error, operations).app


class AgreementApi:
    """The operations.

    ASSUMED for cancellation requests, as AWS documents only the error codes: the condition for each
    error, the order of the list, and that a client token belongs to one request.
    """

    def __init__(self, world: World) -> None:
        self.world = world

    def search(self, request: Members) -> Members:
        """The agreements that match all filters, by default by their end."""
        sort = request.get("sort", {})
        _check_simulated(sort, sortBy="LastUpdateTime", sortOrder="ASCENDING")
        listed_by = self.world.now() - timedelta(minutes=self.world.aws.agreement_lag_minutes)
        filters = _filters(request)
        found = [
            each
            for each in self.world.aws.agreements.values()
            if each.accepted_at <= listed_by
            and all(FILTERS[name](each, value) for name, value in filters.items())
        ]
        by_update = "sortBy" in sort
        found.sort(key=lambda each: each.last_update if by_update else each.end)
        shown, token = _paginate(found, request)
        summaries = [
            {
                **self._common(agreement),
                "lastUpdateTime": agreement.last_update.timestamp(),
                "endTimeBehaviorType": "EXPIRE",
                "endTimeBehaviorReasonCode": "NO_RENEWAL_TERM",
            }
            for agreement in shown
        ]
        return {"agreementViewSummaries": summaries, **token}

    def describe(self, request: Members) -> Members:
        agreement = self._agreement(request)
        return {
            **self._common(agreement),
            "estimatedCharges": {
                "currencyCode": agreement.currency,
                "agreementValue": str(agreement.value),
            },
            "endTimeBehavior": {"type": "EXPIRE", "reasonCode": "NO_RENEWAL_TERM"},
        }

    def get_entitlements(self, request: Members) -> Members:
        """The product's entitlement.  ASSUMED: which status and reason an agreement has when."""
        agreement = self._agreement(request)
        if agreement.entitlement_failure:
            status, reason = "FAILED", agreement.entitlement_failure
        elif agreement.status != "ACTIVE":
            status, reason = "DEPROVISIONED", "AGREEMENT_INACTIVE"
        elif agreement.start > self.world.now():
            status, reason = "SCHEDULED", "FUTURE_START_DATE"
        else:
            status, reason = "PROVISIONED", "AGREEMENT_ACTIVE"
        entitlement = {
            "resource": {"id": agreement.product_id, "type": "SaaSProduct"},
            "status": status,
            "statusReasonCode": reason,
        }
        shown, token = _paginate([entitlement], request)
        return {"agreementEntitlements": shown, **token}

    def send_request(self, request: Members) -> Members:
        """Send a request to the buyer; a repeated request with the same token is sent once."""
        agreement = self._agreement(request)
        given = (agreement.id, request["reasonCode"], request.get("description"))
        token = request.get("clientToken")
        for sent in self.world.aws.cancellation_requests.values():
            if token and sent.token == token:
                if given == (sent.agreement_id, sent.reason_code, sent.description):
                    return _described(sent)
                message = f"was used for another request: {sent.id}"
                raise _field_error("INVALID_CLIENT_TOKEN", "clientToken", message)
        if agreement.status != "ACTIVE":
            raise _field_error("INACTIVE_AGREEMENT", "agreementId", f"is {agreement.status}")
        if pending := self.world.aws.pending_cancellation(agreement.id):
            message = f"{REQUEST} {pending.id} of the agreement is PENDING_APPROVAL already."
            raise _resource_error("ConflictException", message, REQUEST, pending.id)
        return _described(cancellations.send_request(self.world, agreement, *given[1:], token))

    def get_request(self, request: Members) -> Members:
        agreement = self._agreement(request)
        request_id = request["agreementCancellationRequestId"]
        found = self.world.aws.cancellation_requests.get(request_id)
        if found is None or found.agreement_id != agreement.id:
            raise _not_found(REQUEST, request_id)
        message = {"statusMessage": found.status_message} if found.status_message else {}
        return _described(found) | message

    def list_requests(self, request: Members) -> Members:
        """The requests that match all filters, the latest first."""
        _check_simulated(request, partyType="Proposer")
        listed = [
            each
            for each in reversed(self.world.aws.cancellation_requests.values())
            if request.get("agreementId", each.agreement_id) == each.agreement_id
            and request.get("status", each.status) == each.status
        ]
        shown, token = _paginate(listed, request)
        kind = PURCHASE | {"catalog": "AWSMarketplace"}
        return {"items": [_summary(each) | kind for each in shown], **token}

    def list_invoice_line_items(self, request: Members) -> Members:
        """The invoices for an agreement so far, in the order of issue (ASSUMED)."""
        agreement = self._agreement(request)
        issued = [
            each
            for each in self.world.money.invoices
            if each.agreement_id == agreement.id and request.get("invoiceId", each.id) == each.id
        ]
        shown, token = _paginate(issued, request)
        groups = [_invoice_group(each, adjustable(self.world, each)) for each in shown]
        return {"agreementInvoiceLineItemGroupSummaries": groups, **token}

    def create_adjustments(self, request: Members) -> Members:
        """Take each entry by itself; one that is refused does not hold up the others."""
        entries = request["billingAdjustmentRequestEntries"]
        if not 1 <= len(entries) <= LARGEST_BATCH:
            message = f"must have 1 to {LARGEST_BATCH} entries"
            raise _field_error("OTHER", "billingAdjustmentRequestEntries", message)
        if len({each["agreementId"] for each in entries}) > 1:
            message = "must be about one agreement"
            raise _field_error("OTHER", "billingAdjustmentRequestEntries", message)
        self._agreement(entries[0])
        items, errors = [], []
        for entry in entries:
            token = {"clientToken": entry["clientToken"]}
            try:
                taken = adjustments.create(self.world, _adjustment(entry))
                items.append({"billingAdjustmentRequestId": taken.id, **token})
            except adjustments.Refused as refused:
                errors.append({"code": refused.code, "message": refused.message, **token})
        return {"items": items, "errors": errors}

    def get_adjustment(self, request: Members) -> Members:
        agreement = self._agreement(request)
        adjustment_id = request["billingAdjustmentRequestId"]
        found = self.world.money.adjustments.get(adjustment_id)
        if found is None or found.agreement_id != agreement.id:
            raise _not_found("BillingAdjustmentRequest", adjustment_id)
        optional = {"description": found.description, "statusMessage": found.message}
        return {
            **_adjustment_summary(found),
            "adjustmentReasonCode": found.reason,
            **{name: value for name, value in optional.items() if value},
        }

    def list_adjustments(self, request: Members) -> Members:
        """The adjustments that match all filters, the latest first (ASSUMED)."""
        _check_simulated(request, catalog="AWSMarketplace", agreementType="PurchaseAgreement")
        after, before = request.get("createdAfter", 0), request.get("createdBefore", math.inf)
        listed = [
            each
            for each in reversed(self.world.money.adjustments.values())
            if request.get("agreementId", each.agreement_id) == each.agreement_id
            and request.get("status", each.status) == each.status
            and each.created_at
            and after < each.created_at.timestamp() < before
        ]
        shown, token = _paginate(listed, request)
        kind = PURCHASE | {"catalog": "AWSMarketplace"}
        return {"items": [_adjustment_summary(each) | kind for each in shown], **token}

    def _agreement(self, request: Members) -> Agreement:
        agreement_id = request["agreementId"]
        if agreement_id not in self.world.aws.agreements:
            raise _not_found("Agreement", agreement_id)
        return self.world.aws.agreements[agreement_id]

    def _common(self, agreement: Agreement) -> Members:
        return PURCHASE | {
            "agreementId": agreement.id,
            "acceptanceTime": agreement.accepted_at.timestamp(),
            "startTime": agreement.start.timestamp(),
            "endTime": agreement.end.timestamp(),
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
            path = f"filters.{index}.values"
            raise _field_error("MISSING_FILTER_VALUES", path, "must have a value")
        if name in filters or name not in (*FILTERS, "PartyType", "AgreementType"):
            raise NotSimulated(f"filter {name} of SearchAgreements")
        filters[name] = values[0]
    if "AgreementType" not in filters:
        raise _field_error("MISSING_FILTER_NAME", "filters", "AgreementType is required")
    _check_simulated(filters, PartyType="Proposer", AgreementType="PurchaseAgreement")
    try:
        _instant(filters.get("AfterLastUpdateTime", "2026-01-01T00:00:00Z"))
    except ValueError:
        raise _field_error("INVALID_FILTER_VALUES", "filters", "give a time in ISO 8601") from None
    return {name: value for name, value in filters.items() if name in FILTERS}


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(text)
    return instant


def _check_simulated(request: Members, **simulated: str) -> None:
    """Raise NotSimulated for another value of one of these members, where it is given."""
    for name, value in simulated.items():
        if request.get(name, value) != value:
            raise NotSimulated(f"{name} {request[name]}")


def _paginate(items: list[Any], request: Members) -> tuple[list[Any], dict[str, str]]:
    """One page of a list, and the token of the next if there is one."""
    try:
        shown, token = page(
            items, request.get("maxResults", DEFAULT_PAGE), request.get("nextToken")
        )
    except ValueError:
        raise _field_error("INVALID_NEXT_TOKEN", "nextToken", "isn't valid") from None
    return shown, {"nextToken": token} if token else {}


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


def _adjustment(entry: Members) -> Adjustment:
    return Adjustment(
        agreement_id=entry["agreementId"],
        invoice_id=entry["originalInvoiceId"],
        amount=Decimal("0" + entry["adjustmentAmount"]),
        currency=entry["currencyCode"],
        reason=entry["adjustmentReasonCode"],
        description=entry.get("description"),
        token=entry["clientToken"],
    )


def _adjustment_summary(adjustment: Adjustment) -> Members:
    assert adjustment.created_at
    assert adjustment.updated_at
    return {
        "billingAdjustmentRequestId": adjustment.id,
        "agreementId": adjustment.agreement_id,
        "originalInvoiceId": adjustment.invoice_id,
        "adjustmentAmount": str(adjustment.amount),
        "currencyCode": adjustment.currency,
        "status": adjustment.status,
        "createdAt": adjustment.created_at.timestamp(),
        "updatedAt": adjustment.updated_at.timestamp(),
    }


def _invoice_group(invoice: Invoice, adjustable: Decimal) -> Members:
    return {
        "agreementId": invoice.agreement_id,
        "invoiceId": invoice.id,
        "pricingCurrencyAmount": {
            "amount": str(invoice.amount),
            "maxAdjustmentAmount": str(adjustable),
            "currencyCode": invoice.currency,
        },
        # ASSUMED: the month of issue.
        "invoiceBillingPeriod": {"month": invoice.issued_at.month, "year": invoice.issued_at.year},
        "issuedTime": invoice.issued_at.timestamp(),
        # ASSUMED: refunds and credits are in the data feed only, not credit memos here.
        "invoiceType": "INVOICE",
        # ASSUMED: the same for all buyers; in fact it depends on the buyer's country.
        "invoicingEntity": {"legalName": "Amazon Web Services, Inc."},
    }


def _model_error(path: str, message: str) -> AwsError:
    """The error for a member that violates the service model."""
    return _field_error("OTHER", path.strip("/").replace("/", "."), message)


def _field_error(reason: str, field: str, message: str) -> AwsError:
    fields = [{"name": field, "message": message}]
    return AwsError("ValidationException", f"{field}: {message}", reason=reason, fields=fields)


def _not_found(kind: str, entity_id: str) -> AwsError:
    message = f"{kind} {entity_id} isn't found."
    return _resource_error("ResourceNotFoundException", message, kind, entity_id)


def _resource_error(code: str, message: str, kind: str, entity_id: str) -> AwsError:
    return AwsError(code, message, resourceId=entity_id, resourceType=kind)
