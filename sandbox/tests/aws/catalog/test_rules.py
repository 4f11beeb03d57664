"""Errors that AWS finds while a change set is PREPARING: an error code on the change."""

from typing import Any

import pytest

from sandbox.aws.marketplace_state import Buyer
from sandbox.tests.support.aws_seller import (
    BUYER,
    Details,
    Seller,
    error_codes,
    legal,
    net_terms,
    pricing,
    schedule,
    upfront,
    validity,
)

CARD = upfront(("platform", "120000.00"))
BY_CARD: Details = {"UpdateValidityTerms": None, "UpdatePaymentScheduleTerms": None}
"""The other changes of an offer with a rate card."""
S3 = "https://example-bucket.s3.amazonaws.com"


def targeting(*accounts: str) -> Details:
    return {"PositiveTargeting": {"BuyerAccounts": list(accounts)}}


def two_cards(first: Details, second: Details, **changes: Any) -> Details:
    (one,), (other,) = (each["Terms"][0]["RateCards"] for each in (first, second))
    return {
        "PricingModel": "Contract",
        "Terms": [{**first["Terms"][0], "RateCards": [one, {**other, **changes}]}],
    }


def grants(*keys: str) -> Details:
    details = pricing()
    entries = [{"DimensionKey": key, "MaxQuantity": 1} for key in keys]
    return {**details, "Terms": [{**details["Terms"][0], "Grants": entries}]}


def terms(*each: Details, model: str = "Contract") -> Details:
    return {"PricingModel": model, "Terms": list(each)}


FIXED = pricing()["Terms"][0]
USAGE = {
    "Type": "UsageBasedPricingTerm",
    "CurrencyCode": "USD",
    "RateCards": [{"RateCard": [{"DimensionKey": "platform", "Price": "0.125"}]}],
}
MONTHLY = [(f"{2026 + month // 12}-{month % 12 + 1:02}-01", "1") for month in range(3, 64)]

