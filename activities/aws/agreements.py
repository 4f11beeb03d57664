"""Activities on agreements, through AWS's Agreement API. Only an agreement proves an acceptance."""

import time
from datetime import timedelta
from typing import Any

from temporalio import activity

from activities.aws import documents
from activities.errors import AWS, aws_errors, not_ready, rejected, unavailable
from offers.agreements.agreement import (
    Agreement,
    AgreementReport,
    AgreementStatus,
    CancellationRequest,
    CancellationRequestInput,
    CancellationStatus,
)
from offers.clock import Clock, Instant
from offers.model import FrozenModel
from offers.payouts.refund import AdjustableInvoice, BillingAdjustment, Refund, RefundStatus

PAGE_PAUSE_SECONDS = 0.25
"""Between pages: the documented limit of SearchAgreements is 5 calls a second."""
PAGE_LIMIT = 60
"""Per call: 3,000 agreements stay below Temporal's 2 MB for a payload."""
READING_SECONDS = 60
"""Real seconds after which a call returns what it has: AWS may take seconds for each page."""

CANCELLATION_POLLING = timedelta(hours=12)
"""How often a cancellation request is checked: the buyer has seven days, and the agreement feed
reports the end of the agreement anyway."""


ADJUSTMENT_POLLING = timedelta(hours=1)
"""How often a refund is checked: sellers report five minutes to three days."""
CLOCK_TOLERANCE = timedelta(minutes=5)
"""By how much AWS's clock may be behind ours."""


class AgreementPage(FrozenModel):
    """A part of the agreement feed."""

    reports: tuple[AgreementReport, ...]
    is_complete: bool = True
    """Whether the feed was read to its end."""


class FeedPosition(FrozenModel):
    """Where to start reading the agreement feed: UTC, AWS's time of the last update."""

    since: Instant


class RequestCancellation(FrozenModel):
    """A request to the buyer to agree to the cancellation of an agreement."""

    agreement_id: str
    number: int
    """Its number among the requests for the agreement."""
    request: CancellationRequestInput


class AdjustInvoice(FrozenModel):
    """A refund to request from AWS."""

    refund: Refund
    since: Instant
    """When it was approved (UTC, AWS's time): AWS cannot have it from before that."""
    known: tuple[str, ...] = ()
    """The ids of the offer's other adjustments."""


