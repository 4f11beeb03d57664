"""Deals for preflight: without findings unless a test changes something."""

from datetime import date
from typing import Any

from offers.policy.policy import Policy
from offers.preflight.customer import Customer
from offers.preflight.draft import draft
from offers.preflight.eula import EulaContent
from offers.preflight.marketplace import Marketplace, Product
from offers.preflight.order_form import OrderForm
from offers.preflight.report import Deal, PreflightReport, preflight
from tests.support.builders import TODAY, facts

POLICY = Policy(
    roles={"deal-desk": ("desk@example.com",), "legal": ("legal@example.com",)},
)
SELLER = "123456789012"

ORDER_FORM: dict[str, Any] = {
    "signed": True,
    "billing_method": "AWS Marketplace",
    "amount": 120000.0,
    "currency": "USD",
    "duration_months": 12,
    "payment_terms": "Upfront",
    "company": "Example Corp",
}
FIELDS: dict[str, str] = {name: f"Form_{name}__c" for name in ORDER_FORM}
PRODUCT = Product(seller_account=SELLER, visibility="Limited", dimensions=("platform", "seats"))


def preflight_report(
    terms: dict[str, Any] | None = None,
    *,
    form: dict[str, Any] | None = None,
    fields: dict[str, str] | None = None,
    customer: Customer | None = None,
    marketplace: Marketplace | None = None,
    contract: EulaContent | None = None,
    policy: Policy = POLICY,
    today: date = TODAY,
) -> PreflightReport:
    """Preflight's report on a deal without findings, with some changes."""
    drafted = draft(facts(**(terms or {})), policy, today)
    deal = Deal(
        order_form=OrderForm(
            values=ORDER_FORM | (form or {}),
            sources=FIELDS if fields is None else fields,
        ),
        customer=customer or Customer(),
        marketplace=marketplace or Marketplace(product=PRODUCT),
        eula=contract or EulaContent(),
    )
    return preflight(drafted, deal, policy, today, {})
