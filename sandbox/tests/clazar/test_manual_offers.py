"""Offers created in Clazar's pages, and their form in AWS and in Clazar's API."""

from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from sandbox.clazar.manual_offers import create_manual_offer
from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import BUYER, Seller, error_codes

OFFER: dict[str, Any] = {
    "name": "Example Corp - 12 months",
    "buyer_accounts": [BUYER],
    "price": "120000.00",
    "availability_end": "2026-04-01",
}
ORDER = [
    "CreateOffer",
    "UpdateInformation",
    "UpdateTargeting",
    "UpdatePricingTerms",
    "UpdateLegalTerms",
    "UpdateAvailability",
    "ReleaseOffer",
]


def make(control: httpx.Client, **fields: Any) -> str:
    """Create an offer; the id of the change set that Clazar submits."""
    answer = control.post("/clazar/offers", json={**OFFER, **fields})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["change_set_id"])


def made(seller: Seller, change_set_id: str) -> dict[str, Any]:
    """The offer after AWS has released it."""
    seller.clock.advance(minutes=46)
    done = seller.describe(change_set_id)
    assert done["Status"] == "SUCCEEDED", error_codes(done)
    entity = seller.entity(done["ChangeSet"][0]["Entity"]["Identifier"].removesuffix("@1"))
    document: dict[str, Any] = entity["DetailsDocument"]
    return document


def term(offer: dict[str, Any], kind: str) -> dict[str, Any] | None:
    return next((each for each in offer["Terms"] if each["Type"] == kind), None)


def test_one_dimension_becomes_a_rate_card(control: httpx.Client, seller: Seller) -> None:
    change_set_id = make(control)
    running = seller.describe(change_set_id)
    assert (running["Status"], running["ChangeSetName"]) == (
        "PREPARING",
        "Private offer by Clazar",
    )
    assert [each["ChangeType"] for each in running["ChangeSet"]] == ORDER

    offer = made(seller, change_set_id)

    assert offer["Name"] == offer["Description"] == "Example Corp - 12 months"
    pricing = term(offer, "ConfigurableUpfrontPricingTerm")
    assert pricing
    assert pricing["CurrencyCode"] == "USD"
    (card,) = pricing["RateCards"]
    assert card["Selector"] == {"Type": "Duration", "Value": "P12M"}
    assert card["RateCard"] == [{"DimensionKey": "platform", "Price": "120000.00"}]
    assert term(offer, "ValidityTerm") is term(offer, "PaymentScheduleTerm") is None
    legal = term(offer, "LegalTerm")
    assert legal
    assert legal["Documents"][0]["Type"] == "StandardEula"
    targeting = {"BuyerAccounts": [BUYER]}
    assert {"Type": "TargetingRule", "PositiveTargeting": targeting} in offer["Rules"]
    accepted = control.post("/accept", json={"offer_id": offer["Id"], "account": BUYER}).json()
    described = seller.agreements.describe_agreement(agreementId=accepted["agreement_id"])
    assert described["estimatedCharges"]["agreementValue"] == "120000.00"


@pytest.mark.parametrize(
    ("fields", "grants", "charges"),
    [
        (
            {"dimensions": {"platform": 5}},
            [("platform", 5)],
            [("2026-03-02T00:00:00.000Z", "120000.00")],
        ),
        (
            {"dimensions": {"platform": 1, "seats": 250}},
            [("platform", 1), ("seats", 250)],
            [("2026-03-02T00:00:00.000Z", "120000.00")],
        ),
        (
            {
                "schedule": [
                    {"charge_date": "2026-03-15", "amount": "70000.00"},
                    {"charge_date": "2026-09-15", "amount": "50000.00"},
                ]
            },
            [("platform", 1)],
            [
                ("2026-03-15T00:00:00.000Z", "70000.00"),
                ("2026-09-15T00:00:00.000Z", "50000.00"),
            ],
        ),
    ],
    ids=["quantity", "dimensions", "schedule"],
)
def test_other_offers_have_a_payment_schedule(
    control: httpx.Client,
    seller: Seller,
    fields: dict[str, Any],
    grants: list[tuple[str, int]],
    charges: list[tuple[str, str]],
) -> None:
    control.put("/rules", json={"aws.dimensions": ["platform", "seats"]})

    offer = made(seller, make(control, **fields, currency="EUR", months=24, net_payment_days=45))

    fixed = term(offer, "FixedUpfrontPricingTerm")
    assert fixed
    assert (fixed["Price"], fixed["CurrencyCode"]) == ("0", "EUR")
    assert [(each["DimensionKey"], each["MaxQuantity"]) for each in fixed["Grants"]] == grants
    schedule = term(offer, "PaymentScheduleTerm")
    assert schedule
    assert [(each["ChargeDate"], each["ChargeAmount"]) for each in schedule["Schedule"]] == charges
    validity = term(offer, "ValidityTerm")
    assert validity == {"Type": "ValidityTerm", "AgreementDuration": "P24M"}
    net = term(offer, "NetPaymentTerm")
    assert net == {"Type": "NetPaymentTerm", "PaymentDuePeriod": "P45D"}


@pytest.mark.parametrize("dimensions", [{"platform": 1}, {"platform": 2}])
def test_a_contract_can_start_later(
    control: httpx.Client, seller: Seller, dimensions: dict[str, int]
) -> None:
    offer = made(seller, make(control, dimensions=dimensions, contract_start="2026-05-01"))

    validity = term(offer, "ValidityTerm")
    assert validity == {
        "Type": "ValidityTerm",
        "AgreementStartDate": "2026-05-01T00:00:00.000Z",
        "AgreementEndDate": "2027-04-30T23:59:59.999Z",
    }


