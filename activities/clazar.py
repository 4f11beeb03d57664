"""Clazar: tying an offer to its opportunity, and reading what has been paid out.

Clazar's public API reads and links; it cannot create offers.  The shape inside
`external_object_associations` is not published: the one used here is assumed.
"""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr, ValidationError
from temporalio import activity

from activities.errors import http_failure, not_ready
from offers.clock import Clock
from offers.payouts import Payout, PayoutRow, payout_of

VENDOR = "Clazar"
PAGE_SIZE = 100
DATASET_PAGE_SIZE = 5000
DATASET_PAUSE_SECONDS = 2.0
"""Between the pages of a dataset: analytics are allowed 30 requests a minute."""
TOKEN_SHARE = 0.8
"""A token is renewed after this share of its life."""
LOOK_AGAIN = timedelta(minutes=15)
"""How long to wait (business time) for an offer that Clazar does not show yet."""


class LinkOffer(BaseModel):
    """Which offer belongs to which opportunity."""

    model_config = ConfigDict(frozen=True)

    offer_id: str
    opportunity_id: str
    made_after: AwareDatetime
    """An instant (UTC) before the offer was made: older entries are not looked through."""


class FindOffers(BaseModel):
    """By what an offer that a person made is recognised."""

    model_config = ConfigDict(frozen=True)

    mark: str
    """The reference in its name."""
    made_after: AwareDatetime
    """An instant (UTC) before it was made."""
    look_every: timedelta
    """Business time between two looks."""


@cache
def _trusted() -> ssl.SSLContext:
    # Reading the authorities takes longer than most calls.
    return httpx.create_ssl_context()


class ClazarClient:
    """HTTP calls with a token that is renewed in time, and once more when it is refused."""

    def __init__(self, url: str, client_id: str, client_secret: SecretStr) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, timeout=httpx.Timeout(20, connect=5), verify=_trusted()
        )
        self._client_id = client_id
        self._client_secret = client_secret
        self._token = ""
        self._renew_at = 0.0
        self._renewing = asyncio.Lock()

    async def request(self, method: str, path: str, **arguments: Any) -> Any:
        """The decoded answer, amounts as Decimal.  Raises the ApplicationError to fail with."""
        try:
            token = await self._valid_token()
            response = await self._send(method, path, token, **arguments)
            if response.status_code == 401:
                token = await self._valid_token(refused=token)
                response = await self._send(method, path, token, **arguments)
            return _decoded(response.raise_for_status())
        except httpx.HTTPError as error:
            raise http_failure(VENDOR, error) from None

    async def pages(self, path: str, page_size: int, **parameters: Any) -> AsyncIterator[list[Any]]:
        """The rows of a list, page by page."""
        page = 1
        while True:
            answer = await self.request(
                "GET", path, params={"page": page, "page_size": page_size, **parameters}
            )
            rows = answer["results"]
            yield rows
            if len(rows) < page_size:
                return
            page += 1

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send(self, method: str, path: str, token: str, **arguments: Any) -> httpx.Response:
        return await self._http.request(
            method, path, headers={"Authorization": f"Bearer {token}"}, **arguments
        )

    async def _valid_token(self, refused: str | None = None) -> str:
        async with self._renewing:
            # Another call may have renewed it while this one waited for the lock.
            if self._token in ("", refused) or time.monotonic() >= self._renew_at:
                response = await self._http.post(
                    "/authenticate/",
                    json={
                        "client_id": self._client_id,
                        "client_secret": self._client_secret.get_secret_value(),
                    },
                )
                answer = response.raise_for_status().json()
                self._token = answer["access_token"]
                self._renew_at = time.monotonic() + answer["expires_in"] * TOKEN_SHARE
            return self._token


