"""The control API."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.control.api import Control
from sandbox.marketplace import buyers
from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import BUYER, Seller

OPPORTUNITY = {"Id": "006000000000001AAA", "Name": "Example", "StageName": "Closed Won"}
MANUAL_OFFER = {
    "name": "Example Corp",
    "buyer_accounts": [BUYER],
    "price": "120000.00",
    "availability_end": "2026-04-01",
}


def test_buyers(control: httpx.Client, seller: Seller) -> None:
    """The settings apply to offers that exist already."""
    offer_id = seller.create_offer()
    buyer = control.put(f"/buyers/{BUYER}", json={"accept_after_days": 12}).json()
    assert (buyer["account"], buyer["exists"], buyer["accept_after_days"]) == (BUYER, True, 12)
    control.put(f"/buyers/{BUYER}", json={"accept_after_days": None})
    seller.clock.advance(days=20)
    assert control.get("/aws").json()["agreements"] == []
    control.put(f"/buyers/{BUYER}", json={"accept_after_days": 12})
    assert seller.agreement_of(offer_id).accepted_at == seller.clock.now


def test_accept_and_end(control: httpx.Client, seller: Seller) -> None:
    offer_id = seller.create_offer()
    refused = control.post("/accept", json={"offer_id": offer_id, "account": "444455556666"})
    assert refused.status_code == 409
    assert "not for account" in refused.json()["error"]
    accepted = control.post("/accept", json={"offer_id": offer_id, "account": BUYER})
    assert accepted.json() == {"agreement_id": seller.agreement_of(offer_id).id}
    clazar = control.post("/clazar/offers", json={**MANUAL_OFFER, "buyer_accounts": ["1234"]})
    assert clazar.status_code == 409
    end = {**accepted.json(), "status": "TERMINATED"}
    assert control.post("/end", json=end).json() == end
    assert control.post("/end", json=end).status_code == 409


def test_end_because_of_the_payment_instrument(control: httpx.Client, seller: Seller) -> None:
    agreement_id = buyers.accept(seller.world, seller.create_offer(), BUYER).id
    failure = {"entitlement_failure": "INVALID_PAYMENT_INSTRUMENT"}
    end = {"agreement_id": agreement_id, "status": "TERMINATED"}
    assert control.post("/end", json=end | {"entitlement_failure": "OTHER"}).status_code == 400
    assert control.post("/end", json=end | failure).json() == end
    answer = seller.agreements.get_agreement_entitlements(agreementId=agreement_id)
    (found,) = answer["agreementEntitlements"]
    assert (found["status"], found["statusReasonCode"]) == ("FAILED", "INVALID_PAYMENT_INSTRUMENT")


def test_faults(control: httpx.Client, seller: Seller) -> None:
    fault = {"system": "catalog", "kind": "status", "status": 503, "times": None}
    shown = control.post("/faults", json=fault).json()
    assert control.get("/faults").json() == [shown]
    assert seller.world.faults.take("catalog", "ListEntities") is not None
    assert control.delete("/faults").json() == control.get("/faults").json() == []


def test_the_state_of_aws_and_the_calls(control: httpx.Client, seller: Seller) -> None:
    offer_id = seller.create_offer()
    (offer,) = control.get("/aws").json()["offers"]
    assert (offer["id"], offer["acceptable"]) == (offer_id, True)
    assert offer["availability_end"] == "2026-04-01"
    control.post("/accept", json={"offer_id": offer_id, "account": BUYER})
    shown = control.get("/aws").json()
    assert shown["offers"][0]["acceptable"] is False
    assert shown["agreements"][0]["value"] == "120000.00"
    assert shown["disbursements"][0]["status"] == "Not disbursed"
    calls = {each["operation"]: each["count"] for each in control.get("/calls").json()}
    assert calls["StartChangeSet"] == 1


def test_the_clock_stops_at_the_given_time(control: httpx.Client, seller: Seller) -> None:
    change_set_id = seller.start(seller.offer_changes())
    assert control.post("/clock", json={"now": "2026-03-02T10:00:00Z"}).status_code == 200
    assert seller.describe(change_set_id)["Status"] == "SUCCEEDED"
    going_on = control.post("/clock", json={"now": "2026-03-02T10:00:00Z", "speed": 3600})
    assert going_on.json()["speed"] == 3600
    while seller.world.now() < datetime(2026, 3, 2, 10, 5, tzinfo=UTC):
        pass
    back = control.post("/clock", json={"now": "2026-03-02T09:59:59Z"})
    assert (back.status_code, "2026-03-02T10:0" in back.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("POST", "/opportunities", {**OPPORTUNITY, "Unknown": "blue"}, "Unknown"),
        ("POST", "/opportunities", {"Name": "Example"}, "Id"),
        ("PUT", "/buyers/1234", {}, "account"),
        ("PUT", f"/buyers/{BUYER}", {"exist": True}, "exist"),
        ("PUT", f"/buyers/{BUYER}", {"accept_after_days": "soon"}, "accept_after_days"),
        ("POST", "/accept", {"offer_id": "offer-1"}, "account"),
        ("POST", "/end", {}, "agreement_id"),
        ("POST", "/end", {"agreement_id": "agmt-unknown", "status": "CANCELLED"}, "agreement_id"),
        ("POST", "/clazar/offers", {**MANUAL_OFFER, "price": "much"}, "price"),
        ("POST", "/clazar/offers", {**MANUAL_OFFER, "months": 0}, "months"),
        ("PUT", "/change-set-processing", {"publish_minutes": "few"}, "publish_minutes"),
        ("PUT", "/payouts", {"parts": ["0.5", "0.4"]}, "parts"),
        ("PUT", "/payouts", {"outcome": "unknown"}, "outcome"),
        ("POST", "/faults", {"system": "catalog", "kind": "unknown"}, "kind"),
        ("POST", "/faults", {"system": "unknown", "kind": "status"}, "system"),
        ("POST", "/faults", {"system": "catalog", "kind": "status", "time": 2}, "time"),
        ("POST", "/clock", {"now": "noon"}, "now"),
        ("POST", "/clock", {}, "now"),
        ("POST", "/clock", {"now": "2030-03-02T10:00:00Z", "speed": -1}, "speed"),
        ("POST", "/faults", [], "object"),
    ],
)
def test_an_invalid_request_is_answered_with_the_field(
    control: httpx.Client, method: str, path: str, body: Any, named: str
) -> None:
    response = control.request(method, path, json=body)
    assert response.status_code == 400
    assert named in response.json()["error"]


def test_a_body_that_is_not_json(control: httpx.Client) -> None:
    response = control.post("/faults", content="{", headers={"Content-Type": "application/json"})
    assert (response.status_code, "JSON" in response.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_a_body_that_another_sites_page_can_send(
    control: httpx.Client, sandbox: Sandbox, media_type: str | None
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    body = b'{"system": "catalog", "kind": "status"}'
    response = control.post("/faults", content=body, headers=headers)
    assert response.status_code == 415
    assert response.json() == {"error": "send the body with Content-Type: application/json"}
    assert sandbox.world.faults.waiting == []
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert control.post("/faults", content=body, headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["example.com", "example.com:80", "127.0.0.1.example.com", ""])
def test_a_name_of_another_site(control: httpx.Client, sandbox: Sandbox, host: str) -> None:
    """Its page would read the answer if the name resolved to this address."""
    url, named = sandbox.addresses.control, {"Host": host}
    for path in ("/control/aws", "/control/faults", "/mail", "/", "/other"):
        response = control.get(f"{url}{path}", headers=named)
        assert response.status_code == 421
        assert response.json() == {"error": f"Host: {host!r} is not this server; use {url}"}
    fault = {"system": "catalog", "kind": "status"}
    assert control.post("/faults", headers=named, json=fault).status_code == 421
    assert sandbox.world.faults.waiting == []


def test_both_names_of_loopback(control: httpx.Client) -> None:
    for host in ("127.0.0.1", "localhost", "LOCALHOST:9000"):
        assert control.get("/faults", headers={"Host": host}).json() == []


def test_what_is_not_simulated(control: httpx.Client) -> None:
    response = control.post("/weather", json={})
    assert response.status_code == 501
    assert response.json() == {"error": "not simulated: POST /control/weather"}


def test_the_documentation_names_every_route(sandbox: Sandbox) -> None:
    page = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    routes = Control(sandbox.world, sandbox.addresses).routes()
    documented = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    missing = [
        f"{method} {path}"
        for method, path, _ in routes
        if not any(
            method in each and f"/control/{path}".split("/{")[0] in each for each in documented
        )
    ]
    assert missing == []
