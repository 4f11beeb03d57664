"""The Agreement API's list of the invoices for an agreement."""

from sandbox.aws.agreement.requests import find_agreement, paginate
from sandbox.aws.protocol import Members
from sandbox.billing.money import Invoice
from sandbox.world import World

INVOICING_ENTITY = {"legalName": "Amazon Web Services, Inc."}
"""ASSUMED: the same for all buyers; in fact it depends on the buyer's country."""


def invoice_line_items(world: World, request: Members) -> Members:
    """ListAgreementInvoiceLineItems: the invoices so far, in the order of issue (ASSUMED)."""
    agreement = find_agreement(world, request)
    issued = [each for each in world.money.invoices if each.agreement_id == agreement.id]
    shown, token = paginate(issued, request)
    return {"agreementInvoiceLineItemGroupSummaries": [_group(each) for each in shown], **token}


def _group(invoice: Invoice) -> Members:
    return {
        "agreementId": invoice.agreement_id,
        "invoiceId": invoice.id,
        "pricingCurrencyAmount": {
            "amount": str(invoice.amount),
            # ASSUMED: the whole amount, as if nothing was refunded yet.
            "maxAdjustmentAmount": str(invoice.amount),
            "currencyCode": invoice.currency,
        },
        # ASSUMED: the month of issue.
        "invoiceBillingPeriod": {"month": invoice.issued_at.month, "year": invoice.issued_at.year},
        "issuedTime": invoice.issued_at.timestamp(),
        # ASSUMED: refunds and credits are in the data feed only, not credit memos here.
        "invoiceType": "INVOICE",
        "invoicingEntity": INVOICING_ENTITY,
    }
