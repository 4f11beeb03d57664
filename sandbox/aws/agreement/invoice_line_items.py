"""The Agreement API's list of what has been invoiced for an agreement."""

from typing import Any

from sandbox.aws.agreement.agreement_protocol import found_agreement, paged
from sandbox.world import Invoice, World

CALLS_PER_SECOND = {"ListAgreementInvoiceLineItems": 10}
"""For one account (AWS Marketplace developer guide: quotas of the Agreement API)."""

INVOICING_ENTITY = {"legalName": "Amazon Web Services, Inc."}
"""ASSUMED: which of AWS's companies invoices depends on where the buyer is."""


class InvoiceLineItems:
    """What the operation does."""

    def __init__(self, world: World) -> None:
        self.world = world

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """The invoices issued so far that pass all filters, in the order of issue (ASSUMED)."""
        agreement = found_agreement(self.world, request["agreementId"])
        issued = [
            each
            for each in self.world.invoices
            if each.agreement_id == agreement.id and _passes(each, request)
        ]
        shown, token = paged(issued, request)
        return {"agreementInvoiceLineItemGroupSummaries": [_group(each) for each in shown], **token}


def _passes(invoice: Invoice, request: dict[str, Any]) -> bool:
    issued = invoice.issued_at.timestamp()
    period = _period(invoice)
    return all(
        (
            request.get("invoiceId", invoice.id) == invoice.id,
            # ASSUMED: what is given back shows in the data feed only, not as a credit memo here.
            request.get("invoiceType", "INVOICE") == "INVOICE",
            request.get("invoiceBillingPeriod", period) == period,
            issued < request.get("beforeIssuedTime", issued + 1),
            issued > request.get("afterIssuedTime", issued - 1),
        )
    )


def _period(invoice: Invoice) -> dict[str, int]:
    # ASSUMED: the month of issue.
    return {"month": invoice.issued_at.month, "year": invoice.issued_at.year}


def _group(invoice: Invoice) -> dict[str, Any]:
    return {
        "agreementId": invoice.agreement_id,
        "invoiceId": invoice.id,
        "pricingCurrencyAmount": {
            "amount": str(invoice.amount),
            # ASSUMED: as long as nothing was given back, all of it can be.
            "maxAdjustmentAmount": str(invoice.amount),
            "currencyCode": invoice.currency,
        },
        "invoiceBillingPeriod": _period(invoice),
        "issuedTime": invoice.issued_at.timestamp(),
        "invoiceType": "INVOICE",
        "invoicingEntity": INVOICING_ENTITY,
    }
