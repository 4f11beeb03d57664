"""The seller's cancellation requests, and the buyer's answers."""

from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.marketplace_state import Agreement, Buyer
from sandbox.marketplace import agreements, buyers, cancellations
from sandbox.tests.support.aws_seller import BUYER, Details, Seller, schedule, status_and_code

TWO = schedule(("2026-03-02", "60000.00"), ("2026-09-02", "60000.00"))


@pytest.fixture
def agreement(seller: Seller) -> Agreement:
    """An agreement accepted at 9:46 UTC on March 2nd, with half of its price invoiced then."""
    return buyers.accept(seller.world, seller.create_offer(UpdatePaymentScheduleTerms=TWO), BUYER)


def send(seller: Seller, agreement: Agreement, **request: Any) -> Details:
    sent: Details = seller.agreements.send_agreement_cancellation_request(
        agreementId=agreement.id, **{"reasonCode": "INCORRECT_TERMS_ACCEPTED", **request}
    )
    return sent


def get(seller: Seller, sent: Details) -> Details:
    got: Details = seller.agreements.get_agreement_cancellation_request(
        agreementId=sent["agreementId"],
        agreementCancellationRequestId=sent["agreementCancellationRequestId"],
    )
    return got


def withdraw(seller: Seller, sent: Details) -> Details:
    withdrawn: Details = seller.agreements.cancel_agreement_cancellation_request(
        agreementId=sent["agreementId"],
        agreementCancellationRequestId=sent["agreementCancellationRequestId"],
        cancellationReason="The buyer keeps it.",
    )
    return withdrawn


def listed(seller: Seller, **request: Any) -> list[str]:
    answer = seller.agreements.list_agreement_cancellation_requests(
        **{"partyType": "Proposer", **request}
    )
    return [each["agreementCancellationRequestId"] for each in answer["items"]]


def test_a_request_is_pending_until_the_buyer_answers(seller: Seller, agreement: Agreement) -> None:
    sent = send(seller, agreement, description="The seats were wrong.")
    assert sent["agreementCancellationRequestId"].startswith("acr-")
    assert sent["createdAt"] == sent["updatedAt"] == datetime(2026, 3, 2, 9, 46, tzinfo=UTC)
    got = get(seller, sent)
    assert (got["status"], got["reasonCode"]) == ("PENDING_APPROVAL", "INCORRECT_TERMS_ACCEPTED")
    assert (got["agreementId"], got["description"]) == (agreement.id, "The seats were wrong.")
    assert "statusMessage" not in got
    assert agreement.status == "ACTIVE"


def test_a_request_without_an_answer_is_approved_after_seven_days(
    seller: Seller, agreement: Agreement
) -> None:
    sent = send(seller, agreement)
    seller.clock.advance(days=6, hours=23, minutes=59)
    assert get(seller, sent)["status"] == "PENDING_APPROVAL"
    seller.clock.advance(minutes=1)
    approved = get(seller, sent)
    assert approved["status"] == "APPROVED"
    assert approved["updatedAt"] == datetime(2026, 3, 9, 9, 46, tzinfo=UTC)
    described = seller.agreements.describe_agreement(agreementId=agreement.id)
    assert described["status"] == "CANCELLED"
    assert agreement.last_update == approved["updatedAt"]


def test_only_later_invoices_are_cancelled(seller: Seller, agreement: Agreement) -> None:
    send(seller, agreement)
    seller.clock.advance(days=300)
    seller.world.advance()
    (paid,) = seller.world.money.disbursements
    assert (paid.invoice_date.isoformat()[:10], paid.status) == ("2026-03-02", "Disbursed")


@pytest.mark.parametrize(
    ("answer", "request_status", "agreement_status"),
    [("approve", "APPROVED", "CANCELLED"), ("reject", "REJECTED", "ACTIVE")],
)
def test_the_buyer_answers(
    seller: Seller,
    agreement: Agreement,
    answer: Literal["approve", "reject"],
    request_status: str,
    agreement_status: str,
) -> None:
    seller.world.aws.buyers[BUYER] = Buyer(
        BUYER, cancellation_answer=answer, cancellation_answer_after_days=2
    )
    sent = send(seller, agreement)
    seller.clock.advance(days=1.9)
    assert get(seller, sent)["status"] == "PENDING_APPROVAL"
    seller.clock.advance(days=0.1)
    answered = get(seller, sent)
    assert (answered["status"], agreement.status) == (request_status, agreement_status)
    assert answered["updatedAt"] == datetime(2026, 3, 4, 9, 46, tzinfo=UTC)
    seller.clock.advance(days=7)
    assert get(seller, sent)["status"] == request_status
    assert agreement.status == agreement_status


