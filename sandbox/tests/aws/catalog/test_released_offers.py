"""Changes of an offer after its release."""

import pytest

from sandbox.marketplace import buyers
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
    upfront,
    validity,
)

CARD: Details = {
    "UpdatePricingTerms": upfront(("platform", "120000.00")),
    "UpdateValidityTerms": None,
    "UpdatePaymentScheduleTerms": None,
}


@pytest.mark.parametrize(
    ("kind", "details", "expected_error"),
    [
        (
            "UpdateTargeting",
            {"PositiveTargeting": {"BuyerAccounts": ["444455556666"]}},
            "INCOMPATIBLE_TARGETING",
        ),
        ("UpdatePricingTerms", pricing("0", quantity=2), "INVALID_UPDATE_REQUEST"),
        (
            "UpdatePaymentScheduleTerms",
            schedule(("2026-03-02", "1")),
            "INVALID_UPDATE_REQUEST",
        ),
        (
            "UpdateLegalTerms",
            legal(Type="StandardEula", Version="2022-07-14"),
            "INVALID_UPDATE_REQUEST",
        ),
        ("UpdateNetPaymentTerms", net_terms("P30D"), "INVALID_UPDATE_REQUEST"),
        (
            "UpdateValidityTerms",
            validity(AgreementStartDate="2026-05-01", AgreementEndDate="2027-05-01"),
            "INVALID_UPDATE_REQUEST",
        ),
        (
            "UpdateInformation",
            {
                "PreExistingAgreement": {
                    "AcquisitionChannel": "External",
                    "PricingModel": "Contract",
                }
            },
            "INVALID_UPDATE_REQUEST",
        ),
        ("ReleaseOffer", {}, "INVALID_UPDATE_REQUEST"),
        (
            "UpdateAvailability",
            {"AvailabilityEndDate": "2026-09-02"},
            "TOO_MANY_BACKDATED_CHARGES",
        ),
    ],
)
def test_rejected_changes_of_a_released_offer(
    seller: Seller, kind: str, details: Details, expected_error: str
) -> None:
    offer_id = seller.create_offer(
        UpdatePaymentScheduleTerms=schedule(("2026-03-02", "60000"), ("2026-09-02", "60000"))
    )
    before = seller.entity(offer_id)
    done = seller.run([change(kind, details, offer_id)])
    assert done["Status"] == "FAILED"
    assert error_codes(done) == {kind: [expected_error]}
    assert seller.entity(offer_id)["DetailsDocument"] == before["DetailsDocument"]


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("UpdateInformation", {"Name": "Other", "Description": "Other"}),
        ("UpdateAvailability", {"AvailabilityEndDate": "2026-06-01"}),
        ("UpdateValidityTerms", validity(AgreementDuration="P24M")),
    ],
)
def test_allowed_changes_of_a_released_offer(seller: Seller, kind: str, details: Details) -> None:
    offer_id = seller.create_offer()
    assert seller.run([change(kind, details, offer_id)])["Status"] == "SUCCEEDED"


def test_duration_and_availability_change_in_one_change_set(seller: Seller) -> None:
    offer_id = seller.create_offer()
    changes = [
        change("UpdateValidityTerms", validity(AgreementDuration="P24M"), offer_id),
        change("UpdateAvailability", {"AvailabilityEndDate": "2026-06-01"}, offer_id),
    ]
    assert seller.run(changes)["Status"] == "SUCCEEDED"
    offer = seller.world.aws.offers[offer_id]
    assert str(offer.availability_end) == "2026-06-01"
    agreement = buyers.accept(seller.world, offer_id, BUYER)
    assert agreement.end.year == 2028


DATES = {"AgreementStartDate": "2026-05-01", "AgreementEndDate": "2027-04-30"}


@pytest.mark.parametrize(
    "details",
    [{"UpdateValidityTerms": validity(**DATES)}, CARD],
)
def test_a_duration_cannot_be_added_after_release(seller: Seller, details: Details) -> None:
    offer_id = seller.create_offer(**details)
    done = seller.run([change("UpdateValidityTerms", validity(AgreementDuration="P24M"), offer_id)])
    assert error_codes(done) == {"UpdateValidityTerms": ["INVALID_UPDATE_REQUEST"]}


@pytest.mark.parametrize(
    ("last_day", "expected_error"),
    [
        ("2027-04-30", "INVALID_AVAILABILITY_END_DATE"),
        ("2026-05-01", "INCOMPATIBLE_AGREEMENT_START_DATE"),
    ],
)
def test_an_extension_must_end_before_the_agreement_dates(
    seller: Seller, last_day: str, expected_error: str
) -> None:
    offer_id = seller.create_offer(UpdateValidityTerms=validity(**DATES))
    too_long, right = (
        seller.run([change("UpdateAvailability", {"AvailabilityEndDate": day}, offer_id)])
        for day in (last_day, "2026-04-30")
    )
    assert expected_error in error_codes(too_long)["UpdateAvailability"]
    assert right["Status"] == "SUCCEEDED"
