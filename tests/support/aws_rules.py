"""AWS's rules for offers, and terms that break them."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from offers.preflight.marketplace import Product
from offers.terms.terms import Dimension, Instalment, OfferTerms, PreExistingAgreement
from sandbox.aws.catalog.catalog_api import submit
from sandbox.aws.protocol import AwsError
from sandbox.world import World

TODAY = date(2026, 3, 2)
SELLER = "123456789012"
DIMENSIONS = ("platform", "seats")
PRODUCT = Product(seller_account=SELLER, visibility="Public", dimensions=DIMENSIONS)


def aws_errors(world: World, changes: list[dict[str, Any]]) -> list[str]:
    """AWS's error codes for a change set after two hours; none if it succeeds."""
    request = {
        "Catalog": "AWSMarketplace",
        "ChangeSet": changes,
        "ClientRequestToken": f"token-{len(world.aws.change_sets)}",
    }
    try:
        change_set = submit(world, request)
    except AwsError as error:
        return [error.code]
    world.set_time(world.now() + timedelta(hours=2))
    world.advance()
    return [error["ErrorCode"] for change in change_set.changes for error in change.errors] + (
        [] if change_set.status == "SUCCEEDED" else [change_set.status]
    )


def unchecked_terms(known: dict[str, Any]) -> OfferTerms:
    """Terms without validation from given values."""
    schedule = known.get("payment_schedule", ())
    renewal = known.get("renewal")
    return OfferTerms.model_construct(
        buyer_accounts=tuple(known["buyer_accounts"]),
        company="Example Corp",
        offer_name=known.get("offer_name", "Example"),
        product_id="prod-examplesaas01",
        dimensions=tuple(Dimension.model_construct(**each) for each in known["dimensions"])
        if isinstance(known["dimensions"], list)
        else (Dimension(key="platform"),),
        price=UncheckedPrice(**known["price"]),  # type: ignore[arg-type]
        payment_schedule=tuple(
            Instalment.model_construct(
                on=date.fromisoformat(each["on"]), amount=Decimal(each["amount"])
            )
            for each in schedule
        ),
        net_payment_days=known.get("net_payment_days"),
        duration_months=known.get("duration_months", 12),
        starts_on=date.fromisoformat(known["starts_on"]) if known.get("starts_on") else None,
        agreement_end=(
            date.fromisoformat(known["agreement_end"]) if known.get("agreement_end") else None
        ),
        availability_end=date.fromisoformat(known["availability_end"]),
        renewal=PreExistingAgreement(channel=renewal) if renewal else None,
    )


class UncheckedPrice:
    """A price without validation."""

    def __init__(self, amount: str, currency: str) -> None:
        self.amount = Decimal(amount)
        self.currency = currency
