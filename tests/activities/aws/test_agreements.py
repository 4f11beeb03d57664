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
from activities.aws.marketplace_lookup import MarketplaceLookup
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
from offers.preflight.marketplace import HeldAgreement
from sandbox.aws.marketplace_state import Agreement as SandboxAgreement
from sandbox.aws.marketplace_state import Buyer
from sandbox.billing.money import Invoice
from sandbox.marketplace import cancellations
from sandbox.marketplace.agreements import end, renew, roll_back
from sandbox.marketplace.amendments import create_amendment_in_portal
from sandbox.marketplace.buyers import accept
from tests.support.aws import Aws
from tests.support.builders import BUYER
from tests.support.workflow_harness import OPPORTUNITY

CANCELLATION_REQUEST = CancellationRequestInput(
    reason_code=CancellationReasonCode.TEST_AGREEMENT, message="It was a test."
)
THREE_INSTALLMENTS = {"payment_schedule": "2026-03-02 40000; 2026-09-02 40000; 2027-01-02 40000"}


def request_cancellation(
    aws: Aws, agreement: SandboxAgreement, number: int = 1, **changes: Any
) -> CancellationRequest:
    """Request the cancellation of an agreement."""
    request = RequestCancellation(
        agreement_id=agreement.id,
        number=number,
        request=CANCELLATION_REQUEST.model_copy(update=changes),
    )
    sent = aws.run(aws.agreements.request_cancellation, request)
    assert isinstance(sent, CancellationRequest)
    return sent


def read_agreement(aws: Aws, agreement: SandboxAgreement) -> Agreement:
    """The agreement as AWS shows it."""
    return aws.lookup.agreement_snapshot(agreement.id).agreement


def amend_in_portal(aws: Aws, agreement: SandboxAgreement, price: str = "5000") -> SandboxAgreement:
    """Create an amendment in the portal, and accept it an hour from now."""
    offer = create_amendment_in_portal(
        aws.sandbox.world,
        agreement_id=agreement.id,
        name="Amended",
        price=Decimal(price),
        end=date(2027, 12, 31),
        available_until=date(2026, 12, 1),
    )
    aws.advance(hours=1)
    return accept(aws.sandbox.world, offer.id, BUYER)


# Cancellation ----------------------------------------------------------------------------------


def test_cancellation_request_is_idempotent(aws: Aws) -> None:
    agreement = aws.accept_offer()
    first = request_cancellation(aws, agreement)
    assert (first.status, first.reason_code) == (
        CancellationStatus.PENDING_APPROVAL,
        CancellationReasonCode.TEST_AGREEMENT,
    )
    assert request_cancellation(aws, agreement) == first
    (request,) = aws.sandbox.world.aws.cancellation_requests.values()
    assert request.description == "It was a test."
    assert (request.id, request.agreement_id) == (first.request_id, agreement.id)
    assert aws.sandbox.world.calls["agreement", "SendAgreementCancellationRequest"] == 1


