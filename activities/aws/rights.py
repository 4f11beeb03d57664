"""Which rights in AWS we have, as far as that can be found out by reading."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from activities.aws.documents import CATALOG, OUR_AGREEMENTS
from activities.errors import aws_failure

NO_SUCH_KEY = "check-no-such-object"
"""A name that no object has: what a request for it is answered tells whether it was allowed."""


class NothingToRead(Exception):
    """There is no object yet on which the right could be tried."""


class CatalogRights:
    """Those on the Catalog API."""

    def __init__(self, catalog: Any) -> None:
        self._catalog = catalog

    def reads(self, product_id: str) -> dict[str, Callable[[], object]]:
        """By action, a call that needs it.  Raises ClientError or BotoCoreError."""
        return {
            "ListEntities": lambda: self._catalog.list_entities(
                Catalog=CATALOG, EntityType="Offer", MaxResults=1
            ),
            "DescribeEntity": lambda: self._catalog.describe_entity(
                Catalog=CATALOG, EntityId=product_id
            ),
            "ListChangeSets": self._change_sets,
            "DescribeChangeSet": self._describe_change_set,
        }

    def _change_sets(self) -> list[dict[str, Any]]:
        found = self._catalog.list_change_sets(Catalog=CATALOG, MaxResults=1)
        summaries: list[dict[str, Any]] = found["ChangeSetSummaryList"]
        return summaries

    def _describe_change_set(self) -> None:
        if not (found := self._change_sets()):
            raise NothingToRead("there is no change set yet")
        self._catalog.describe_change_set(Catalog=CATALOG, ChangeSetId=found[0]["ChangeSetId"])


class AgreementRights:
    """Those on the Agreement API."""

    def __init__(self, agreements: Any) -> None:
        self._agreements = agreements
        self._page: Future[list[dict[str, Any]]] | None = None
        self._lock = Lock()

    def reads(self) -> dict[str, Callable[[], object]]:
        """By action, a call that needs it.  Raises ClientError or BotoCoreError."""
        return {
            "SearchAgreements": self._found,
            "DescribeAgreement": lambda: self._agreements.describe_agreement(
                agreementId=self._one()
            ),
            "GetAgreementEntitlements": lambda: self._agreements.get_agreement_entitlements(
                agreementId=self._one(), maxResults=1
            ),
            "ListAgreementInvoiceLineItems": lambda: (
                self._agreements.list_agreement_invoice_line_items(
                    agreementId=self._one(), groupBy="INVOICE_ID", maxResults=1
                )
            ),
            "ListAgreementCancellationRequests": self._requests,
            "GetAgreementCancellationRequest": self._get_request,
            "ListBillingAdjustmentRequests": self._adjustments,
            "GetBillingAdjustmentRequest": self._get_adjustment,
        }

    def _found(self) -> list[dict[str, Any]]:
        """One search for all: together they would exceed AWS's rate for it."""
        with self._lock:
            if self._page is None:
                self._page = Future()
                try:
                    self._page.set_result(self._search())
                except (ClientError, BotoCoreError) as error:
                    self._page.set_exception(error)
        return self._page.result()

    def _search(self) -> list[dict[str, Any]]:
        page = self._agreements.search_agreements(
            catalog=CATALOG, filters=list(OUR_AGREEMENTS), maxResults=1
        )
        summaries: list[dict[str, Any]] = page["agreementViewSummaries"]
        return summaries

    def _one(self) -> str:
        # One that does not exist would have none of the properties that the policy demands.
        if not (found := self._found()):
            raise NothingToRead("there is no agreement yet")
        return str(found[0]["agreementId"])

    def _requests(self) -> list[dict[str, Any]]:
        page = self._agreements.list_agreement_cancellation_requests(
            partyType="Proposer", maxResults=1
        )
        items: list[dict[str, Any]] = page["items"]
        return items

    def _get_request(self) -> None:
        if not (found := self._requests()):
            raise NothingToRead("there is no cancellation request yet")
        self._agreements.get_agreement_cancellation_request(
            agreementCancellationRequestId=found[0]["agreementCancellationRequestId"],
            agreementId=found[0]["agreementId"],
        )

    def _adjustments(self) -> list[dict[str, Any]]:
        page = self._agreements.list_billing_adjustment_requests(
            agreementId=self._one(), maxResults=1
        )
        items: list[dict[str, Any]] = page["items"]
        return items

    def _get_adjustment(self) -> None:
        if not (found := self._adjustments()):
            raise NothingToRead("there is no billing adjustment yet")
        self._agreements.get_billing_adjustment_request(
            billingAdjustmentRequestId=found[0]["billingAdjustmentRequestId"],
            agreementId=found[0]["agreementId"],
        )


WRITES = (
    "aws-marketplace:StartChangeSet",
    "aws-marketplace:CancelChangeSet",
    "aws-marketplace:SendAgreementCancellationRequest",
    "aws-marketplace:BatchCreateBillingAdjustmentRequest",
)
"""What cannot be tried without writing."""


def try_reading(s3: Any, bucket: str, prefix: str) -> None:
    """Whether objects may be read.  Raises ClientError or BotoCoreError if not.

    Without the right to list, S3 refuses a request for an object that does not exist, too, and its
    message then names that right (ASSUMED: seen in messages of S3 only).
    """
    try:
        s3.get_object(Bucket=bucket, Key=f"{prefix}{NO_SUCH_KEY}")
    except ClientError as error:
        answer = error.response["Error"]
        if answer.get("Code") == "NoSuchKey" or "s3:ListBucket" in answer.get("Message", ""):
            return
        raise


def first_object(s3: Any, bucket: str, prefix: str) -> str | None:
    """The key of the first object; None if there is none.  Raises ClientError or BotoCoreError."""
    page = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    return next((each["Key"] for each in page.get("Contents", ())), None)


def is_denied(error: ClientError | BotoCoreError) -> bool:
    """Whether the credentials are good, and lack the right."""
    code = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""
    return code.startswith("AccessDenied")


def why_not(error: ClientError | BotoCoreError, vendor: str) -> str:
    """The failure in our words."""
    return aws_failure(error, vendor).message
