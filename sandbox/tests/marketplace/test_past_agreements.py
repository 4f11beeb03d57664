"""Agreements with a past acceptance date: they look like any other, and have no payouts."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import BUYER, Seller, error_codes, pricing, schedule, validity

EARLIER: dict[str, Any] = {"account": BUYER, "accepted_on": "2025-09-01", "price": "50000.00"}


def put(control: httpx.Client, **fields: Any) -> dict[str, str]:
    answer = control.post("/agreements", json={**EARLIER, **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def search(seller: Seller, **filters: str) -> list[str]:
    every = {"PartyType": "Proposer", "AgreementType": "PurchaseAgreement", **filters}
    answer = seller.agreements.search_agreements(
        filters=[{"name": name, "values": [value]} for name, value in every.items()]
    )
    return [each["agreementId"] for each in answer["agreementViewSummaries"]]


def test_search_by_account_product_and_status(control: httpx.Client, seller: Seller) -> None:
    active = put(control)["agreement_id"]
    cancelled = put(control, account="444455556666", status="CANCELLED")["agreement_id"]
    other = put(control, product_id="prod-other00000001")["agreement_id"]
    ours = seller.world.aws.product_id

    assert search(seller, AcceptorAccountId=BUYER, ResourceIdentifier=ours, Status="ACTIVE") == [
        active
    ]
    assert search(seller, ResourceIdentifier=ours, Status="CANCELLED") == [cancelled]
    assert search(seller, ResourceIdentifier="prod-other00000001") == [other]


def test_offer_and_agreement_are_described(control: httpx.Client, seller: Seller) -> None:
    put_in = put(control, currency="EUR", months=24)

    described = seller.agreements.describe_agreement(agreementId=put_in["agreement_id"])
    terms = seller.agreements.get_agreement_terms(agreementId=put_in["agreement_id"])
    offer = seller.entity(put_in["offer_id"])["DetailsDocument"]

    assert described["status"] == "ACTIVE"
    assert described["acceptor"] == {"accountId": BUYER}
    assert described["acceptanceTime"] == described["startTime"] == datetime(2025, 9, 1, tzinfo=UTC)
    assert described["endTime"] == datetime(2027, 9, 1, tzinfo=UTC)
    assert described["estimatedCharges"] == {"currencyCode": "EUR", "agreementValue": "50000.00"}
    assert described["proposalSummary"]["offerId"] == put_in["offer_id"]
    assert len(terms["acceptedTerms"]) == 4
    assert offer["State"] == "Released"


def test_clazar_lists_offer_and_contract(control: httpx.Client, sandbox: Sandbox) -> None:
    agreement = put(control)
    headers = {"Authorization": f"Bearer {sandbox.world.clazar.oauth.issue_token()}"}

    with httpx.Client(base_url=sandbox.addresses.clazar, headers=headers) as clazar:
        (contract,) = clazar.get("/contracts/").json()["results"]
        (offer,) = clazar.get("/private_offers/").json()["results"]
        (buyer,) = clazar.get("/buyers/").json()["results"]

    assert contract["cloud_id"] == agreement["agreement_id"]
    assert contract["accepted_at"] == offer["accepted_at"] == "2025-09-01T00:00:00.000000Z"
    assert offer["cloud_id"] == agreement["offer_id"]
    assert buyer["cloud_account_id"] == BUYER


def test_it_has_no_payouts_and_expires(control: httpx.Client, seller: Seller) -> None:
    agreement = put(control)["agreement_id"]
    seller.clock.advance(days=183)
    assert control.get("/aws").json()["disbursements"] == []
    described = seller.agreements.describe_agreement(agreementId=agreement)
    assert described["status"] == "EXPIRED"


def test_an_agreement_whose_end_has_passed_is_expired(
    control: httpx.Client, seller: Seller
) -> None:
    put(control, accepted_on="2024-01-01")
    put(control, accepted_on="2023-01-01", status="EXPIRED")
    shown = control.get("/aws").json()["agreements"]
    assert [each["status"] for each in shown] == ["EXPIRED", "EXPIRED"]
    assert [each["last_update"][:10] for each in shown] == ["2025-01-01", "2024-01-01"]


def test_a_second_contract_must_be_for_another_product(
    control: httpx.Client, seller: Seller
) -> None:
    put(control, product_id="prod-other00000001")
    offer_id = seller.create_offer()
    accept = {"offer_id": offer_id, "account": BUYER}
    elsewhere = control.post("/accept", json=accept)
    assert elsewhere.status_code == 200

    put(control, account="444455556666")
    other = {"PositiveTargeting": {"BuyerAccounts": ["444455556666"]}}
    offer_id = seller.create_offer(UpdateTargeting=other)
    accept = {"offer_id": offer_id, "account": "444455556666"}
    refused = control.post("/accept", json=accept)
    assert refused.status_code == 409
    assert "already has an active contract" in refused.json()["error"]


def test_it_can_be_amended(control: httpx.Client, seller: Seller) -> None:
    agreement = put(control)["agreement_id"]
    done = seller.run(
        seller.replacement_changes(
            agreement,
            UpdatePricingTerms=pricing(quantity=2),
            UpdateValidityTerms=validity(AgreementEndDate="2027-06-30"),
            UpdatePaymentScheduleTerms=schedule(("2026-03-02", "10000.00")),
        )
    )
    assert done["Status"] == "SUCCEEDED", error_codes(done)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"account": "1234"}, "account"),
        ({"accepted_on": "2026-03-03"}, "accepted_on"),
        ({"accepted_on": "once"}, "accepted_on"),
        ({"price": None}, "price"),
        ({"months": 0}, "months"),
        ({"status": "OVER"}, "status"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_an_invalid_body_is_answered_with_the_field(
    control: httpx.Client, sandbox: Sandbox, fields: dict[str, Any], named: str
) -> None:
    answer = control.post("/agreements", json={**EARLIER, **fields})

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{named}: ")
    assert sandbox.world.aws.agreements == {}
