"""Offers that the seller's users create in Clazar's pages.

Clazar submits a change set to AWS like any client of the seller's account, so AWS's rules and
processing time apply, and Clazar's API lists the offer after AWS has released it.  The changes and
their order are those of AWS's documentation; that Clazar sends exactly these is ASSUMED, and so are
the values of fields that the pages do not have.
"""

from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.aws.catalog.catalog_api import submit
from sandbox.aws.marketplace_state import ChangeSet
from sandbox.marketplace.offer_terms import Installment
from sandbox.world import World

STANDARD_EULA = {"Type": "StandardEula", "Version": "2022-07-14"}
MAX_MONTHS = 144
"""AWS's own limit."""

Details = dict[str, Any]


def create_manual_offer(
    world: World,
    *,
    name: str,
    buyer_accounts: list[str],
    price: Decimal,
    availability_end: date,
    currency: str = "USD",
    months: int = 12,
    dimensions: dict[str, int] | None = None,
    schedule: list[Installment] | None = None,
) -> ChangeSet:
    """Submit an offer with these values, which may be wrong.

    `dimensions` are quantities by key; None: quantity 1 of the product's first dimension.  Raises
    ValueError, naming the field, for values that Clazar's pages reject, and AwsError for errors
    that AWS returns at once; errors that AWS finds later make the change set fail.
    """
    quantities = dimensions or {world.aws.dimensions[0]: 1}
    if not 1 <= months <= MAX_MONTHS:
        raise ValueError(f"months: a contract lasts 1 to {MAX_MONTHS}, not {months}")
    if schedule is not None and sum(each.amount for each in schedule) != price:
        raise ValueError("schedule: the amounts must add up to the price")
    details: dict[str, Details] = {
        "UpdateInformation": {"Name": name, "Description": name},
        "UpdateTargeting": {"PositiveTargeting": {"BuyerAccounts": buyer_accounts}},
    }
    if schedule is None and list(quantities.values()) == [1]:
        term = _rate_card(next(iter(quantities)), price, months)
        details["UpdatePricingTerms"] = _terms(term, currency, PricingModel="Contract")
    else:
        grants = [{"DimensionKey": key, "MaxQuantity": each} for key, each in quantities.items()]
        # The payment schedule has the amounts.
        term = {"Type": "FixedUpfrontPricingTerm", "Price": "0.0", "Grants": grants}
        details["UpdatePricingTerms"] = _terms(term, currency, PricingModel="Contract")
        validity = {"Type": "ValidityTerm", "AgreementDuration": f"P{months}M"}
        details["UpdateValidityTerms"] = _terms(validity)
        charges = [
            {"ChargeDate": each.charge_date.isoformat(), "ChargeAmount": f"{each.amount:f}"}
            for each in schedule or [Installment(world.now().date(), price)]
        ]
        payments = {"Type": "PaymentScheduleTerm", "Schedule": charges}
        details["UpdatePaymentScheduleTerms"] = _terms(payments, currency)
    details["UpdateLegalTerms"] = _terms({"Type": "LegalTerm", "Documents": [STANDARD_EULA]})
    details["UpdateAvailability"] = {"AvailabilityEndDate": availability_end.isoformat()}
    details["ReleaseOffer"] = {}
    create = {
        "ChangeType": "CreateOffer",
        "ChangeName": "CreateOffer",
        "Entity": {"Type": "Offer@1.0"},
        "DetailsDocument": {"ProductId": world.aws.product_id},
    }
    entity = {"Type": "Offer@1.0", "Identifier": "$CreateOffer.Entity.Identifier"}
    changes = [
        {"ChangeType": kind, "Entity": entity, "DetailsDocument": document}
        for kind, document in details.items()
    ]
    request = {"Catalog": "AWSMarketplace", "ChangeSetName": "Private offer by Clazar"}
    return submit(world, {**request, "ChangeSet": [create, *changes]})


def _terms(term: Details, currency: str | None = None, **members: str) -> Details:
    return {**members, "Terms": [term | ({"CurrencyCode": currency} if currency else {})]}


def _rate_card(dimension: str, price: Decimal, months: int) -> Details:
    choices = ("MultipleDimensionSelection", "QuantityConfiguration")
    card = {
        "Selector": {"Type": "Duration", "Value": f"P{months}M"},
        "RateCard": [{"DimensionKey": dimension, "Price": f"{price:f}"}],
        "Constraints": dict.fromkeys(choices, "Disallowed"),
    }
    return {"Type": "ConfigurableUpfrontPricingTerm", "RateCards": [card]}
