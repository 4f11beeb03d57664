"""The control API: what the user of the sandbox (a person or a test) can set and read."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.addresses import Addresses
from sandbox.aws.eventbridge.event_bus import EventBus
from sandbox.aws.marketplace_state import Buyer
from sandbox.aws.protocol import AwsError
from sandbox.clazar.manual_offers import create_manual_offer
from sandbox.control.billing import BillingControl
from sandbox.control.marketplace import MarketplaceControl
from sandbox.control.request_bodies import (
    ControlResponse,
    RequestError,
    keyword_arguments,
    read_body,
    required_text,
    validated,
    with_changes,
)
from sandbox.faults import EVENT_KINDS, KINDS, Fault
from sandbox.mail import mailbox
from sandbox.marketplace import buyers, cancellations, race_injection
from sandbox.operations import only_writes
from sandbox.salesforce.record_ids import long_id
from sandbox.salesforce.records import HISTORY, put_opportunity
from sandbox.world import World

SYSTEMS = ("catalog", "agreement", "clazar", "salesforce", "smtp", "s3", "events")

RULES = {
    "aws.throttle": bool,
    "aws.concurrent_agreements": bool,
    "aws.product_visibility": Literal["Draft", "Limited", "Public", "Restricted"],
    "aws.dimensions": Annotated[tuple[str, ...], Field(min_length=1)],
    "aws.agreement_lag_minutes": float,
    "clazar.delay_minutes": float,
    "clazar.rate_limits": bool,
    "money.payout_currencies": tuple[str, ...],
    "money.feed_enabled": bool,
}
"""The attributes of the world that `PUT /control/rules` can set; they are described there."""

Handler = Callable[[Request], Awaitable[Response]]


class ControlApi:
    """The operations of the control API."""

    def __init__(self, world: World, addresses: Addresses) -> None:
        self.world = world
        self.addresses = addresses

    async def show_addresses(self, _: Request) -> Response:
        return ControlResponse(asdict(self.addresses))

    async def put_opportunity(self, request: Request) -> Response:
        try:
            record = put_opportunity(self.world, await read_body(request))
        except ValueError as error:
            raise RequestError(str(error)) from None
        return ControlResponse(_opportunity(record))

    async def show_opportunity(self, request: Request) -> Response:
        record = self.world.salesforce.opportunities.get(long_id(request.path_params["id"]))
        if record is None:
            raise RequestError(f"id: there is no opportunity {request.path_params['id']}", 404)
        return ControlResponse(_opportunity(record))

    async def put_buyer(self, request: Request) -> Response:
        account = request.path_params["account"]
        if not re.fullmatch(r"\d{12}", account):
            raise RequestError(f"account: {account!r} is not an AWS account id; it has 12 digits")
        buyer = self.world.aws.buyers.get(account, Buyer(account))
        self.world.aws.buyers[account] = with_changes(
            buyer, await read_body(request), fixed=("account",)
        )
        for offer in self.world.aws.offers.values():
            if account in offer.buyer_accounts:
                buyers.schedule_acceptances(self.world, offer)
                race_injection.schedule_last_second(self.world, offer)
        for cancellation in self.world.aws.cancellation_requests.values():
            cancellations.schedule_answer(self.world, cancellation)
        return ControlResponse(asdict(self.world.aws.buyers[account]))

    async def create_clazar_offer(self, request: Request) -> Response:
        """Create an offer in Clazar as the seller's user does."""
        arguments = keyword_arguments(create_manual_offer, await read_body(request))
        try:
            change_set = create_manual_offer(self.world, **arguments)
        except ValueError as error:
            raise RequestError(str(error)) from None
        except AwsError as error:
            raise RequestError(f"{error.code}: {error.message}", 409) from None
        return ControlResponse({"change_set_id": change_set.id})

    async def put_rules(self, request: Request) -> Response:
        for name, value in validated(await read_body(request), RULES).items():
            part, _, attribute = name.partition(".")
            setattr(getattr(self.world, part), attribute, value)
        return ControlResponse({name: attrgetter(name)(self.world) for name in RULES})

    async def revoke_tokens(self, request: Request) -> Response:
        clients = {"clazar": self.world.clazar.oauth, "salesforce": self.world.salesforce.oauth}
        system = required_text(await read_body(request), "system")
        if system not in clients:
            raise RequestError(f"system: {system!r} issues no tokens; choose {', '.join(clients)}")
        clients[system].revoke_tokens()
        return ControlResponse({"system": system})

    async def put_change_set_processing(self, request: Request) -> Response:
        self.world.aws.change_set_processing = with_changes(
            self.world.aws.change_set_processing, await read_body(request)
        )
        return ControlResponse(asdict(self.world.aws.change_set_processing))

    async def put_events(self, request: Request) -> Response:
        """Send AWS's events to another EventBridge from now on; null: send none."""
        endpoint = validated(await read_body(request), {"endpoint": str | None}).get("endpoint")
        bus = EventBus(endpoint) if endpoint else None
        previous, self.world.aws.event_bus = self.world.aws.event_bus, bus
        if previous:
            await asyncio.to_thread(previous.close)
        return ControlResponse({"endpoint": endpoint})

    async def add_fault(self, request: Request) -> Response:
        fault = with_changes(Fault("", ""), await read_body(request))
        if fault.system not in SYSTEMS:
            raise RequestError(f"system: there is no {fault.system!r}; choose {', '.join(SYSTEMS)}")
        kinds = EVENT_KINDS if fault.system == "events" else KINDS
        if fault.kind not in kinds:
            raise RequestError(f"kind: there is no {fault.kind!r}; choose {', '.join(kinds)}")
        self.world.faults.waiting.append(fault)
        return ControlResponse(asdict(fault))

    async def show_faults(self, _: Request) -> Response:
        return ControlResponse([asdict(fault) for fault in self.world.faults.waiting])

    async def clear_faults(self, _: Request) -> Response:
        self.world.faults.waiting.clear()
        return ControlResponse([])

    async def show_calls(self, _: Request) -> Response:
        return ControlResponse(_counts(self.world.calls))

    async def show_writes(self, _: Request) -> Response:
        counts = _counts(only_writes(self.world.calls))
        return ControlResponse({"writes": self.world.writes, "operations": counts})

    async def set_clock(self, request: Request) -> Response:
        body = await read_body(request)
        try:
            now: datetime = TypeAdapter(AwareDatetime).validate_python(body.get("now"))
        except ValidationError:
            raise RequestError("now: give an instant with its zone, 2026-03-02T09:00:00Z") from None
        if now < self.world.now():
            raise RequestError(f"now: time cannot go back; it is {self.world.now().isoformat()}")
        self.world.set_time(now)
        return ControlResponse({"now": now})


