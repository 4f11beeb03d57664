"""The part of the control API for billing: payout settings, refunds, corrections, data feed."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal

from pydantic import AwareDatetime, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from sandbox.billing import corrections, data_feed, refunds, transfers
from sandbox.billing.ledger import BillingEvent
from sandbox.billing.money import PayoutSettings
from sandbox.control.request_bodies import (
    ControlResponse,
    RequestError,
    keyword_arguments,
    read_body,
    with_changes,
)
from sandbox.world import World

COLUMNS = [each.name for each in fields(BillingEvent)]


class BillingControl:
    """Changes of AWS's ledger, and its contents."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.routes: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("PUT", "payouts", self.put_settings),
            ("PUT", "payouts/{account}", self.put_settings),
            ("POST", "payouts/hold", self.hold_payouts),
            ("GET", "ledger", self.show_ledger),
            ("POST", "ledger/refund", self.refund),
            ("POST", "ledger/listing-fee", self.correct_listing_fee),
            ("POST", "ledger/correction", self.correct_amount),
            ("POST", "ledger/deletion", self.delete_event),
            ("POST", "feed", self.deliver_feed),
        ]

    async def put_settings(self, request: Request) -> Response:
        account = request.path_params.get("account")
        by_account = self.world.money.payout_settings_by_account
        settings = by_account.get(account or "", self.world.money.payout_settings)
        settings = with_changes(settings, await read_body(request))
        _check(settings)
        if account:
            by_account[account] = settings
        else:
            self.world.money.payout_settings = settings
        return ControlResponse(asdict(settings))

    async def hold_payouts(self, request: Request) -> Response:
        """Make no payouts until an instant; null: resume them."""
        body = await read_body(request)
        try:
            until: datetime | None = TypeAdapter(AwareDatetime | None).validate_python(
                body.get("until")
            )
        except ValidationError:
            raise RequestError(
                "until: give an instant with its zone, 2026-05-01T00:00:00Z"
            ) from None
        transfers.hold_payouts(self.world, until)
        return ControlResponse({"until": until})

    async def show_ledger(self, request: Request) -> Response:
        """Every version of every billing event, or of those of one invoice."""
        invoice = request.query_params.get("invoice_id")
        versions = self.world.money.ledger.versions
        shown = [each for each in versions if invoice in (None, each.buyer_invoice_id)]
        return ControlResponse([{name: getattr(each, name) for name in COLUMNS} for each in shown])

    async def refund(self, request: Request) -> Response:
        """Record a refund, a credit memo or a forgiven share."""
        return await self._write(request, self._refund)

    def _refund(
        self, *, invoice_id: str, share: Decimal, kind: refunds.RefundKind = "refund"
    ) -> list[BillingEvent]:
        if not 0 < share <= 1:
            raise RequestError(f"share: {share} is not above 0 and at most 1")
        line = corrections.find_line(self.world, invoice_id)
        return refunds.record_refund(self.world, line, kind, share)

    async def correct_listing_fee(self, request: Request) -> Response:
        return await self._write(request, self._correct_listing_fee)

    def _correct_listing_fee(self, *, invoice_id: str, listing_fee: Decimal) -> list[BillingEvent]:
        fee = corrections.correct_listing_fee(
            self.world, invoice_id=invoice_id, listing_fee=listing_fee
        )
        return [fee]

    async def correct_amount(self, request: Request) -> Response:
        return await self._write(request, self._correct_amount)

    def _correct_amount(self, *, billing_event_id: str, amount: Decimal) -> list[BillingEvent]:
        return [
            corrections.correct_amount(self.world, billing_event_id=billing_event_id, amount=amount)
        ]

    async def delete_event(self, request: Request) -> Response:
        return await self._write(request, self._delete_event)

    def _delete_event(self, *, billing_event_id: str) -> list[BillingEvent]:
        return [corrections.delete_event(self.world, billing_event_id=billing_event_id)]

    async def _write(self, request: Request, write: Callable[..., list[BillingEvent]]) -> Response:
        """Call `write` with the body as its arguments; the answer holds the events it wrote."""
        arguments = keyword_arguments(write, await read_body(request))
        try:
            written = write(**arguments)
        except corrections.NotInLedger as error:
            raise RequestError(str(error), 404) from None
        return ControlResponse(list(map(asdict, written)))

    async def deliver_feed(self, _: Request) -> Response:
        return ControlResponse(
            {
                "bucket": self.world.aws.storage.feed_bucket,
                "keys": data_feed.deliver_now(self.world),
            }
        )


def _check(settings: PayoutSettings) -> None:
    if sum(settings.parts) != 1 or min(settings.parts) <= 0:
        raise RequestError('parts: give shares above 0 that sum to 1, such as ["0.4", "0.6"]')
    if settings.outcome not in ("paid", "failed", "reversed"):
        raise RequestError("outcome: choose paid, failed or reversed")
    if not 1 <= settings.payout_day <= 28:
        raise RequestError(f"payout_day: {settings.payout_day} is not from 1 to 28")
    shares = (settings.refund, settings.credit, settings.forgiven)
    if min(shares) < 0 or sum(shares) > 1:
        raise RequestError("refund, credit, forgiven: give shares of the invoice, at most 1 in all")
