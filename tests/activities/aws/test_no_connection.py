"""AWS cannot be reached, or takes no credentials: what each activity on AWS fails with."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
import pytest
from temporalio.exceptions import ApplicationError

from activities.aws.agreements import AwsAgreements, FeedPosition, RequestCancellation
from activities.aws.catalog import (
    AwsCatalog,
    EditOffer,
    WaitForChangeSet,
    WaitForRelease,
    WithdrawOffer,
)
from activities.aws.marketplace_lookup import MarketplaceLookup
from activities.aws.seller_data_feed import SellerDataFeed
from activities.errors import Failure
from activities.eula.allowed_sources import AllowedSources
from activities.eula.documents import EulaDocuments, PublishEula
from offers.agreements.agreement import (
    Agreement,
    AgreementStatus,
    CancellationReasonCode,
    CancellationRequest,
    CancellationStatus,
)
from offers.clock import Clock
from offers.policy.policy import PublicationPolling
from runtime.clients import aws_client
from tests.support.aws import REQUEST
from tests.support.builders import CANCELLATION_REQUEST, NOW, TODAY, terms
from tests.support.vendors import OFFER, run_activity
from tests.support.workflow_harness import OPPORTUNITY, environment_variables

AGREEMENT = Agreement(
    agreement_id="agmt-1",
    offer_id=OFFER,
    buyer_account="111122223333",
    status=AgreementStatus.ACTIVE,
    accepted_at=NOW,
    starts_at=NOW,
)
CANCELLATION = CancellationRequest(
    request_id="acr-1",
    agreement_id="agmt-1",
    status=CancellationStatus.PENDING_APPROVAL,
    reason_code=CancellationReasonCode.OTHER,
    message="",
    updated_at=NOW,
)
POLLING = PublicationPolling()
EDIT = EditOffer(
    offer_id=OFFER, reference="x", number=1, before=terms(), after=terms(offer_name="Another")
)
WITHDRAW = WithdrawOffer(offer_id=OFFER, number=1, last_day=date(2026, 3, 1))
EULA = PublishEula(opportunity_id=OPPORTUNITY, revision=1, documents=("s3://example/a.pdf",))


@dataclass
class Unreachable:
    """AWS without an answer, and what an activity on it fails with."""

    expected: Failure
    is_refused: bool
    catalog: AwsCatalog
    agreements: AwsAgreements
    lookup: MarketplaceLookup
    feed: SellerDataFeed
    eula: EulaDocuments


class Refusing(BaseHTTPRequestHandler):
    """Answers each call that our credentials do not allow it."""

    def do_POST(self) -> None:
        if "/s3/" in self.headers["Authorization"]:
            body = b"<Error><Code>AccessDenied</Code></Error>"
        else:
            body = b'{"__type": "AccessDeniedException"}'
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(403)
        self.send_header("x-amzn-ErrorType", "AccessDeniedException")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_PATCH = do_POST  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def refusing_server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


CALLS: dict[str, Callable[[Unreachable], Any]] = {
    "submit": lambda aws: run_activity(aws.catalog.submit_offer, REQUEST),
    "edit": lambda aws: run_activity(aws.catalog.edit_offer, EDIT),
    "withdraw": lambda aws: run_activity(aws.catalog.withdraw_offer, WITHDRAW),
    "change set": lambda aws: run_activity(
        aws.catalog.wait_for_change_set, WaitForChangeSet(change_set_id="x", polling=POLLING)
    ),
    "cancel change set": lambda aws: run_activity(aws.catalog.cancel_change_set, "x"),
    "read offer": lambda aws: run_activity(aws.catalog.read_offer, OFFER),
    "release": lambda aws: run_activity(
        aws.catalog.wait_for_release, WaitForRelease(offer_id=OFFER, polling=POLLING)
    ),
    "find agreement": lambda aws: run_activity(aws.agreements.find_agreement, OFFER),
    "agreement feed": lambda aws: run_activity(
        aws.agreements.read_agreement_feed, FeedPosition(since=NOW)
    ),
    "successor": lambda aws: run_activity(aws.agreements.find_successor, AGREEMENT),
    "request cancellation": lambda aws: run_activity(
        aws.agreements.request_cancellation,
        RequestCancellation(agreement_id="agmt-1", number=1, request=CANCELLATION_REQUEST),
    ),
    "cancellation": lambda aws: run_activity(aws.agreements.wait_for_cancellation, CANCELLATION),
    "look": lambda aws: aws.lookup.look("prod-1", ["111122223333"], TODAY),
    "snapshot": lambda aws: aws.lookup.agreement_snapshot("agmt-1"),
    "publish EULA": lambda aws: run_activity(aws.eula.publish, EULA),
    "payout data": lambda aws: asyncio.run(aws.feed.read(None, TODAY)),
}


@contextmanager
def no_server() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture(scope="module", params=["no answer", "no credentials", "refused credentials"])
def aws(request: pytest.FixtureRequest) -> Iterator[Unreachable]:
    """No server listens, and there may be no credentials; or AWS refuses them."""
    server = refusing_server() if request.param == "refused credentials" else no_server()
    with server as port, pytest.MonkeyPatch.context() as patch:
        variables = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if request.param != "no credentials":
            variables |= {"AWS_ACCESS_KEY_ID": "example", "AWS_SECRET_ACCESS_KEY": "example"}
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials of other tests
        with environment_variables(variables):
            catalog, agreements, s3 = map(
                aws_client, ("marketplace-catalog", "marketplace-agreement", "s3")
            )
            yield Unreachable(
                Failure.UNAVAILABLE if request.param == "no answer" else Failure.CREDENTIALS,
                request.param == "refused credentials",
                AwsCatalog(catalog, agreements, Clock(), "https://example.com/{offer_id}"),
                AwsAgreements(agreements, Clock()),
                MarketplaceLookup(catalog, agreements),
                SellerDataFeed(s3, "example-feed", "", 1),
                EulaDocuments(s3, "example-offers", AllowedSources.parse("s3://example")),
            )


@pytest.mark.parametrize("name", CALLS)
def test_failure_without_an_answer(aws: Unreachable, name: str) -> None:
    vendor = "Amazon S3" if name in ("publish EULA", "payout data") else "AWS Marketplace"
    expected = aws.expected
    if (name, aws.is_refused) == ("publish EULA", True):
        # The bucket of a contract's document may be the customer's: it is the deal's problem.
        vendor, expected = "Our check of the contract", Failure.REJECTED
    with pytest.raises(ApplicationError, match=vendor) as raised:
        CALLS[name](aws)
    assert raised.value.type == expected
