"""Errors that AWS finds while a change set is PREPARING: an error code on the change."""

from typing import Any

import pytest

from sandbox.aws.marketplace_state import Buyer
from sandbox.marketplace import agreements, buyers
from sandbox.tests.support.aws_seller import (
    BUYER,
    Details,
    Seller,
    change,
    error_codes,
    legal,
    net_terms,
    pricing,
    schedule,
    targeting,
    upfront,
    validity,
)

PRICING, VALIDITY = "UpdatePricingTerms", "UpdateValidityTerms"
SCHEDULE, LEGAL = "UpdatePaymentScheduleTerms", "UpdateLegalTerms"
TARGETING, AVAILABILITY = "UpdateTargeting", "UpdateAvailability"
INFORMATION, NET, RELEASE = "UpdateInformation", "UpdateNetPaymentTerms", "ReleaseOffer"

S3 = "https://example-bucket.s3.amazonaws.com/eula"
FIXED = pricing()["Terms"][0]
CARD = upfront(("platform", "120000.00"))
BY_CARD: Details = {PRICING: CARD, VALIDITY: None, SCHEDULE: None}
USAGE = {
    "Type": "UsageBasedPricingTerm",
    "CurrencyCode": "USD",
    "RateCards": [{"RateCard": [{"DimensionKey": "platform", "Price": "0.125"}]}],
}
MONTHLY = [(f"{2026 + month // 12}-{month % 12 + 1:02}-01", "1") for month in range(3, 64)]
RENEWAL = {"AcquisitionChannel": "External", "PricingModel": "Contract"}


def until(day: str) -> Details:
    return {"AvailabilityEndDate": day}


def dates(start: str, end: str) -> Details:
    return validity(AgreementStartDate=start, AgreementEndDate=end)


def terms(*each: Details) -> Details:
    return {"PricingModel": "Contract", "Terms": list(each)}


def grants(*keys: str) -> Details:
    return terms({**FIXED, "Grants": [{"DimensionKey": key, "MaxQuantity": 1} for key in keys]})


def cards(*each: Details) -> Details:
    """The rate cards of several pricing details in one term."""
    every = [card for details in each for card in details["Terms"][0]["RateCards"]]
    return terms({**each[0]["Terms"][0], "RateCards": every})


def card(dimension: str = "platform", **changes: Any) -> Details:
    return {**BY_CARD, PRICING: upfront((dimension, "1"), **changes)}