def test_a_renewal_is_declared(control: httpx.Client, seller: Seller) -> None:
    offer = made(seller, make(control, renewal="External", description="deal 1"))

    assert offer["Description"] == "deal 1"
    assert offer["PreExistingAgreement"] == {
        "AcquisitionChannel": "External",
        "PricingModel": "Contract",
    }


def test_a_custom_eula(control: httpx.Client, seller: Seller) -> None:
    described = seller.describe(make(control, eula_url="https://example.com/eula.pdf"))

    (legal,) = [each for each in described["ChangeSet"] if each["ChangeType"] == "UpdateLegalTerms"]
    (document,) = legal["DetailsDocument"]["Terms"][0]["Documents"]
    assert document == {"Type": "CustomEula", "Url": "https://example.com/eula.pdf"}


def test_clazar_lists_the_offer_after_its_delay(
    control: httpx.Client, sandbox: Sandbox, seller: Seller
) -> None:
    headers = {"Authorization": f"Bearer {sandbox.world.clazar.oauth.issue_token()}"}
    with httpx.Client(base_url=sandbox.addresses.clazar, headers=headers) as clazar:
        offer = made(seller, make(control))
        assert clazar.get("/private_offers/").json()["results"] == []
        seller.clock.advance(minutes=10)
        (shown,) = clazar.get("/private_offers/").json()["results"]
    assert (shown["cloud_id"], shown["name"]) == (offer["Id"], offer["Name"])


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"availability_end": "2026-02-01"}, "UpdateAvailability"),
        ({"currency": "CHF"}, "UpdatePricingTerms"),
        ({"dimensions": {"rockets": 1}}, "UpdatePricingTerms"),
        ({"months": 61}, "UpdatePricingTerms"),
        ({"net_payment_days": 7}, "UpdateNetPaymentTerms"),
        ({"contract_start": "2026-03-15"}, "UpdateValidityTerms"),
    ],
)
def test_errors_that_aws_finds_later(
    control: httpx.Client, seller: Seller, fields: dict[str, Any], found: str
) -> None:
    change_set_id = make(control, **fields)
    seller.clock.advance(minutes=46)

    done = seller.describe(change_set_id)

    assert done["Status"] == "FAILED"
    assert found in error_codes(done)
    assert seller.world.aws.offers == {}


def test_a_buyer_that_does_not_exist(control: httpx.Client, seller: Seller) -> None:
    control.put(f"/buyers/{BUYER}", json={"exists": False})
    change_set_id = make(control)
    seller.clock.advance(minutes=6)
    assert error_codes(seller.describe(change_set_id))["UpdateTargeting"] == [
        "INVALID_BUYER_ACCOUNTS"
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"buyer_accounts": ["1234"]}, "BuyerAccounts"),
        ({"name": "x" * 151}, "/DetailsDocument/Name"),
        ({"price": "1.2345"}, "Price"),
        ({"price": "0.125", "dimensions": {"platform": 2}}, "ChargeAmount"),
        ({"dimensions": {"platform": 0}}, "MaxQuantity"),
    ],
)
def test_errors_that_aws_returns_at_once(
    control: httpx.Client, seller: Seller, fields: dict[str, Any], message: str
) -> None:
    answer = control.post("/clazar/offers", json={**OFFER, **fields})

    assert answer.status_code == 409
    assert answer.json()["error"].startswith("ValidationException: ")
    assert message in answer.json()["error"]
    assert seller.world.aws.change_sets == {}


def test_the_quota_counts_its_change_sets(control: httpx.Client, seller: Seller) -> None:
    seller.world.aws.throttle = True
    for _ in range(20):
        make(control)

    answer = control.post("/clazar/offers", json=OFFER)

    assert answer.status_code == 409
    assert "ServiceQuotaExceededException" in answer.json()["error"]


@pytest.mark.parametrize("missing", sorted(OFFER))
def test_required_fields(control: httpx.Client, missing: str) -> None:
    body = {name: value for name, value in OFFER.items() if name != missing}

    answer = control.post("/clazar/offers", json=body)

    assert (answer.status_code, answer.json()["error"]) == (400, f"{missing}: it is missing")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"colour": "blue"}, "colour"),
        ({"price": "much"}, "price"),
        ({"availability_end": "soon"}, "availability_end"),
        ({"buyer_accounts": BUYER}, "buyer_accounts"),
        ({"months": 0}, "months"),
        ({"months": 1000}, "months"),
        ({"dimensions": {}}, "dimensions"),
        ({"dimensions": {"platform": "some"}}, "dimensions"),
        ({"schedule": [{"charge_date": "2026-03-15"}]}, "schedule"),
        ({"schedule": [{"charge_date": "2026-03-15", "amount": "1"}]}, "schedule"),
        ({"renewal": "yes"}, "renewal"),
    ],
)
def test_an_invalid_body_is_answered_with_the_field(
    control: httpx.Client, fields: dict[str, Any], named: str
) -> None:
    answer = control.post("/clazar/offers", json={**OFFER, **fields})

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{named}: ")


def test_called_from_python(seller: Seller) -> None:
    change_set = create_manual_offer(
        seller.world,
        name="Example",
        buyer_accounts=["444455556666"],
        price=Decimal(99),
        availability_end=date(2026, 4, 1),
    )
    seller.clock.advance(minutes=46)
    seller.world.advance()
    assert change_set.status == "SUCCEEDED"
    (offer,) = seller.world.aws.offers.values()
    assert offer.buyer_accounts == ["444455556666"]
    assert seller.world.calls == {}
