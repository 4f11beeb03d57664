"""Actions of buyers, of AWS, and of the seller's users, over the control API."""

from typing import Any

import httpx
import pytest

from sandbox.aws.marketplace_state import Agreement
from sandbox.marketplace import buyers
from sandbox.tests.support.aws_seller import BUYER, Details, Seller, schedule, upfront


@pytest.fixture
def agreement(seller: Seller) -> Agreement:
    return buyers.accept(seller.world, seller.create_offer(), BUYER)


def request_cancellation(seller: Seller, agreement: Agreement) -> None:
    seller.agreements.send_agreement_cancellation_request(
        agreementId=agreement.id, reasonCode="OTHER"
    )


def shown(control: httpx.Client, agreement_id: str) -> Details:
    every = control.get("/aws").json()["agreements"]
    found: Details
    (found,) = [each for each in every if each["id"] == agreement_id]
    return found


def test_a_roll_back(control: httpx.Client, seller: Seller, agreement: Agreement) -> None:
    named = {"agreement_id": agreement.id}
    assert control.post("/roll-back", json=named).json() == {**named, "status": "ROLLED_BACK"}
    refused = control.post("/roll-back", json=named)
    assert refused.status_code == 409
    assert "ROLLED_BACK" in refused.json()["error"]
    again = control.post("/accept", json={"offer_id": agreement.offer_id, "account": BUYER})
    assert again.status_code == 200


def test_a_renewal(control: httpx.Client, seller: Seller, agreement: Agreement) -> None:
    seller.clock.advance(days=364)
    renewed = control.post("/renew", json={"agreement_id": agreement.id}).json()
    new = shown(control, renewed["agreement_id"])
    assert (new["status"], new["offer_id"]) == ("ACTIVE", renewed["offer_id"])
    assert (new["initial_agreement_id"], new["replaces"]) == (agreement.id, agreement.id)
    old = shown(control, agreement.id)
    assert (old["status"], old["replaced_by"]) == ("RENEWED", new["id"])
    refused = control.post("/renew", json={"agreement_id": agreement.id})
    assert refused.status_code == 409


@pytest.mark.parametrize(
    ("answer", "statuses"),
    [("approve", ("APPROVED", "CANCELLED")), ("reject", ("REJECTED", "ACTIVE"))],
)
def test_an_answer_on_request(
    control: httpx.Client,
    seller: Seller,
    agreement: Agreement,
    answer: str,
    statuses: tuple[str, str],
) -> None:
    body = {"agreement_id": agreement.id, "answer": answer}
    assert control.post("/cancellation", json=body).status_code == 409
    request_cancellation(seller, agreement)
    (waiting,) = shown(control, agreement.id)["cancellation_requests"]
    assert waiting["status"] == "PENDING_APPROVAL"
    assert control.post("/cancellation", json=body).json()["status"] == statuses[0]
    now = shown(control, agreement.id)
    assert (now["cancellation_requests"][0]["status"], now["status"]) == statuses


def test_buyer_settings_apply_to_pending_requests(
    control: httpx.Client, seller: Seller, agreement: Agreement
) -> None:
    request_cancellation(seller, agreement)
    seller.clock.advance(days=1)
    buyer = {"cancellation_answer": "reject", "cancellation_answer_after_days": 2}
    control.put(f"/buyers/{BUYER}", json=buyer)
    seller.clock.advance(days=4)
    (answered,) = shown(control, agreement.id)["cancellation_requests"]
    assert answered["status"] == "REJECTED"
    assert answered["updated_at"] == "2026-03-04T09:46:00+00:00"


def test_a_removed_answer_has_no_effect(
    control: httpx.Client, seller: Seller, agreement: Agreement
) -> None:
    buyer = {"cancellation_answer": "reject", "cancellation_answer_after_days": 2}
    control.put(f"/buyers/{BUYER}", json=buyer)
    request_cancellation(seller, agreement)
    control.put(f"/buyers/{BUYER}", json={"cancellation_answer": None})
    seller.clock.advance(days=3)
    (waiting,) = shown(control, agreement.id)["cancellation_requests"]
    assert waiting["status"] == "PENDING_APPROVAL"


AMENDMENT = {"name": "Ten more seats", "price": "30000.00", "end": "2027-06-30"}


