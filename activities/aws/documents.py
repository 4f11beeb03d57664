"""AWS Marketplace's documents: terms as a change set, and an offer's details as terms.

Shapes and rules: AWS, work-with-private-offers.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from offers.agreements.agreement import Agreement, AgreementReport, CancellationRequest
from offers.clock import bounded_day
from offers.lifecycle.read_back import PublishedOffer
from offers.money import Money
from offers.payouts.refund import AdjustableInvoice, BillingAdjustment, Refund, RefundStatus
from offers.preflight.marketplace import Product
from offers.terms.terms import Dimension, Instalment, OfferTerms, StandardEula

CATALOG = "AWSMarketplace"
OUR_AGREEMENTS = (
    {"name": "PartyType", "values": ["Proposer"]},
    {"name": "AgreementType", "values": ["PurchaseAgreement"]},
)
"""The filters of SearchAgreements for what we have sold."""
OFFER = "Offer@1.0"
NEW_OFFER = "$CreateOffer.Entity.Identifier"
ONE_PRICE = {"MultipleDimensionSelection": "Disallowed", "QuantityConfiguration": "Disallowed"}

Document = Mapping[str, Any]


def create_offer(
    terms: OfferTerms,
    reference: str,
    today: date,
    eula_url: str | None = None,
    replaces: str | None = None,
) -> list[dict[str, Any]]:
    """The changes that create an offer with these terms and release it.

    `reference` goes into the description; `eula_url` is the address of a custom contract.  `today`
    (UTC) is the charge date of fixed grants that are paid up front: AWS then invoices at
    acceptance.  `replaces` is the agreement that an amendment replaces; it also decides who can
    accept (AWS: agreement-based offers).
    """
    information: dict[str, Any] = {
        "Name": terms.offer_name,
        "Description": description(reference, terms.description),
    }
    if terms.renewal:
        information["PreExistingAgreement"] = {
            "AcquisitionChannel": terms.renewal.channel,
            "PricingModel": terms.renewal.pricing_model,
        }
    return [
        {
            "ChangeType": "CreateReplacementOffer" if replaces else "CreateOffer",
            "ChangeName": "CreateOffer",
            "Entity": {"Type": OFFER},
            "DetailsDocument": {
                **({"AgreementId": replaces} if replaces else {"ProductId": terms.product_id}),
                "Name": terms.offer_name,
            },
        },
        _change("UpdateInformation", information),
        *([] if replaces else [_targeting(terms)]),
        *(_fixed(terms, today) if terms.is_fixed else _one_price(terms)),
        *_net_payment(terms),
        _terms("UpdateLegalTerms", {"Type": "LegalTerm", "Documents": [_eula(terms, eula_url)]}),
        _change("UpdateAvailability", {"AvailabilityEndDate": terms.availability_end.isoformat()}),
        _change("ReleaseOffer", {}),
    ]


def description(reference: str, note: str) -> str:
    """The description, which only sellers see: our reference and perhaps a note."""
    return f"{reference}: {note}" if note else reference


def _targeting(terms: OfferTerms) -> dict[str, Any]:
    accounts = {"PositiveTargeting": {"BuyerAccounts": list(terms.buyer_accounts)}}
    return _change("UpdateTargeting", accounts)


def _one_price(terms: OfferTerms) -> list[dict[str, Any]]:
    """One dimension up front: a ConfigurableUpfrontPricingTerm, which AWS bills at acceptance.

    The duration is in the rate card; there is a ValidityTerm only if the first day is set.
    """
    pricing_term = {
        "Type": "ConfigurableUpfrontPricingTerm",
        "CurrencyCode": terms.price.currency,
        "RateCards": [
            {
                "Selector": {"Type": "Duration", "Value": terms.duration},
                "RateCard": [
                    {"DimensionKey": terms.dimensions[0].key, "Price": str(terms.price.amount)},
                ],
                "Constraints": ONE_PRICE,
            }
        ],
    }
    pricing = _change("UpdatePricingTerms", {"PricingModel": "Contract", "Terms": [pricing_term]})
    if terms.starts_on or terms.agreement_end:
        return [pricing, _terms("UpdateValidityTerms", _validity(terms))]
    return [pricing]


def _fixed(terms: OfferTerms, today: date) -> list[dict[str, Any]]:
    """Fixed grants, paid by a schedule: a FixedUpfrontPricingTerm, whose own price must be 0."""
    pricing_term = {
        "Type": "FixedUpfrontPricingTerm",
        "CurrencyCode": terms.price.currency,
        "Price": "0.0",
        "Grants": [
            {"DimensionKey": each.key, "MaxQuantity": each.quantity} for each in terms.dimensions
        ],
    }
    instalments = sorted(terms.payment_schedule, key=lambda each: each.on) or (
        Instalment(on=today, amount=terms.price.amount),
    )
    return [
        _change("UpdatePricingTerms", {"PricingModel": "Contract", "Terms": [pricing_term]}),
        _terms("UpdateValidityTerms", _validity(terms)),
        _terms(
            "UpdatePaymentScheduleTerms",
            {
                "Type": "PaymentScheduleTerm",
                "CurrencyCode": terms.price.currency,
                "Schedule": [
                    {"ChargeDate": each.on.isoformat(), "ChargeAmount": f"{each.amount:f}"}
                    for each in instalments
                ],
            },
        ),
    ]


def _validity(terms: OfferTerms) -> dict[str, Any]:
    if terms.agreement_end:
        return {"Type": "ValidityTerm", "AgreementEndDate": terms.agreement_end.isoformat()}
    if terms.starts_on and terms.ends_on:
        return {
            "Type": "ValidityTerm",
            "AgreementStartDate": terms.starts_on.isoformat(),
            "AgreementEndDate": terms.ends_on.isoformat(),
        }
    return {"Type": "ValidityTerm", "AgreementDuration": terms.duration}


def _net_payment(terms: OfferTerms) -> list[dict[str, Any]]:
    if terms.net_payment_days is None:
        return []
    term = {"Type": "NetPaymentTerm", "PaymentDuePeriod": f"P{terms.net_payment_days}D"}
    return [_terms("UpdateNetPaymentTerms", term)]


def end_availability(offer_id: str, last_day: date) -> list[dict[str, Any]]:
    """Withdraw a released offer by a last day in the past; there is no CancelOffer."""
    return [
        _change("UpdateAvailability", {"AvailabilityEndDate": last_day.isoformat()}, offer_id),
    ]


def edit(before: OfferTerms, after: OfferTerms, reference: str, offer_id: str) -> list[Any]:
    """The changes of name, description, last day and duration of a released offer."""
    changes = []
    if (before.offer_name, before.description) != (after.offer_name, after.description):
        information = {
            "Name": after.offer_name,
            "Description": description(reference, after.description),
        }
        changes.append(_change("UpdateInformation", information, offer_id))
    if before.duration != after.duration:
        validity = {"Terms": [_validity(after)]}
        changes.append(_change("UpdateValidityTerms", validity, offer_id))
    if before.availability_end != after.availability_end:
        last_day = {"AvailabilityEndDate": after.availability_end.isoformat()}
        changes.append(_change("UpdateAvailability", last_day, offer_id))
    return changes


def _change(change_type: str, details: Document, offer_id: str = NEW_OFFER) -> dict[str, Any]:
    return {
        "ChangeType": change_type,
        "Entity": {"Type": OFFER, "Identifier": offer_id},
        "DetailsDocument": details,
    }


def _terms(change_type: str, term: Document) -> dict[str, Any]:
    return _change(change_type, {"Terms": [term]})


def _eula(terms: OfferTerms, url: str | None) -> dict[str, str]:
    if isinstance(terms.eula, StandardEula):
        return {"Type": "StandardEula", "Version": terms.eula.version}
    if url is None:
        raise ValueError("a custom contract needs the address of its PDF")
    return {"Type": "CustomEula", "Url": url}


def created_offer_id(changes: Sequence[Document]) -> str | None:
    """The id, without its revision, of the offer that a change set created or changed."""
    for change in changes:
        identifier = change.get("Entity", {}).get("Identifier")
        if identifier and not identifier.startswith("$"):
            return str(identifier).partition("@")[0]
    return None


def published_offer(offer_id: str, details: Document) -> PublishedOffer:
    """An offer from the DetailsDocument of DescribeEntity."""
    terms = {term["Type"]: term for term in details.get("Terms", ())}
    rules = {rule["Type"]: rule for rule in details.get("Rules", ())}
    upfront = terms.get("ConfigurableUpfrontPricingTerm", {})
    fixed = terms.get("FixedUpfrontPricingTerm", {})
    card: Document = next(iter(upfront.get("RateCards", ())), {})
    rates = card.get("RateCard", ())
    schedule = tuple(
        Instalment(on=_known_day(charge["ChargeDate"]), amount=Decimal(charge["ChargeAmount"]))
        for charge in terms.get("PaymentScheduleTerm", {}).get("Schedule", ())
    )
    prices = [Decimal(rate["Price"]) for rate in rates] or [each.amount for each in schedule]
    validity = terms.get("ValidityTerm", {})
    document: Document = next(iter(terms.get("LegalTerm", {}).get("Documents", ())), {})
    targeting = rules.get("TargetingRule", {}).get("PositiveTargeting", {})
    availability_end = rules.get("AvailabilityRule", {}).get("AvailabilityEndDate")
    return PublishedOffer(
        offer_id=offer_id,
        released=details.get("State") == "Released",
        product_id=details.get("ProductId"),
        name=details.get("Name"),
        description=(details.get("Description") or "").partition(": ")[2] or None,
        buyer_accounts=tuple(targeting.get("BuyerAccounts", ())),
        price=sum(prices, Decimal()) if prices else None,
        currency=(upfront or fixed).get("CurrencyCode"),
        dimensions=(
            *(Dimension(key=rate["DimensionKey"]) for rate in rates),
            *(
                Dimension(key=grant["DimensionKey"], quantity=grant["MaxQuantity"])
                for grant in fixed.get("Grants", ())
            ),
        ),
        schedule=schedule,
        net_payment_days=_days(terms.get("NetPaymentTerm", {}).get("PaymentDuePeriod")),
        duration=validity.get("AgreementDuration") or card.get("Selector", {}).get("Value"),
        starts_on=day(validity.get("AgreementStartDate")),
        ends_on=day(validity.get("AgreementEndDate")),
        availability_end=day(availability_end),
        eula={"StandardEula": "standard", "CustomEula": "custom"}.get(document.get("Type", "")),
        eula_version=document.get("Version"),
        extras=tuple(_extras(terms, rules)),
        renewal_channel=(details.get("PreExistingAgreement") or {}).get("AcquisitionChannel"),
    )


OUR_TERMS = frozenset(
    {
        "ConfigurableUpfrontPricingTerm",
        "FixedUpfrontPricingTerm",
        "PaymentScheduleTerm",
        "NetPaymentTerm",
        "ValidityTerm",
        "LegalTerm",
        "SupportTerm",  # inherited from the product
    }
)
"""The types of term that our offers can have."""


def _extras(terms: Mapping[str, Document], rules: Mapping[str, Document]) -> Iterator[str]:
    yield from sorted(set(terms) - OUR_TERMS)
    cards = terms.get("ConfigurableUpfrontPricingTerm", {}).get("RateCards", ())
    if len(cards) > 1:
        yield f"{len(cards)} rate cards to choose from"
    for card in cards:
        constraints = card.get("Constraints", ONE_PRICE)
        if "Allowed" in constraints.values():
            yield "a free choice of dimensions and quantities"
    if float(terms.get("FixedUpfrontPricingTerm", {}).get("Price") or 0):
        yield "a price beside the instalments"
    if rules.get("TargetingRule", {}).get("PositiveTargeting", {}).get("CountryCodes"):
        yield "buyers by country"


def product(entity: Document) -> Product:
    """A product from the answer of DescribeEntity; its ARN contains the seller account."""
    details = entity.get("DetailsDocument") or json.loads(entity["Details"])
    return Product(
        seller_account=entity["EntityArn"].split(":")[4],
        visibility=(details.get("Description") or {}).get("Visibility"),
        dimensions=tuple(each["Key"] for each in details.get("Dimensions", ())),
    )


def agreement_report(summary: Document) -> AgreementReport | None:
    """A row of SearchAgreements; None if it belongs to no offer."""
    offer_id = summary.get("proposalSummary", {}).get("offerId")
    changed_at: datetime | None = summary.get("lastUpdateTime") or summary.get("acceptanceTime")
    if not offer_id or changed_at is None:
        return None
    return AgreementReport(
        agreement_id=summary["agreementId"],
        offer_id=offer_id,
        changed_at=changed_at,
    )


def agreement(details: Document) -> Agreement:
    """An agreement from the answer of DescribeAgreement."""
    charges = details.get("estimatedCharges") or {}
    value = charges.get("agreementValue")
    end_behavior = (details.get("endTimeBehavior") or {}).get("type")
    return Agreement(
        agreement_id=details["agreementId"],
        offer_id=details["proposalSummary"]["offerId"],
        buyer_account=details["acceptor"]["accountId"],
        status=details["status"],
        accepted_at=details["acceptanceTime"],
        starts_at=details["startTime"],
        ends_at=details.get("endTime"),
        value=Money.of(Decimal(value), charges["currencyCode"]) if value is not None else None,
        initial_agreement_id=details.get("initialAgreementId"),
        end_behavior=end_behavior if end_behavior != "EXPIRE" else None,
    )


def cancellation_request(answer: Document) -> CancellationRequest:
    """A request from the answer of an operation on it."""
    return CancellationRequest(
        request_id=answer["agreementCancellationRequestId"],
        agreement_id=answer["agreementId"],
        reason_code=answer["reasonCode"],
        status=answer["status"],
        updated_at=answer["updatedAt"],
    )


def adjustable_invoice(group: Document) -> AdjustableInvoice:
    """An invoice from a group of its line items.  Raises if AWS leaves out its amount."""
    amount = group["pricingCurrencyAmount"]
    currency, limit = amount["currencyCode"], amount.get("maxAdjustmentAmount")
    return AdjustableInvoice(
        invoice_id=group["invoiceId"],
        amount=Money.nearest(Decimal(amount["amount"]), currency),
        adjustable=None if limit is None else Money.at_most(Decimal(limit), currency),
        issued_at=group.get("issuedTime"),
    )


def adjustment_entry(refund: Refund) -> dict[str, Any]:
    """The entry that asks for a refund; its client token names the request for good."""
    entry = {
        "agreementId": refund.agreement_id,
        "originalInvoiceId": refund.invoice_id,
        "adjustmentAmount": f"{refund.amount.amount:f}",
        "currencyCode": refund.amount.currency,
        "adjustmentReasonCode": refund.reason.value,
        "clientToken": refund.token,
    }
    return entry | ({"description": refund.description} if refund.description else {})


def is_adjustment_of(item: Document, refund: Refund) -> bool:
    """Whether an adjustment in AWS's list is, or may be, this refund."""
    return (
        item["originalInvoiceId"] == refund.invoice_id
        and item["currencyCode"] == refund.amount.currency
        and Decimal(item["adjustmentAmount"]) == refund.amount.amount
    )


ADJUSTMENT_STATUS = {
    "PENDING": RefundStatus.PENDING,
    "VALIDATION_FAILED": RefundStatus.FAILED,
    "COMPLETED": RefundStatus.COMPLETED,
}


def billing_adjustment(answer: Document) -> BillingAdjustment:
    """An adjustment from the answer of an operation on it."""
    return BillingAdjustment(
        adjustment_id=answer["billingAdjustmentRequestId"],
        agreement_id=answer["agreementId"],
        status=ADJUSTMENT_STATUS[answer["status"]],
        message=answer.get("statusMessage"),
        updated_at=answer["updatedAt"],
    )


def day(value: str | None) -> date | None:
    """The day of an instant in AWS's form."""
    return None if value is None else _known_day(value)


def _known_day(value: str) -> date:
    # AWS accepts a date and returns an instant, such as 2026-12-22T00:00:00.000Z.
    return bounded_day(date.fromisoformat(value[:10]))


def _days(period: str | None) -> int | None:
    return None if period is None else int(period.strip("PD"))
