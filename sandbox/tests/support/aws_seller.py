"""A seller with AWS's own client, and change sets in AWS's own words."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.server import Sandbox
from sandbox.world import Agreement

CATALOG = "AWSMarketplace"
BUYER = "111122223333"
SESSION = boto3.Session("AKIAIOSFODNN7EXAMPLE", "example", region_name="us-east-1")

Details = dict[str, Any]


def pricing(price: str = "0.0", *, quantity: int = 1, currency: str = "USD") -> Details:
    """A fixed price, which goes with a payment schedule when it is 0."""
    grants = [{"DimensionKey": "platform", "MaxQuantity": quantity}]
    term = {"Type": "FixedUpfrontPricingTerm", "CurrencyCode": currency, "Price": price}
    return {"PricingModel": "Contract", "Terms": [{**term, "Grants": grants}]}


def upfront(
    *rates: tuple[str, str], months: str = "P12M", allowed: tuple[bool, bool] = (False, False)
) -> Details:
    """A rate card: the buyer takes it as it is and pays at acceptance."""
    words = ["Allowed" if each else "Disallowed" for each in allowed]
    card = {
        "Selector": {"Type": "Duration", "Value": months},
        "RateCard": [{"DimensionKey": key, "Price": price} for key, price in rates],
        "Constraints": {"MultipleDimensionSelection": words[0], "QuantityConfiguration": words[1]},
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
"""An offer that the sandbox's clock finds in order: 12 months for one up-front charge."""


def change(kind: str, details: Any, entity: str | None = None, name: str | None = None) -> Details:
    made: Details = {
        "ChangeType": kind,
        "Entity": {"Type": "Offer@1.0"},
        "DetailsDocument": details,
    }
    if entity:
        made["Entity"]["Identifier"] = entity
    if name:
        made["ChangeName"] = name
    return made


class Seller:
    """Makes offers, and lets the time pass that AWS takes for it."""

    def __init__(self, sandbox: Sandbox, clock: Any, patience: float = 10) -> None:
        """`patience`: real seconds until an answer is given up."""
        config = Config(retries={"max_attempts": 0}, read_timeout=patience)
        self.world = sandbox.world
        self.clock = clock
        self.catalog = SESSION.client(
            "marketplace-catalog", endpoint_url=sandbox.addresses.catalog, config=config
        )
        self.agreements = SESSION.client(
            "marketplace-agreement", endpoint_url=sandbox.addresses.agreement, config=config
        )

    def offer_changes(self, **details: Any) -> list[Details]:
        """The changes of a new offer; given by type: other details, or None to leave one out."""
        create = details.pop("CreateOffer", {"ProductId": self.world.product_id})
        reference = "$CreateOffer.Entity.Identifier"
        chosen = {**OFFER, **details}
        return [
            change("CreateOffer", create, name="CreateOffer"),
            *(change(kind, each, reference) for kind, each in chosen.items() if each is not None),
        ]

    def replacement_changes(self, agreement_id: str, **details: Any) -> list[Details]:
        """The changes of an offer that replaces an agreement."""
        reference = "$Replace.Entity.Identifier"
        chosen = {
            **OFFER,
            "UpdateTargeting": None,
            "UpdateValidityTerms": validity(AgreementEndDate="2027-06-30"),
            **details,
        }
        return [
            change("CreateReplacementOffer", {"AgreementId": agreement_id}, name="Replace"),
            *(change(kind, each, reference) for kind, each in chosen.items() if each is not None),
        ]

    def start(self, changes: list[Details], **request: Any) -> str:
        """The id of a change set that AWS takes on."""
        answer = self.catalog.start_change_set(Catalog=CATALOG, ChangeSet=changes, **request)
        return str(answer["ChangeSetId"])

    def describe(self, change_set_id: str) -> Details:
        described: Details = self.catalog.describe_change_set(
            Catalog=CATALOG, ChangeSetId=change_set_id
        )
        return described

    def run(self, changes: list[Details], **request: Any) -> Details:
        """A change set as it is once AWS is done with it."""
        change_set_id = self.start(changes, **request)
        self.clock.move(minutes=46)
        return self.describe(change_set_id)

    def make(self, changes: list[Details]) -> str:
        """The id of the offer that a change set makes, which must succeed."""
        done = self.run(changes)
        assert done["Status"] == "SUCCEEDED", errors(done)
        return str(done["ChangeSet"][0]["Entity"]["Identifier"]).removesuffix("@1")

    def make_offer(self, **details: Any) -> str:
        return self.make(self.offer_changes(**details))

    def entity(self, entity_id: str) -> Details:
        described: Details = self.catalog.describe_entity(Catalog=CATALOG, EntityId=entity_id)
        return described

    def agreement_of(self, offer_id: str) -> Agreement:
        """The agreement that came from an offer."""
        self.world.advance()
        (found,) = [a for a in self.world.agreements.values() if a.offer_id == offer_id]
        return found


def errors(change_set: Details) -> dict[str, list[str]]:
    """The error codes of a change set by change type."""
    return {
        each["ChangeType"]: [error["ErrorCode"] for error in each["ErrorDetailList"]]
        for each in change_set["ChangeSet"]
        if each["ErrorDetailList"]
    }


def code(error: ClientError) -> tuple[int, str]:
    """Status and code of a refusal."""
    response: Any = error.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]
