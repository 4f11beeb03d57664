"""Counting of calls, injected faults, and AWS's rate limits."""

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from sandbox.clock import Clock
from sandbox.faults import Fault
from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import CATALOG, SESSION, Seller, status_and_code
from sandbox.tests.support.waiting import wait_until

SEARCH = {"filters": [{"name": "AgreementType", "values": ["PurchaseAgreement"]}]}


def test_rejected_calls_are_counted_too(seller: Seller) -> None:
    seller.start(seller.offer_changes())
    with pytest.raises(ClientError):
        seller.describe("unknown")
    seller.agreements.search_agreements(**SEARCH)
    assert seller.world.calls == {
        ("catalog", "StartChangeSet"): 1,
        ("catalog", "DescribeChangeSet"): 1,
        ("agreement", "SearchAgreements"): 1,
    }


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (402, "ServiceQuotaExceededException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (422, "ValidationException"),
        (423, "ResourceInUseException"),
        (429, "ThrottlingException"),
        (500, "InternalServiceException"),
        (503, "ServiceUnavailableException"),
    ],
)
def test_default_error_codes_of_the_catalog_api(seller: Seller, status: int, error: str) -> None:
    seller.world.faults.waiting.append(Fault("catalog", "status", status=status))
    with pytest.raises(ClientError) as refused:
        seller.start(seller.offer_changes())
    assert status_and_code(refused.value) == (status, error)
    assert not seller.world.aws.change_sets
    assert seller.start(seller.offer_changes())


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
    ],
)
def test_default_error_codes_of_the_agreement_api(seller: Seller, status: int, error: str) -> None:
    seller.world.faults.waiting.append(Fault("agreement", "status", status=status))
    with pytest.raises(ClientError) as refused:
        seller.agreements.search_agreements(**SEARCH)
    assert status_and_code(refused.value) == (status, error)


def test_a_fault_with_its_own_code_and_retry_after(seller: Seller) -> None:
    fault = Fault("catalog", "status", status=403, code="ExpiredTokenException", retry_after=1.5)
    seller.world.faults.waiting.append(fault)
    with pytest.raises(ClientError) as refused:
        seller.describe("any")
    response: Any = refused.value.response
    assert response["Error"]["Code"] == "ExpiredTokenException"
    assert response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1.5"


def test_a_fault_for_one_operation_and_several_calls(seller: Seller) -> None:
    fault = Fault("catalog", "status", operation="DescribeChangeSet", times=2)
    seller.world.faults.waiting.append(fault)
    change_set_id = seller.start(seller.offer_changes())
    for _ in range(2):
        with pytest.raises(ClientError):
            seller.describe(change_set_id)
    assert seller.describe(change_set_id)


@pytest.mark.parametrize(
    ("kind", "error", "done"),
    [
        ("drop_before", ConnectionClosedError, False),
        ("drop_after", ConnectionClosedError, True),
        ("timeout_before", ReadTimeoutError, False),
        ("timeout_after", ReadTimeoutError, True),
    ],
)
def test_faults_without_a_response(
    sandbox: Sandbox, seller: Seller, kind: str, error: type[Exception], done: bool
) -> None:
    client = (
        Seller(sandbox, seller.clock, read_timeout=0.3) if kind.startswith("timeout") else seller
    )
    faults = seller.world.faults.waiting
    faults.append(Fault("catalog", kind))
    with pytest.raises(error):
        client.start(seller.offer_changes(), ClientRequestToken="opp-1-rev1")
    wait_until(lambda: not faults and len(seller.world.aws.change_sets) == done)
    # A repeated request with the same token gets the same change set.
    seller.start(seller.offer_changes(), ClientRequestToken="opp-1-rev1")
    assert len(seller.world.aws.change_sets) == 1


def test_the_connection_is_closed_after_the_delay(seller: Seller, sandbox: Sandbox) -> None:
    seller.world.faults.waiting.append(Fault("agreement", "timeout_before", delay_seconds=0.1))
    started = time.monotonic()
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(sandbox.addresses.agreement, timeout=5)
    assert time.monotonic() - started >= 0.1


def test_a_dropped_connection_has_no_response(sandbox: Sandbox) -> None:
    sandbox.world.faults.waiting.append(Fault("catalog", "drop_before"))
    with pytest.raises(httpx.RemoteProtocolError, match="disconnected without sending"):
        httpx.post(f"{sandbox.addresses.catalog}/StartChangeSet", json={})


def test_aws_allows_five_start_change_set_calls_per_second(
    sandbox: Sandbox, seller: Seller, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.world.aws.throttle = True
    began = time.monotonic()
    with monkeypatch.context() as standing:
        # On a busy machine six calls can take longer than one second.
        standing.setattr("sandbox.rate_limit.time", SimpleNamespace(monotonic=lambda: began))
        for _ in range(5):
            seller.start(seller.offer_changes())
        with pytest.raises(ClientError) as refused:
            seller.start(seller.offer_changes())
    assert status_and_code(refused.value) == (429, "ThrottlingException")
    assert len(sandbox.world.aws.change_sets) == 5
    # Another operation has its own limit, and boto3's retries succeed.
    patient = SESSION.client(
        "marketplace-catalog",
        endpoint_url=sandbox.addresses.catalog,
        config=Config(retries={"mode": "standard", "max_attempts": 5}),
    )
    assert patient.list_change_sets(Catalog=CATALOG)
    assert patient.start_change_set(Catalog=CATALOG, ChangeSet=seller.offer_changes())


def test_a_faster_clock_lets_more_requests_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vendors count calls in business time, as the workers do that keep to their rates."""
    hour = timedelta(hours=1).total_seconds()
    instants = SimpleNamespace(now=time.monotonic())
    monkeypatch.setattr("sandbox.rate_limit.time", SimpleNamespace(monotonic=lambda: instants.now))
    with Sandbox(clock=Clock(scale=hour, origin=datetime.now(UTC))) as sandbox:
        catalog = SESSION.client(
            "marketplace-catalog",
            endpoint_url=sandbox.addresses.catalog,
            config=Config(retries={"total_max_attempts": 1}),
        )
        for _ in range(5):
            catalog.list_change_sets(Catalog=CATALOG)
        with pytest.raises(ClientError) as refused:
            catalog.list_change_sets(Catalog=CATALOG)
        assert status_and_code(refused.value) == (429, "ThrottlingException")
        instants.now += 1.1 / hour
        assert catalog.list_change_sets(Catalog=CATALOG)


def test_the_sandbox_stops_during_a_delayed_call(sandbox: Sandbox, clock: Any) -> None:
    seller = Seller(sandbox, clock, read_timeout=0.3)
    sandbox.world.faults.waiting.append(Fault("catalog", "timeout_before", times=None))
    with pytest.raises(ReadTimeoutError):
        seller.describe("any")
    # The fixture stops the sandbox, although the call is still delayed.