FINDINGS: list[tuple[Details, str, str]] = [
    # Name, description and buyers
    ({"UpdateTargeting": targeting("123456789012")}, "UpdateTargeting", "INVALID_BUYER_ACCOUNTS"),
    (
        {"UpdateTargeting": targeting(*(f"{n:012}" for n in range(27)))},
        "UpdateTargeting",
        "TOO_MANY_BUYER_ACCOUNTS",
    ),
    (
        {"UpdateTargeting": {"PositiveTargeting": {"CountryCodes": ["Narnia"]}}},
        "UpdateTargeting",
        "INVALID_COUNTRY_CODES",
    ),
    # Prices
    ({"UpdatePricingTerms": terms(FIXED, FIXED)}, "UpdatePricingTerms", "DUPLICATE_TERM_TYPES"),
    (
        {"UpdatePricingTerms": terms(FIXED, CARD["Terms"][0])},
        "UpdatePricingTerms",
        "INCOMPATIBLE_TERMS",
    ),
    (
        {"UpdatePricingTerms": terms(FIXED, model="Usage")},
        "UpdatePricingTerms",
        "INCOMPATIBLE_PRICING_MODEL",
    ),
    (
        {"UpdatePricingTerms": terms(USAGE)},
        "UpdatePricingTerms",
        "INCOMPATIBLE_PRICING_MODEL",
    ),
    (
        {"UpdatePricingTerms": pricing(currency="XXX")},
        "UpdatePricingTerms",
        "INVALID_CURRENCY_CODE",
    ),
    (
        {"UpdatePricingTerms": terms(FIXED, {**USAGE, "CurrencyCode": "EUR"})},
        "UpdatePricingTerms",
        "INCOMPATIBLE_CURRENCY_CODE",
    ),
    ({"UpdatePricingTerms": grants("other")}, "UpdatePricingTerms", "INVALID_GRANTS"),
    (
        {"UpdatePricingTerms": grants("platform", "platform")},
        "UpdatePricingTerms",
        "DUPLICATE_DIMENSION_KEYS",
    ),
    (
        {"UpdatePricingTerms": grants(*(f"key{n}" for n in range(201)))},
        "UpdatePricingTerms",
        "TOO_MANY_GRANTS",
    ),
    (
        {"UpdatePricingTerms": terms({**FIXED, "Duration": "a year"})},
        "UpdatePricingTerms",
        "INVALID_DURATION",
    ),
    (
        {**BY_CARD, "UpdatePricingTerms": upfront(("other", "1"))},
        "UpdatePricingTerms",
        "INVALID_RATE_CARD",
    ),
    (
        {**BY_CARD, "UpdatePricingTerms": two_cards(CARD, CARD)},
        "UpdatePricingTerms",
        "INVALID_RATE_CARD",
    ),
    (
        {**BY_CARD, "UpdatePricingTerms": upfront(("platform", "1"), months="P61M")},
        "UpdatePricingTerms",
        "INVALID_SELECTOR_DURATION_VALUE",
    ),
    (
        {**BY_CARD, "UpdatePricingTerms": upfront(("platform", "1"), months="12 months")},
        "UpdatePricingTerms",
        "INVALID_SELECTOR_DURATION_VALUE",
    ),
    (
        {**BY_CARD, "UpdatePricingTerms": upfront(("platform", "1"), allowed=(True, False))},
        "UpdatePricingTerms",
        "INCOMPATIBLE_RATE_CARD_CONSTRAINTS",
    ),
    (
        {
            **BY_CARD,
            "UpdatePricingTerms": two_cards(
                CARD, upfront(("platform", "1"), months="P24M", allowed=(True, True))
            ),
        },
        "UpdatePricingTerms",
        "INCOMPATIBLE_RATE_CARD_CONSTRAINTS",
    ),
    (
        {
            **BY_CARD,
            "UpdatePricingTerms": upfront(*((f"key{n}", "1") for n in range(801))),
        },
        "UpdatePricingTerms",
        "TOO_MANY_RATES",
    ),
    (
        {
            **BY_CARD,
            "UpdatePricingTerms": terms(
                {
                    **CARD["Terms"][0],
                    "RateCards": [
                        upfront(("platform", "1"), months=f"P{n}M")["Terms"][0]["RateCards"][0]
                        for n in range(1, 7)
                    ],
                }
            ),
        },
        "UpdatePricingTerms",
        "TOO_MANY_RATE_CARDS",
    ),
    ({"UpdatePricingTerms": pricing("120000.00")}, "UpdatePricingTerms", "INCOMPATIBLE_TERMS"),
    (
        {"UpdatePricingTerms": CARD, "UpdateValidityTerms": None},
        "UpdatePaymentScheduleTerms",
        "INCOMPATIBLE_TERMS",
    ),
    # Duration and dates
    *(
        (
            {"UpdateValidityTerms": validity(AgreementDuration=each)},
            "UpdateValidityTerms",
            "INVALID_AGREEMENT_DURATION",
        )
        for each in ("12 months", "P61M", "P0M")
    ),
    (
        {"UpdateValidityTerms": validity(AgreementDuration="P12M", AgreementEndDate="2027-03-01")},
        "UpdateValidityTerms",
        "INVALID_AGREEMENT_TIME_INTERVAL",
    ),
    (
        {"UpdateValidityTerms": validity(AgreementStartDate="2026-05-01")},
        "UpdateValidityTerms",
        "MISSING_AGREEMENT_END_DATE",
    ),
    (
        {"UpdateValidityTerms": validity(AgreementEndDate="2027-05-01")},
        "UpdateValidityTerms",
        "MISSING_AGREEMENT_START_DATE",
    ),
    (
        {
            "UpdateValidityTerms": validity(
                AgreementStartDate="2026-03-01", AgreementEndDate="2027-03-01"
            )
        },
        "UpdateValidityTerms",
        "INVALID_AGREEMENT_START_DATE",
    ),
    (
        {
            "UpdateValidityTerms": validity(
                AgreementStartDate="2025-03-01", AgreementEndDate="2026-03-01"
            )
        },
        "UpdateValidityTerms",
        "INVALID_AGREEMENT_END_DATE",
    ),
    (
        {
            "UpdateValidityTerms": validity(
                AgreementStartDate="2026-05-01", AgreementEndDate="2031-06-01"
            )
        },
        "UpdateValidityTerms",
        "INVALID_AGREEMENT_TIME_INTERVAL",
    ),
    (
        {
            "UpdateValidityTerms": validity(
                AgreementStartDate="2026-04-01", AgreementEndDate="2027-04-01"
            )
        },
        "UpdateValidityTerms",
        "INCOMPATIBLE_AGREEMENT_START_DATE",
    ),
    (
        {"UpdatePricingTerms": CARD, "UpdatePaymentScheduleTerms": None},
        "UpdateValidityTerms",
        "MISSING_AGREEMENT_START_DATE",
    ),
    # Payment schedule
    (
        {"UpdatePaymentScheduleTerms": schedule(("2026-03-02", "1"), ("2026-03-02", "2"))},
        "UpdatePaymentScheduleTerms",
        "DUPLICATE_CHARGE_DATES",
    ),
    (
        {"UpdatePaymentScheduleTerms": schedule(("2026-03-02", "1"), ("2026-04-01", "2"))},
        "UpdatePaymentScheduleTerms",
        "TOO_MANY_BACKDATED_CHARGES",
    ),
    (
        {"UpdatePaymentScheduleTerms": schedule(("2026-03-01", "1"))},
        "UpdatePaymentScheduleTerms",
        "INVALID_CHARGE_DATES",
    ),
    (
        {"UpdatePaymentScheduleTerms": schedule(("2026-03-02", "1"), ("2027-03-02", "1"))},
        "UpdatePaymentScheduleTerms",
        "INVALID_CHARGE_DATES",
    ),
    (
        {
            "UpdatePaymentScheduleTerms": schedule(*MONTHLY),
            "UpdateValidityTerms": validity(AgreementDuration="P60M"),
        },
        "UpdatePaymentScheduleTerms",
        "TOO_MANY_CHARGES",
    ),
    (
        {"UpdatePaymentScheduleTerms": schedule(("2026-03-02", "1"), currency="EUR")},
        "UpdatePaymentScheduleTerms",
        "INCOMPATIBLE_CURRENCY_CODE",
    ),
    (
        {"UpdateNetPaymentTerms": net_terms("P31D")},
        "UpdateNetPaymentTerms",
        "INVALID_PAYMENT_DUE_PERIOD",
    ),
    # Legal documents
    *(
        ({"UpdateLegalTerms": legal(**each)}, "UpdateLegalTerms", "INVALID_LEGAL_DOCUMENTS")
        for each in (
            {"Type": "StandardEula", "Version": "2019-04-24"},
            {"Type": "CustomEula", "Url": "https://example.com/eula.pdf"},
            {"Type": "CustomEula", "Url": "http://example-bucket.s3.amazonaws.com/eula.pdf"},
            {"Type": "CustomEula", "Url": f"{S3}/eula.docx"},
            {
                "Type": "CustomEula",
                "Url": f"{S3}/eula.pdf?X-Amz-Date=20260302T080000Z&X-Amz-Expires=3600",
            },
        )
    ),
    (
        {"UpdateSupportTerms": {"Terms": [{"Type": "SupportTerm", "RefundPolicy": "No refunds"}]}},
        "UpdateSupportTerms",
        "INCOMPATIBLE_TERMS",
    ),
    # Availability
    ({"UpdateAvailability": {}}, "UpdateAvailability", "MISSING_AVAILABILITY_END_DATE"),
    (
        {"UpdateAvailability": {"AvailabilityEndDate": "2026-03-01"}},
        "UpdateAvailability",
        "INVALID_AVAILABILITY_END_DATE",
    ),
    (
        {
            "UpdateAvailability": {"AvailabilityEndDate": "2027-04-01"},
            "UpdateValidityTerms": validity(
                AgreementStartDate="2026-05-01", AgreementEndDate="2027-04-01"
            ),
        },
        "UpdateAvailability",
        "INVALID_AVAILABILITY_END_DATE",
    ),
    # Release
    ({"UpdateInformation": {"Description": "only"}}, "ReleaseOffer", "MISSING_NAME"),
    ({"UpdateInformation": {"Name": "only"}}, "ReleaseOffer", "MISSING_DESCRIPTION"),
    ({"UpdateTargeting": None}, "ReleaseOffer", "MISSING_BUYER_ACCOUNTS"),
    ({"UpdateAvailability": None}, "ReleaseOffer", "MISSING_AVAILABILITY_END_DATE"),
    ({"UpdatePaymentScheduleTerms": None}, "ReleaseOffer", "MISSING_MANDATORY_TERMS"),
    ({"UpdatePricingTerms": None}, "ReleaseOffer", "MISSING_MANDATORY_TERMS"),
    ({"UpdateValidityTerms": None}, "ReleaseOffer", "MISSING_MANDATORY_TERMS"),
    ({"UpdateLegalTerms": None}, "ReleaseOffer", "MISSING_MANDATORY_TERMS"),
]