NEW_OFFERS: list[tuple[Details, str, str]] = [
    ({TARGETING: targeting("123456789012")}, TARGETING, "INVALID_BUYER_ACCOUNTS"),
    (
        {TARGETING: targeting(*(f"{n:012}" for n in range(27)))},
        TARGETING,
        "TOO_MANY_BUYER_ACCOUNTS",
    ),
    # Prices
    ({PRICING: terms(FIXED, FIXED)}, PRICING, "DUPLICATE_TERM_TYPES"),
    ({PRICING: terms(FIXED, CARD["Terms"][0])}, PRICING, "INCOMPATIBLE_TERMS"),
    ({PRICING: terms(USAGE)}, PRICING, "INCOMPATIBLE_PRICING_MODEL"),
    ({PRICING: pricing(currency="XXX")}, PRICING, "INVALID_CURRENCY_CODE"),
    (
        {PRICING: terms(FIXED, {**USAGE, "CurrencyCode": "EUR"})},
        PRICING,
        "INCOMPATIBLE_CURRENCY_CODE",
    ),
    ({PRICING: grants("other")}, PRICING, "INVALID_GRANTS"),
    ({PRICING: grants("platform", "platform")}, PRICING, "DUPLICATE_DIMENSION_KEYS"),
    ({PRICING: grants(*(f"key{n}" for n in range(201)))}, PRICING, "TOO_MANY_GRANTS"),
    (card("other"), PRICING, "INVALID_RATE_CARD"),
    ({**BY_CARD, PRICING: cards(CARD, CARD)}, PRICING, "INVALID_RATE_CARD"),
    (card(months="P61M"), PRICING, "INVALID_SELECTOR_DURATION_VALUE"),
    (card(months="12 months"), PRICING, "INVALID_SELECTOR_DURATION_VALUE"),
    (card(allowed=(True, False)), PRICING, "INCOMPATIBLE_RATE_CARD_CONSTRAINTS"),
    ({PRICING: pricing("120000.00")}, PRICING, "INCOMPATIBLE_TERMS"),
    ({PRICING: CARD, VALIDITY: None}, SCHEDULE, "INCOMPATIBLE_TERMS"),
    # Duration and dates
    *(
        ({VALIDITY: validity(AgreementDuration=each)}, VALIDITY, "INVALID_AGREEMENT_DURATION")
        for each in ("12 months", "P61M", "P0M")
    ),
    (
        {VALIDITY: validity(AgreementDuration="P12M", AgreementEndDate="2027-03-01")},
        VALIDITY,
        "INVALID_AGREEMENT_TIME_INTERVAL",
    ),
    (
        {VALIDITY: validity(AgreementStartDate="2026-05-01")},
        VALIDITY,
        "MISSING_AGREEMENT_END_DATE",
    ),
    (
        {VALIDITY: validity(AgreementEndDate="2027-05-01")},
        VALIDITY,
        "MISSING_AGREEMENT_START_DATE",
    ),
    ({VALIDITY: dates("2026-03-01", "2027-03-01")}, VALIDITY, "INVALID_AGREEMENT_START_DATE"),
    ({VALIDITY: dates("2025-03-01", "2026-03-01")}, VALIDITY, "INVALID_AGREEMENT_END_DATE"),
    ({VALIDITY: dates("2026-05-01", "2031-06-01")}, VALIDITY, "INVALID_AGREEMENT_TIME_INTERVAL"),
    ({VALIDITY: dates("2026-04-01", "2027-04-01")}, VALIDITY, "INCOMPATIBLE_AGREEMENT_START_DATE"),
    ({PRICING: CARD, SCHEDULE: None}, VALIDITY, "MISSING_AGREEMENT_START_DATE"),
    # Payment schedule
    (
        {SCHEDULE: schedule(("2026-03-02", "1"), ("2026-03-02", "2"))},
        SCHEDULE,
        "DUPLICATE_CHARGE_DATES",
    ),
    (
        {SCHEDULE: schedule(("2026-03-02", "1"), ("2026-04-01", "2"))},
        SCHEDULE,
        "TOO_MANY_BACKDATED_CHARGES",
    ),
    ({SCHEDULE: schedule(("2026-03-01", "1"))}, SCHEDULE, "INVALID_CHARGE_DATES"),
    (
        {SCHEDULE: schedule(("2026-03-02", "1"), ("2027-03-02", "1"))},
        SCHEDULE,
        "INVALID_CHARGE_DATES",
    ),
    (
        {SCHEDULE: schedule(*MONTHLY), VALIDITY: validity(AgreementDuration="P60M")},
        SCHEDULE,
        "TOO_MANY_CHARGES",
    ),
    (
        {SCHEDULE: schedule(("2026-03-02", "1"), currency="EUR")},
        SCHEDULE,
        "INCOMPATIBLE_CURRENCY_CODE",
    ),
    ({NET: net_terms("P31D")}, NET, "INVALID_PAYMENT_DUE_PERIOD"),
    # Legal documents
    *(
        ({LEGAL: document}, LEGAL, "INVALID_LEGAL_DOCUMENTS")
        for document in (
            legal(Type="StandardEula", Version="2019-04-24"),
            legal(Type="CustomEula", Url="https://example.com/eula.pdf"),
            legal(Type="CustomEula", Url=f"{S3}.pdf".replace("https", "http")),
            legal(Type="CustomEula", Url=f"{S3}.docx"),
        )
    ),
    # Availability and release
    ({AVAILABILITY: {}}, AVAILABILITY, "MISSING_AVAILABILITY_END_DATE"),
    ({AVAILABILITY: until("2026-03-01")}, AVAILABILITY, "INVALID_AVAILABILITY_END_DATE"),
    (
        {AVAILABILITY: until("2027-04-01"), VALIDITY: dates("2026-05-01", "2027-04-01")},
        AVAILABILITY,
        "INVALID_AVAILABILITY_END_DATE",
    ),
    ({INFORMATION: {"Description": "only"}}, RELEASE, "MISSING_NAME"),
    ({INFORMATION: {"Name": "only"}}, RELEASE, "MISSING_DESCRIPTION"),
    ({TARGETING: None}, RELEASE, "MISSING_BUYER_ACCOUNTS"),
    ({AVAILABILITY: None}, RELEASE, "MISSING_AVAILABILITY_END_DATE"),
    *(
        ({missing: None}, RELEASE, "MISSING_MANDATORY_TERMS")
        for missing in (SCHEDULE, PRICING, VALIDITY, LEGAL)
    ),
]


