"""A person at the seller who makes an offer in Clazar's own pages, without any API.

Clazar then submits a change set to AWS like any other client of the seller's account, so AWS's
rules and its generation time apply, and the offer shows in Clazar's API once AWS has made it.
Which changes Clazar sends, and in which order, is AWS's documented set for such an offer; that it
sends exactly these is ASSUMED, as is what stands in the fields that its pages leave open.
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal

from sandbox.aws.catalog.catalog_api import submit
from sandbox.marketplace.offer_terms import Duration, Installment
from sandbox.world import ChangeSet, World

STANDARD_EULA = {"Type": "StandardEula", "Version": "2022-07-14"}

MOST_MONTHS = 144
"""More than AWS's guide allows, which is 60."""

Details = dict[str, Any]


def make_by_hand(
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
    """Submit an offer as somebody typed it in, with whatever is wrong in it.

    `dimensions` are quantities by key; None: one of the product's first.  `renewal` says where the
    customer bought before.  Raises ValueError, naming the field, for what Clazar's pages do not
    take, and AwsError for what AWS refuses at once; what AWS finds later makes the change set fail.
    """
    bought = {world.dimensions[0]: 1} if dimensions is None else dimensions
    if not bought:
        raise ValueError("dimensions: choose at least one")
    if not 1 <= months <= MOST_MONTHS:
        raise ValueError(f"months: a contract lasts 1 to {MOST_MONTHS}, not {months}")
    if schedule is not None and sum(each.amount for each in schedule) != price:
        raise ValueError("schedule: the amounts must add up to the price")
    details: dict[str, Details] = {
        "UpdateInformation": {"Name": name, "Description": description or name},
        "UpdateTargeting": {"PositiveTargeting": {"BuyerAccounts": buyer_accounts}},
    }
    if renewal:
        before = {"AcquisitionChannel": renewal, "PricingModel": "Contract"}
        details["UpdateInformation"]["PreExistingAgreement"] = before
    if schedule is None and list(bought.values()) == [1]:
        details |= _paid_at_acceptance(next(iter(bought)), price, currency, months)
        if contract_start:
            details["UpdateValidityTerms"] = _validity(contract_start, months)
    else:
        payments = schedule or [Installment(world.now().date(), price)]
        details["UpdatePricingTerms"] = _granted(bought, currency)
        details["UpdateValidityTerms"] = _validity(contract_start, months)
        details["UpdatePaymentScheduleTerms"] = _scheduled(payments, currency)
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
            "ChangeSet": [_creation(world), *(_change(*each) for each in details.items())],
        },
    )


def _creation(world: World) -> Details:
    return {
        "ChangeType": "CreateOffer",
        "ChangeName": "CreateOffer",
        "Entity": {"Type": "Offer@1.0"},
        "DetailsDocument": {"ProductId": world.product_id},
    }


def _change(kind: str, details: Details) -> Details:
    return {
        "ChangeType": kind,
        "Entity": {"Type": "Offer@1.0", "Identifier": "$CreateOffer.Entity.Identifier"},
        "DetailsDocument": details,
    }


def _paid_at_acceptance(
    dimension: str, price: Decimal, currency: str, months: int
) -> dict[str, Details]:
    """A rate card that the buyer can only take as it is."""
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


def _granted(quantities: dict[str, int], currency: str) -> Details:
    """Quantities without a price, which the payment schedule has."""
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


def _scheduled(payments: list[Installment], currency: str) -> Details:
    charges = [
        {"ChargeDate": each.on.isoformat(), "ChargeAmount": f"{each.amount:f}"} for each in payments
    ]
    term = {"Type": "PaymentScheduleTerm", "CurrencyCode": currency, "Schedule": charges}
    return {"Terms": [term]}
