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
    schedule,
    search,
    status_and_code,
    targeting,
    upfront,
    validity,
)

OTHER = "444455556666"
ANY_TYPE = {"name": "AgreementType", "values": ["PurchaseAgreement"]}


def test_an_acceptance_creates_an_agreement_and_does_not_change_the_offer(seller: Seller) -> None:
    offer_id = seller.create_offer()
    assert search(seller, OfferId=offer_id) == []
    before = seller.entity(offer_id)["DetailsDocument"]
    seller.clock.advance(days=2)
    agreement = buyers.accept(seller.world, offer_id, BUYER)
    (found,) = search(seller, OfferId=offer_id)
    accepted = datetime(2026, 3, 4, 9, 46, tzinfo=UTC)
    assert found["agreementId"] == found["initialAgreementId"] == agreement.id
    assert found["acceptanceTime"] == found["startTime"] == found["lastUpdateTime"] == accepted
    assert found["endTime"] == datetime(2027, 3, 4, 9, 46, tzinfo=UTC)
    assert found["acceptor"] == {"accountId": BUYER}
    assert found["proposer"] == {"accountId": seller.world.aws.seller_account}
    assert (found["proposalSummary"]["offerId"], found["status"]) == (offer_id, "ACTIVE")
    assert seller.entity(offer_id)["DetailsDocument"] == before
    described = seller.agreements.describe_agreement(agreementId=agreement.id)
    assert described["estimatedCharges"] == {"currencyCode": "USD", "agreementValue": "120000.00"}
    seller.clock.advance(days=366)
    (found,) = search(seller, Status="EXPIRED")
    assert found["lastUpdateTime"] == found["endTime"]


TERMS: dict[str, tuple[Details, str, str, str]] = {
    "a rate card": (
        {
            "UpdatePricingTerms": upfront(("platform", "99000.00")),
            "UpdateValidityTerms": None,
            "UpdatePaymentScheduleTerms": None,
        },
        "99000.00",
        "2026-03-02T09:46:00+00:00",
        "2027-03-02T09:46:00+00:00",
    ),
    "a later start": (
        {
            "UpdateValidityTerms": validity(
                AgreementStartDate="2026-05-01", AgreementEndDate="2027-04-30"
            )
        },
        "120000.00",
        "2026-05-01T00:00:00+00:00",
        "2027-04-30T23:59:59.999000+00:00",
    ),
}


@pytest.mark.parametrize("case", TERMS)
def test_value_and_dates_of_an_agreement(seller: Seller, case: str) -> None:
    details, *expected = TERMS[case]
    made = buyers.accept(seller.world, seller.create_offer(**details), BUYER)
    assert [str(made.value), made.start.isoformat(), made.end.isoformat()] == expected


def rejection(seller: Seller, offer_id: str, account: str = BUYER) -> str:
    with pytest.raises(buyers.AcceptanceRefused) as refused:
        buyers.accept(seller.world, offer_id, account)
    return str(refused.value)


def test_reasons_why_an_account_cannot_accept(seller: Seller) -> None:
    draft = seller.create_offer(ReleaseOffer=None)
    assert "no released offer" in rejection(seller, draft)
    assert "no released offer" in rejection(seller, "offer-unknown")
    offer_id, second = seller.create_offer(), seller.create_offer()
    assert "not for account" in rejection(seller, offer_id, OTHER)
    seller.clock.now = datetime(2026, 4, 2, tzinfo=UTC)
    assert "expired" in rejection(seller, offer_id)
    seller.clock.now = datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC)
    buyers.accept(seller.world, offer_id, BUYER)
    assert "accepted the offer already" in rejection(seller, offer_id)
    assert "already has an active contract" in rejection(seller, second)
    seller.world.aws.concurrent_agreements = True
    buyers.accept(seller.world, second, BUYER)


def test_a_withdrawal_is_applied_two_minutes_later(seller: Seller) -> None:
    offer_id = seller.create_offer()
    seller.start([change("UpdateAvailability", {"AvailabilityEndDate": "2026-03-01"}, offer_id)])
    assert seller.world.aws.acceptable(seller.world.aws.offers[offer_id])
    seller.clock.advance(minutes=2)
    seller.world.advance()
    assert not seller.world.aws.acceptable(seller.world.aws.offers[offer_id])
    assert "expired" in rejection(seller, offer_id)