def app(world: World, addresses: Addresses) -> Starlette:
    """The control API and the mailbox page."""
    control = ControlApi(world, addresses)
    marketplace = MarketplaceControl(world)

    def route(method: str, path: str, handler: Handler) -> Route:
        async def handle(request: Request) -> Response:
            world.advance()
            try:
                response = await handler(request)
            except RequestError as error:
                return ControlResponse({"error": str(error)}, error.status)
            # The request may have scheduled something that is due at once.
            world.advance()
            return response

        return Route(f"/control/{path}", handle, methods=[method])

    return Starlette(
        routes=[
            route("GET", "addresses", control.show_addresses),
            route("POST", "opportunities", control.put_opportunity),
            route("GET", "opportunities/{id}", control.show_opportunity),
            route("PUT", "buyers/{account}", control.put_buyer),
            route("POST", "accept", marketplace.accept),
            route("POST", "end", marketplace.end),
            route("POST", "roll-back", marketplace.roll_back),
            route("POST", "renew", marketplace.renew),
            route("POST", "cancellation", marketplace.answer_cancellation),
            route("POST", "amendments", marketplace.amend),
            route("POST", "clazar/offers", control.create_clazar_offer),
            route("POST", "events/disbursement-paused", marketplace.send_disbursement_paused),
            route("PUT", "rules", control.put_rules),
            route("POST", "tokens/revoke", control.revoke_tokens),
            route("PUT", "change-set-processing", control.put_change_set_processing),
            *(route(*each) for each in BillingControl(world).routes),
            route("PUT", "events", control.put_events),
            route("POST", "faults", control.add_fault),
            route("GET", "faults", control.show_faults),
            route("DELETE", "faults", control.clear_faults),
            route("GET", "calls", control.show_calls),
            route("GET", "writes", control.show_writes),
            route("GET", "aws", marketplace.show),
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
    fields = {name: value for name, value in record.items() if name != HISTORY}
    return {"fields": fields, "history": record.get(HISTORY, [])}
