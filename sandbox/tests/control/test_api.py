"""The control API, and the sandbox as a command."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.__main__ import main
from sandbox.control.api import app
from sandbox.server import PortInUse, Sandbox
from sandbox.tests.support.aws_seller import BUYER, Seller

COMMAND = [sys.executable, "-m", "sandbox"]
OPPORTUNITY = {
    "Id": "006000000000001AAA",
    "Name": "Example",
    "StageName": "Closed Won",
    "CloseDate": "2026-03-01",
}


def test_opportunities(control: httpx.Client) -> None:
    assert control.post("/opportunities", json=OPPORTUNITY).status_code == 200
    control.post("/opportunities", json={**OPPORTUNITY, "Amount": 120000})
    shown = control.get("/opportunities/006000000000001").json()
    assert shown["fields"]["Name"] == "Example"
    assert shown["fields"]["Amount"] == 120000
    assert shown["history"] == []
    assert control.get("/opportunities/006000000000002AAA").status_code == 404


def test_a_buyer_accepts_on_request(control: httpx.Client, seller: Seller) -> None:
    offer_id = seller.create_offer()
    refused = control.post("/accept", json={"offer_id": offer_id, "account": "444455556666"})
    assert refused.status_code == 409
    assert "not for account" in refused.json()["error"]
    accepted = control.post("/accept", json={"offer_id": offer_id, "account": BUYER})
    assert accepted.json() == {"agreement_id": seller.agreement_of(offer_id).id}
    assert len(control.get("/aws").json()["disbursements"]) == 1


def test_buyer_settings_apply_to_existing_offers(control: httpx.Client, seller: Seller) -> None:
    offer_id = seller.create_offer()
    seller.clock.advance(days=10)
    control.put(f"/buyers/{BUYER}", json={"accept_after_days": 12})
    buyer = control.put(f"/buyers/{BUYER}", json={"exists": True}).json()
    assert (buyer["account"], buyer["exists"], buyer["accept_after_days"]) == (BUYER, True, 12)
    assert control.get("/aws").json()["agreements"] == []
    seller.clock.advance(days=2)
    assert seller.agreement_of(offer_id).accepted_at.isoformat() == "2026-03-14T09:45:00+00:00"


def test_an_acceptance_that_is_already_due_happens_now(
    control: httpx.Client, seller: Seller
) -> None:
    offer_id = seller.create_offer()
    seller.clock.advance(days=10)
    control.put(f"/buyers/{BUYER}", json={"accept_after_days": 1})
    assert seller.agreement_of(offer_id).accepted_at == seller.clock.now


def test_a_removed_buyer_setting_has_no_effect(control: httpx.Client, seller: Seller) -> None:
    control.put(f"/buyers/{BUYER}", json={"accept_after_days": 3})
    seller.create_offer()
    control.put(f"/buyers/{BUYER}", json={"accept_after_days": None})
    seller.clock.advance(days=5)
    assert control.get("/aws").json()["agreements"] == []


def test_an_account_that_does_not_exist(control: httpx.Client, seller: Seller) -> None:
    control.put(f"/buyers/{BUYER}", json={"exists": False})
    assert seller.run(seller.offer_changes())["Status"] == "FAILED"
    (failed,) = control.get("/aws").json()["change_sets"]
    assert failed["failure_code"] == "CLIENT_ERROR"


def test_end_an_agreement(control: httpx.Client, seller: Seller) -> None:
    offer_id = seller.create_offer()
    control.post("/accept", json={"offer_id": offer_id, "account": BUYER})
    agreement = seller.agreement_of(offer_id)
    end = {"agreement_id": agreement.id, "status": "TERMINATED"}
    assert control.post("/end", json=end).json() == end
    assert agreement.status == "TERMINATED"
    assert control.post("/end", json=end).status_code == 409


def test_change_set_processing_and_payouts(control: httpx.Client, sandbox: Sandbox) -> None:
    assert control.put("/change-set-processing", json={"publish_minutes": 1}).json() == {
        "preparing_minutes": 5,
        "publish_minutes": 1,
        "update_minutes": 2,
        "failures": [],
    }
    control.put("/payouts", json={"disbursed_after_days": 40})
    control.put(f"/payouts/{BUYER}", json={"parts": ["0.4", "0.6"], "outcome": "failed"})
    assert sandbox.world.money.payout_settings.disbursed_after_days == 40
    settings = sandbox.world.money.payout_settings_by_account[BUYER]
    assert [str(part) for part in settings.parts] == ["0.4", "0.6"]
    assert (settings.outcome, settings.disbursed_after_days) == ("failed", 40)


def test_rules(control: httpx.Client, sandbox: Sandbox) -> None:
    rules = {"aws.throttle": False, "money.payout_currencies": ["USD"], "clazar.delay_minutes": 0}
    answered = control.put("/rules", json=rules).json()
    assert {name: answered[name] for name in rules} == rules
    assert sandbox.world.aws.throttle is False


def test_the_products_dimensions(control: httpx.Client, seller: Seller) -> None:
    rules = control.put("/rules", json={"aws.dimensions": ["platform", "seats"]}).json()
    assert rules["aws.dimensions"] == ["platform", "seats"]
    document = seller.entity(seller.world.aws.product_id)["DetailsDocument"]
    assert [each["Key"] for each in document["Dimensions"]] == ["platform", "seats"]


def test_tokens_are_revoked(control: httpx.Client, sandbox: Sandbox) -> None:
    clients = {"clazar": sandbox.world.clazar.oauth, "salesforce": sandbox.world.salesforce.oauth}
    for system, client in clients.items():
        token = client.issue_token()
        assert control.post("/tokens/revoke", json={"system": system}).status_code == 200
        assert not client.is_valid_token(token)


def test_faults(control: httpx.Client, seller: Seller) -> None:
    fault = {"system": "catalog", "kind": "status", "status": 503, "times": None}
    shown = control.post("/faults", json=fault).json()
    assert shown["delay_seconds"] == 30
    assert control.get("/faults").json() == [shown]
    assert seller.world.faults.take("catalog", "ListEntities") is not None
    assert control.delete("/faults").json() == []
    assert control.get("/faults").json() == []


def test_calls(control: httpx.Client, seller: Seller) -> None:
    seller.start(seller.offer_changes())
    assert control.get("/calls").json() == [
        {"system": "catalog", "operation": "StartChangeSet", "count": 1}
    ]


def test_the_state_of_aws(control: httpx.Client, seller: Seller) -> None:
    offer_id = seller.create_offer()
    shown = control.get("/aws").json()
    (offer,) = shown["offers"]
    assert (offer["id"], offer["acceptable"]) == (offer_id, True)
    assert offer["availability_end"] == "2026-04-01"
    assert shown["change_sets"][0]["status"] == "SUCCEEDED"
    control.post("/accept", json={"offer_id": offer_id, "account": BUYER})
    shown = control.get("/aws").json()
    assert shown["offers"][0]["acceptable"] is False
    assert shown["agreements"][0]["value"] == "120000.00"
    assert shown["disbursements"][0]["status"] == "Not disbursed"


def test_the_clock_stops_at_the_given_time(control: httpx.Client, seller: Seller) -> None:
    change_set_id = seller.start(seller.offer_changes())
    assert control.post("/clock", json={"now": "2026-03-02T10:00:00Z"}).status_code == 200
    assert seller.describe(change_set_id)["Status"] == "SUCCEEDED"
    back = control.post("/clock", json={"now": "2026-03-02T09:59:59Z"})
    assert back.status_code == 400
    assert "2026-03-02T10:00:00" in back.json()["error"]


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
        ("POST", "/end", {"agreement_id": "agmt-unknown"}, "agreement_id"),
        ("PUT", "/change-set-processing", {"publish_minutes": "few"}, "publish_minutes"),
        ("PUT", "/payouts", {"parts": ["0.5", "0.4"]}, "parts"),
        ("PUT", "/payouts", {"parts": []}, "parts"),
        ("PUT", "/payouts", {"parts": ["-1", "2"]}, "parts"),
        ("PUT", "/payouts", {"outcome": "unknown"}, "outcome"),
        ("PUT", "/rules", {"unknown": True}, "unknown"),
        ("PUT", "/rules", {"aws.dimensions": []}, "aws.dimensions"),
        ("POST", "/tokens/revoke", {"system": "smtp"}, "system"),
        ("POST", "/faults", {"system": "catalog", "kind": "unknown"}, "kind"),
        ("POST", "/faults", {"system": "unknown", "kind": "status"}, "system"),
        ("POST", "/faults", {"system": "catalog", "kind": "status", "time": 2}, "time"),
        ("POST", "/clock", {"now": "noon"}, "now"),
        ("POST", "/clock", {}, "now"),
        ("POST", "/faults", [], "object"),
    ],
)
def test_invalid_requests_are_answered_with_the_field(
    control: httpx.Client, method: str, path: str, body: Any, named: str
) -> None:
    response = control.request(method, path, json=body)
    assert response.status_code == 400
    assert named in response.json()["error"]


def test_a_body_that_is_not_json(control: httpx.Client) -> None:
    response = control.post("/faults", content="{")
    assert response.status_code == 400
    assert "JSON" in response.json()["error"]


def test_the_documentation_names_every_route(sandbox: Sandbox) -> None:
    page = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()
    routes = app(sandbox.world, sandbox.addresses).routes
    paths = {str(getattr(route, "path", "")).partition("/{")[0] for route in routes}
    assert sorted(path for path in paths if path not in page) == []


def test_addresses(control: httpx.Client, sandbox: Sandbox) -> None:
    addresses = control.get("/addresses").json()
    assert addresses["catalog"] == sandbox.addresses.catalog
    assert httpx.get(addresses["mailbox"]).status_code == 200


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=str(port)), Sandbox(port=port):
            pass


def test_the_command_serves_until_sigterm() -> None:
    with subprocess.Popen(
        [*COMMAND, "--scale", "3600", "--origin", "2026-03-02T09:00:00Z"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        addresses = json.loads(process.stdout.readline())
        assert addresses["env"]["OFFERS_CLOCK_SCALE"] == "3600"
        assert addresses["env"]["OFFERS_CLOCK_ORIGIN"] == "2026-03-02T09:00:00+00:00"
        assert addresses["env"]["SALESFORCE_CA"] == addresses["salesforce_ca"]
        assert httpx.get(addresses["mailbox"]).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stdout.read() == ""


def test_the_command_prints_settings_for_a_shell() -> None:
    with subprocess.Popen([*COMMAND, "--env"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(18)]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert all(line.startswith("export ") for line in lines)


@pytest.mark.parametrize("wrong", [["--scale", "0"], ["--port", "70000"], ["--origin", "noon"]])
def test_invalid_arguments_of_the_command(
    wrong: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sandbox", *wrong])
    with pytest.raises(SystemExit) as refused:
        main()
    assert refused.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_the_command_names_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--port", str(port)], capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert str(port) in done.stderr
