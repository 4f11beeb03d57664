"""The control API: what the person (or the test) who runs the sandbox can set and see."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.addresses import Addresses
from sandbox.aws.eventbridge.event_bus import EventBus
from sandbox.aws.protocol import AwsError
from sandbox.clazar.manual_offers import make_by_hand
from sandbox.control.billing import BillingControl
from sandbox.control.marketplace import MarketplaceControl
from sandbox.control.request_bodies import (
    JsonResponse,
    RequestError,
    arguments,
    changed,
    checked,
    read_body,
    text,
)
from sandbox.faults import EVENT_KINDS, KINDS, Fault
from sandbox.mail import mailbox
from sandbox.marketplace import buyers, cancellations, race_injection
from sandbox.operations import only_writes
from sandbox.salesforce.record_ids import long_id
from sandbox.salesforce.records import HISTORY, put_opportunity
from sandbox.world import Buyer, World

SYSTEMS = ("catalog", "agreement", "clazar", "salesforce", "smtp", "s3", "events")

RULES = {
    "throttle": bool,
    "concurrent_agreements": bool,
    "product_visibility": Literal["Draft", "Limited", "Public", "Restricted"],
    "dimensions": Annotated[tuple[str, ...], Field(min_length=1)],
    "payout_currencies": tuple[str, ...],
    "agreement_lag_minutes": float,
    "clazar_delay_minutes": float,
    "clazar_rate_limits": bool,
    "feed_enabled": bool,
}
"""What of the world can be set over `PUT /control/rules`; see `World` for the meaning."""

Handler = Callable[[Request], Awaitable[Response]]


class ControlApi:
    """The operations of the control API."""

    def __init__(self, world: World, addresses: Addresses) -> None:
        self.world = world
        self.addresses = addresses

    async def show_addresses(self, _: Request) -> Response:
        return JsonResponse(asdict(self.addresses))

    async def put_opportunity(self, request: Request) -> Response:
        try:
            record = put_opportunity(self.world, await read_body(request))
        except ValueError as error:
            raise RequestError(str(error)) from None
        return JsonResponse(_opportunity(record))

    async def show_opportunity(self, request: Request) -> Response:
        record = self.world.opportunities.get(long_id(request.path_params["id"]))
        if record is None:
            raise RequestError(f"id: there is no opportunity {request.path_params['id']}", 404)
        return JsonResponse(_opportunity(record))

    async def put_buyer(self, request: Request) -> Response:
        account = request.path_params["account"]
        if not re.fullmatch(r"\d{12}", account):
            raise RequestError(f"account: {account!r} is not an AWS account id; it has 12 digits")
        buyer = self.world.buyers.get(account, Buyer(account))
        self.world.buyers[account] = changed(buyer, await read_body(request), fixed=("account",))
        for offer in self.world.offers.values():
            if account in offer.buyer_accounts:
                buyers.plan(self.world, offer)
                race_injection.plan(self.world, offer)
        for asked in self.world.cancellation_requests.values():
            cancellations.plan(self.world, asked)
        return JsonResponse(asdict(self.world.buyers[account]))

    async def make_by_hand(self, request: Request) -> Response:
        """Make an offer in Clazar as a person at the seller does."""
        given = arguments(make_by_hand, await read_body(request))
        try:
            change_set = make_by_hand(self.world, **given)
        except ValueError as error:
            raise RequestError(str(error)) from None
        except AwsError as error:
            raise RequestError(f"{error.code}: {error.message}", 409) from None
        return JsonResponse({"change_set_id": change_set.id})

    async def put_rules(self, request: Request) -> Response:
        for name, value in checked(await read_body(request), RULES).items():
            setattr(self.world, name, value)
        return JsonResponse({name: getattr(self.world, name) for name in RULES})

    async def revoke_tokens(self, request: Request) -> Response:
        """Make every token given out so far stale."""
        accesses = {"clazar": self.world.clazar, "salesforce": self.world.salesforce}
        system = text(await read_body(request), "system")
        if system not in accesses:
            raise RequestError(
                f"system: {system!r} gives out no tokens; choose {', '.join(accesses)}"
            )
        accesses[system].revoke()
        return JsonResponse({"system": system})

    async def put_generation(self, request: Request) -> Response:
        self.world.generation = changed(self.world.generation, await read_body(request))
        return JsonResponse(asdict(self.world.generation))

    async def put_events(self, request: Request) -> Response:
        """Tell of what happens at another EventBridge from now on, or no longer."""
        endpoint = checked(await read_body(request), {"endpoint": str | None}).get("endpoint")
        bus = EventBus(endpoint) if endpoint else None
        before, self.world.event_bus = self.world.event_bus, bus
        if before:
            await asyncio.to_thread(before.close)
        return JsonResponse({"endpoint": endpoint})

    async def add_fault(self, request: Request) -> Response:
        fault = changed(Fault("", ""), await read_body(request))
        if fault.system not in SYSTEMS:
            raise RequestError(f"system: there is no {fault.system!r}; choose {', '.join(SYSTEMS)}")
        kinds = EVENT_KINDS if fault.system == "events" else KINDS
        if fault.kind not in kinds:
            raise RequestError(f"kind: there is no {fault.kind!r}; choose {', '.join(kinds)}")
        self.world.faults.waiting.append(fault)
        return JsonResponse(asdict(fault))

    async def show_faults(self, _: Request) -> Response:
        return JsonResponse([asdict(fault) for fault in self.world.faults.waiting])

    async def clear_faults(self, _: Request) -> Response:
        self.world.faults.waiting.clear()
        return JsonResponse([])

    async def show_calls(self, _: Request) -> Response:
        return JsonResponse(_counts(self.world.calls))

    async def show_writes(self, _: Request) -> Response:
        counts = _counts(only_writes(self.world.calls))
        return JsonResponse({"writes": self.world.writes, "operations": counts})

    async def set_clock(self, request: Request) -> Response:
        body = await read_body(request)
        try:
            now: datetime = TypeAdapter(AwareDatetime).validate_python(body.get("now"))
        except ValidationError:
            raise RequestError("now: give an instant with its zone, 2026-03-02T09:00:00Z") from None
        if now < self.world.now():
            raise RequestError(f"now: time does not go back; it is {self.world.now().isoformat()}")
        self.world.stand_at(now)
        return JsonResponse({"now": now})


def app(world: World, addresses: Addresses) -> Starlette:
    """The control API and the mailbox page."""
    control = ControlApi(world, addresses)
    market = MarketplaceControl(world)

    def route(method: str, path: str, answer: Handler) -> Route:
        async def answered(request: Request) -> Response:
            world.advance()
            try:
                response = await answer(request)
            except RequestError as error:
                return JsonResponse({"error": str(error)}, error.status)
            # What was set may be due at once.
            world.advance()
            return response

        return Route(f"/control/{path}", answered, methods=[method])

    return Starlette(
        routes=[
            route("GET", "addresses", control.show_addresses),
            route("POST", "opportunities", control.put_opportunity),
            route("GET", "opportunities/{id}", control.show_opportunity),
            route("PUT", "buyers/{account}", control.put_buyer),
            route("POST", "accept", market.accept),
            route("POST", "end", market.end),
            route("POST", "roll-back", market.roll_back),
            route("POST", "renew", market.renew),
            route("POST", "cancellation", market.answer_cancellation),
            route("POST", "amendments", market.amend),
            route("POST", "agreements", market.add_earlier_agreement),
            route("POST", "clazar/offers", control.make_by_hand),
            route("POST", "payouts/pause", market.pause_payouts),
            route("PUT", "rules", control.put_rules),
            route("POST", "tokens/revoke", control.revoke_tokens),
            route("PUT", "generation", control.put_generation),
            *(route(*each) for each in BillingControl(world).routes),
            route("PUT", "events", control.put_events),
            route("POST", "faults", control.add_fault),
            route("GET", "faults", control.show_faults),
            route("DELETE", "faults", control.clear_faults),
            route("GET", "calls", control.show_calls),
            route("GET", "writes", control.show_writes),
            route("GET", "aws", market.show),
            route("POST", "clock", control.set_clock),
            *mailbox.routes(world),
        ]
    )


def _counts(calls: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    return [
        {"system": system, "operation": operation, "count": count}
        for (system, operation), count in sorted(calls.items())
    ]


def _opportunity(record: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in record.items() if name != HISTORY}
    return {"fields": shown, "history": record.get(HISTORY, [])}
