"""The dataset `aws_marketplace_disbursements`: one row per invoice line and payout, 63 columns."""

from datetime import datetime
from typing import Any

from sandbox.billing.money import Disbursement
from sandbox.world import World

NAMES = """
agreement_acceptance_date agreement_end_date agreement_id agreement_start_date aws_seller_of_record
aws_tax_share_listing_fee aws_tax_share_refund_listing_fee currency customer_reference_id
disburse_bank_trace_id disbursed_net_revenue disbursement_date disbursement_period
disbursement_status disbursement_time_in_days gross_refund gross_revenue invoice_date invoice_id
isv_account_id isv_company_name listing_fee listing_fee_invoice_id listing_fee_percentage
listing_fee_refund offer_id offer_name offer_visibility payer_address_id payer_aws_account_id
payer_city payer_company_name payer_country payer_email_domain payer_postal_code
payer_state_or_region payment_due_date payment_terms product_code product_id product_title
resale_authorization_description resale_authorization_id resale_authorization_name
reseller_aws_account_id reseller_company_name seller_net_revenue seller_tax_share
seller_tax_share_refund subscriber_address_id subscriber_aws_account_id subscriber_city
subscriber_company_name subscriber_country subscriber_email_domain subscriber_postal_code
subscriber_state_or_region transaction_reference_id undisbursed_net_revenue usage_period_end_date
usage_period_start_date wholesale_cost wholesale_cost_refund
"""
COLUMNS = NAMES.split()
"""The columns of real responses; those that the sandbox does not simulate are null."""


def rows(world: World) -> list[dict[str, Any]]:
    """The current dataset.  Clazar offers no filter for changed rows."""
    return [{**dict.fromkeys(COLUMNS), **_row(world, each)} for each in world.money.disbursements]


def _row(world: World, row: Disbursement) -> dict[str, Any]:
    """Amounts are JSON numbers, dates `YYYY-MM-DD` (ASSUMED; real dates are text)."""
    paid_at = row.disbursed_at
    return {
        "offer_id": row.offer_id,
        "offer_name": row.offer_name,
        "offer_visibility": "Private",
        "agreement_id": row.agreement_id,
        "agreement_acceptance_date": _day(row.agreement_accepted_at),
        "agreement_start_date": _day(row.agreement_start),
        "agreement_end_date": _day(row.agreement_end),
        "invoice_id": row.invoice_id,
        "invoice_date": _day(row.invoice_date),
        "payment_due_date": _day(row.payment_due),
        "payment_terms": f"Net {(row.payment_due - row.invoice_date).days}",
        "product_id": world.aws.product_id,
        "product_title": "Example SaaS",
        "payer_aws_account_id": row.acceptor,
        "subscriber_aws_account_id": row.acceptor,
        "currency": row.currency,
        "gross_revenue": float(row.gross),
        "listing_fee": float(row.listing_fee),
        "listing_fee_percentage": float(row.listing_fee_percentage),
        "seller_net_revenue": float(row.net),
        # ASSUMED: null if it is 0.
        "gross_refund": float(row.gross_refund) or None,
        "listing_fee_refund": float(row.listing_fee_refund) or None,
        "seller_tax_share": float(row.seller_tax_share) or None,
        "seller_tax_share_refund": float(row.seller_tax_share_refund) or None,
        "transaction_reference_id": row.transaction_reference_id,
        "disbursed_net_revenue": float(row.disbursed),
        "undisbursed_net_revenue": float(row.undisbursed),
        "disbursement_status": row.status,
        "disbursement_date": _day(paid_at) if paid_at else None,
        "disbursement_time_in_days": (paid_at - row.invoice_date).days if paid_at else None,
        "disburse_bank_trace_id": row.bank_trace_id,
        "aws_seller_of_record": "Amazon Web Services, Inc.",
    }


def _day(instant: datetime) -> str:
    return instant.date().isoformat()