@pytest.mark.parametrize("by_card", [False, True])
def test_an_amendment_in_the_portal(control: httpx.Client, seller: Seller, by_card: bool) -> None:
    seller.world.aws.dimensions = ("platform", "seats")
    card: Details = {
        "UpdatePricingTerms": upfront(("platform", "90000.00"), ("seats", "9000.00")),
        "UpdateValidityTerms": None,
        "UpdatePaymentScheduleTerms": None,
    }
    offer_id = seller.create_offer(**(card if by_card else {}))
    old = buyers.accept(seller.world, offer_id, BUYER)
    answered = control.post("/amendments", json={**AMENDMENT, "agreement_id": old.id})
    made = answered.json()["offer_id"]
    document = seller.entity(made)["DetailsDocument"]
    assert (document["State"], document["Name"]) == ("Released", "Ten more seats")
    assert "crm:" not in document["Description"]
    new = buyers.accept(seller.world, made, BUYER)
    assert str(new.value) == "30000.00"
    assert new.end.isoformat() == "2027-06-30T23:59:59.999000+00:00"
    assert {each["Type"] for each in new.terms} == {each["Type"] for each in old.terms} | {
        "ValidityTerm"
    }
    assert shown(control, old.id)["replaced_by"] == new.id
    assert shown(control, new.id)["initial_agreement_id"] == old.id


def test_buyer_settings_apply_to_an_amendment_in_the_portal(
    control: httpx.Client, seller: Seller, agreement: Agreement
) -> None:
    control.put(f"/buyers/{BUYER}", json={"accept_after_days": 1})
    later = {"agreement_id": agreement.id, "available_until": "2026-03-10"}
    control.post("/amendments", json={**AMENDMENT, **later})
    seller.clock.advance(days=1)
    assert shown(control, agreement.id)["status"] == "REPLACED"


@pytest.mark.parametrize(
    ("point", "when"),
    [("released", "2026-03-02T09:46:00+00:00"), ("last-second", "2026-03-02T23:59:59+00:00")],
)
def test_race_acceptances_of_an_amendment_in_the_portal(
    control: httpx.Client, seller: Seller, agreement: Agreement, point: str, when: str
) -> None:
    control.put(f"/buyers/{BUYER}", json={"race_acceptances": [{"point": point}]})
    control.post("/amendments", json={"agreement_id": agreement.id, **AMENDMENT})
    seller.clock.advance(days=1)
    replaced_by = shown(control, agreement.id)["replaced_by"]
    assert shown(control, replaced_by)["accepted_at"] == when


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"agreement_id": "agmt-unknown"}, "agreement_id"),
        ({"available_until": "2026-03-01"}, "available_until"),
        ({"end": "2026-03-02"}, "end"),
        ({"available_until": "2027-06-30"}, "end"),
        ({"name": None}, "name"),
    ],
)
def test_invalid_amendments(
    control: httpx.Client, agreement: Agreement, wrong: dict[str, Any], named: str
) -> None:
    body = {"agreement_id": agreement.id, **AMENDMENT, **wrong}
    refused = control.post("/amendments", json=body)
    assert refused.status_code == 400
    assert named in refused.json()["error"]


def test_an_ended_agreement_is_not_amended(control: httpx.Client, agreement: Agreement) -> None:
    control.post("/end", json={"agreement_id": agreement.id})
    refused = control.post("/amendments", json={"agreement_id": agreement.id, **AMENDMENT})
    assert "is CANCELLED" in refused.json()["error"]


def test_invoices_are_listed(control: httpx.Client, seller: Seller, agreement: Agreement) -> None:
    (invoice,) = control.get("/aws").json()["invoices"]
    assert (invoice["agreement_id"], invoice["amount"]) == (agreement.id, "120000.00")


@pytest.mark.parametrize("path", ["/roll-back", "/renew", "/cancellation"])
def test_an_unknown_agreement(control: httpx.Client, path: str) -> None:
    for body in ({}, {"agreement_id": "agmt-unknown"}):
        refused = control.post(path, json=body)
        assert refused.status_code == 400
        assert "agreement_id" in refused.json()["error"]


def test_an_unknown_answer(control: httpx.Client, agreement: Agreement) -> None:
    body = {"agreement_id": agreement.id, "answer": "perhaps"}
    refused = control.post("/cancellation", json=body)
    assert refused.status_code == 400
    assert "answer" in refused.json()["error"]


def test_a_payment_schedule_is_amended_by_one_charge(seller: Seller, control: httpx.Client) -> None:
    two = schedule(("2026-03-02", "60000.00"), ("2026-09-02", "60000.00"))
    offer_id = seller.create_offer(UpdatePaymentScheduleTerms=two)
    old = buyers.accept(seller.world, offer_id, BUYER)
    made = control.post("/amendments", json={**AMENDMENT, "agreement_id": old.id}).json()
    buyers.accept(seller.world, made["offer_id"], BUYER)
    seller.clock.advance(days=300)
    invoices = control.get("/aws").json()["invoices"]
    assert [each["amount"] for each in invoices] == ["60000.00", "30000.00"]
