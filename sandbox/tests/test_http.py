"""Counting of calls, injected faults, and AWS's rate limits."""

import time
from collections.abc import Callable
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


@pytest.mark.parametrize(
    ("system", "status", "error"),
    [
        ("catalog", 402, "ServiceQuotaExceededException"),
        ("catalog", 403, "AccessDeniedException"),
        ("catalog", 404, "ResourceNotFoundException"),
        ("catalog", 422, "ValidationException"),
        ("catalog", 423, "ResourceInUseException"),
        ("catalog", 429, "ThrottlingException"),
        ("catalog", 500, "InternalServiceException"),
        ("catalog", 503, "ServiceUnavailableException"),
        ("agreement", 400, "ValidationException"),
        ("agreement", 403, "AccessDeniedException"),
        ("agreement", 429, "ThrottlingException"),
        ("agreement", 500, "InternalServerException"),
    ],
)
def test_default_error_codes(seller: Seller, system: str, status: int, error: str) -> None:
    seller.world.faults.waiting.append(Fault(system, "status", status=status))
    calls: dict[str, Callable[[], Any]] = {
        "catalog": lambda: seller.start(seller.offer_changes()),
        "agreement": lambda: seller.agreements.search_agreements(**SEARCH),
    }
    with pytest.raises(ClientError) as refused:
        calls[system]()
    assert status_and_code(refused.value) == (status, error)
    assert seller.world.calls.total() == 1
    assert seller.start(seller.offer_changes())


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


@pytest.mark.parametrize(
    ("kind", "content_type", "length"),
    [
        ("malformed", "application/json", 13),
        ("html", "text/html; charset=utf-8", 50),
        ("oversized", "application/json", 1_000_015),
    ],
)
def test_answers_that_are_not_the_vendors(
    sandbox: Sandbox, kind: str, content_type: str, length: int
) -> None:
    sandbox.world.faults.clazar.add(kind, size=1_000_000)
    login = {"client_id": "a", "client_secret": "b"}
    answer = httpx.post(f"{sandbox.addresses.clazar}/authenticate/", json=login)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, content_type)
    assert len(answer.content) == length
    assert (kind == "oversized") is ("padding" in answer.text)


def test_an_answer_that_is_cut_off(sandbox: Sandbox) -> None:
    sandbox.world.faults.catalog.add("truncated")
    with pytest.raises(httpx.RemoteProtocolError, match="complete"):
        httpx.post(f"{sandbox.addresses.catalog}/StartChangeSet")


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
    sandbox.world.faults.catalog.add("timeout_before", times=None)
    with pytest.raises(ReadTimeoutError):
        seller.describe("any")
    # The fixture stops the sandbox, although the call is still delayed.