def test_client_token_prevents_a_duplicate_if_the_list_is_late(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreement = aws.accept_offer()
    first = request_cancellation(aws, agreement)
    client = aws.agreements._agreements
    monkeypatch.setattr(client, "list_agreement_cancellation_requests", lambda **_: {"items": []})
    assert request_cancellation(aws, agreement) == first
    assert len(aws.sandbox.world.aws.cancellation_requests) == 1


def test_existing_cancellation_request_is_used(aws: Aws) -> None:
    agreement = aws.accept_offer()
    existing = cancellations.send_request(aws.sandbox.world, agreement, "OTHER")
    found = request_cancellation(aws, agreement)
    assert (found.request_id, found.reason_code) == (existing.id, CancellationReasonCode.OTHER)
    assert len(aws.sandbox.world.aws.cancellation_requests) == 1


def test_second_cancellation_request_after_a_rejection(aws: Aws) -> None:
    agreement = aws.accept_offer()
    first = request_cancellation(aws, agreement)
    (request,) = aws.sandbox.world.aws.cancellation_requests.values()
    cancellations.answer(aws.sandbox.world, request, approve=False)
    second = request_cancellation(aws, agreement, number=2)
    assert second.request_id != first.request_id
    assert second.status is CancellationStatus.PENDING_APPROVAL


def test_each_agreement_has_its_own_cancellation_request(aws: Aws) -> None:
    aws.sandbox.world.aws.concurrent_agreements = True
    first, second = aws.accept_offer(), aws.accept_offer()
    requests = [request_cancellation(aws, agreement) for agreement in (first, second)]
    assert [each.agreement_id for each in requests] == [first.id, second.id]


@pytest.mark.parametrize("status", ["CANCELLED", "EXPIRED", "TERMINATED", "REPLACED"])
def test_cancellation_request_for_an_ended_agreement_is_rejected(aws: Aws, status: str) -> None:
    agreement = aws.accept_offer()
    end(aws.sandbox.world, agreement, status)
    with pytest.raises(ApplicationError) as rejected:
        request_cancellation(aws, agreement)
    assert rejected.value.type == Failure.REJECTED
    assert rejected.value.non_retryable
    assert status in str(rejected.value)


def test_pending_cancellation_request_is_polled_every_twelve_hours(aws: Aws) -> None:
    sent = request_cancellation(aws, aws.accept_offer())
    aws.advance(days=6, hours=23)
    with pytest.raises(ApplicationError) as waiting:
        aws.run(aws.agreements.wait_for_cancellation, sent)
    assert waiting.value.type == Failure.NOT_READY
    assert waiting.value.next_retry_delay == timedelta(hours=12)


def test_cancellation_request_is_approved_after_seven_days(aws: Aws) -> None:
    agreement = aws.accept_offer()
    sent = request_cancellation(aws, agreement)
    aws.advance(days=7, minutes=1)
    ended = aws.run(aws.agreements.wait_for_cancellation, sent)
    assert (ended.status, ended.request_id) == (CancellationStatus.APPROVED, sent.request_id)
    assert ended.updated_at == sent.updated_at + timedelta(days=7)
    assert read_agreement(aws, agreement).status is AgreementStatus.CANCELLED


@pytest.mark.parametrize(
    ("answer", "status", "agreement_status"),
    [("approve", "APPROVED", "CANCELLED"), ("reject", "REJECTED", "ACTIVE")],
)
def test_cancellation_request_has_the_buyers_answer(
    aws: Aws, answer: Any, status: str, agreement_status: str
) -> None:
    agreement = aws.accept_offer()
    aws.sandbox.world.aws.buyers[BUYER] = Buyer(
        BUYER, cancellation_answer=answer, cancellation_answer_after_days=2
    )
    sent = request_cancellation(aws, agreement)
    aws.advance(days=2, hours=1)
    assert aws.run(aws.agreements.wait_for_cancellation, sent).status == status
    assert read_agreement(aws, agreement).status == agreement_status


def test_withdrawn_and_invalid_cancellation_requests(aws: Aws) -> None:
    agreement = aws.accept_offer()
    sent = request_cancellation(aws, agreement)
    (request,) = aws.sandbox.world.aws.cancellation_requests.values()
    request.set_result("CANCELLED", "A mistake", aws.now[0])
    ended = aws.run(aws.agreements.wait_for_cancellation, sent)
    assert ended.status is CancellationStatus.CANCELLED
    again = request_cancellation(aws, agreement, number=2)
    end(aws.sandbox.world, agreement, "TERMINATED")
    ended = aws.run(aws.agreements.wait_for_cancellation, again)
    assert ended.status is CancellationStatus.VALIDATION_FAILED


# Successors --------------------------------------------------------------------------------------


def successor(aws: Aws, agreement: SandboxAgreement) -> str | None:
    found = aws.run(aws.agreements.find_successor, read_agreement(aws, agreement))
    return found.agreement_id if found else None


def test_active_or_terminated_agreement_has_no_successor(aws: Aws) -> None:
    agreement = aws.accept_offer()
    assert successor(aws, agreement) is None
    end(aws.sandbox.world, agreement, "TERMINATED")
    assert successor(aws, agreement) is None


def test_successor_is_the_newest_of_the_chain(aws: Aws) -> None:
    first = aws.accept_offer()
    second = amend_in_portal(aws, first)
    assert successor(aws, first) == second.id
    third = amend_in_portal(aws, second)
    assert successor(aws, first) == third.id
    assert successor(aws, second) == third.id
    assert successor(aws, third) is None
    assert read_agreement(aws, third).initial_agreement_id == first.id


def test_renewal_is_a_successor(aws: Aws) -> None:
    agreement = aws.accept_offer()
    aws.advance(days=300)
    renewed = renew(aws.sandbox.world, agreement)
    assert read_agreement(aws, agreement).status is AgreementStatus.RENEWED
    assert successor(aws, agreement) == renewed.id


def test_rolled_back_amendment_is_no_successor(aws: Aws) -> None:
    first = aws.accept_offer()
    second = amend_in_portal(aws, first)
    roll_back(aws.sandbox.world, second)
    assert read_agreement(aws, first).status is AgreementStatus.ACTIVE
    assert successor(aws, first) is None
    aws.advance(hours=1)
    again = accept(aws.sandbox.world, second.offer_id, BUYER)
    assert successor(aws, first) == again.id


def test_other_agreements_are_no_successors(aws: Aws) -> None:
    agreement = aws.accept_offer()
    end(aws.sandbox.world, agreement, "CANCELLED")
    aws.advance(days=1)
    other = aws.accept_offer(offer_name="Another deal")
    assert successor(aws, agreement) is None
    assert successor(aws, other) is None


# Acceptances and rollbacks -----------------------------------------------------------------------


def test_rolled_back_agreement_is_returned_until_the_next_acceptance(aws: Aws) -> None:
    agreement = aws.accept_offer()
    roll_back(aws.sandbox.world, agreement)
    found = aws.run(aws.agreements.find_agreement, agreement.offer_id)
    assert (found.agreement_id, found.is_acceptance) == (agreement.id, False)
    aws.advance(hours=1)
    again = accept(aws.sandbox.world, agreement.offer_id, BUYER)
    found = aws.run(aws.agreements.find_agreement, agreement.offer_id)
    assert (found.agreement_id, found.is_acceptance) == (again.id, True)
    aws.advance(hours=1)
    roll_back(aws.sandbox.world, again)
    found = aws.run(aws.agreements.find_agreement, agreement.offer_id)
    assert (found.agreement_id, found.is_acceptance) == (again.id, False), (
        "not the newest agreement"
    )


def test_acceptance_of_one_buyer_survives_the_rollback_of_another(aws: Aws) -> None:
    offer_id = aws.release_offer(buyer_accounts=f"{BUYER}, 000000000012")
    kept = accept(aws.sandbox.world, offer_id, BUYER)
    aws.advance(hours=1)
    roll_back(aws.sandbox.world, accept(aws.sandbox.world, offer_id, "000000000012"))
    found = aws.run(aws.agreements.find_agreement, offer_id)
    assert (found.agreement_id, found.is_acceptance) == (kept.id, True)


def test_agreement_that_ended_is_returned_before_one_that_was_rolled_back(aws: Aws) -> None:
    offer_id = aws.release_offer(buyer_accounts=f"{BUYER}, 000000000012")
    ended = accept(aws.sandbox.world, offer_id, BUYER)
    end(aws.sandbox.world, ended, "TERMINATED")
    aws.advance(hours=1)
    roll_back(aws.sandbox.world, accept(aws.sandbox.world, offer_id, "000000000012"))
    found = aws.run(aws.agreements.find_agreement, offer_id)
    assert (found.agreement_id, found.status) == (ended.id, AgreementStatus.TERMINATED)


# Agreement snapshots -----------------------------------------------------------------------------


def test_upfront_payment_is_invoiced_at_once(aws: Aws) -> None:
    agreement = aws.accept_offer()
    snapshot = aws.lookup.agreement_snapshot(agreement.id)
    assert snapshot.invoiced == 120000
    assert (snapshot.agreement.agreement_id, snapshot.agreement.buyer_account) == (
        agreement.id,
        BUYER,
    )
    assert snapshot.agreement.ends_at == datetime(2027, 3, 2, 9, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "invoiced"), [(0, 40000), (183, 40000), (184, 80000), (330, 120000)]
)
def test_only_invoiced_instalments_count(aws: Aws, days: int, invoiced: int) -> None:
    agreement = aws.accept_offer(**THREE_INSTALLMENTS)
    aws.advance(days=days)
    assert aws.lookup.agreement_snapshot(agreement.id).invoiced == invoiced