def test_an_answer_after_seven_days_is_too_late(seller: Seller, agreement: Agreement) -> None:
    seller.world.aws.buyers[BUYER] = Buyer(
        BUYER, cancellation_answer="reject", cancellation_answer_after_days=8
    )
    sent = send(seller, agreement)
    seller.clock.advance(days=9)
    assert get(seller, sent)["status"] == "APPROVED"


def test_a_request_is_withdrawn(seller: Seller, agreement: Agreement) -> None:
    sent = send(seller, agreement)
    withdrawn = withdraw(seller, sent)
    assert (withdrawn["status"], withdrawn["statusMessage"]) == ("CANCELLED", "The buyer keeps it.")
    seller.clock.advance(days=8)
    assert get(seller, sent)["status"] == "CANCELLED"
    assert agreement.status == "ACTIVE"
    with pytest.raises(ClientError) as refused:
        withdraw(seller, sent)
    assert status_and_code(refused.value) == (409, "ConflictException")
    send(seller, agreement)


def test_an_agreement_has_one_pending_request(seller: Seller, agreement: Agreement) -> None:
    sent = send(seller, agreement)
    with pytest.raises(ClientError) as refused:
        send(seller, agreement)
    assert status_and_code(refused.value) == (409, "ConflictException")
    response: Any = refused.value.response
    assert response["resourceId"] == sent["agreementCancellationRequestId"]
    assert response["resourceType"] == "AgreementCancellationRequest"


def test_a_repeated_request_is_sent_once(seller: Seller, agreement: Agreement) -> None:
    first, second = (send(seller, agreement, clientToken="token-1") for _ in range(2))
    assert first["agreementCancellationRequestId"] == second["agreementCancellationRequestId"]
    seller.clock.advance(days=8)
    assert send(seller, agreement, clientToken="token-1")["status"] == "APPROVED"
    with pytest.raises(ClientError) as refused:
        send(seller, agreement, clientToken="token-1", description="Another")
    assert reason(refused.value) == "INVALID_CLIENT_TOKEN"


def reason(error: ClientError) -> str:
    assert status_and_code(error) == (400, "ValidationException")
    response: Any = error.response
    return str(response["reason"])


@pytest.mark.parametrize("status", ["TERMINATED", "EXPIRED", "REPLACED", "ROLLED_BACK"])
def test_only_an_active_agreement_can_be_cancelled(
    seller: Seller, agreement: Agreement, status: str
) -> None:
    agreements.end(seller.world, agreement, status)
    with pytest.raises(ClientError) as refused:
        send(seller, agreement)
    assert reason(refused.value) == "INACTIVE_AGREEMENT"


def test_the_agreement_ends_in_another_way(seller: Seller, agreement: Agreement) -> None:
    sent = send(seller, agreement)
    seller.clock.advance(days=1)
    agreements.end(seller.world, agreement, "TERMINATED")
    failed = get(seller, sent)
    assert failed["status"] == "VALIDATION_FAILED"
    assert "TERMINATED" in failed["statusMessage"]
    assert failed["updatedAt"] == seller.clock.now
    seller.clock.advance(days=7)
    assert get(seller, sent)["status"] == "VALIDATION_FAILED"


def test_an_amendment_is_accepted_before_the_answer(seller: Seller, agreement: Agreement) -> None:
    offer_id = seller.create(seller.replacement_changes(agreement.id))
    sent = send(seller, agreement)
    buyers.accept(seller.world, offer_id, BUYER)
    assert get(seller, sent)["status"] == "VALIDATION_FAILED"


