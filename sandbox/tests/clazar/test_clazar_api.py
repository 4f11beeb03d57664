"""Clazar's API: tokens, lists, the two writable fields, limits and faults."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from sandbox.aws.marketplace_state import Agreement, Offer
from sandbox.billing.money import Disbursement
from sandbox.clazar.disbursement_dataset import COLUMNS
from sandbox.marketplace import agreements
from sandbox.server import Sandbox
from sandbox.tests.support.manual_clock import ManualClock
from sandbox.world import World

BUYER = "111122223333"
CREDENTIALS = {"client_id": "example-clazar-client", "client_secret": "example-clazar-secret"}
DATASET = "/analytics/datasets/aws_marketplace_disbursements"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def clazar(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """An authenticated client."""
    token = sandbox.world.clazar.oauth.issue_token()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=sandbox.addresses.clazar, headers=headers, timeout=5) as client:
        yield client


@pytest.fixture
def world(sandbox: Sandbox) -> World:
    return sandbox.world


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


def accept(world: World, offer: Offer, acceptor: str = BUYER) -> Agreement:
    """Accept an offer now."""
    agreement = Agreement(
        id=f"agmt-{len(world.aws.agreements):025d}",
        offer_id=offer.id,
        product_id=offer.product_id,
        acceptor=acceptor,
        accepted_at=world.now(),
        start=world.now(),
        end=world.now() + timedelta(days=365),
        value=Decimal(120000),
        currency="USD",
        terms=offer.terms,
        initial_agreement_id=f"agmt-{len(world.aws.agreements):025d}",
        last_update=world.now(),
    )
    world.aws.agreements[agreement.id] = agreement
    return agreement


def only(client: httpx.Client, path: str) -> dict[str, Any]:
    (record,) = client.get(path).json()["results"]
    return dict(record)


@pytest.mark.parametrize("form", [True, False], ids=["form", "json"])
def test_valid_credentials(clazar: httpx.Client, form: bool) -> None:
    body = {**CREDENTIALS, "grant_type": "client_credentials"}
    how: dict[str, Any] = {"data": body} if form else {"json": body}

    answer = clazar.post("/authenticate/", **how)

    token = answer.json().pop("access_token")
    assert answer.json() == {"access_token": token, "token_type": "bearer", "expires_in": 86400}
    listed = clazar.get("/private_offers/", headers={"Authorization": f"Bearer {token}"})
    assert listed.status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**CREDENTIALS, "client_secret": "wrong"}, 401),
        ({**CREDENTIALS, "client_id": "wrong"}, 401),
        ({"client_id": "example-clazar-client"}, 400),
        ([], 400),
    ],
)
def test_invalid_credentials(clazar: httpx.Client, body: Any, status: int) -> None:
    answer = clazar.post("/authenticate/", json=body)

    assert answer.status_code == status
    assert "access_token" not in answer.json()


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic abc"])
def test_requests_without_a_valid_token_are_rejected(
    clazar: httpx.Client, authorization: str
) -> None:
    answer = clazar.get("/private_offers/", headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert answer.json()["detail"]


def test_an_offer_created_in_aws_is_listed_after_the_delay(
    clazar: httpx.Client, world: World, clock: ManualClock
) -> None:
    offer = release(world)
    clock.advance(minutes=9)
    assert clazar.get("/private_offers/").json() == {"count": 0, "next": None, "results": []}
    clock.advance(minutes=1)

    shown = only(clazar, "/private_offers/?response_format=common")

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
    one = clazar.get(f"/private_offers/{shown['id']}/").json()
    assert one == {**shown, "metadata": {}}


def test_drafts_and_public_offers_are_not_listed(
    clazar: httpx.Client, world: World, clock: ManualClock
) -> None:
    release(world).released_at = None
    release(world).buyer_accounts = []
    clock.advance(days=1)

    assert clazar.get("/private_offers/").json()["count"] == 0


def test_an_offer_is_open_again_when_its_acceptance_is_rolled_back(
    clazar: httpx.Client, world: World, clock: ManualClock
) -> None:
    world.clazar.delay_minutes = 0
    offer = release(world)
    agreements.roll_back(world, accept(world, offer))
    clock.advance(hours=1)
    agreements.roll_back(world, accept(world, offer))
    shown = only(clazar, "/private_offers/")
    assert (shown["status"], shown["accepted_at"]) == ("published", None)
    assert shown["last_modified_at"] == "2026-03-02T10:00:00.000000Z"
    clock.advance(hours=1)
    accept(world, offer)
    shown = only(clazar, "/private_offers/")
    assert (shown["status"], shown["accepted_at"]) == ("accepted", "2026-03-02T11:00:00.000000Z")


def test_an_acceptance_changes_the_offer(
    clazar: httpx.Client, world: World, clock: ManualClock
) -> None:
    offer = release(world, replaces_agreement="agmt-before")
    clock.advance(days=1)
    accept(world, offer)
    assert only(clazar, "/private_offers/")["accepted_at"] is None
    clock.advance(minutes=10)

    shown = only(clazar, "/private_offers/")

    assert (shown["status"], shown["offer_type"]) == ("accepted", "agreement_based_offer")
    assert shown["accepted_at"] == "2026-03-03T09:00:00.000000Z"
    assert shown["last_modified_at"] == "2026-03-03T09:10:00.000000Z"


def test_pages_while_offers_are_added(
    clazar: httpx.Client, world: World, clock: ManualClock
) -> None:
    for number in range(150):
        release(world, f"Offer {number}")
    clock.advance(days=1)
    seen: list[str] = []
    url: str | None = "/private_offers/?page=1&page_size=60"
    while url:
        answer = clazar.get(url).json()
        seen += [record["name"] for record in answer["results"]]
        url = answer["next"]
        if len(seen) == 60:
            release(world, "Offer 150")
            clock.advance(days=1)

    assert seen == [f"Offer {number}" for number in range(151)]
    assert answer["count"] == 151


def test_filter_by_modification_time(
    clazar: httpx.Client, world: World, clock: ManualClock
) -> None:
    release(world, "Early")
    clock.advance(hours=1)
    late = release(world, "Late")
    clock.advance(hours=1)
    since = "/private_offers/?last_modified_at_after="

    def names(instant: str) -> list[str]:
        return [each["name"] for each in clazar.get(since + instant).json()["results"]]

    assert names("2026-03-02T09:10:00.000000Z") == ["Late"]
    assert names("2026-03-02T09:09:59.999999Z") == ["Early", "Late"]
    late.availability_end, late.last_modified = date(2026, 5, 1), clock.now
    assert names("2026-03-02T10:10:00.000000Z") == []
    clock.advance(minutes=10)
    assert names("2026-03-02T10:10:00.000000Z") == ["Late"]


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page_size=-1", "last_modified_at_after=yesterday"]
)
def test_the_error_names_the_invalid_parameter(clazar: httpx.Client, query: str) -> None:
    answer = clazar.get(f"/private_offers/?{query}")

    assert answer.status_code == 400
    assert list(answer.json()) == [query.split("=", maxsplit=1)[0]]


def test_custom_properties_can_be_written(
    clazar: httpx.Client, world: World, clock: ManualClock
) -> None:
    release(world)
    clock.advance(hours=1)
    path = f"/private_offers/{only(clazar, '/private_offers/')['id']}/"
    link = {"salesforce": {"object_type": "Opportunity", "object_id": "006000000000001AAA"}}

    clazar.patch(path, json={"custom_properties": {"a": "1"}})
    answer = clazar.patch(
        path, json={"custom_properties": {"b": "2"}, "external_object_associations": link}
    )

    assert answer.status_code == 200
    assert answer.json()["custom_properties"] == {"b": "2"}
    assert answer.json()["external_object_associations"] == link
    assert answer.json()["last_modified_at"] == "2026-03-02T10:00:00.000000Z"
    assert answer.json() == clazar.get(path).json()


@pytest.mark.parametrize(
    ("body", "blamed"),
    [
        ({"name": "Other"}, ["name"]),
        ({"status": "accepted", "custom_properties": {"a": "1"}}, ["status"]),
        ({"custom_properties": "a"}, ["custom_properties"]),
        ({"external_object_associations": None}, ["external_object_associations"]),
        ([], ["detail"]),
    ],
)
def test_other_fields_are_read_only(
    clazar: httpx.Client, world: World, clock: ManualClock, body: Any, blamed: list[str]
) -> None:
    release(world)
    clock.advance(hours=1)
    before = only(clazar, "/private_offers/")

    answer = clazar.patch(f"/private_offers/{before['id']}/", json=body)

    assert answer.status_code == 400
    assert list(answer.json()) == blamed
    assert only(clazar, "/private_offers/") == before


def test_a_payout_is_a_row_of_63_columns(clazar: httpx.Client, world: World) -> None:
    world.money.disbursements.append(
        Disbursement(
            offer_id="offer-0000000000001",
            offer_name="Example Annual",
            agreement_id="agmt-0000000000000000000000001",
            acceptor=BUYER,
            agreement_accepted_at=START,
            agreement_start=START,
            agreement_end=START + timedelta(days=365),
            invoice_id="INV-1",
            invoice_date=START,
            payment_due=START + timedelta(days=30),
            currency="USD",
            gross=Decimal("120000.10"),
            listing_fee=Decimal("-3600.00"),
            listing_fee_percentage=Decimal(3),
            disbursed=Decimal("58200.05"),
            undisbursed=Decimal("58200.05"),
            status="Partially disbursed",
            disbursed_at=START + timedelta(days=33),
            bank_trace_id="TRACE-1",
        )
    )

    answer = clazar.get(DATASET, params={"page": 1, "page_size": 5000}).json()

    (row,) = answer["results"]
    assert (answer["count"], answer["next"]) == (1, None)
    assert len(COLUMNS) == 63
    assert set(row) == set(COLUMNS)
    filled = {name: value for name, value in row.items() if value is not None}
    assert filled == {
        "offer_id": "offer-0000000000001",
        "offer_name": "Example Annual",
        "offer_visibility": "Private",
        "agreement_id": "agmt-0000000000000000000000001",
        "agreement_acceptance_date": "2026-03-02",
        "agreement_start_date": "2026-03-02",
        "agreement_end_date": "2027-03-02",
        "invoice_id": "INV-1",
        "invoice_date": "2026-03-02",
        "payment_due_date": "2026-04-01",
        "payment_terms": "Net 30",
        "product_id": world.aws.product_id,
        "product_title": "Example SaaS",
        "payer_aws_account_id": BUYER,
        "subscriber_aws_account_id": BUYER,
        "currency": "USD",
        "gross_revenue": 120000.1,
        "listing_fee": -3600.0,
        "listing_fee_percentage": 3.0,
        "seller_net_revenue": 116400.1,
        "disbursed_net_revenue": 58200.05,
        "undisbursed_net_revenue": 58200.05,
        "disbursement_status": "Partially disbursed",
        "disbursement_date": "2026-04-04",
        "disbursement_time_in_days": 33,
        "disburse_bank_trace_id": "TRACE-1",
        "aws_seller_of_record": "Amazon Web Services, Inc.",
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/private_offers/"),
        ("DELETE", "/private_offers/1/"),
        ("GET", "/private_offers"),
        ("GET", "/contracts/"),
        ("GET", "/opportunities/"),
    ],
)
def test_what_is_not_simulated(clazar: httpx.Client, method: str, path: str) -> None:
    answer = clazar.request(method, path)

    assert answer.status_code == 501
    assert answer.json() == {"detail": f"not simulated: {method} {path}"}


@pytest.mark.parametrize(("path", "limit"), [("/private_offers/", 120), (DATASET, 30)])
def test_rate_limits(clazar: httpx.Client, world: World, path: str, limit: int) -> None:
    assert {clazar.get(path).status_code for _ in range(limit)} == {200}

    refused = clazar.get(path)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert clazar.get("/private_offers/unknown/").status_code == (404 if path == DATASET else 429)
    world.clazar.rate_limits = False
    assert clazar.get(path).status_code == 200


def test_a_fault_applies_to_one_operation(clazar: httpx.Client, world: World) -> None:
    world.faults.clazar.answer(503, "ListPrivateOffers", retry_after=2)

    assert clazar.get(DATASET).status_code == 200
    refused = clazar.get("/private_offers/")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert refused.json()["detail"]
    assert clazar.get("/private_offers/").status_code == 200
    assert world.calls["clazar", "ListPrivateOffers"] == 2
