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

S3, TODAY = "example-bucket.s3.amazonaws.com/eula", "2026-03-02"
FIXED = pricing()["Terms"][0]
CARD = upfront(("platform", "120000.00"))
BY_CARD: Details = {PRICING: CARD, VALIDITY: None, SCHEDULE: None}
MONTHLY = [(f"{2026 + month // 12}-{month % 12 + 1:02}-01", "1") for month in range(3, 90)]
RENEWAL = {"AcquisitionChannel": "External", "PricingModel": "Contract"}


def custom_eula(url: str) -> Details:
    return legal(Type="CustomEula", Url=url)


def until(day: str) -> Details:
    return {"AvailabilityEndDate": day}


def dates(start: str, end: str) -> Details:
    return validity(AgreementStartDate=start, AgreementEndDate=end)


def terms(*each: Details) -> Details:
    return {"PricingModel": "Contract", "Terms": list(each)}


def grants(*keys: str) -> Details:
    return terms({**FIXED, "Grants": [{"DimensionKey": key, "MaxQuantity": 1} for key in keys]})


def card(dimension: str = "platform", **changes: Any) -> Details:
    return {PRICING: upfront((dimension, "1"), **changes), VALIDITY: None, SCHEDULE: None}


NEW_OFFERS: list[tuple[str, str, Details]] = [
    # Of one change
    *(
        (kind, error, {kind: details})
        for kind, error, details in [
            (TARGETING, "INVALID_BUYER_ACCOUNTS", targeting("123456789012")),
            (TARGETING, "TOO_MANY_BUYER_ACCOUNTS", targeting(*(f"{n:012}" for n in range(27)))),
            (PRICING, "DUPLICATE_TERM_TYPES", terms(FIXED, FIXED)),
            (PRICING, "INCOMPATIBLE_TERMS", terms(FIXED, CARD["Terms"][0])),
            (PRICING, "INCOMPATIBLE_TERMS", pricing("120000.00")),
            (PRICING, "INVALID_CURRENCY_CODE", pricing(currency="XXX")),
            (PRICING, "INVALID_GRANTS", grants("other")),
            (PRICING, "DUPLICATE_DIMENSION_KEYS", grants("platform", "platform")),
            (PRICING, "TOO_MANY_GRANTS", grants(*(f"key{n}" for n in range(201)))),
            (VALIDITY, "INVALID_AGREEMENT_DURATION", validity(AgreementDuration="12 months")),
            (VALIDITY, "INVALID_AGREEMENT_DURATION", validity(AgreementDuration="P145M")),
            (VALIDITY, "INVALID_AGREEMENT_DURATION", validity(AgreementDuration="P4384D")),
            (VALIDITY, "INVALID_AGREEMENT_DURATION", validity(AgreementDuration="P0M")),
            (
                VALIDITY,
                "INVALID_AGREEMENT_TIME_INTERVAL",
                validity(AgreementDuration="P12M", AgreementEndDate="2027-03-01"),
            ),
            (VALIDITY, "MISSING_AGREEMENT_END_DATE", validity(AgreementStartDate="2026-05-01")),
            (VALIDITY, "MISSING_AGREEMENT_START_DATE", validity(AgreementEndDate="2027-05-01")),
            (VALIDITY, "INVALID_AGREEMENT_START_DATE", dates("2026-03-01", "2027-03-01")),
            (VALIDITY, "INVALID_AGREEMENT_END_DATE", dates("2025-03-01", "2026-03-01")),
            (VALIDITY, "INVALID_AGREEMENT_TIME_INTERVAL", dates("2026-05-01", "2038-05-02")),
            (VALIDITY, "INCOMPATIBLE_AGREEMENT_START_DATE", dates("2026-04-01", "2027-04-01")),
            (SCHEDULE, "DUPLICATE_CHARGE_DATES", schedule((TODAY, "1"), (TODAY, "2"))),
            (SCHEDULE, "TOO_MANY_BACKDATED_CHARGES", schedule((TODAY, "1"), ("2026-04-01", "2"))),
            (SCHEDULE, "INVALID_CHARGE_DATES", schedule(("2026-03-01", "1"))),
            (SCHEDULE, "INVALID_CHARGE_DATES", schedule((TODAY, "1"), ("2027-03-02", "1"))),
            (SCHEDULE, "TOO_MANY_CHARGES", schedule(*MONTHLY)),
            (SCHEDULE, "INCOMPATIBLE_CURRENCY_CODE", schedule((TODAY, "1"), currency="EUR")),
            (NET, "INVALID_PAYMENT_DUE_PERIOD", net_terms("P31D")),
            (LEGAL, "INVALID_LEGAL_DOCUMENTS", legal(Type="StandardEula", Version="2019-04-24")),
            (LEGAL, "INVALID_LEGAL_DOCUMENTS", custom_eula("https://example.com/eula.pdf")),
            (LEGAL, "INVALID_LEGAL_DOCUMENTS", custom_eula(f"http://{S3}.pdf")),
            (LEGAL, "INVALID_LEGAL_DOCUMENTS", custom_eula(f"https://{S3}.docx")),
            (AVAILABILITY, "MISSING_AVAILABILITY_END_DATE", {}),
            (AVAILABILITY, "INVALID_AVAILABILITY_END_DATE", until("2026-03-01")),
        ]
    ),
    # Of several changes
    (PRICING, "INVALID_RATE_CARD", card("other")),
    (PRICING, "INVALID_SELECTOR_DURATION_VALUE", card(months="P145M")),
    (PRICING, "INVALID_SELECTOR_DURATION_VALUE", card(months="12 months")),
    (SCHEDULE, "INCOMPATIBLE_TERMS", {PRICING: CARD, VALIDITY: None}),
    (VALIDITY, "MISSING_AGREEMENT_START_DATE", {PRICING: CARD, SCHEDULE: None}),
    (
        AVAILABILITY,
        "INVALID_AVAILABILITY_END_DATE",
        {AVAILABILITY: until("2027-04-01"), VALIDITY: dates("2026-05-01", "2027-04-01")},
    ),
    # Of the release
    (RELEASE, "MISSING_NAME", {INFORMATION: {"Description": "only"}}),
    (RELEASE, "MISSING_DESCRIPTION", {INFORMATION: {"Name": "only"}}),
    (RELEASE, "MISSING_BUYER_ACCOUNTS", {TARGETING: None}),
    (RELEASE, "MISSING_AVAILABILITY_END_DATE", {AVAILABILITY: None}),
    *(
        (RELEASE, "MISSING_MANDATORY_TERMS", {missing: None})
        for missing in (SCHEDULE, PRICING, VALIDITY, LEGAL)
    ),
]


