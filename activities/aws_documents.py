"""AWS Marketplace's documents: terms as a change set, and an offer's details as terms.

Shapes and rules: AWS, work-with-private-offers.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from offers.agreement import Agreement, AgreementReport
from offers.comparison import BuiltOffer
from offers.money import Money
from offers.terms import CustomEula, OfferTerms

CATALOG = "AWSMarketplace"
OFFER = "Offer@1.0"
NEW_OFFER = "$CreateOffer.Entity.Identifier"
ONE_PRICE = {"MultipleDimensionSelection": "Disallowed", "QuantityConfiguration": "Disallowed"}

Document = Mapping[str, Any]


def offer_reference(opportunity_id: str, revision: int) -> str:
    """The name by which a revision's change set is found again, and its token in AWS."""
    return f"offer-{opportunity_id}-rev{revision}"


def create_offer(terms: OfferTerms, opportunity_id: str, revision: int) -> list[dict[str, Any]]:
    """The changes that create an offer with these terms and release it.

    An up-front contract is a ConfigurableUpfrontPricingTerm, which AWS bills at acceptance; its
    duration stands in the rate card, so there is no ValidityTerm (AWS would demand a start date).
    """
    pricing_term = {
        "Type": "ConfigurableUpfrontPricingTerm",
        "CurrencyCode": terms.price.currency,
        "RateCards": [
            {
                "Selector": {"Type": "Duration", "Value": terms.duration},
                "RateCard": [
                    {"DimensionKey": terms.dimension, "Price": str(terms.price.amount)},
                ],
                "Constraints": ONE_PRICE,
            }
        ],
    }
    return [
        {
            "ChangeType": "CreateOffer",
            "ChangeName": "CreateOffer",
            "Entity": {"Type": OFFER},
            "DetailsDocument": {"ProductId": terms.product_id, "Name": terms.offer_name},
        },
        _change(
            "UpdateInformation",
            {
                "Name": terms.offer_name,
                # Buyers never see it: the place for our own reference.
                "Description": offer_reference(opportunity_id, revision),
            },
        ),
        _change("UpdateTargeting", {"PositiveTargeting": {"BuyerAccounts": [terms.buyer_account]}}),
        _change("UpdatePricingTerms", {"PricingModel": "Contract", "Terms": [pricing_term]}),
        _change(
            "UpdateLegalTerms", {"Terms": [{"Type": "LegalTerm", "Documents": [_eula(terms)]}]}
        ),
        _change("UpdateAvailability", {"AvailabilityEndDate": terms.availability_end.isoformat()}),
        _change("ReleaseOffer", {}),
    ]


def end_availability(offer_id: str, last_day: date) -> list[dict[str, Any]]:
    """The change that voids a released offer: a last day in the past.  There is no CancelOffer."""
    return [
        _change("UpdateAvailability", {"AvailabilityEndDate": last_day.isoformat()}, offer_id),
    ]


def _change(change_type: str, details: Document, offer_id: str = NEW_OFFER) -> dict[str, Any]:
    return {
        "ChangeType": change_type,
        "Entity": {"Type": OFFER, "Identifier": offer_id},
        "DetailsDocument": details,
    }


def _eula(terms: OfferTerms) -> dict[str, str]:
    if isinstance(terms.eula, CustomEula):
        return {"Type": "CustomEula", "Url": terms.eula.url}
    return {"Type": "StandardEula", "Version": terms.eula.version}


def created_offer_id(changes: Sequence[Document]) -> str | None:
    """The id of the offer that a change set created or changed, without its revision."""
    for change in changes:
        identifier = change.get("Entity", {}).get("Identifier")
        if identifier and not identifier.startswith("$"):
            return str(identifier).partition("@")[0]
    return None


def built_offer(offer_id: str, details: Document) -> BuiltOffer:
    """An offer's DetailsDocument as DescribeEntity gives it."""
    terms = {term["Type"]: term for term in details.get("Terms", ())}
    rules = {rule["Type"]: rule for rule in details.get("Rules", ())}
    pricing = terms.get("ConfigurableUpfrontPricingTerm", {})
    card: Document = next(iter(pricing.get("RateCards", ())), {})
    rates = card.get("RateCard", ())
    document: Document = next(iter(terms.get("LegalTerm", {}).get("Documents", ())), {})
    targeting = rules.get("TargetingRule", {}).get("PositiveTargeting", {})
    availability_end = rules.get("AvailabilityRule", {}).get("AvailabilityEndDate")
    return BuiltOffer(
        offer_id=offer_id,
        released=details.get("State") == "Released",
        product_id=details.get("ProductId"),
        name=details.get("Name"),
        buyer_accounts=tuple(targeting.get("BuyerAccounts", ())),
        price=sum((Decimal(rate["Price"]) for rate in rates), Decimal()) if rates else None,
        currency=pricing.get("CurrencyCode"),
        dimensions=tuple(rate["DimensionKey"] for rate in rates),
        duration=card.get("Selector", {}).get("Value"),
        availability_end=_day(availability_end),
        eula={"StandardEula": "standard", "CustomEula": "custom"}.get(document.get("Type", "")),
        eula_version=document.get("Version"),
    )


def agreement_report(summary: Document) -> AgreementReport | None:
    """A row of SearchAgreements; None where it is not of an offer."""
    offer_id = summary.get("proposalSummary", {}).get("offerId")
    updated_at: datetime | None = summary.get("lastUpdateTime") or summary.get("acceptanceTime")
    if not offer_id or updated_at is None:
        return None
    return AgreementReport(
        agreement_id=summary["agreementId"],
        offer_id=offer_id,
        status=summary.get("status", ""),
        updated_at=updated_at,
    )


def agreement(details: Document) -> Agreement:
    """The answer of DescribeAgreement."""
    charges = details.get("estimatedCharges") or {}
    value = charges.get("agreementValue")
    return Agreement(
        agreement_id=details["agreementId"],
        offer_id=details["proposalSummary"]["offerId"],
        buyer_account=details["acceptor"]["accountId"],
        status=details["status"],
        accepted_at=details["acceptanceTime"],
        starts_at=details["startTime"],
        ends_at=details.get("endTime"),
        value=Money.of(value, charges["currencyCode"]) if value is not None else None,
    )


def _day(value: str | None) -> date | None:
    # AWS takes a day and gives an instant back, such as 2026-12-22T00:00:00.000Z.
    return date.fromisoformat(value[:10]) if value else None
