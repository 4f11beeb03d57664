"""A seller who uses boto3, and change sets in the format of AWS."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.aws.marketplace_state import Agreement
from sandbox.server import Sandbox
from sandbox.tests.support.manual_clock import ManualClock

CATALOG = "AWSMarketplace"
BUYER = "111122223333"
SESSION = boto3.Session("AKIAIOSFODNN7EXAMPLE", "example", region_name="us-east-1")

Details = dict[str, Any]


def pricing(price: str = "0.0", *, quantity: int = 1, currency: str = "USD") -> Details:
    """A fixed price; 0 if there is a payment schedule."""
    grants = [{"DimensionKey": "platform", "MaxQuantity": quantity}]
    term = {"Type": "FixedUpfrontPricingTerm", "CurrencyCode": currency, "Price": price}
    return {"PricingModel": "Contract", "Terms": [{**term, "Grants": grants}]}


def upfront(
    *rates: tuple[str, str], months: str = "P12M", allowed: tuple[bool, bool] = (False, False)
) -> Details:
    """A rate card without a choice for the buyer, paid at acceptance."""
    values = ["Allowed" if each else "Disallowed" for each in allowed]
    card = {
        "Selector": {"Type": "Duration", "Value": months},
        "RateCard": [{"DimensionKey": key, "Price": price} for key, price in rates],
        "Constraints": {
            "MultipleDimensionSelection": values[0],
            "QuantityConfiguration": values[1],
        },
    }
    term = {"Type": "ConfigurableUpfrontPricingTerm", "CurrencyCode": "USD", "RateCards": [card]}
    return {"PricingModel": "Contract", "Terms": [term]}


def validity(**dates: str) -> Details:
    return {"Terms": [{"Type": "ValidityTerm", **dates}]}


def schedule(*charges: tuple[str, str], currency: str = "USD") -> Details:
    entries = [{"ChargeDate": day, "ChargeAmount": amount} for day, amount in charges]
    return {
        "Terms": [{"Type": "PaymentScheduleTerm", "CurrencyCode": currency, "Schedule": entries}]
    }


def legal(**document: str) -> Details:
    return {"Terms": [{"Type": "LegalTerm", "Documents": [document]}]}


def net_terms(period: str) -> Details:
    return {"Terms": [{"Type": "NetPaymentTerm", "PaymentDuePeriod": period}]}


OFFER: dict[str, Details] = {
    "UpdateInformation": {"Name": "Example Corp - 12 months", "Description": "crm:opp-1 rev 1"},
    "UpdateTargeting": {"PositiveTargeting": {"BuyerAccounts": [BUYER]}},
    "UpdatePricingTerms": pricing(),
    "UpdateValidityTerms": validity(AgreementDuration="P12M"),
    "UpdatePaymentScheduleTerms": schedule(("2026-03-02", "120000.00")),
    "UpdateLegalTerms": legal(Type="StandardEula", Version="2022-07-14"),
    "UpdateAvailability": {"AvailabilityEndDate": "2026-04-01"},
    "ReleaseOffer": {},
}
"""A valid offer at the start time of the test clock: 12 months, one charge at the start."""


def change(kind: str, details: Any, entity: str | None = None, name: str | None = None) -> Details:
    request: Details = {
        "ChangeType": kind,
        "Entity": {"Type": "Offer@1.0"},
        "DetailsDocument": details,
    }
    if entity:
        request["Entity"]["Identifier"] = entity
    if name:
        request["ChangeName"] = name
    return request


class Seller:
    """Creates offers, and advances the clock by AWS's processing time."""

    def __init__(self, sandbox: Sandbox, clock: ManualClock, read_timeout: float = 10) -> None:
        """`read_timeout` is in real seconds."""
        config = Config(retries={"max_attempts": 0}, read_timeout=read_timeout)
        self.world = sandbox.world
        self.clock = clock
        self.catalog = SESSION.client(
            "marketplace-catalog", endpoint_url=sandbox.addresses.catalog, config=config
        )
        self.agreements = SESSION.client(
            "marketplace-agreement", endpoint_url=sandbox.addresses.agreement, config=config
        )

    def offer_changes(self, **details: Any) -> list[Details]:
        """The changes of a new offer; `details` replaces a change by type, or omits it if None."""
        create = details.pop("CreateOffer", {"ProductId": self.world.aws.product_id})
        reference = "$CreateOffer.Entity.Identifier"
        by_type = {**OFFER, **details}
        return [
            change("CreateOffer", create, name="CreateOffer"),
            *(change(kind, each, reference) for kind, each in by_type.items() if each is not None),
        ]

    def replacement_changes(self, agreement_id: str, **details: Any) -> list[Details]:
        """The changes of an offer that replaces an agreement."""
        reference = "$Replace.Entity.Identifier"
        by_type = {
            **OFFER,
            "UpdateTargeting": None,
            "UpdateValidityTerms": validity(AgreementEndDate="2027-06-30"),
            **details,
        }
        return [
            change("CreateReplacementOffer", {"AgreementId": agreement_id}, name="Replace"),
            *(change(kind, each, reference) for kind, each in by_type.items() if each is not None),
        ]

    def start(self, changes: list[Details], **request: Any) -> str:
        """Start a change set; its id."""
        answer = self.catalog.start_change_set(Catalog=CATALOG, ChangeSet=changes, **request)
        return str(answer["ChangeSetId"])

    def describe(self, change_set_id: str) -> Details:
        described: Details = self.catalog.describe_change_set(
            Catalog=CATALOG, ChangeSetId=change_set_id
        )
        return described

    def run(self, changes: list[Details], **request: Any) -> Details:
        """Start a change set and advance the clock to its end; its description."""
        change_set_id = self.start(changes, **request)
        self.clock.advance(minutes=46)
        return self.describe(change_set_id)

    def create(self, changes: list[Details]) -> str:
        """Create an offer by a change set that must succeed; the offer's id."""
        ended = self.run(changes)
        assert ended["Status"] == "SUCCEEDED", error_codes(ended)
        return str(ended["ChangeSet"][0]["Entity"]["Identifier"]).removesuffix("@1")

    def create_offer(self, **details: Any) -> str:
        return self.create(self.offer_changes(**details))

    def entity(self, entity_id: str) -> Details:
        described: Details = self.catalog.describe_entity(Catalog=CATALOG, EntityId=entity_id)
        return described

    def agreement_of(self, offer_id: str) -> Agreement:
        """The only agreement from an offer."""
        self.world.advance()
        (found,) = [a for a in self.world.aws.agreements.values() if a.offer_id == offer_id]
        return found


def error_codes(change_set: Details) -> dict[str, list[str]]:
    """The error codes of a change set by change type."""
    return {
        each["ChangeType"]: [error["ErrorCode"] for error in each["ErrorDetailList"]]
        for each in change_set["ChangeSet"]
        if each["ErrorDetailList"]
    }


def status_and_code(error: ClientError) -> tuple[int, str]:
    """HTTP status and error code."""
    response: Any = error.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]