@pytest.mark.parametrize(("kind", "error", "details"), NEW_OFFERS)
def test_invalid_new_offers(seller: Seller, kind: str, error: str, details: Details) -> None:
    done = seller.run(seller.offer_changes(**details))
    assert done["Status"] == "FAILED"
    assert error in error_codes(done)[kind], error_codes(done)


@pytest.mark.parametrize(
    "details",
    [
        card(months="P144M"),
        {VALIDITY: validity(AgreementDuration="P4383D")},
        {VALIDITY: dates("2026-05-01", "2038-05-01")},
        {VALIDITY: validity(AgreementDuration="P144M"), SCHEDULE: schedule(*MONTHLY[:86])},
    ],
)
def test_longest_contract_and_most_charges(seller: Seller, details: Details) -> None:
    assert seller.create_offer(**details)


def test_all_errors_of_a_change_set_are_reported(seller: Seller) -> None:
    seller.world.aws.buyers[BUYER] = Buyer(BUYER, exists=False)
    seller.world.aws.product_visibility = "Restricted"
    seller.world.money.payout_currencies = ("EUR",)
    changes = seller.offer_changes(**{SCHEDULE: schedule(("2026-03-01", "1")), LEGAL: None})
    problems = ["MISSING_MANDATORY_TERMS", "INCOMPATIBLE_PRODUCT", "INCOMPATIBLE_PAYMENT_SETTINGS"]
    assert error_codes(seller.run(changes)) == {
        TARGETING: ["INVALID_BUYER_ACCOUNTS"],
        SCHEDULE: ["INVALID_CHARGE_DATES"],
        RELEASE: problems,
    }
    assert not seller.world.aws.offers


DATED: Details = {VALIDITY: dates("2026-05-01", "2027-04-30")}
TWO_CHARGES: Details = {SCHEDULE: schedule((TODAY, "1"), ("2026-09-02", "1"))}
RELEASED_OFFERS: list[tuple[Details, str, Details, str | None]] = [
    ({}, INFORMATION, {"Name": "Other", "Description": "Other"}, None),
    ({}, AVAILABILITY, until("2026-06-01"), None),
    ({}, AVAILABILITY, until("2026-03-01"), None),
    ({}, VALIDITY, validity(AgreementDuration="P24M"), None),
    (DATED, AVAILABILITY, until("2026-04-30"), None),
    ({}, TARGETING, targeting("444455556666"), "INCOMPATIBLE_TARGETING"),
    ({}, PRICING, pricing("0", quantity=2), "INVALID_UPDATE_REQUEST"),
    ({}, SCHEDULE, schedule((TODAY, "1")), "INVALID_UPDATE_REQUEST"),
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


REPLACEMENTS: list[tuple[str, str, Details, Details]] = [
    (TARGETING, "INCOMPATIBLE_TARGETING", {}, {TARGETING: targeting(BUYER)}),
    (RELEASE, "MISSING_AGREEMENT_END_DATE", {}, {VALIDITY: None}),
    (RELEASE, "MISSING_AGREEMENT_END_DATE", {}, {VALIDITY: validity(AgreementDuration="P12M")}),
    (
        VALIDITY,
        "INCOMPATIBLE_AGREEMENT_START_DATE",
        {},
        {VALIDITY: dates("2026-05-01", "2027-06-30")},
    ),
    (
        VALIDITY,
        "INCOMPATIBLE_AGREEMENT_END_DATE",
        {},
        {VALIDITY: validity(AgreementEndDate="2026-04-01")},
    ),
    (SCHEDULE, "INVALID_CHARGE_DATES", {}, {SCHEDULE: schedule((TODAY, "1"), ("2027-06-30", "1"))}),
    # Term types cannot be added or removed.
    (RELEASE, "INCOMPATIBLE_AGREEMENT", {}, {PRICING: CARD, SCHEDULE: None}),
]


@pytest.mark.parametrize(("kind", "error", "before", "after"), REPLACEMENTS)
def test_invalid_replacement_offers(
    seller: Seller, kind: str, error: str, before: Details, after: Details
) -> None:
    old = buyers.accept(seller.world, seller.create_offer(**before), BUYER)
    done = seller.run(seller.replacement_changes(old.id, **after))
    assert error in error_codes(done)[kind], error_codes(done)


def test_an_ended_agreement_cannot_be_amended(seller: Seller) -> None:
    old = buyers.accept(seller.world, seller.create_offer(), BUYER)
    agreements.end(seller.world, old, "CANCELLED")
    found = error_codes(seller.run(seller.replacement_changes(old.id)))
    assert found["CreateReplacementOffer"] == found[RELEASE] == ["INCOMPATIBLE_AGREEMENT"]