@pytest.mark.parametrize(("details", "kind", "error"), NEW_OFFERS)
def test_invalid_new_offers(seller: Seller, details: Details, kind: str, error: str) -> None:
    done = seller.run(seller.offer_changes(**details))
    assert done["Status"] == "FAILED"
    assert error in error_codes(done)[kind], error_codes(done)


VALID_OFFERS: dict[str, Details] = {
    "a rate card": BY_CARD,
    "a rate card and usage": {**BY_CARD, PRICING: terms(USAGE, CARD["Terms"][0])},
    "a choice of rate cards": {
        **BY_CARD,
        PRICING: cards(CARD, upfront(("platform", "1"), months="P24M")),
    },
    "a custom EULA": {LEGAL: legal(Type="CustomEula", Url=f"{S3}.pdf")},
    "a later start": {VALIDITY: dates("2026-04-02", "2027-04-01")},
    "instalments": {SCHEDULE: schedule(("2026-03-02", "60000"), ("2026-09-02", "60000"))},
    "net terms": {NET: net_terms("P45D")},
    "a renewal": {INFORMATION: {"Name": "n", "Description": "d", "PreExistingAgreement": RENEWAL}},
    "several buyers": {TARGETING: targeting("111122223333", "444455556666")},
    "the last day is today": {AVAILABILITY: until("2026-03-02")},
}


@pytest.mark.parametrize("case", VALID_OFFERS)
def test_valid_offers(seller: Seller, case: str) -> None:
    seller.create_offer(**VALID_OFFERS[case])


def test_all_errors_of_a_change_set_are_reported(seller: Seller) -> None:
    seller.world.aws.buyers[BUYER] = Buyer(BUYER, exists=False)
    seller.world.aws.product_visibility = "Restricted"
    seller.world.money.payout_currencies = ("EUR",)
    changes = seller.offer_changes(**{SCHEDULE: schedule(("2026-03-01", "1")), LEGAL: None})
    assert error_codes(seller.run(changes)) == {
        TARGETING: ["INVALID_BUYER_ACCOUNTS"],
        SCHEDULE: ["INVALID_CHARGE_DATES"],
        RELEASE: [
            "MISSING_MANDATORY_TERMS",
            "INCOMPATIBLE_PRODUCT",
            "INCOMPATIBLE_PAYMENT_SETTINGS",
        ],
    }
    assert not seller.world.aws.offers


