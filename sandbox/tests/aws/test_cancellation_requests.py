"""Requests to cancel an agreement, over the Agreement API."""

from typing import Any
from unittest.mock import ANY

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.marketplace_state import Agreement, Buyer
from sandbox.marketplace import buyers, cancellations
from sandbox.tests.support.aws_seller import BUYER, Details, Seller, schedule, status_and_code


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