class AwsAgreements:
    """Activities on agreements. The boto3 client must not retry: Temporal does."""

    def __init__(self, agreements: Any, clock: Clock) -> None:
        self._agreements = agreements
        self._clock = clock

    @activity.defn
    def find_agreement(self, offer_id: str) -> Agreement | None:
        """The agreement that proves an offer's acceptance; None if there is none.

        An offer for several accounts can have several: those in force come first, and of these the
        newest.  One that AWS rolled back is returned only if there is no other.
        """
        ended: Agreement | None = None
        undone: Agreement | None = None
        with aws_errors():
            for summary in self._newest_first("OfferId", offer_id):
                agreement = self._described(summary["agreementId"])
                if agreement.status is AgreementStatus.ACTIVE:
                    return agreement
                if agreement.is_acceptance:
                    ended = ended or agreement
                undone = undone or agreement
        return ended or undone

    @activity.defn
    def read_agreement_feed(self, position: FeedPosition) -> AgreementPage:
        """The agreements of all offers that AWS has updated since then, the oldest update first.

        A long backlog takes several calls.
        """
        reports: list[AgreementReport] = []
        query: dict[str, Any] = {
            "catalog": documents.CATALOG,
            "filters": [
                *documents.OUR_AGREEMENTS,
                {
                    "name": "AfterLastUpdateTime",
                    "values": [position.since.strftime("%Y-%m-%dT%H:%M:%SZ")],
                },
            ],
            "sort": {"sortBy": "LastUpdateTime", "sortOrder": "ASCENDING"},
            "maxResults": 50,
        }
        end = time.monotonic() + READING_SECONDS
        with aws_errors():
            for _ in range(PAGE_LIMIT):
                page = self._agreements.search_agreements(**query)
                reports += filter(
                    None, map(documents.agreement_report, page["agreementViewSummaries"])
                )
                if (is_all := not page.get("nextToken")) or time.monotonic() > end:
                    break
                query["nextToken"] = page["nextToken"]
                time.sleep(PAGE_PAUSE_SECONDS)
        return AgreementPage(reports=tuple(reports), is_complete=is_all)

    @activity.defn
    def find_successor(self, agreement: Agreement) -> Agreement | None:
        """The agreement that replaced another one: the newest of the same chain."""
        with aws_errors():
            first = agreement.initial_agreement_id or agreement.agreement_id
            for summary in self._newest_first("InitialAgreementId", first):
                if summary["agreementId"] == agreement.agreement_id:
                    return None
                if summary["status"] != AgreementStatus.ROLLED_BACK:
                    return self._described(summary["agreementId"])
        return None

    def _newest_first(self, name: str, value: str) -> list[dict[str, Any]]:
        """The summaries of our agreements with this value."""
        pages = self._agreements.get_paginator("search_agreements").paginate(
            catalog=documents.CATALOG,
            filters=[*documents.OUR_AGREEMENTS, {"name": name, "values": [value]}],
        )
        found = [summary for page in pages for summary in page["agreementViewSummaries"]]
        return sorted(found, key=lambda row: row["acceptanceTime"], reverse=True)

    def _described(self, agreement_id: str) -> Agreement:
        return documents.agreement(self._agreements.describe_agreement(agreementId=agreement_id))

    @activity.defn
    def request_cancellation(self, request: RequestCancellation) -> CancellationRequest:
        """Request the cancellation of an agreement; an open request counts as this one."""
        with aws_errors():
            pages = self._agreements.get_paginator("list_agreement_cancellation_requests").paginate(
                partyType="Proposer",
                agreementId=request.agreement_id,
                status=CancellationStatus.PENDING_APPROVAL,
            )
            for waiting in (item for page in pages for item in page["items"]):
                return documents.cancellation_request(waiting)
            return documents.cancellation_request(
                self._agreements.send_agreement_cancellation_request(
                    agreementId=request.agreement_id,
                    clientToken=f"{request.agreement_id}-cancel-{request.number}",
                    reasonCode=request.request.reason_code,
                    description=request.request.message,
                )
            )

    @activity.defn
    def wait_for_cancellation(self, request: CancellationRequest) -> CancellationRequest:
        """The answered request; fails NOT_READY while the buyer can still answer."""
        with aws_errors():
            answer = self._agreements.get_agreement_cancellation_request(
                agreementId=request.agreement_id,
                agreementCancellationRequestId=request.request_id,
            )
        now = documents.cancellation_request(answer)
        if now.status is CancellationStatus.PENDING_APPROVAL:
            wait = self._clock.real_duration(CANCELLATION_POLLING)
            raise not_ready("the buyer has not answered yet", wait)
        return now

    @activity.defn
    def read_invoices(self, agreement_id: str) -> tuple[AdjustableInvoice, ...]:
        """The invoices of an agreement, without credit memos, and what of each can be refunded."""
        with aws_errors():
            pages = self._agreements.get_paginator("list_agreement_invoice_line_items").paginate(
                agreementId=agreement_id, groupBy="INVOICE_ID"
            )
            groups = [g for page in pages for g in page["agreementInvoiceLineItemGroupSummaries"]]
        return tuple(
            documents.adjustable_invoice(group)
            for group in groups
            if group.get("invoiceType") != "CREDIT_MEMO"
        )

    @activity.defn
    def create_adjustment(self, request: AdjustInvoice) -> BillingAdjustment:
        """Request a refund from AWS.  It cannot be taken back, and must not be doubled.

        ASSUMED: AWS may forget a client token some time after the call.  So a request for the same
        invoice and amount that AWS has had since the approval counts as this one.
        """
        refund = request.refund
        with aws_errors():
            if found := self._adjustment_of(request):
                return self._adjustment(refund.agreement_id, found)
            answer = self._agreements.batch_create_billing_adjustment_request(
                billingAdjustmentRequestEntries=[documents.adjustment_entry(refund)]
            )
            for error in answer["errors"]:
                if error["code"] == "INTERNAL_FAILURE":
                    raise unavailable(AWS, error["code"])
                raise rejected(AWS, error["code"], error["message"])
            return self._adjustment(
                refund.agreement_id, answer["items"][0]["billingAdjustmentRequestId"]
            )

    def _adjustment_of(self, request: AdjustInvoice) -> str | None:
        refund = request.refund
        pages = self._agreements.get_paginator("list_billing_adjustment_requests").paginate(
            agreementId=refund.agreement_id, createdAfter=request.since - CLOCK_TOLERANCE
        )
        return next(
            (
                item["billingAdjustmentRequestId"]
                for page in pages
                for item in page["items"]
                if documents.is_adjustment_of(item, refund)
                and item["billingAdjustmentRequestId"] not in request.known
            ),
            None,
        )

    def _adjustment(self, agreement_id: str, adjustment_id: str) -> BillingAdjustment:
        return documents.billing_adjustment(
            self._agreements.get_billing_adjustment_request(
                agreementId=agreement_id, billingAdjustmentRequestId=adjustment_id
            )
        )

    @activity.defn
    def wait_for_adjustment(self, adjustment: BillingAdjustment) -> BillingAdjustment:
        """The adjustment once AWS has completed or refused it; fails NOT_READY until then."""
        with aws_errors():
            now = self._adjustment(adjustment.agreement_id, adjustment.adjustment_id)
        if now.status is RefundStatus.PENDING:
            wait = self._clock.real_duration(ADJUSTMENT_POLLING)
            raise not_ready("AWS has not processed the refund yet", wait)
        return now