DATED: Details = {VALIDITY: dates("2026-05-01", "2027-04-30")}
TWO_CHARGES: Details = {SCHEDULE: schedule(("2026-03-02", "1"), ("2026-09-02", "1"))}
RELEASED_OFFERS: list[tuple[Details, str, Details, str | None]] = [
    ({}, INFORMATION, {"Name": "Other", "Description": "Other"}, None),
    ({}, AVAILABILITY, until("2026-06-01"), None),
    ({}, AVAILABILITY, until("2026-03-01"), None),
    ({}, VALIDITY, validity(AgreementDuration="P24M"), None),
    (DATED, AVAILABILITY, until("2026-04-30"), None),
    ({}, TARGETING, targeting("444455556666"), "INCOMPATIBLE_TARGETING"),
    ({}, PRICING, pricing("0", quantity=2), "INVALID_UPDATE_REQUEST"),
    ({}, SCHEDULE, schedule(("2026-03-02", "1")), "INVALID_UPDATE_REQUEST"),
    ({}, LEGAL, legal(Type="StandardEula", Version="2022-07-14"), "INVALID_UPDATE_REQUEST"),
    ({}, NET, net_terms("P30D"), "INVALID_UPDATE_REQUEST"),
    ({}, VALIDITY, dates("2026-05-01", "2027-05-01"), "INVALID_UPDATE_REQUEST"),
    ({}, INFORMATION, {"PreExistingAgreement": RENEWAL}, "INVALID_UPDATE_REQUEST"),
    ({}, RELEASE, {}, "INVALID_UPDATE_REQUEST"),
    (DATED, VALIDITY, validity(AgreementDuration="P24M"), "INVALID_UPDATE_REQUEST"),
    (BY_CARD, VALIDITY, validity(AgreementDuration="P24M"), "INVALID_UPDATE_REQUEST"),
    (TWO_CHARGES, AVAILABILITY, until("2026-09-02"), "TOO_MANY_BACKDATED_CHARGES"),
    (DATED, AVAILABILITY, until("2026-05-01"), "INCOMPATIBLE_AGREEMENT_START_DATE"),
]


@pytest.mark.parametrize(("offer", "kind", "details", "error"), RELEASED_OFFERS)
def test_changes_of_a_released_offer(
    seller: Seller, offer: Details, kind: str, details: Details, error: str | None
) -> None:
    offer_id = seller.create_offer(**offer)
    before = seller.entity(offer_id)["DetailsDocument"]
    done = seller.run([change(kind, details, offer_id)])
    assert error_codes(done) == ({kind: [error]} if error else {})
    assert (seller.entity(offer_id)["DetailsDocument"] == before) == (error is not None)


REPLACEMENTS: list[tuple[Details, Details, str, str]] = [
    ({}, {TARGETING: targeting(BUYER)}, TARGETING, "INCOMPATIBLE_TARGETING"),
    ({}, {VALIDITY: None}, RELEASE, "MISSING_AGREEMENT_END_DATE"),
    (
        {},
        {VALIDITY: validity(AgreementDuration="P12M")},
        RELEASE,
        "MISSING_AGREEMENT_END_DATE",
    ),
    (
        {},
        {VALIDITY: dates("2026-05-01", "2027-06-30")},
        VALIDITY,
        "INCOMPATIBLE_AGREEMENT_START_DATE",
    ),
    (
        {},
        {VALIDITY: validity(AgreementEndDate="2026-04-01")},
        VALIDITY,
        "INCOMPATIBLE_AGREEMENT_END_DATE",
    ),
    (
        {},
        {SCHEDULE: schedule(("2026-03-02", "1"), ("2027-06-30", "1"))},
        SCHEDULE,
        "INVALID_CHARGE_DATES",
    ),
    # Term types cannot be added or removed.
    ({}, {PRICING: CARD, SCHEDULE: None}, RELEASE, "INCOMPATIBLE_AGREEMENT"),
    ({}, {PRICING: terms(FIXED, USAGE)}, RELEASE, "INCOMPATIBLE_AGREEMENT"),
    ({PRICING: terms(FIXED, USAGE)}, {}, RELEASE, "INCOMPATIBLE_AGREEMENT"),
]


@pytest.mark.parametrize(("before", "after", "kind", "error"), REPLACEMENTS)
def test_invalid_replacement_offers(
    seller: Seller, before: Details, after: Details, kind: str, error: str
) -> None:
    old = buyers.accept(seller.world, seller.create_offer(**before), BUYER)
    done = seller.run(seller.replacement_changes(old.id, **after))
    assert error in error_codes(done)[kind], error_codes(done)


def test_an_ended_agreement_cannot_be_amended(seller: Seller) -> None:
    old = buyers.accept(seller.world, seller.create_offer(), BUYER)
    agreements.end(seller.world, old, "CANCELLED")
    found = error_codes(seller.run(seller.replacement_changes(old.id)))
    assert found["CreateReplacementOffer"] == found[RELEASE] == ["INCOMPATIBLE_AGREEMENT"]