class Clazar:
    """Activities on Clazar."""

    def __init__(self, client: ClazarClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    @activity.defn
    async def link_offer(self, link: LinkOffer) -> None:
        """Tie an offer to its opportunity; fails NOT_READY until Clazar shows the offer."""
        offer = await self._find(link)
        if offer is None:
            raise not_ready(
                "Clazar does not show the offer yet", self._clock.real_duration(LOOK_AGAIN)
            )
        wanted = {"object_type": "Opportunity", "object_id": link.opportunity_id}
        associations = offer.get("external_object_associations") or {}
        if associations.get("salesforce") != wanted:
            await self._client.request(
                "PATCH",
                f"/private_offers/{offer['id']}/",
                # Whether PATCH merges or replaces is not documented: send what was there, too.
                json={"external_object_associations": {**associations, "salesforce": wanted}},
            )

    async def _find(self, link: LinkOffer) -> Any:
        async for row in self._offers(link.made_after):
            if row.get("cloud_id") == link.offer_id:
                return row
        return None

    @activity.defn
    async def find_offers(self, wanted: FindOffers) -> tuple[str, ...]:
        """The AWS ids of offers with a reference in their names; NOT_READY until there is one."""
        found = await self.offers_named(wanted)
        if not found:
            raise not_ready(
                "Clazar shows no such offer yet", self._clock.real_duration(wanted.look_every)
            )
        return found

    @activity.defn
    async def offers_named(self, wanted: FindOffers) -> tuple[str, ...]:
        """The same as things are now, perhaps none."""
        return tuple(
            [
                row["cloud_id"]
                async for row in self._offers(wanted.made_after)
                if wanted.mark in (row.get("name") or "") and row.get("cloud_id")
            ]
        )

    async def _offers(self, changed_after: datetime) -> AsyncIterator[dict[str, Any]]:
        async for rows in self._client.pages(
            "/private_offers/",
            PAGE_SIZE,
            response_format="common",
            last_modified_at_after=changed_after.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        ):
            for row in rows:
                yield row

    @activity.defn
    async def changed_payouts(self, known: dict[str, str | None]) -> dict[str, Payout]:
        """By offer id, what has been paid where it differs from what is known.

        `known` gives each offer's mark (`Payout.mark`), None where nothing is known of a payout.
        """
        rows: dict[str, list[dict[str, Any]]] = {}
        async for page in self._client.pages(
            "/analytics/datasets/aws_marketplace_disbursements", DATASET_PAGE_SIZE
        ):
            for row in page:
                if row.get("offer_id") in known:
                    rows.setdefault(row["offer_id"], []).append(row)
            if len(page) == DATASET_PAGE_SIZE:
                await asyncio.sleep(DATASET_PAUSE_SECONDS)
        changed: dict[str, Payout] = {}
        for offer_id, lines in rows.items():
            try:
                payout = _payout(lines)
            except (ValidationError, ArithmeticError, ValueError) as error:
                # One offer's odd rows must not hide the others' money.
                activity.logger.warning("payout of %s left out: %s", offer_id, error)
                continue
            if payout.mark != known[offer_id]:
                changed[offer_id] = payout
        return changed


def _payout(lines: list[dict[str, Any]]) -> Payout:
    rows = [_payout_row(row) for row in lines]
    # The order of the dataset is not documented.
    rows.sort(key=lambda row: row.disbursed_on or date.min)
    return payout_of(rows)


def _payout_row(row: dict[str, Any]) -> PayoutRow:
    paid_on = row.get("disbursement_date")
    gross = _amount(row, "gross_revenue") - abs(_amount(row, "gross_refund"))
    fee = abs(_amount(row, "listing_fee")) - abs(_amount(row, "listing_fee_refund"))
    disbursed = _amount(row, "disbursed_net_revenue")
    return PayoutRow(
        offer_id=row["offer_id"],
        agreement_id=row.get("agreement_id") or "",
        invoice_id=row.get("invoice_id") or "",
        currency=row.get("currency"),
        gross=gross,
        # AWS writes fees as negative amounts, and positive where it takes a payout back.
        listing_fee=-fee if gross < 0 else fee,
        disbursed=disbursed,
        # A blank remainder is no proof of payment.
        undisbursed=_amount(row, "undisbursed_net_revenue", gross - fee - disbursed),
        disbursed_on=date.fromisoformat(paid_on[:10]) if paid_on else None,
        bank_trace_id=row.get("disburse_bank_trace_id"),
    )


def _amount(row: dict[str, Any], column: str, blank: Decimal = Decimal(0)) -> Decimal:
    value = row.get(column)
    return blank if value is None else Decimal(value)


def _decoded(response: httpx.Response) -> Any:
    return json.loads(response.text, parse_float=Decimal) if response.content else None
