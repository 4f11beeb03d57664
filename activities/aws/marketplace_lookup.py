"""Reads AWS Marketplace: the product, offers, and buyers' agreements and entitlements."""

import json
import time
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from activities.aws import documents
from activities.errors import aws_errors, aws_failure
from offers.agreements.agreement import Agreement, AgreementStatus, Entitlement
from offers.agreements.amendment_pricing import AgreementSnapshot
from offers.lifecycle.read_back import PublishedOffer
from offers.preflight.marketplace import HeldAgreement, Marketplace, OpenOffer, Product

PAUSE_SECONDS = 0.25
"""Between two calls for one deal: the documented limit of SearchAgreements and ListEntities is 5 a
second."""
PAGE_LIMIT = 20
ENDED_WITHOUT_SALE = "ROLLED_BACK"
"""AWS undid the acceptance within minutes: there never was an agreement."""


class MarketplaceLookup:
    """Reads the Catalog and Agreement APIs, and writes nothing."""

    def __init__(self, catalog: Any, agreements: Any) -> None:
        self._catalog = catalog
        self._agreements = agreements

    def look(
        self,
        product_id: str,
        accounts: Iterable[str],
        today: date,
        known_offer_id: str | None = None,
    ) -> Marketplace:
        """The product, the agreements and open offers of buyer accounts, and a known offer.

        `today` is a UTC date.  Raises the ApplicationError to fail with.
        """
        try:
            product = self._product(product_id)
            held, offers = self.of_buyers(product_id, accounts, today)
            known = self._known(known_offer_id, today) if known_offer_id else None
        except (ClientError, BotoCoreError) as error:
            raise aws_failure(error) from None
        return Marketplace(
            product=product,
            agreements=tuple(held),
            open_offers=tuple(offer for offer in offers if offer.offer_id != known_offer_id),
            known_offer=known,
        )

    def find_agreement(self, agreement_id: str) -> Agreement | None:
        """An agreement of ours by its id.  Raises the ApplicationError to fail with."""
        try:
            return documents.agreement(
                self._agreements.describe_agreement(agreementId=agreement_id)
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise aws_failure(error) from None
        except BotoCoreError as error:
            raise aws_failure(error) from None

    def find_offer(self, offer_id: str) -> PublishedOffer | None:
        """An offer of ours by its id.  Raises the ApplicationError to fail with."""
        with aws_errors():
            entity = self._described(offer_id)
        return None if entity is None else _published_offer(offer_id, entity)

    def agreements_of(self, offer_id: str) -> tuple[Agreement, ...]:
        """All agreements of an offer: the active ones first, then the newest.

        Raises the ApplicationError to fail with.
        """
        found: list[Agreement] = []
        with aws_errors():
            pages = self._agreements.get_paginator("search_agreements").paginate(
                catalog=documents.CATALOG,
                filters=[*documents.OUR_AGREEMENTS, {"name": "OfferId", "values": [offer_id]}],
            )
            for number, row in enumerate(r for p in pages for r in p["agreementViewSummaries"]):
                if number:
                    time.sleep(PAUSE_SECONDS)
                described = self._agreements.describe_agreement(agreementId=row["agreementId"])
                found.append(documents.agreement(described))
        found.sort(key=lambda each: each.accepted_at, reverse=True)
        return tuple(sorted(found, key=lambda each: each.status is not AgreementStatus.ACTIVE))

    def entitlements(self, agreement_id: str) -> tuple[Entitlement, ...]:
        """What AWS has given an agreement's buyer.  Raises the ApplicationError to fail with."""
        with aws_errors():
            pages = self._agreements.get_paginator("get_agreement_entitlements").paginate(
                agreementId=agreement_id
            )
            rows = [row for page in pages for row in page.get("agreementEntitlements", ())]
        return tuple(
            Entitlement(
                agreement_id=agreement_id,
                status=row.get("status", "unknown"),
                reason=row.get("statusReasonCode"),
            )
            for row in rows
        )

    def agreement_snapshot(self, agreement_id: str) -> AgreementSnapshot:
        """The current state of an agreement, and its invoiced amount.

        Raises the ApplicationError to fail with.
        """
        try:
            agreement = documents.agreement(
                self._agreements.describe_agreement(agreementId=agreement_id)
            )
            return AgreementSnapshot(
                agreement=agreement, invoiced=sum(self._invoices(agreement_id), Decimal())
            )
        except (ClientError, BotoCoreError) as error:
            raise aws_failure(error) from None

    def find_product(self, product_id: str) -> Product | None:
        """A product of ours by its id.  Raises the ApplicationError to fail with."""
        try:
            return self._product(product_id)
        except (ClientError, BotoCoreError) as error:
            raise aws_failure(error) from None

    def _invoices(self, agreement_id: str) -> Iterator[Decimal]:
        query: dict[str, Any] = {
            "agreementId": agreement_id,
            "groupBy": "INVOICE_ID",
            "maxResults": 50,
        }
        for _ in range(PAGE_LIMIT):
            page = self._agreements.list_agreement_invoice_line_items(**query)
            for invoice in page["agreementInvoiceLineItemGroupSummaries"]:
                amount = Decimal(invoice["pricingCurrencyAmount"]["amount"])
                yield -amount if invoice["invoiceType"] == "CREDIT_MEMO" else amount
            if not page.get("nextToken"):
                return
            query["nextToken"] = page["nextToken"]
            time.sleep(PAUSE_SECONDS)

    def of_buyers(
        self, product_id: str, accounts: Iterable[str], today: date
    ) -> tuple[list[HeldAgreement], list[OpenOffer]]:
        """The agreements of buyer accounts, and the offers that they can still accept.

        Raises ClientError or BotoCoreError.
        """
        held: list[HeldAgreement] = []
        offers: dict[str, OpenOffer] = {}
        for number, account in enumerate(accounts):
            if number:
                time.sleep(PAUSE_SECONDS)
            theirs = list(self._held(product_id, account))
            taken = {agreement.offer_id for agreement in theirs}
            held += theirs
            for offer in self._open(product_id, account, today):
                if offer.offer_id not in taken:
                    offers[offer.offer_id] = offer
        return held, list(offers.values())

    def _known(self, offer_id: str, today: date) -> OpenOffer | None:
        """An offer, if buyers can still accept it."""
        entity = self._described(offer_id)
        if entity is None:
            return None
        offer = _published_offer(offer_id, entity)
        if not offer.released or offer.is_void(today):
            return None
        return OpenOffer(
            offer_id=offer_id,
            buyer_accounts=offer.buyer_accounts,
            availability_end=offer.availability_end,
        )

    def _product(self, product_id: str) -> Product | None:
        entity = self._described(product_id)
        return None if entity is None else documents.product(entity)

    def _described(self, entity_id: str) -> dict[str, Any] | None:
        try:
            entity: dict[str, Any] = self._catalog.describe_entity(
                Catalog=documents.CATALOG, EntityId=entity_id
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise
        return entity

    def _held(self, product_id: str, account: str) -> Iterator[HeldAgreement]:
        query: dict[str, Any] = {
            "catalog": documents.CATALOG,
            "filters": [
                *documents.OUR_AGREEMENTS,
                {"name": "AcceptorAccountId", "values": [account]},
                {"name": "ResourceIdentifier", "values": [product_id]},
            ],
            "maxResults": 50,
        }
        for _ in range(PAGE_LIMIT):
            page = self._agreements.search_agreements(**query)
            for row in page["agreementViewSummaries"]:
                if row["status"] != ENDED_WITHOUT_SALE:
                    yield HeldAgreement(
                        agreement_id=row["agreementId"],
                        offer_id=row.get("proposalSummary", {}).get("offerId", ""),
                        account_id=account,
                        active=row["status"] == "ACTIVE",
                        ends_at=row.get("endTime"),
                    )
            if not page.get("nextToken"):
                return
            query["nextToken"] = page["nextToken"]
            time.sleep(PAUSE_SECONDS)

    def _open(self, product_id: str, account: str, today: date) -> Iterator[OpenOffer]:
        query: dict[str, Any] = {
            "Catalog": documents.CATALOG,
            "EntityType": "Offer",
            "EntityTypeFilters": {
                "OfferFilters": {
                    "BuyerAccounts": {"WildCardValue": account},
                    "ProductId": {"ValueList": [product_id]},
                    "State": {"ValueList": ["Released"]},
                    "AvailabilityEndDate": {
                        "DateRange": {"AfterValue": f"{today.isoformat()}T00:00:00Z"}
                    },
                }
            },
            "MaxResults": 50,
        }
        for _ in range(PAGE_LIMIT):
            page = self._catalog.list_entities(**query)
            for row in page["EntitySummaryList"]:
                summary = row["OfferSummary"]
                # The wildcard search finds other offers, too.
                if account in summary.get("BuyerAccounts", ()):
                    yield OpenOffer(
                        offer_id=row["EntityId"].partition("@")[0],
                        buyer_accounts=tuple(summary["BuyerAccounts"]),
                        availability_end=documents.day(summary.get("AvailabilityEndDate")),
                    )
            if not page.get("NextToken"):
                return
            query["NextToken"] = page["NextToken"]
            time.sleep(PAUSE_SECONDS)


def _published_offer(offer_id: str, entity: dict[str, Any]) -> PublishedOffer:
    details = entity.get("DetailsDocument") or json.loads(entity["Details"])
    return documents.published_offer(offer_id, details)