@pytest.mark.parametrize(("details", "kind", "expected_error"), FINDINGS)
def test_problems_of_a_new_offer(
    seller: Seller, details: Details, kind: str, expected_error: str
) -> None:
    done = seller.run(seller.offer_changes(**details))
    assert done["Status"] == "FAILED"
    assert expected_error in error_codes(done)[kind], error_codes(done)


VALID_OFFERS: dict[str, Details] = {
    "a rate card": {**BY_CARD, "UpdatePricingTerms": CARD},
    "a rate card and usage": {
        **BY_CARD,
        "UpdatePricingTerms": terms(USAGE, CARD["Terms"][0]),
    },
    "pay as you go": {
        "UpdatePricingTerms": terms(USAGE, model="Usage"),
        "UpdateValidityTerms": validity(AgreementDuration="P30D"),
        "UpdatePaymentScheduleTerms": None,
    },
    "a custom EULA": {"UpdateLegalTerms": legal(Type="CustomEula", Url=f"{S3}/eula.pdf")},
    "a custom EULA with a presigned URL": {
        "UpdateLegalTerms": legal(
            Type="CustomEula",
            Url=f"{S3}/eula.pdf?X-Amz-Date=20260302T085900Z&X-Amz-Expires=3600",
        )
    },
    "a later start": {
        "UpdateValidityTerms": validity(
            AgreementStartDate="2026-04-02", AgreementEndDate="2027-04-01"
        )
    },
    "instalments": {
        "UpdatePaymentScheduleTerms": schedule(("2026-03-02", "60000"), ("2026-09-02", "60000"))
    },
    "net terms": {"UpdateNetPaymentTerms": net_terms("P45D")},
    "euros": {
        "UpdatePricingTerms": pricing(currency="EUR"),
        "UpdatePaymentScheduleTerms": schedule(("2026-03-02", "1"), currency="EUR"),
    },
    "a renewal": {
        "UpdateInformation": {
            "Name": "Example",
            "Description": "crm:opp-2",
            "PreExistingAgreement": {
                "AcquisitionChannel": "External",
                "PricingModel": "Contract",
            },
        }
    },
    "several buyers": {"UpdateTargeting": targeting("111122223333", "444455556666")},
    "the last day is today": {"UpdateAvailability": {"AvailabilityEndDate": "2026-03-02"}},
}


