"""The Agreement API's list of the invoices for an agreement."""

from typing import Any

from sandbox.aws.agreement.agreement_protocol import find_agreement, paginate
from sandbox.billing.money import Invoice
from sandbox.world import World

CALLS_PER_SECOND = {"ListAgreementInvoiceLineItems": 10}
"""For one account (AWS Marketplace developer guide: quotas of the Agreement API)."""

INVOICING_ENTITY = {"legalName": "Amazon Web Services, Inc."}
"""ASSUMED: the same for all buyers; in fact it depends on the buyer's country."""


class InvoiceLineItems:
    """The operation ListAgreementInvoiceLineItems."""

    def __init__(self, world: World) -> None:
        self.world = world

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """The invoices issued so far that match all filters, in the order of issue (ASSUMED)."""
        agreement = find_agreement(self.world, request["agreementId"])
        issued = [
            each
            for each in self.world.money.invoices
            if each.agreement_id == agreement.id and _matches(each, request)
        ]
        shown, token = paginate(issued, request)
        return {"agreementInvoiceLineItemGroupSummaries": [_group(each) for each in shown], **token}


def _matches(invoice: Invoice, request: dict[str, Any]) -> bool:
    issued = invoice.issued_at.timestamp()
    period = _period(invoice)
    return all(
        (
            request.get("invoiceId", invoice.id) == invoice.id,
            # ASSUMED: refunds and credits are in the data feed only, not credit memos here.
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
            # ASSUMED: the whole amount, as if nothing was refunded yet.
            "maxAdjustmentAmount": str(invoice.amount),
            "currencyCode": invoice.currency,
        },
        "invoiceBillingPeriod": _period(invoice),
        "issuedTime": invoice.issued_at.timestamp(),
        "invoiceType": "INVOICE",
        "invoicingEntity": INVOICING_ENTITY,
    }
