"""Offers that the seller's users create in Clazar's pages.

Clazar submits a change set to AWS like any client of the seller's account, so AWS's rules and
processing time apply, and Clazar's API lists the offer after AWS has released it.  The changes and
their order are those of AWS's documentation; that Clazar sends exactly these is ASSUMED, and so are
the values of fields that the pages do not have.
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal

from sandbox.aws.catalog.catalog_api import submit
from sandbox.aws.marketplace_state import ChangeSet
from sandbox.marketplace.offer_terms import Duration, Installment
from sandbox.world import World

STANDARD_EULA = {"Type": "StandardEula", "Version": "2022-07-14"}

MAX_MONTHS = 144
"""More than AWS's limit, which is 60."""

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
    description: str | None = None,
    schedule: list[Installment] | None = None,
    net_payment_days: int | None = None,
    contract_start: date | None = None,
    eula_url: str | None = None,
    renewal: Literal["AwsMarketplace", "External"] | None = None,
) -> ChangeSet:
    """Submit an offer with these values, which may be wrong.

    `dimensions` are quantities by key; None: quantity 1 of the product's first dimension.
    `renewal` is the channel of the customer's earlier purchase.  Raises ValueError, naming the
    field, for values that Clazar's pages reject, and AwsError for errors that AWS returns at once;
    errors that AWS finds later make the change set fail.
    """
    quantities = {world.aws.dimensions[0]: 1} if dimensions is None else dimensions
    if not quantities:
        raise ValueError("dimensions: choose at least one")
    if not 1 <= months <= MAX_MONTHS:
        raise ValueError(f"months: a contract lasts 1 to {MAX_MONTHS}, not {months}")
    if schedule is not None and sum(each.amount for each in schedule) != price:
        raise ValueError("schedule: the amounts must add up to the price")
    details: dict[str, Details] = {
        "UpdateInformation": {"Name": name, "Description": description or name},
        "UpdateTargeting": {"PositiveTargeting": {"BuyerAccounts": buyer_accounts}},
    }
    if renewal:
        earlier_purchase = {"AcquisitionChannel": renewal, "PricingModel": "Contract"}
        details["UpdateInformation"]["PreExistingAgreement"] = earlier_purchase
    if schedule is None and list(quantities.values()) == [1]:
        details |= _rate_card(next(iter(quantities)), price, currency, months)
        if contract_start:
            details["UpdateValidityTerms"] = _validity(contract_start, months)
    else:
        payments = schedule or [Installment(world.now().date(), price)]
        details["UpdatePricingTerms"] = _grants(quantities, currency)
        details["UpdateValidityTerms"] = _validity(contract_start, months)
        details["UpdatePaymentScheduleTerms"] = _payment_schedule(payments, currency)
    if net_payment_days is not None:
        due = {"Type": "NetPaymentTerm", "PaymentDuePeriod": f"P{net_payment_days}D"}
        details["UpdateNetPaymentTerms"] = {"Terms": [due]}
    document = {"Type": "CustomEula", "Url": eula_url} if eula_url else STANDARD_EULA
    details["UpdateLegalTerms"] = {"Terms": [{"Type": "LegalTerm", "Documents": [document]}]}
    details["UpdateAvailability"] = {"AvailabilityEndDate": availability_end.isoformat()}
    details["ReleaseOffer"] = {}
    return submit(
        world,
        {
            "Catalog": "AWSMarketplace",
            "ChangeSetName": "Private offer by Clazar",
            "ChangeSet": [
                _create_offer_change(world),
                *(_change(*each) for each in details.items()),
            ],
        },
    )


def _create_offer_change(world: World) -> Details:
    return {
        "ChangeType": "CreateOffer",
        "ChangeName": "CreateOffer",
        "Entity": {"Type": "Offer@1.0"},
        "DetailsDocument": {"ProductId": world.aws.product_id},
    }


def _change(kind: str, details: Details) -> Details:
    return {
        "ChangeType": kind,
        "Entity": {"Type": "Offer@1.0", "Identifier": "$CreateOffer.Entity.Identifier"},
        "DetailsDocument": details,
    }


def _rate_card(dimension: str, price: Decimal, currency: str, months: int) -> dict[str, Details]:
    """A rate card with one dimension, from which the buyer cannot choose."""
    card = {
        "Selector": {"Type": "Duration", "Value": f"P{months}M"},
        "RateCard": [{"DimensionKey": dimension, "Price": f"{price:f}"}],
        "Constraints": {
            "MultipleDimensionSelection": "Disallowed",
            "QuantityConfiguration": "Disallowed",
        },
    }
    term = {
        "Type": "ConfigurableUpfrontPricingTerm",
        "CurrencyCode": currency,
        "RateCards": [card],
    }
    return {"UpdatePricingTerms": {"PricingModel": "Contract", "Terms": [term]}}


def _grants(quantities: dict[str, int], currency: str) -> Details:
    """Quantities with the price 0; the payment schedule has the amounts."""
    term = {
        "Type": "FixedUpfrontPricingTerm",
        "CurrencyCode": currency,
        "Price": "0.0",
        "Grants": [
            {"DimensionKey": key, "MaxQuantity": quantity} for key, quantity in quantities.items()
        ],
    }
    return {"PricingModel": "Contract", "Terms": [term]}


def _validity(start: date | None, months: int) -> Details:
    term = {"Type": "ValidityTerm"}
    if start is None:
        term["AgreementDuration"] = f"P{months}M"
    else:
        first = datetime.combine(start, time(0), UTC)
        last = Duration(months=months).after(first) - timedelta(days=1)
        term["AgreementStartDate"] = start.isoformat()
        term["AgreementEndDate"] = last.date().isoformat()
    return {"Terms": [term]}


def _payment_schedule(payments: list[Installment], currency: str) -> Details:
    charges = [
        {"ChargeDate": each.charge_date.isoformat(), "ChargeAmount": f"{each.amount:f}"}
        for each in payments
    ]
    term = {"Type": "PaymentScheduleTerm", "CurrencyCode": currency, "Schedule": charges}
    return {"Terms": [term]}