@pytest.mark.parametrize("case", VALID_OFFERS)
def test_valid_offers(seller: Seller, case: str) -> None:
    seller.create_offer(**VALID_OFFERS[case])


def test_all_errors_of_a_change_set_are_reported(seller: Seller) -> None:
    seller.world.aws.buyers[BUYER] = Buyer(BUYER, exists=False)
    done = seller.run(
        seller.offer_changes(
            UpdatePaymentScheduleTerms=schedule(("2026-03-01", "1")), UpdateLegalTerms=None
        )
    )
    assert error_codes(done) == {
        "UpdateTargeting": ["INVALID_BUYER_ACCOUNTS"],
        "UpdatePaymentScheduleTerms": ["INVALID_CHARGE_DATES"],
        "ReleaseOffer": ["MISSING_MANDATORY_TERMS"],
    }


@pytest.mark.parametrize("visibility", ["Draft", "Restricted"])
def test_a_product_that_is_not_public(seller: Seller, visibility: str) -> None:
    seller.world.aws.product_visibility = visibility
    done = seller.run(seller.offer_changes())
    assert error_codes(done) == {"ReleaseOffer": ["INCOMPATIBLE_PRODUCT"]}


def test_a_currency_without_a_bank_account(seller: Seller) -> None:
    seller.world.money.payout_currencies = ("USD",)
    done = seller.run(seller.offer_changes(**VALID_OFFERS["euros"]))
    assert error_codes(done) == {"ReleaseOffer": ["INCOMPATIBLE_PAYMENT_SETTINGS"]}