@pytest.mark.parametrize(("days", "accepted"), [(3, True), (31, False), (None, False)])
def test_accept_after_days(seller: Seller, days: float | None, accepted: bool) -> None:
    seller.world.aws.buyers[BUYER] = Buyer(BUYER, accept_after_days=days)
    offer_id = seller.create_offer()
    seller.clock.advance(days=60)
    found = [each["acceptanceTime"] for each in search(seller, OfferId=offer_id)]
    assert found == ([datetime(2026, 3, 5, 9, 45, tzinfo=UTC)] if accepted else [])


def test_a_buyer_accepts_after_an_extension(seller: Seller) -> None:
    seller.world.aws.buyers[BUYER] = Buyer(BUYER, accept_after_days=40)
    offer_id = seller.create_offer()
    seller.clock.advance(days=20)
    seller.run([change("UpdateAvailability", {"AvailabilityEndDate": "2026-05-01"}, offer_id)])
    seller.clock.advance(days=40)
    assert len(search(seller, OfferId=offer_id)) == 1


def test_an_agreement_is_replaced_once(seller: Seller) -> None:
    old = buyers.accept(seller.world, seller.create_offer(), BUYER)
    first, second = (seller.create(seller.replacement_changes(old.id)) for _ in range(2))
    assert seller.world.aws.acceptable(seller.world.aws.offers[second])
    new = buyers.accept(seller.world, first, BUYER)
    chain = search(seller, InitialAgreementId=old.id)
    statuses = {each["agreementId"]: each["status"] for each in chain}
    assert statuses == {old.id: "REPLACED", new.id: "ACTIVE"}
    assert new.end == datetime(2027, 6, 30, 23, 59, 59, 999000, tzinfo=UTC)
    assert "is REPLACED" in rejection(seller, second)
    assert not seller.world.aws.acceptable(seller.world.aws.offers[second])


def test_a_rate_card_amendment_ends_on_its_agreement_end_date(seller: Seller) -> None:
    seller.world.aws.dimensions = ("platform", "seats")
    card: Details = {
        "UpdatePricingTerms": upfront(("platform", "99000.00"), ("seats", "1000.00")),
        "UpdatePaymentScheduleTerms": None,
    }
    offer_id = seller.create_offer(**card, UpdateValidityTerms=None)
    old = buyers.accept(seller.world, offer_id, BUYER)
    offer_id = seller.create(seller.replacement_changes(old.id, **card))
    new = buyers.accept(seller.world, offer_id, BUYER)
    # The end date applies, not the 12 months of the rate card.
    assert new.end == datetime(2027, 6, 30, 23, 59, 59, 999000, tzinfo=UTC)
    assert str(new.value) == "100000.00"


# Search -------------------------------------------------------------------------------------------


@pytest.fixture
def two(seller: Seller) -> list[str]:
    """Two agreements, one day apart; the earlier one was updated last."""
    offer_id = seller.create_offer(UpdateTargeting=targeting(BUYER, OTHER))
    made = []
    for account in (OTHER, BUYER):
        made.append(buyers.accept(seller.world, offer_id, account))
        seller.clock.advance(days=1)
    agreements.end(seller.world, made[0], "CANCELLED")
    return [each.id for each in made]


@pytest.mark.parametrize(
    ("name", "value", "which"),
    [
        ("AcceptorAccountId", BUYER, [1]),
        ("ResourceIdentifier", "prod-examplesaas01", [0, 1]),
        ("ResourceIdentifier", "prod-other", []),
        ("Status", "ACTIVE", [1]),
        ("AfterLastUpdateTime", "2026-03-03T12:00:00Z", [0]),
    ],
)
def test_filters(seller: Seller, two: list[str], name: str, value: str, which: list[int]) -> None:
    found = [each["agreementId"] for each in search(seller, **{name: value})]
    assert found == [two[index] for index in which]


@pytest.mark.parametrize("by_update", [True, False])
def test_order_and_pages(seller: Seller, two: list[str], by_update: bool) -> None:
    order = {"sort": {"sortBy": "LastUpdateTime", "sortOrder": "ASCENDING"}} if by_update else {}
    pages = seller.agreements.get_paginator("search_agreements").paginate(
        filters=[ANY_TYPE], PaginationConfig={"PageSize": 1}, **order
    )
    found = [page["agreementViewSummaries"][0]["agreementId"] for page in pages]
    assert found == (two[::-1] if by_update else two)


