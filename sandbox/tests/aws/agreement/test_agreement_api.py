"""Acceptance, and the Agreement API."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.marketplace_state import Buyer
from sandbox.marketplace import agreements, buyers
from sandbox.tests.support.aws_seller import (
    BUYER,
    Details,
    Seller,
    change,
    error_codes,
    net_terms,
    pricing,
    schedule,
    status_and_code,
    upfront,
    validity,
)

OTHER = "444455556666"
BY_CARD: Details = {
    "UpdatePricingTerms": upfront(("platform", "99000.00")),
    "UpdateValidityTerms": None,
    "UpdatePaymentScheduleTerms": None,
}


def search(seller: Seller, *filters: tuple[str, str], **request: Any) -> list[Details]:
    """Search with these filters, in addition to the required ones."""
    every = (("PartyType", "Proposer"), ("AgreementType", "PurchaseAgreement"), *filters)
    answer = seller.agreements.search_agreements(
        catalog="AWSMarketplace",
        filters=[{"name": name, "values": [value]} for name, value in every],
        **request,
    )
    found: list[Details] = answer["agreementViewSummaries"]
    return found


def test_an_acceptance_creates_an_agreement_and_does_not_change_the_offer(seller: Seller) -> None:
    offer_id = seller.create_offer()
    assert search(seller, ("OfferId", offer_id)) == []
    before = seller.entity(offer_id)
    seller.clock.advance(days=2)
    agreement = buyers.accept(seller.world, offer_id, BUYER)
    (found,) = search(seller, ("OfferId", offer_id))
    accepted = datetime(2026, 3, 4, 9, 46, tzinfo=UTC)
    assert found["agreementId"] == found["initialAgreementId"] == agreement.id
    assert found["acceptanceTime"] == found["startTime"] == found["lastUpdateTime"] == accepted
    assert found["endTime"] == datetime(2027, 3, 4, 9, 46, tzinfo=UTC)
    assert found["acceptor"] == {"accountId": BUYER}
    assert found["proposer"] == {"accountId": seller.world.aws.seller_account}
    assert found["proposalSummary"]["offerId"] == offer_id
    assert found["status"] == "ACTIVE"
    assert seller.entity(offer_id) == {**before, "ResponseMetadata": _any}
    described = seller.agreements.describe_agreement(agreementId=agreement.id)
    assert described["estimatedCharges"] == {"currencyCode": "USD", "agreementValue": "120000.00"}


class _Any:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


_any = _Any()


def test_accepted_terms(seller: Seller) -> None:
    offer_id = seller.create_offer(UpdateNetPaymentTerms=net_terms("P45D"))
    agreement = buyers.accept(seller.world, offer_id, BUYER)
    pages = seller.agreements.get_paginator("get_agreement_terms").paginate(
        agreementId=agreement.id, PaginationConfig={"PageSize": 2}
    )
    terms: Details = {}
    for page in pages:
        assert len(page["acceptedTerms"]) <= 2
        for term in page["acceptedTerms"]:
            terms |= term
    assert terms["fixedUpfrontPricingTerm"]["grants"] == [
        {"dimensionKey": "platform", "maxQuantity": 1}
    ]
    assert terms["validityTerm"]["agreementDuration"] == "P12M"
    assert terms["paymentScheduleTerm"]["schedule"] == [
        {"chargeDate": datetime(2026, 3, 2, tzinfo=UTC), "chargeAmount": "120000.00"}
    ]
    assert terms["legalTerm"]["documents"][0]["type"] == "StandardEula"
    assert terms["netPaymentTerm"]["paymentDuePeriod"] == "P45D"


def test_the_buyer_selects_each_dimension_of_a_rate_card_once(seller: Seller) -> None:
    offer_id = seller.create_offer(**BY_CARD)
    agreement = buyers.accept(seller.world, offer_id, BUYER)
    assert str(agreement.value) == "99000.00"
    (card, _) = seller.agreements.get_agreement_terms(agreementId=agreement.id)["acceptedTerms"]
    assert card["configurableUpfrontPricingTerm"]["configuration"] == {
        "selectorValue": "P12M",
        "dimensions": [{"dimensionKey": "platform", "dimensionValue": 1}],
    }


def test_a_later_start(seller: Seller) -> None:
    dates = validity(AgreementStartDate="2026-05-01", AgreementEndDate="2027-04-30")
    offer_id = seller.create_offer(UpdateValidityTerms=dates)
    agreement = buyers.accept(seller.world, offer_id, BUYER)
    assert agreement.start == datetime(2026, 5, 1, tzinfo=UTC)
    assert agreement.end == datetime(2027, 4, 30, 23, 59, 59, 999000, tzinfo=UTC)


def rejection(seller: Seller, offer_id: str, account: str = BUYER) -> str:
    with pytest.raises(buyers.AcceptanceRefused) as refused:
        buyers.accept(seller.world, offer_id, account)
    return str(refused.value)


def test_reasons_why_an_account_cannot_accept(seller: Seller) -> None:
    draft = seller.create_offer(ReleaseOffer=None)
    assert "no released offer" in rejection(seller, draft)
    assert "no released offer" in rejection(seller, "offer-unknown123456")
    offer_id = seller.create_offer()
    assert "not for account" in rejection(seller, offer_id, OTHER)
    seller.clock.now = datetime(2026, 4, 2, tzinfo=UTC)
    assert "expired" in rejection(seller, offer_id)
    seller.clock.now = datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC)
    buyers.accept(seller.world, offer_id, BUYER)
    assert "accepted the offer already" in rejection(seller, offer_id)


def test_one_active_contract_per_account(seller: Seller) -> None:
    first, second = seller.create_offer(), seller.create_offer()
    buyers.accept(seller.world, first, BUYER)
    assert "already has an active contract" in rejection(seller, second)
    seller.world.aws.concurrent_agreements = True
    buyers.accept(seller.world, second, BUYER)


def test_a_withdrawn_offer_cannot_be_accepted(seller: Seller) -> None:
    offer_id = seller.create_offer()
    seller.start([change("UpdateAvailability", {"AvailabilityEndDate": "2026-03-01"}, offer_id)])
    assert seller.world.aws.acceptable(seller.world.aws.offers[offer_id])
    seller.clock.advance(minutes=2)
    seller.world.advance()
    assert not seller.world.aws.acceptable(seller.world.aws.offers[offer_id])
    assert "expired" in rejection(seller, offer_id)


def test_a_buyer_accepts_before_a_withdrawal_is_applied(seller: Seller) -> None:
    offer_id = seller.create_offer()
    withdrawal = change("UpdateAvailability", {"AvailabilityEndDate": "2026-03-01"}, offer_id)
    change_set_id = seller.start([withdrawal])
    seller.clock.advance(minutes=1)
    agreement = buyers.accept(seller.world, offer_id, BUYER)
    seller.clock.advance(minutes=1)
    assert seller.describe(change_set_id)["Status"] == "SUCCEEDED"
    assert agreement.status == "ACTIVE"


@pytest.mark.parametrize(("days", "accepted"), [(3, True), (31, False), (None, False)])
def test_accept_after_days(seller: Seller, days: float | None, accepted: bool) -> None:
    seller.world.aws.buyers[BUYER] = Buyer(BUYER, accept_after_days=days)
    offer_id = seller.create_offer()
    seller.clock.advance(days=60)
    found = search(seller, ("OfferId", offer_id))
    assert bool(found) is accepted
    if found:
        assert found[0]["acceptanceTime"] == datetime(2026, 3, 5, 9, 45, tzinfo=UTC)


def test_a_buyer_accepts_after_an_extension(seller: Seller) -> None:
    seller.world.aws.buyers[BUYER] = Buyer(BUYER, accept_after_days=40)
    offer_id = seller.create_offer()
    seller.clock.advance(days=20)
    later = {"AvailabilityEndDate": "2026-05-01"}
    assert seller.run([change("UpdateAvailability", later, offer_id)])["Status"] == "SUCCEEDED"
    seller.clock.advance(days=40)
    assert len(search(seller, ("OfferId", offer_id))) == 1


def test_an_agreement_expires(seller: Seller) -> None:
    agreement = buyers.accept(seller.world, seller.create_offer(), BUYER)
    seller.clock.advance(days=366)
    (found,) = search(seller, ("Status", "EXPIRED"))
    assert found["agreementId"] == agreement.id
    assert found["lastUpdateTime"] == found["endTime"]


def test_a_replacement_replaces_the_agreement(seller: Seller) -> None:
    old = buyers.accept(seller.world, seller.create_offer(), BUYER)
    offer_id = seller.create(
        seller.replacement_changes(old.id, UpdatePricingTerms=pricing(quantity=2))
    )
    (listed,) = seller.catalog.list_entities(
        Catalog="AWSMarketplace",
        EntityType="Offer",
        EntityTypeFilters={"OfferFilters": {"TargetAgreementId": {"ValueList": [old.id]}}},
    )["EntitySummaryList"]
    assert listed["EntityId"] == offer_id
    assert old.status == "ACTIVE"
    seller.clock.advance(days=1)
    new = buyers.accept(seller.world, offer_id, BUYER)
    chain = search(seller, ("InitialAgreementId", old.id))
    assert {each["agreementId"]: each["status"] for each in chain} == {
        old.id: "REPLACED",
        new.id: "ACTIVE",
    }
    assert new.end == datetime(2027, 6, 30, 23, 59, 59, 999000, tzinfo=UTC)


def test_an_agreement_is_replaced_once(seller: Seller) -> None:
    old = buyers.accept(seller.world, seller.create_offer(), BUYER)
    first, second = (seller.create(seller.replacement_changes(old.id)) for _ in range(2))
    assert seller.world.aws.acceptable(seller.world.aws.offers[second])
    buyers.accept(seller.world, first, BUYER)
    assert "is REPLACED" in rejection(seller, second)
    assert not seller.world.aws.acceptable(seller.world.aws.offers[second])
    done = seller.run(seller.replacement_changes(old.id))
    assert "INCOMPATIBLE_AGREEMENT" in error_codes(done)["CreateReplacementOffer"]


@pytest.mark.parametrize(
    ("details", "kind", "expected_error"),
    [
        (
            {"UpdateTargeting": {"PositiveTargeting": {"BuyerAccounts": [BUYER]}}},
            "UpdateTargeting",
            "INCOMPATIBLE_TARGETING",
        ),
        (
            {"UpdateValidityTerms": validity(AgreementDuration="P12M")},
            "ReleaseOffer",
            "MISSING_AGREEMENT_END_DATE",
        ),
        ({"UpdateValidityTerms": None}, "ReleaseOffer", "MISSING_AGREEMENT_END_DATE"),
        (
            {
                "UpdateValidityTerms": validity(
                    AgreementStartDate="2026-05-01", AgreementEndDate="2027-06-30"
                )
            },
            "UpdateValidityTerms",
            "INCOMPATIBLE_AGREEMENT_START_DATE",
        ),
        (
            {"UpdateValidityTerms": validity(AgreementEndDate="2026-04-01")},
            "UpdateValidityTerms",
            "INCOMPATIBLE_AGREEMENT_END_DATE",
        ),
        (
            {
                "UpdatePricingTerms": upfront(("platform", "1")),
                "UpdatePaymentScheduleTerms": None,
            },
            "ReleaseOffer",
            "INCOMPATIBLE_AGREEMENT",
        ),
        (
            {"UpdatePaymentScheduleTerms": schedule(("2026-03-02", "1"), ("2027-06-30", "1"))},
            "UpdatePaymentScheduleTerms",
            "INVALID_CHARGE_DATES",
        ),
    ],
)
def test_rejected_replacement_offers(
    seller: Seller, details: Details, kind: str, expected_error: str
) -> None:
    old = buyers.accept(seller.world, seller.create_offer(), BUYER)
    done = seller.run(seller.replacement_changes(old.id, **details))
    assert expected_error in error_codes(done)[kind], error_codes(done)


@pytest.fixture
def two(seller: Seller) -> list[str]:
    """Two agreements, one day apart; the later one comes first."""
    targeting = {"PositiveTargeting": {"BuyerAccounts": [BUYER, OTHER]}}
    offer_id = seller.create_offer(UpdateTargeting=targeting)
    made = []
    for account in (OTHER, BUYER):
        made.append(buyers.accept(seller.world, offer_id, account).id)
        seller.clock.advance(days=1)
    return made


@pytest.mark.parametrize(
    ("name", "value", "which"),
    [
        ("AcceptorAccountId", BUYER, [1]),
        ("ResourceIdentifier", "prod-examplesaas01", [0, 1]),
        ("ResourceIdentifier", "prod-other", []),
        ("ResourceType", "SaaSProduct", [0, 1]),
        ("Status", "ACTIVE", [0, 1]),
        ("Status", "CANCELLED", []),
        ("AfterLastUpdateTime", "2026-03-03T00:00:00Z", [1]),
        ("BeforeLastUpdateTime", "2026-03-03T00:00:00Z", [0]),
        ("AfterStartTime", "2026-03-03T00:00:00Z", [1]),
        ("BeforeStartTime", "2026-03-03T00:00:00Z", [0]),
        ("AfterEndTime", "2027-03-03T00:00:00Z", [1]),
        ("BeforeEndTime", "2027-03-03T00:00:00Z", [0]),
        ("EndTimeBehaviorType", "RENEW", []),
    ],
)
def test_filters(seller: Seller, two: list[str], name: str, value: str, which: list[int]) -> None:
    found = [each["agreementId"] for each in search(seller, (name, value))]
    assert found == [two[index] for index in which]


@pytest.mark.parametrize("field", ["EndTime", "StartTime", "LastUpdateTime"])
def test_sorts_and_pages(seller: Seller, two: list[str], field: str) -> None:
    sort = {"sortBy": field, "sortOrder": "DESCENDING"}
    assert [each["agreementId"] for each in search(seller, sort=sort)] == two[::-1]
    pages = seller.agreements.get_paginator("search_agreements").paginate(
        filters=[{"name": "AgreementType", "values": ["PurchaseAgreement"]}],
        PaginationConfig={"PageSize": 1},
    )
    found = [page["agreementViewSummaries"][0]["agreementId"] for page in pages]
    assert found == two


def test_the_end_of_an_agreement_changes_its_last_update_time(
    seller: Seller, two: list[str]
) -> None:
    seller.clock.advance(days=1)
    agreements.end(seller.world, seller.world.aws.agreements[two[0]], "CANCELLED")
    (found,) = search(seller, ("AfterLastUpdateTime", "2026-03-05T00:00:00Z"))
    assert (found["agreementId"], found["status"]) == (two[0], "CANCELLED")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"filters": [{"name": "PartyType", "values": ["Proposer"]}]}, "MISSING_FILTER_NAME"),
        ({"filters": [{"name": "Colour", "values": ["blue"]}]}, "INVALID_FILTER_NAME"),
        ({"filters": [{"name": "AgreementType", "values": ["Lease"]}]}, "INVALID_FILTER_VALUES"),
        ({"filters": [{"name": "AgreementType"}]}, "MISSING_FILTER_VALUES"),
        (
            {
                "filters": [
                    {"name": "AgreementType", "values": ["PurchaseAgreement"]},
                    {"name": "PartyType", "values": ["Other"]},
                ]
            },
            "INVALID_PARTY_TYPE",
        ),
        (
            {
                "filters": [
                    {"name": "AgreementType", "values": ["PurchaseAgreement"]},
                    {"name": "AfterEndTime", "values": ["yesterday"]},
                ]
            },
            "INVALID_FILTER_VALUES",
        ),
        (
            {"filters": [{"name": "AgreementType", "values": ["PurchaseAgreement"]}] * 2},
            "INVALID_FILTERS",
        ),
        (
            {
                "filters": [{"name": "AgreementType", "values": ["PurchaseAgreement"]}],
                "sort": {"sortBy": "Price"},
            },
            "INVALID_SORT_BY",
        ),
        (
            {
                "filters": [{"name": "AgreementType", "values": ["PurchaseAgreement"]}],
                "nextToken": "nonsense",
            },
            "INVALID_NEXT_TOKEN",
        ),
        ({"catalog": "Other"}, "INVALID_CATALOG"),
        ({"maxResults": 51}, "OTHER"),
        ({"filters": [{"name": "OfferId", "values": ["offer-1", "offer-2"]}]}, "OTHER"),
    ],
)
def test_invalid_searches(seller: Seller, request_: Details, reason: str) -> None:
    with pytest.raises(ClientError) as refused:
        seller.agreements.search_agreements(**request_)
    assert status_and_code(refused.value) == (400, "ValidationException")
    response: Any = refused.value.response
    assert response["reason"] == reason
    assert response["fields"]


@pytest.mark.parametrize("operation", ["describe_agreement", "get_agreement_terms"])
def test_an_unknown_agreement(seller: Seller, operation: str) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(seller.agreements, operation)(agreementId="agmt-unknown")
    assert status_and_code(refused.value) == (404, "ResourceNotFoundException")


def test_an_operation_that_is_not_simulated(seller: Seller) -> None:
    with pytest.raises(ClientError) as refused:
        seller.agreements.get_agreement_entitlements(agreementId="agmt-unknown")
    assert status_and_code(refused.value) == (400, "UnknownOperationException")
