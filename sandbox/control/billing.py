"""The control API, of AWS's money: habits, what is given back or corrected, and the feed of it."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import AwareDatetime, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from sandbox.billing import corrections, data_feed, refunds, transfers
from sandbox.billing.corrupted_feeds import spoil
from sandbox.billing.ledger import BillingEvent
from sandbox.billing.money import PayoutSettings
from sandbox.control.request_bodies import JsonResponse, RequestError, arguments, changed, read_body
from sandbox.world import World

COLUMNS = [each.name for each in fields(BillingEvent)]


class BillingControl:
    """What AWS does with money on demand, and what it has noted."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.routes: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("PUT", "payouts", self.put_habit),
            ("PUT", "payouts/{account}", self.put_habit),
            ("POST", "payouts/hold", self.hold),
            ("GET", "ledger", self.show_ledger),
            ("POST", "ledger/relief", self.give_back),
            ("POST", "ledger/fee", self.correct_fee),
            ("POST", "ledger/correction", self.correct),
            ("POST", "ledger/deletion", self.take_back),
            ("POST", "feed", self.publish),
            ("POST", "feed/spoil", self.spoil),
        ]

    async def put_habit(self, request: Request) -> Response:
        account = request.path_params.get("account")
        habits = self.world.payout_habits
        habit = habits.get(account or "", self.world.payout_habit)
        habit = changed(habit, await read_body(request))
        _check(habit)
        if account:
            habits[account] = habit
        else:
            self.world.payout_habit = habit
        return JsonResponse(asdict(habit))

    async def hold(self, request: Request) -> Response:
        """Nothing is paid out until an instant; null: AWS goes on."""
        body = await read_body(request)
        try:
            until: datetime | None = TypeAdapter(AwareDatetime | None).validate_python(
                body.get("until")
            )
        except ValidationError:
            raise RequestError(
                "until: give an instant with its zone, 2026-05-01T00:00:00Z"
            ) from None
        transfers.hold(self.world, until)
        return JsonResponse({"until": until})

    async def show_ledger(self, request: Request) -> Response:
        """Every version of every billing event, of one invoice if one is named."""
        invoice = request.query_params.get("invoice_id")
        versions = self.world.ledger.versions
        shown = [each for each in versions if invoice in (None, each.buyer_invoice_id)]
        return JsonResponse([{name: getattr(each, name) for name in COLUMNS} for each in shown])

    async def give_back(self, request: Request) -> Response:
        """A refund, a credit memo, or a share that AWS forgives."""
        return await self._written(request, self._give_back)

    def _give_back(
        self, *, invoice_id: str, share: Decimal, kind: refunds.RefundKind = "refund"
    ) -> list[BillingEvent]:
        if not 0 < share <= 1:
            raise RequestError(f"share: {share} is not above 0 and at most 1")
        line = corrections.line_of(self.world, invoice_id)
        return refunds.give_back(self.world, line, kind, share)

    async def correct_fee(self, request: Request) -> Response:
        return await self._written(request, self._correct_fee)

    def _correct_fee(self, *, invoice_id: str, listing_fee: Decimal) -> list[BillingEvent]:
        fee = corrections.correct_fee(self.world, invoice_id=invoice_id, listing_fee=listing_fee)
        return [fee]

    async def correct(self, request: Request) -> Response:
        return await self._written(request, self._correct)

    def _correct(self, *, billing_event_id: str, amount: Decimal) -> list[BillingEvent]:
        return [corrections.correct(self.world, billing_event_id=billing_event_id, amount=amount)]

    async def take_back(self, request: Request) -> Response:
        return await self._written(request, self._take_back)

    def _take_back(self, *, billing_event_id: str) -> list[BillingEvent]:
        return [corrections.take_back(self.world, billing_event_id=billing_event_id)]

    async def _written(
        self, request: Request, write: Callable[..., list[BillingEvent]]
    ) -> Response:
        """The events that something writes, given its arguments by the body."""
        given = arguments(write, await read_body(request))
        try:
            written = write(**given)
        except corrections.NotInLedger as error:
            raise RequestError(str(error), 404) from None
        return JsonResponse(list(map(asdict, written)))

    async def publish(self, _: Request) -> Response:
        """Deliver the feed now."""
        return JsonResponse(
            {"bucket": self.world.storage.feed_bucket, "keys": data_feed.publish(self.world)}
        )

    async def spoil(self, request: Request) -> Response:
        """Break the newest file of a table until it is delivered anew."""
        given: dict[str, Any] = arguments(spoil, await read_body(request))
        try:
            key = spoil(self.world, **given)
        except ValueError as error:
            raise RequestError(str(error)) from None
        return JsonResponse({"bucket": self.world.storage.feed_bucket, "key": key})


def _check(habit: PayoutSettings) -> None:
    if sum(habit.parts) != 1 or min(habit.parts) <= 0:
        raise RequestError('parts: give shares above 0 that sum to 1, such as ["0.4", "0.6"]')
    if habit.outcome not in ("paid", "failed", "reversed"):
        raise RequestError("outcome: there is no such one; choose paid, failed or reversed")
    if not 1 <= habit.payout_day <= 28:
        raise RequestError(f"payout_day: {habit.payout_day} is not from 1 to 28")
    given_back = (habit.refund, habit.credit, habit.forgiven)
    if min(given_back) < 0 or sum(given_back) > 1:
        raise RequestError("refund, credit, forgiven: give shares of the invoice, at most 1 in all")