@pytest.mark.parametrize("what", ["agreement", "request", "request of another agreement"])
def test_unknown_ids(seller: Seller, agreement: Agreement, what: str) -> None:
    sent = send(seller, agreement)
    if what == "agreement":
        request = {**sent, "agreementId": "agmt-unknown"}
    elif what == "request":
        request = {**sent, "agreementCancellationRequestId": "acr-unknown"}
    else:
        seller.world.aws.concurrent_agreements = True
        other = buyers.accept(seller.world, seller.create_offer(), BUYER)
        request = {**sent, "agreementId": other.id}
    for operation in (get, withdraw):
        with pytest.raises(ClientError) as refused:
            operation(seller, request)
        assert status_and_code(refused.value) == (404, "ResourceNotFoundException")


def test_an_unknown_agreement_cannot_be_cancelled(seller: Seller) -> None:
    with pytest.raises(ClientError) as refused:
        seller.agreements.send_agreement_cancellation_request(
            agreementId="agmt-unknown", reasonCode="OTHER"
        )
    assert status_and_code(refused.value) == (404, "ResourceNotFoundException")


def test_an_unknown_reason_code(seller: Seller, agreement: Agreement) -> None:
    with pytest.raises(ClientError) as refused:
        send(seller, agreement, reasonCode="WHIM")
    assert status_and_code(refused.value) == (400, "ValidationException")


def test_list_requests(seller: Seller, agreement: Agreement) -> None:
    seller.world.aws.concurrent_agreements = True
    other = buyers.accept(seller.world, seller.create_offer(), BUYER)
    first = send(seller, agreement)
    cancellations.answer(
        seller.world,
        seller.world.aws.cancellation_requests[first["agreementCancellationRequestId"]],
        approve=False,
    )
    requests = [first, send(seller, agreement), send(seller, other)]
    ids = [each["agreementCancellationRequestId"] for each in requests]
    assert listed(seller) == ids[::-1]
    assert listed(seller, agreementId=agreement.id) == [ids[1], ids[0]]
    assert listed(seller, status="REJECTED") == [ids[0]]
    assert listed(seller, partyType="Acceptor") == []
    page = seller.agreements.list_agreement_cancellation_requests(
        partyType="Proposer", maxResults=2
    )
    assert listed(seller, maxResults=2, nextToken=page["nextToken"]) == ids[:1]
    assert page["items"][0]["catalog"] == "AWSMarketplace"
    assert page["items"][0]["agreementType"] == "PurchaseAgreement"


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"partyType": "Bystander"}, "INVALID_PARTY_TYPE"),
        ({"catalog": "Other"}, "INVALID_CATALOG"),
        ({"agreementType": "Lease"}, "INVALID_AGREEMENT_TYPE"),
        ({"nextToken": "nonsense"}, "INVALID_NEXT_TOKEN"),
    ],
)
def test_invalid_lists(seller: Seller, request_: Details, why: str) -> None:
    with pytest.raises(ClientError) as refused:
        listed(seller, **request_)
    assert reason(refused.value) == why


@pytest.mark.parametrize(
    ("operation", "calls"),
    [
        ("send_agreement_cancellation_request", 2),
        ("get_agreement_cancellation_request", 5),
        ("list_agreement_cancellation_requests", 5),
        ("cancel_agreement_cancellation_request", 2),
        ("list_agreement_invoice_line_items", 10),
    ],
)
def test_calls_per_second(seller: Seller, operation: str, calls: int) -> None:
    seller.world.aws.throttle = True
    request: Details = {
        "send": {"agreementId": "agmt-unknown", "reasonCode": "OTHER"},
        "get": {"agreementId": "agmt-unknown", "agreementCancellationRequestId": "acr-unknown"},
        "cancel": {
            "agreementId": "agmt-unknown",
            "agreementCancellationRequestId": "acr-unknown",
            "cancellationReason": "none",
        },
        "list_agreement_c": {"partyType": "Proposer"},
        "list_agreement_i": {"agreementId": "agmt-unknown", "groupBy": "INVOICE_ID"},
    }
    (members,) = [each for name, each in request.items() if operation.startswith(name)]
    outcomes = []
    for _ in range(calls + 1):
        try:
            getattr(seller.agreements, operation)(**members)
            outcomes.append("done")
        except ClientError as error:
            outcomes.append(status_and_code(error)[1])
    assert "ThrottlingException" not in outcomes[:calls]
    assert outcomes[calls] == "ThrottlingException"
