"""Clazar's API: tokens, lists, the two writable fields, limits, the dataset."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest

from sandbox.aws.marketplace_state import Offer
from sandbox.clazar.disbursement_dataset import COLUMNS
from sandbox.marketplace import agreements, buyers
from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import BUYER
from sandbox.tests.support.billing import create_agreement
from sandbox.tests.support.manual_clock import ManualClock
from sandbox.world import World

CREDENTIALS = {"client_id": "example-clazar-client", "client_secret": "example-clazar-secret"}
DATASET = "/analytics/datasets/aws_marketplace_disbursements"
OFFERS = "/private_offers/"


@pytest.fixture
def world(sandbox: Sandbox) -> World:
    sandbox.world.clazar.rate_limits = False
    return sandbox.world


@pytest.fixture
def clazar(sandbox: Sandbox, world: World) -> Iterator[httpx.Client]:
    """An authenticated client."""
    headers = {"Authorization": f"Bearer {world.clazar.oauth.issue_token()}"}
    with httpx.Client(base_url=sandbox.addresses.clazar, headers=headers, timeout=5) as client:
        yield client


def release(world: World, name: str = "Example Annual", **fields: Any) -> Offer:
    """Release an offer now."""
    offer = Offer(
        id=f"offer-{len(world.aws.offers):013d}",
        product_id=world.aws.product_id,
        state="Released",
        name=name,
        buyer_accounts=[BUYER],
        terms=[
            {"Type": "ValidityTerm", "AgreementDuration": "P12M"},
            {"Type": "LegalTerm", "Documents": [{"Type": "StandardEula"}]},
        ],
        availability_end=date(2026, 4, 1),
        released_at=world.now(),
        last_modified=world.now(),
        **fields,
    )
    world.aws.offers[offer.id] = offer
    return offer


def only(client: httpx.Client, path: str = OFFERS) -> dict[str, Any]:
    (record,) = client.get(path).json()["results"]
    return dict(record)


@pytest.mark.parametrize("encoding", ["data", "json"])
def test_valid_credentials(clazar: httpx.Client, encoding: str) -> None:
    body: Any = {encoding: {**CREDENTIALS, "grant_type": "client_credentials"}}
    answer = clazar.post("/authenticate/", **body).json()
    token = answer.pop("access_token")
    assert answer == {"token_type": "bearer", "expires_in": 86400}
    assert clazar.get(OFFERS, headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**CREDENTIALS, "client_secret": "wrong"}, 401),
        ({"client_id": "example-clazar-client"}, 400),
        ([], 400),
    ],
)
def test_invalid_credentials(clazar: httpx.Client, body: Any, status: int) -> None:
    assert clazar.post("/authenticate/", json=body).status_code == status


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic abc"])
def test_requests_without_a_valid_token(clazar: httpx.Client, authorization: str) -> None:
    answer = clazar.get(OFFERS, headers={"Authorization": authorization})
    assert (answer.status_code, list(answer.json())) == (401, ["detail"])


def test_an_offer_created_in_aws_is_listed_after_the_delay(
    clazar: httpx.Client, world: World, clock: ManualClock
) -> None:
    offer = release(world)
    release(world).released_at = None
    release(world).buyer_accounts = []
    clock.advance(minutes=9)
    assert clazar.get(OFFERS).json() == {"count": 0, "next": None, "results": []}
    clock.advance(minutes=1)
    shown = only(clazar, f"{OFFERS}?response_format=common")
    assert str(UUID(shown["id"])) == shown["id"]
    assert shown == {
        "id": shown["id"],
        "name": "Example Annual",
        "cloud": "aws",
        "cloud_id": offer.id,
        "cloud_url": "https://aws.amazon.com/marketplace/saas/ordering"
        f"?productId={world.aws.product_id}&offerId={offer.id}",
        "listing_id": shown["listing_id"],
        "offer_type": "private_offer",
        "status": "published",
        "duration": "P12M",
        "eula_type": "StandardEula",
        "published_at": "2026-03-02T09:00:00.000000Z",
        "accepted_at": None,
        "expiration_at": "2026-04-01T23:59:59.000000Z",
        "archived": "false",
        "custom_properties": {},
        "external_object_associations": {},
        "last_modified_at": "2026-03-02T09:10:00.000000Z",
    }
    assert clazar.get(f"{OFFERS}{shown['id']}/").json() == {**shown, "metadata": {}}


def test_an_acceptance_and_its_roll_back(
    clazar: httpx.Client, world: World, clock: ManualClock
) -> None:
    offer = release(world)
    clock.advance(days=1)
    agreement = buyers.accept(world, offer.id, BUYER)
    assert only(clazar)["accepted_at"] is None
    clock.advance(minutes=10)
    shown = only(clazar)
    assert (shown["status"], shown["accepted_at"]) == ("accepted", "2026-03-03T09:00:00.000000Z")
    assert shown["last_modified_at"] == "2026-03-03T09:10:00.000000Z"
    agreements.roll_back(world, agreement)
    clock.advance(minutes=10)
    shown = only(clazar)
    assert (shown["status"], shown["accepted_at"]) == ("published", None)
    assert shown["last_modified_at"] == "2026-03-03T09:20:00.000000Z"
    clock.advance(days=60)
    assert only(clazar)["status"] == "expired"
    offer.replaces_agreement = agreement.id
    assert only(clazar)["offer_type"] == "agreement_based_offer"


def test_pages_while_offers_are_added(
    clazar: httpx.Client, world: World, clock: ManualClock
) -> None:
    for number in range(150):
        release(world, f"Offer {number}")
    clock.advance(days=1)
    seen: list[str] = []
    url: str | None = f"{OFFERS}?page=1&page_size=60"
    while url:
        answer = clazar.get(url).json()
        seen += [record["name"] for record in answer["results"]]
        url = answer["next"]
        if len(seen) == 60:
            release(world, "Offer 150")
            clock.advance(days=1)
    assert seen == [f"Offer {number}" for number in range(151)]


def test_filter_by_modification_time(
    clazar: httpx.Client, world: World, clock: ManualClock
) -> None:
    for name in ("Early", "Late"):
        release(world, name)
        clock.advance(hours=1)

    def names(instant: str) -> list[str]:
        answer = clazar.get(OFFERS, params={"last_modified_at_after": instant}).json()
        return [each["name"] for each in answer["results"]]

    assert names("2026-03-02T09:10:00.000000Z") == ["Late"]
    assert names("2026-03-02T09:09:59.999999Z") == ["Early", "Late"]


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page_size=-1", "last_modified_at_after=yesterday"]
)
def test_the_error_names_the_invalid_parameter(clazar: httpx.Client, query: str) -> None:
    answer = clazar.get(f"{OFFERS}?{query}")
    assert (answer.status_code, list(answer.json())) == (400, [query.partition("=")[0]])


def test_writable_fields(clazar: httpx.Client, world: World, clock: ManualClock) -> None:
    release(world)
    clock.advance(hours=1)
    path = f"{OFFERS}{only(clazar)['id']}/"
    link = {"salesforce": {"object_type": "Opportunity", "object_id": "006000000000001AAA"}}
    clazar.patch(path, json={"custom_properties": {"a": "1"}})
    written = {"custom_properties": {"b": "2"}, "external_object_associations": link}
    answer = clazar.patch(path, json=written).json()
    assert answer == clazar.get(path).json()
    assert answer == {**answer, **written, "last_modified_at": "2026-03-02T10:00:00.000000Z"}
    rejected: list[tuple[Any, str]] = [
        ({"status": "accepted", "custom_properties": {"a": "1"}}, "status"),
        ({"custom_properties": "a"}, "custom_properties"),
        ({"external_object_associations": None}, "external_object_associations"),
        ([], "detail"),
    ]
    for body, blamed in rejected:
        refused = clazar.patch(path, json=body)
        assert (refused.status_code, list(refused.json())) == (400, [blamed])
    assert clazar.get(path).json() == answer


def test_a_payout_is_a_row_of_63_columns(
    clazar: httpx.Client, world: World, clock: ManualClock
) -> None:
    agreement = create_agreement(world)
    clock.advance(days=33)
    answer = clazar.get(DATASET, params={"page": 1, "page_size": 5000}).json()
    (row,) = answer["results"]
    assert (answer["count"], answer["next"], len(row)) == (1, None, 63)
    assert row == {
        **dict.fromkeys(COLUMNS),
        "offer_id": agreement.offer_id,
        "offer_name": "n",
        "offer_visibility": "Private",
        "agreement_id": agreement.id,
        "agreement_acceptance_date": "2026-03-02",
        "agreement_start_date": "2026-03-02",
        "agreement_end_date": "2027-03-02",
        "invoice_id": world.money.invoices[0].id,
        "invoice_date": "2026-03-02",
        "payment_due_date": "2026-04-01",
        "payment_terms": "Net 30",
        "product_id": world.aws.product_id,
        "product_title": "Example SaaS",
        "payer_aws_account_id": BUYER,
        "subscriber_aws_account_id": BUYER,
        "currency": "USD",
        "gross_revenue": 1000.0,
        "listing_fee": -30.0,
        "listing_fee_percentage": 3.0,
        "seller_net_revenue": 970.0,
        "disbursed_net_revenue": 970.0,
        "undisbursed_net_revenue": 0.0,
        "disbursement_status": "Disbursed",
        "disbursement_date": "2026-04-04",
        "disbursement_time_in_days": 33,
        "disburse_bank_trace_id": row["disburse_bank_trace_id"],
        "transaction_reference_id": row["transaction_reference_id"],
        "aws_seller_of_record": "Amazon Web Services, Inc.",
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", OFFERS), ("DELETE", f"{OFFERS}1/"), ("GET", "/contracts/")],
)
def test_what_is_not_simulated(clazar: httpx.Client, method: str, path: str) -> None:
    answer = clazar.request(method, path)
    assert answer.status_code == 501
    assert answer.json() == {"detail": f"not simulated: {method} {path}"}


@pytest.mark.parametrize(("path", "limit"), [(OFFERS, 120), (DATASET, 30)])
def test_rate_limits(clazar: httpx.Client, world: World, path: str, limit: int) -> None:
    world.clazar.rate_limits = True
    assert {clazar.get(path).status_code for _ in range(limit)} == {200}
    refused = clazar.get(path)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert clazar.get(f"{OFFERS}unknown/").status_code == (404 if path == DATASET else 429)


def test_a_fault(clazar: httpx.Client, world: World) -> None:
    world.faults.clazar.answer(503, "ListPrivateOffers", retry_after=2)
    refused = clazar.get(OFFERS)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert clazar.get(OFFERS).status_code == 200
