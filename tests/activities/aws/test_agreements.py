"""The activities on agreements, with real boto3 clients against the sandbox."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.aws import documents
from activities.aws.agreements import FeedPosition, RequestCancellation
from activities.errors import Failure
from offers.agreements.agreement import (
    Agreement,
    AgreementStatus,
    CancellationReasonCode,
    CancellationRequest,
    CancellationRequestInput,
    CancellationStatus,
)
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.salesforce_fields import opportunity_update
from sandbox.marketplace import cancellations
from sandbox.marketplace.agreements import end, renew, roll_back
from sandbox.marketplace.amendments import create_amendment_in_portal
from sandbox.marketplace.buyers import accept
from sandbox.world import Agreement as SandboxAgreement
from sandbox.world import Buyer, Invoice
from tests.support.aws import Aws
from tests.support.builders import BUYER
from tests.support.workflow_harness import OPPORTUNITY

WISH = CancellationRequestInput(
    reason_code=CancellationReasonCode.TEST_AGREEMENT, message="It was a test."
)
THIRDS = {"payment_schedule": "2026-03-02 40000; 2026-09-02 40000; 2027-01-02 40000"}


def ask(aws: Aws, made: SandboxAgreement, number: int = 1, **changes: Any) -> CancellationRequest:
    """Ask the buyer to let an agreement be cancelled."""
    request = RequestCancellation(
        agreement_id=made.id, number=number, request=WISH.model_copy(update=changes)
    )
    asked = aws.run(aws.agreements.request_cancellation, request)
    assert isinstance(asked, CancellationRequest)
    return asked


def seen(aws: Aws, made: SandboxAgreement) -> Agreement:
    """An agreement as AWS shows it."""
    return aws.lookup.agreement_snapshot(made.id).agreement


def amended(aws: Aws, made: SandboxAgreement, price: str = "5000") -> SandboxAgreement:
    """An amendment that somebody made elsewhere, accepted an hour from now."""
    offer = create_amendment_in_portal(
        aws.sandbox.world,
        agreement_id=made.id,
        name="Amended",
        price=Decimal(price),
        end=date(2027, 12, 31),
        available_until=date(2026, 12, 1),
    )
    aws.advance(hours=1)
    return accept(aws.sandbox.world, offer.id, BUYER)


# Cancellation ----------------------------------------------------------------------------------


def test_asking_twice_is_asking_once(aws: Aws) -> None:
    made = aws.accept_offer()
    first = ask(aws, made)
    assert (first.status, first.reason_code) == (
        CancellationStatus.PENDING_APPROVAL,
        CancellationReasonCode.TEST_AGREEMENT,
    )
    assert ask(aws, made) == first
    (request,) = aws.sandbox.world.cancellation_requests.values()
    assert request.description == "It was a test."
    assert (request.id, request.agreement_id) == (first.request_id, made.id)
    assert aws.sandbox.world.calls["agreement", "SendAgreementCancellationRequest"] == 1


def test_where_the_list_lags_behind_our_own_token_saves_it(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = aws.accept_offer()
    first = ask(aws, made)
    client = aws.agreements._agreements
    monkeypatch.setattr(client, "list_agreement_cancellation_requests", lambda **_: {"items": []})
    assert ask(aws, made) == first
    assert len(aws.sandbox.world.cancellation_requests) == 1


def test_a_request_that_was_made_elsewhere_is_taken_as_ours(aws: Aws) -> None:
    made = aws.accept_offer()
    theirs = cancellations.send_request(aws.sandbox.world, made, "OTHER")
    ours = ask(aws, made)
    assert (ours.request_id, ours.reason_code) == (theirs.id, CancellationReasonCode.OTHER)
    assert len(aws.sandbox.world.cancellation_requests) == 1


def test_after_a_no_the_buyer_can_be_asked_again(aws: Aws) -> None:
    made = aws.accept_offer()
    first = ask(aws, made)
    (request,) = aws.sandbox.world.cancellation_requests.values()
    cancellations.answer(aws.sandbox.world, request, approve=False)
    second = ask(aws, made, number=2)
    assert second.request_id != first.request_id
    assert second.status is CancellationStatus.PENDING_APPROVAL


def test_of_two_agreements_each_has_its_own_request(aws: Aws) -> None:
    aws.sandbox.world.concurrent_agreements = True
    first, second = aws.accept_offer(), aws.accept_offer()
    requests = [ask(aws, made) for made in (first, second)]
    assert [each.agreement_id for each in requests] == [first.id, second.id]


@pytest.mark.parametrize("status", ["CANCELLED", "EXPIRED", "TERMINATED", "REPLACED"])
def test_nobody_is_asked_about_an_agreement_that_has_ended(aws: Aws, status: str) -> None:
    made = aws.accept_offer()
    end(aws.sandbox.world, made, status)
    with pytest.raises(ApplicationError) as refused:
        ask(aws, made)
    assert refused.value.type == Failure.REJECTED
    assert refused.value.non_retryable
    assert status in str(refused.value)


def test_while_the_buyer_may_answer_it_is_looked_at_twice_a_day(aws: Aws) -> None:
    asked = ask(aws, aws.accept_offer())
    aws.advance(days=6, hours=23)
    with pytest.raises(ApplicationError) as waiting:
        aws.run(aws.agreements.wait_for_cancellation, asked)
    assert waiting.value.type == Failure.NOT_READY
    assert waiting.value.next_retry_delay == timedelta(hours=12)


def test_silence_approves_after_seven_days(aws: Aws) -> None:
    made = aws.accept_offer()
    asked = ask(aws, made)
    aws.advance(days=7, minutes=1)
    ended = aws.run(aws.agreements.wait_for_cancellation, asked)
    assert (ended.status, ended.request_id) == (CancellationStatus.APPROVED, asked.request_id)
    assert ended.updated_at == asked.updated_at + timedelta(days=7)
    assert seen(aws, made).status is AgreementStatus.CANCELLED


@pytest.mark.parametrize(
    ("answer", "status", "agreement"),
    [("approve", "APPROVED", "CANCELLED"), ("reject", "REJECTED", "ACTIVE")],
)
def test_the_buyer_s_answer_is_told(aws: Aws, answer: Any, status: str, agreement: str) -> None:
    made = aws.accept_offer()
    aws.sandbox.world.buyers[BUYER] = Buyer(
        BUYER, cancellation_answer=answer, cancellation_answer_after_days=2
    )
    asked = ask(aws, made)
    aws.advance(days=2, hours=1)
    assert aws.run(aws.agreements.wait_for_cancellation, asked).status == status
    assert seen(aws, made).status == agreement


def test_what_ends_meanwhile_or_is_taken_back_is_told(aws: Aws) -> None:
    made = aws.accept_offer()
    asked = ask(aws, made)
    (request,) = aws.sandbox.world.cancellation_requests.values()
    cancellations.withdraw(aws.sandbox.world, request, "A mistake")
    ended = aws.run(aws.agreements.wait_for_cancellation, asked)
    assert ended.status is CancellationStatus.CANCELLED
    again = ask(aws, made, number=2)
    end(aws.sandbox.world, made, "TERMINATED")
    ended = aws.run(aws.agreements.wait_for_cancellation, again)
    assert ended.status is CancellationStatus.VALIDATION_FAILED


# What took an agreement's place ------------------------------------------------------------------


def successor(aws: Aws, made: SandboxAgreement) -> str | None:
    found = aws.run(aws.agreements.find_successor, seen(aws, made))
    return found.agreement_id if found else None


def test_an_agreement_in_force_has_no_successor(aws: Aws) -> None:
    made = aws.accept_offer()
    assert successor(aws, made) is None
    end(aws.sandbox.world, made, "TERMINATED")
    assert successor(aws, made) is None


def test_the_newest_of_the_chain_took_its_place(aws: Aws) -> None:
    first = aws.accept_offer()
    second = amended(aws, first)
    assert successor(aws, first) == second.id
    third = amended(aws, second)
    assert successor(aws, first) == third.id
    assert successor(aws, second) == third.id
    assert successor(aws, third) is None
    assert seen(aws, third).initial_agreement_id == first.id


def test_a_renewal_takes_its_place(aws: Aws) -> None:
    made = aws.accept_offer()
    aws.advance(days=300)
    renewed = renew(aws.sandbox.world, made)
    assert seen(aws, made).status is AgreementStatus.RENEWED
    assert successor(aws, made) == renewed.id


def test_what_was_rolled_back_took_no_place(aws: Aws) -> None:
    first = aws.accept_offer()
    second = amended(aws, first)
    roll_back(aws.sandbox.world, second)
    assert seen(aws, first).status is AgreementStatus.ACTIVE
    assert successor(aws, first) is None
    aws.advance(hours=1)
    again = accept(aws.sandbox.world, second.offer_id, BUYER)
    assert successor(aws, first) == again.id


def test_the_agreements_of_others_are_no_successors(aws: Aws) -> None:
    made = aws.accept_offer()
    end(aws.sandbox.world, made, "CANCELLED")
    aws.advance(days=1)
    other = aws.accept_offer(offer_name="Another deal")
    assert successor(aws, made) is None
    assert successor(aws, other) is None


# The evidence of an acceptance -------------------------------------------------------------------


def test_what_was_rolled_back_is_given_only_until_it_is_accepted_again(aws: Aws) -> None:
    made = aws.accept_offer()
    roll_back(aws.sandbox.world, made)
    found = aws.run(aws.agreements.find_agreement, made.offer_id)
    assert (found.agreement_id, found.is_acceptance) == (made.id, False)
    aws.advance(hours=1)
    again = accept(aws.sandbox.world, made.offer_id, BUYER)
    found = aws.run(aws.agreements.find_agreement, made.offer_id)
    assert (found.agreement_id, found.is_acceptance) == (again.id, True)
    aws.advance(hours=1)
    roll_back(aws.sandbox.world, again)
    found = aws.run(aws.agreements.find_agreement, made.offer_id)
    assert (found.agreement_id, found.is_acceptance) == (again.id, False), "the newest"


def test_one_buyer_s_acceptance_stands_though_another_s_was_rolled_back(aws: Aws) -> None:
    offer_id = aws.release_offer(buyer_accounts=f"{BUYER}, 000000000012")
    stands = accept(aws.sandbox.world, offer_id, BUYER)
    aws.advance(hours=1)
    roll_back(aws.sandbox.world, accept(aws.sandbox.world, offer_id, "000000000012"))
    found = aws.run(aws.agreements.find_agreement, offer_id)
    assert (found.agreement_id, found.is_acceptance) == (stands.id, True)


# How an agreement stands -------------------------------------------------------------------------


def test_what_is_paid_up_front_is_invoiced_at_once(aws: Aws) -> None:
    made = aws.accept_offer()
    stands = aws.lookup.agreement_snapshot(made.id)
    assert stands.invoiced == 120000
    assert (stands.agreement.agreement_id, stands.agreement.buyer_account) == (made.id, BUYER)
    assert stands.agreement.ends_at == datetime(2027, 3, 2, 9, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "invoiced"), [(0, 40000), (183, 40000), (184, 80000), (330, 120000)]
)
def test_of_instalments_only_what_is_invoiced_counts(aws: Aws, days: int, invoiced: int) -> None:
    made = aws.accept_offer(**THIRDS)
    aws.advance(days=days)
    assert aws.lookup.agreement_snapshot(made.id).invoiced == invoiced


def test_invoices_are_added_up_over_all_pages_and_for_this_agreement_alone(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.aws.marketplace_lookup.PAUSE_SECONDS", 0)
    made = aws.accept_offer()
    for number in range(120):
        issued = Invoice(f"{number}", made.id, Decimal("0.01"), "USD", aws.now[0])
        aws.sandbox.world.invoices.append(issued)
    other = Invoice("other", "agmt-other", Decimal(99), "USD", aws.now[0])
    aws.sandbox.world.invoices.append(other)
    assert aws.lookup.agreement_snapshot(made.id).invoiced == Decimal("120001.20")


def test_what_was_given_back_is_taken_off(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    made = aws.accept_offer()
    client = aws.lookup._agreements
    listed = client.list_agreement_invoice_line_items

    def with_memo(**query: Any) -> Any:
        page = listed(**query)
        (invoice,) = page["agreementInvoiceLineItemGroupSummaries"]
        amount = {**invoice["pricingCurrencyAmount"], "amount": "20000.00"}
        memo = {**invoice, "invoiceType": "CREDIT_MEMO", "pricingCurrencyAmount": amount}
        return {**page, "agreementInvoiceLineItemGroupSummaries": [invoice, memo]}

    monkeypatch.setattr(client, "list_agreement_invoice_line_items", with_memo)
    assert aws.lookup.agreement_snapshot(made.id).invoiced == 100000


def test_an_agreement_that_aws_does_not_know_is_refused(aws: Aws) -> None:
    with pytest.raises(ApplicationError) as refused:
        aws.lookup.agreement_snapshot("agmt-nobody")
    assert refused.value.type == Failure.REJECTED


def test_an_agreement_without_an_end_or_a_value_is_read() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    read = documents.agreement(
        {
            "agreementId": "agmt-1",
            "proposalSummary": {"offerId": "offer-1"},
            "acceptor": {"accountId": BUYER},
            "status": "ACTIVE",
            "acceptanceTime": at,
            "startTime": at,
        }
    )
    assert (read.ends_at, read.value, read.initial_agreement_id) == (None, None, None)


# Instants -----------------------------------------------------------------------------------------


@pytest.fixture(params=["America/Los_Angeles", "Asia/Tokyo"])
def far_from_utc(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The worker's machine is in another time zone, in which boto3 tells instants."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_from_utc")
def test_the_machine_s_time_zone_changes_nothing(aws: Aws) -> None:
    made = aws.accept_offer()
    day_before = FeedPosition(since=made.accepted_at - timedelta(days=1))
    (report,) = aws.run(aws.agreements.read_agreement_feed, day_before).reports
    again = FeedPosition(since=report.updated_at - timedelta(minutes=15))
    assert aws.run(aws.agreements.read_agreement_feed, again).reports == (report,)
    later = FeedPosition(since=report.updated_at + timedelta(minutes=15))
    assert aws.run(aws.agreements.read_agreement_feed, later).reports == ()
    found = aws.run(aws.agreements.find_agreement, made.offer_id)
    assert found.accepted_at == made.accepted_at
    for told in (report.updated_at, found.accepted_at, found.starts_at, ask(aws, made).updated_at):
        assert told.utcoffset() == timedelta()
    record = OfferRecord(opportunity_id=OPPORTUNITY, agreement=found)
    written = opportunity_update(record).values["accepted_at"]
    assert written == f"{made.accepted_at:%Y-%m-%dT%H:%M:%S}.000+0000"