def test_invoices_of_the_agreement_are_added_over_all_pages(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.aws.marketplace_lookup.PAUSE_SECONDS", 0)
    agreement = aws.accept_offer()
    for number in range(120):
        issued = Invoice(f"{number}", agreement.id, Decimal("0.01"), "USD", aws.now[0])
        aws.sandbox.world.money.invoices.append(issued)
    other = Invoice("other", "agmt-other", Decimal(99), "USD", aws.now[0])
    aws.sandbox.world.money.invoices.append(other)
    assert aws.lookup.agreement_snapshot(agreement.id).invoiced == Decimal("120001.20")


def test_credit_memo_is_subtracted(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    agreement = aws.accept_offer()
    client = aws.lookup._agreements
    listed = client.list_agreement_invoice_line_items

    def with_memo(**query: Any) -> Any:
        page = listed(**query)
        (invoice,) = page["agreementInvoiceLineItemGroupSummaries"]
        amount = {**invoice["pricingCurrencyAmount"], "amount": "20000.00"}
        memo = {**invoice, "invoiceType": "CREDIT_MEMO", "pricingCurrencyAmount": amount}
        return {**page, "agreementInvoiceLineItemGroupSummaries": [invoice, memo]}

    monkeypatch.setattr(client, "list_agreement_invoice_line_items", with_memo)
    assert aws.lookup.agreement_snapshot(agreement.id).invoiced == 100000


def test_unknown_agreement_is_rejected(aws: Aws) -> None:
    with pytest.raises(ApplicationError) as rejected:
        aws.lookup.agreement_snapshot("agmt-unknown")
    assert rejected.value.type == Failure.REJECTED


def test_agreement_without_end_and_value() -> None:
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


# Time zones ---------------------------------------------------------------------------------------


@pytest.fixture(params=["America/Los_Angeles", "Asia/Tokyo"])
def far_from_utc(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The worker's machine is in another time zone, and boto3 returns times in it."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("far_from_utc")
def test_local_time_zone_does_not_change_times(aws: Aws) -> None:
    agreement = aws.accept_offer()
    day_before = FeedPosition(since=agreement.accepted_at - timedelta(days=1))
    (report,) = aws.run(aws.agreements.read_agreement_feed, day_before).reports
    again = FeedPosition(since=report.changed_at - timedelta(minutes=15))
    assert aws.run(aws.agreements.read_agreement_feed, again).reports == (report,)
    later = FeedPosition(since=report.changed_at + timedelta(minutes=15))
    assert aws.run(aws.agreements.read_agreement_feed, later).reports == ()
    found = aws.run(aws.agreements.find_agreement, agreement.offer_id)
    assert found.accepted_at == agreement.accepted_at
    for time_read in (
        report.changed_at,
        found.accepted_at,
        found.starts_at,
        request_cancellation(aws, agreement).updated_at,
    ):
        assert time_read.utcoffset() == timedelta()
    record = OfferRecord(opportunity_id=OPPORTUNITY, agreement=found)
    written = opportunity_update(record).values["accepted_at"]
    assert written == f"{agreement.accepted_at:%Y-%m-%dT%H:%M:%S}.000+0000"


Rows = list[dict[str, Any]]


class StubAgreements:
    """AWS's Agreement API with two pages of rows."""

    def __init__(self, key: str, *pages: Rows) -> None:
        self._key, self._pages = key, pages
        self.queries: list[dict[str, Any]] = []

    def _answer(self, **query: Any) -> dict[str, Any]:
        self.queries.append(dict(query))
        number = int(query.get("nextToken", 0))
        more = {"nextToken": str(number + 1)} if number + 1 < len(self._pages) else {}
        return {self._key: self._pages[number]} | more

    search_agreements = list_agreement_invoice_line_items = _answer

    def describe_agreement(self, **_: Any) -> dict[str, Any]:
        """An agreement in force."""
        at = datetime(2026, 3, 2, tzinfo=UTC)
        return {
            "agreementId": "agmt-1",
            "proposalSummary": {"offerId": "offer-1"},
            "acceptor": {"accountId": BUYER},
            "status": "ACTIVE",
            "acceptanceTime": at,
            "startTime": at,
        }


class NoOffers:
    """AWS's Catalog API without any offer."""

    def list_entities(self, **_: Any) -> dict[str, Any]:
        """An empty page."""
        return {"EntitySummaryList": []}


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.aws.marketplace_lookup.PAUSE_SECONDS", 0)


@pytest.mark.usefixtures("no_pauses")
def test_agreements_that_a_buyer_holds() -> None:
    ends = datetime(2027, 3, 2, tzinfo=UTC)
    active: dict[str, Any] = {"agreementId": "agmt-1", "status": "ACTIVE", "endTime": ends}
    rows: Rows = [
        active | {"proposalSummary": {"offerId": "offer-1"}},
        {"agreementId": "agmt-2", "status": "ROLLED_BACK"},
    ]
    later: Rows = [{"agreementId": "agmt-3", "status": "EXPIRED"}]
    agreements = StubAgreements("agreementViewSummaries", rows, later)
    held, offers = MarketplaceLookup(NoOffers(), agreements).of_buyers(
        "prod-1", [BUYER], date(2026, 3, 2)
    )
    known: dict[str, Any] = {"account_id": BUYER}
    assert held == [
        HeldAgreement(
            agreement_id="agmt-1", offer_id="offer-1", active=True, ends_at=ends, **known
        ),
        HeldAgreement(agreement_id="agmt-3", offer_id="", active=False, ends_at=None, **known),
    ]
    assert offers == []
    first, second = agreements.queries
    assert first == {
        "catalog": "AWSMarketplace",
        "filters": [
            {"name": "PartyType", "values": ["Proposer"]},
            {"name": "AgreementType", "values": ["PurchaseAgreement"]},
            {"name": "AcceptorAccountId", "values": [BUYER]},
            {"name": "ResourceIdentifier", "values": ["prod-1"]},
        ],
        "maxResults": 50,
    }
    assert second == first | {"nextToken": "1"}


@pytest.mark.usefixtures("no_pauses")
def test_credit_memos_lessen_what_is_invoiced() -> None:
    def row(kind: str, amount: str) -> dict[str, Any]:
        return {"invoiceType": kind, "pricingCurrencyAmount": {"amount": amount}}

    agreements = StubAgreements(
        "agreementInvoiceLineItemGroupSummaries",
        [row("INVOICE", "100.50"), row("CREDIT_MEMO", "20")],
        [row("INVOICE", "5")],
    )
    snapshot = MarketplaceLookup(NoOffers(), agreements).agreement_snapshot("agmt-1")
    assert snapshot.invoiced == Decimal("85.50")
    assert agreements.queries[0] == {
        "agreementId": "agmt-1",
        "groupBy": "INVOICE_ID",
        "maxResults": 50,
    }