INVALID_SEARCHES: list[tuple[Details, str]] = [
    ({"filters": [{"name": "PartyType", "values": ["Proposer"]}]}, "MISSING_FILTER_NAME"),
    ({"filters": [{"name": "AgreementType"}]}, "MISSING_FILTER_VALUES"),
    (
        {"filters": [ANY_TYPE, {"name": "AfterLastUpdateTime", "values": ["yesterday"]}]},
        "INVALID_FILTER_VALUES",
    ),
    ({"filters": [ANY_TYPE], "nextToken": "nonsense"}, "INVALID_NEXT_TOKEN"),
    ({"maxResults": 51}, "OTHER"),
    ({"filters": [{"name": "OfferId", "values": ["offer-1", "offer-2"]}]}, "OTHER"),
]


@pytest.mark.parametrize(("request_", "reason"), INVALID_SEARCHES)
def test_invalid_searches(seller: Seller, request_: Details, reason: str) -> None:
    with pytest.raises(ClientError) as refused:
        seller.agreements.search_agreements(**request_)
    assert status_and_code(refused.value) == (400, "ValidationException")
    response: Any = refused.value.response
    assert response["reason"] == reason


AGREEMENT = {"agreementId": "agmt-unknown"}
CALLS: list[tuple[str, Details, str | None]] = [
    ("describe_agreement", AGREEMENT, None),
    ("send_agreement_cancellation_request", {**AGREEMENT, "reasonCode": "OTHER"}, None),
    ("list_agreement_invoice_line_items", {**AGREEMENT, "groupBy": "INVOICE_ID"}, None),
    ("get_agreement_terms", AGREEMENT, "GetAgreementTerms"),
    ("search_agreements", {"filters": [ANY_TYPE], "catalog": "Other"}, "catalog Other"),
    (
        "search_agreements",
        {"filters": [ANY_TYPE, {"name": "EndTime", "values": ["a"]}]},
        "filter EndTime of SearchAgreements",
    ),
    ("search_agreements", {"filters": [ANY_TYPE], "sort": {"sortBy": "EndTime"}}, "sortBy EndTime"),
    (
        "list_agreement_invoice_line_items",
        {**AGREEMENT, "groupBy": "INVOICE_ID", "invoiceType": "INVOICE"},
        "invoiceType of ListAgreementInvoiceLineItems",
    ),
    ("list_agreement_cancellation_requests", {"partyType": "Acceptor"}, "partyType Acceptor"),
]


@pytest.mark.parametrize(("call", "members", "not_simulated"), CALLS)
def test_unknown_agreements_and_what_is_not_simulated(
    seller: Seller, call: str, members: Details, not_simulated: str | None
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(seller.agreements, call)(**members)
    if not_simulated is None:
        assert status_and_code(refused.value) == (404, "ResourceNotFoundException")
    else:
        assert status_and_code(refused.value) == (501, "NotImplementedException")
        assert f"not simulated: {not_simulated}" in str(refused.value)


# Invoices -----------------------------------------------------------------------------------------


def test_issued_invoices_are_listed(seller: Seller) -> None:
    charges = schedule(("2026-03-02", "70000.00"), ("2026-09-02", "50000.00"))
    agreement = buyers.accept(
        seller.world, seller.create_offer(UpdatePaymentScheduleTerms=charges), BUYER
    )
    request = {"agreementId": agreement.id, "groupBy": "INVOICE_ID"}
    listed = seller.agreements.list_agreement_invoice_line_items
    (invoice,) = listed(**request)["agreementInvoiceLineItemGroupSummaries"]
    assert invoice["agreementId"] == agreement.id
    amount = {"amount": "70000.00", "maxAdjustmentAmount": "70000.00", "currencyCode": "USD"}
    assert invoice["pricingCurrencyAmount"] == amount
    assert invoice["issuedTime"] == datetime(2026, 3, 2, 9, 46, tzinfo=UTC)
    assert invoice["invoiceBillingPeriod"] == {"month": 3, "year": 2026}
    assert invoice["invoiceType"] == "INVOICE"
    assert invoice["invoiceId"] == seller.world.money.disbursements[0].invoice_id
    seller.clock.advance(days=200)
    first = listed(**request, maxResults=1)
    assert first["agreementInvoiceLineItemGroupSummaries"] == [invoice]
    second = listed(**request, maxResults=1, nextToken=first["nextToken"])
    assert len(second["agreementInvoiceLineItemGroupSummaries"]) == 1
    assert "nextToken" not in second
