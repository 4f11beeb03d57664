"""Acceptance, and the Agreement API."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import ANY

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.marketplace_state import Agreement, Buyer
from sandbox.billing import corrections
from sandbox.billing.money import Invoice
from sandbox.marketplace import agreements, buyers, cancellations
from sandbox.tests.support.aws_seller import (
    BUYER,
    Details,
    Seller,
    schedule,
    search,
    status_and_code,
    targeting,
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


def test_a_contract_that_starts_after_the_end_of_another_is_no_second_one(seller: Seller) -> None:
    earlier = buyers.accept(seller.world, seller.create_offer(), BUYER)
    last_day = earlier.end.date()

    def offer(first_day: date) -> str:
        last = first_day + timedelta(days=364)
        dates = {"AgreementStartDate": f"{first_day}", "AgreementEndDate": f"{last}"}
        return seller.create_offer(UpdateValidityTerms=validity(**dates))

    assert "already has an active contract" in rejection(seller, offer(last_day))
    later = buyers.accept(seller.world, offer(last_day + timedelta(days=1)), BUYER)
    assert (earlier.status, later.status) == ("ACTIVE", "ACTIVE")


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


# Entitlements -------------------------------------------------------------------------------------


def entitlement(seller: Seller, agreement_id: str) -> tuple[str, str]:
    answer = seller.agreements.get_agreement_entitlements(agreementId=agreement_id)
    (found,) = answer["agreementEntitlements"]
    assert found["resource"] == {"id": seller.world.aws.product_id, "type": "SaaSProduct"}
    return found["status"], found["statusReasonCode"]


def test_entitlement_of_an_agreement(seller: Seller) -> None:
    dates = {"AgreementStartDate": "2026-05-01", "AgreementEndDate": "2027-04-30"}
    offer_id = seller.create_offer(UpdateValidityTerms=validity(**dates))
    agreement = buyers.accept(seller.world, offer_id, BUYER)
    assert entitlement(seller, agreement.id) == ("SCHEDULED", "FUTURE_START_DATE")
    seller.clock.advance(days=90)
    assert entitlement(seller, agreement.id) == ("PROVISIONED", "AGREEMENT_ACTIVE")
    agreements.end(seller.world, agreement, "CANCELLED")
    assert entitlement(seller, agreement.id) == ("DEPROVISIONED", "AGREEMENT_INACTIVE")
    with pytest.raises(ClientError) as missing:
        entitlement(seller, "agmt-unknown")
    assert status_and_code(missing.value)[1] == "ResourceNotFoundException"


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


# Cancellation requests ----------------------------------------------------------------------------


@pytest.fixture
def agreement(seller: Seller) -> Agreement:
    """An agreement with a second charge in September."""
    charges = schedule(("2026-03-02", "70000.00"), ("2026-09-02", "50000.00"))
    offer_id = seller.create_offer(UpdatePaymentScheduleTerms=charges)
    return buyers.accept(seller.world, offer_id, BUYER)


def send(seller: Seller, agreement: Agreement, **request: Any) -> Details:
    chosen = {"reasonCode": "INCORRECT_TERMS_ACCEPTED", "agreementId": agreement.id, **request}
    sent: Details = seller.agreements.send_agreement_cancellation_request(**chosen)
    return sent


def get(seller: Seller, sent: Details, **changes: str) -> Details:
    names = ("agreementId", "agreementCancellationRequestId")
    request = {name: sent[name] for name in names} | changes
    found: Details = seller.agreements.get_agreement_cancellation_request(**request)
    return found


@pytest.mark.parametrize(
    ("answer", "after_days", "approved"),
    [(None, 7, True), ("reject", 8, True), ("approve", 2, True), ("reject", 2, False)],
)
def test_the_buyer_has_seven_days(
    seller: Seller,
    agreement: Agreement,
    answer: Any,
    after_days: int,
    approved: bool,
) -> None:
    seller.world.aws.buyers[BUYER] = Buyer(
        BUYER, cancellation_answer=answer, cancellation_answer_after_days=after_days
    )
    sent = send(seller, agreement)
    seller.clock.advance(days=min(after_days, 7) - 0.1)
    assert get(seller, sent)["status"] == "PENDING_APPROVAL"
    seller.clock.advance(days=0.1)
    answered = get(seller, sent)
    assert answered["status"] == ("APPROVED" if approved else "REJECTED")
    assert agreement.status == ("CANCELLED" if approved else "ACTIVE")
    assert answered["updatedAt"] == seller.clock.now
    seller.clock.advance(days=200)
    assert get(seller, sent) == {**answered, "ResponseMetadata": ANY}
    # Only charges that were not invoiced yet are cancelled.
    assert len(seller.world.money.invoices) == (1 if approved else 2)


def test_rejected_requests(seller: Seller, agreement: Agreement) -> None:
    seller.world.aws.concurrent_agreements = True
    other = buyers.accept(seller.world, seller.create_offer(), BUYER)
    sent = send(seller, agreement, clientToken="token-1")
    rejected: list[tuple[Any, tuple[int, str]]] = [
        (lambda: send(seller, agreement), (409, "ConflictException")),
        (lambda: send(seller, other, clientToken="token-1"), (400, "ValidationException")),
        (lambda: get(seller, sent, agreementId=other.id), (404, "ResourceNotFoundException")),
        (
            lambda: get(seller, sent, agreementCancellationRequestId="acr-unknown"),
            (404, "ResourceNotFoundException"),
        ),
    ]
    for call, error in rejected:
        with pytest.raises(ClientError) as refused:
            call()
        assert status_and_code(refused.value) == error


def test_list_requests(seller: Seller, agreement: Agreement) -> None:
    seller.world.aws.concurrent_agreements = True
    other = buyers.accept(seller.world, seller.create_offer(), BUYER)
    ids = [send(seller, agreement)["agreementCancellationRequestId"]]
    rejected = seller.world.aws.cancellation_requests[ids[0]]
    cancellations.answer(seller.world, rejected, approve=False)
    ids += [send(seller, each)["agreementCancellationRequestId"] for each in (agreement, other)]

    def listed(**request: Any) -> list[str]:
        answer = seller.agreements.list_agreement_cancellation_requests(
            partyType="Proposer", **request
        )
        return [each["agreementCancellationRequestId"] for each in answer["items"]]

    assert listed() == ids[::-1]
    assert listed(agreementId=agreement.id) == [ids[1], ids[0]]
    assert listed(status="REJECTED") == ids[:1]
    assert listed(maxResults=2) == ids[:0:-1]


# Billing adjustments ------------------------------------------------------------------------------


def adjust(seller: Seller, invoice: Invoice, **changes: Any) -> Details:
    entry = {
        "agreementId": invoice.agreement_id,
        "originalInvoiceId": invoice.id,
        "adjustmentAmount": "4000.00",
        "currencyCode": "USD",
        "adjustmentReasonCode": "OTHER",
        "clientToken": "token-1",
        **changes,
    }
    answer: Details = seller.agreements.batch_create_billing_adjustment_request(
        billingAdjustmentRequestEntries=[entry]
    )
    return answer


def adjustable(seller: Seller, invoice: Invoice) -> str:
    (group,) = seller.agreements.list_agreement_invoice_line_items(
        agreementId=invoice.agreement_id, groupBy="INVOICE_ID", invoiceId=invoice.id
    )["agreementInvoiceLineItemGroupSummaries"]
    return str(group["pricingCurrencyAmount"]["maxAdjustmentAmount"])


@pytest.fixture
def invoice(seller: Seller, agreement: Agreement) -> Invoice:
    seller.clock.advance(hours=1)
    seller.world.advance()
    (invoice,) = seller.world.money.invoices
    return invoice


def test_an_adjustment_is_pending_and_then_a_refund_in_the_ledger(
    seller: Seller, invoice: Invoice
) -> None:
    (item,) = adjust(seller, invoice)["items"]
    ids = {
        "agreementId": invoice.agreement_id,
        "billingAdjustmentRequestId": item["billingAdjustmentRequestId"],
    }
    assert seller.agreements.get_billing_adjustment_request(**ids)["status"] == "PENDING"
    assert adjustable(seller, invoice) == "66000.00"
    assert adjust(seller, invoice)["items"] == [item]
    seller.clock.advance(hours=1)
    done = seller.agreements.get_billing_adjustment_request(**ids)
    assert (done["status"], done["adjustmentAmount"]) == ("COMPLETED", "4000.00")
    refund = corrections.find_event(
        seller.world, invoice_id=invoice.id, transaction_type="SELLER_REV_SHARE_REFUND"
    )
    assert refund.amount == Decimal("-4000.00")
    assert adjustable(seller, invoice) == "66000.00"
    listed = seller.agreements.list_billing_adjustment_requests(
        agreementId=invoice.agreement_id, createdAfter=seller.world.now() - timedelta(days=1)
    )
    assert [each["status"] for each in listed["items"]] == ["COMPLETED"]


def test_an_adjustment_that_fails_changes_nothing(seller: Seller, invoice: Invoice) -> None:
    seller.world.money.adjustment_processing.failure = "The tax invoice is closed."
    (item,) = adjust(seller, invoice)["items"]
    seller.clock.advance(hours=1)
    failed = seller.agreements.get_billing_adjustment_request(
        agreementId=invoice.agreement_id,
        billingAdjustmentRequestId=item["billingAdjustmentRequestId"],
    )
    assert failed["status"] == "VALIDATION_FAILED"
    assert failed["statusMessage"] == "The tax invoice is closed."
    assert adjustable(seller, invoice) == "70000.00"


ENTRIES: list[tuple[Details, str]] = [
    ({"adjustmentAmount": "70000.01"}, "VALIDATION_EXCEPTION"),
    ({"adjustmentAmount": "0.00"}, "VALIDATION_EXCEPTION"),
    ({"currencyCode": "EUR"}, "VALIDATION_EXCEPTION"),
    ({"originalInvoiceId": "unknown"}, "RESOURCE_NOT_FOUND_EXCEPTION"),
]


@pytest.mark.parametrize(("changes", "code"), ENTRIES)
def test_entries_that_are_refused(
    seller: Seller, invoice: Invoice, changes: Details, code: str
) -> None:
    answer = adjust(seller, invoice, **changes)
    assert (answer["items"], answer["errors"][0]["code"]) == ([], code)


def test_what_conflicts_with_a_pending_adjustment(seller: Seller, invoice: Invoice) -> None:
    adjust(seller, invoice)
    for changes in ({"adjustmentAmount": "1.00"}, {"clientToken": "token-2"}):
        (error,) = adjust(seller, invoice, **changes)["errors"]
        assert error["code"] == "CONFLICT_EXCEPTION"
