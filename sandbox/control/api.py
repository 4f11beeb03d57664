"""The control API: what the user of the sandbox (a person or a test) can set and read."""

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import AwareDatetime
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.addresses import Addresses
from sandbox.aws.marketplace_state import Buyer
from sandbox.aws.protocol import AwsError
from sandbox.billing.money import PayoutSettings
from sandbox.clazar.manual_offers import create_manual_offer
from sandbox.control.requests import (
    ControlResponse,
    RequestError,
    keyword_arguments,
    read_values,
    with_changes,
)
from sandbox.faults import EVENT_KINDS, KINDS, SYSTEMS, Fault
from sandbox.mail import mailbox
from sandbox.marketplace import agreements, buyers, cancellations, race_injection
from sandbox.salesforce.org import HISTORY
from sandbox.salesforce.schema import long_id
from sandbox.world import World

REFUSALS = (AwsError, agreements.AgreementNotActive, buyers.AcceptanceRefused)
"""What cannot be done in the present state of AWS."""


EntitlementFailure = Literal[
    "INVALID_PAYMENT_INSTRUMENT",
    "INCOMPATIBLE_CURRENCY",
    "ACCOUNT_SUSPENDED",
    "UNSUPPORTED_OPERATION",
    "PRODUCT_RESTRICTED",
]
"""Why AWS cannot give a buyer the product."""


class Control:
    """The operations: each takes the values of a request and returns the response."""

    def __init__(self, world: World, addresses: Addresses) -> None:
        self.world = world
        self.addresses = addresses

    def show_addresses(self) -> Any:
        return asdict(self.addresses)

    def put_opportunity(self, **fields: Any) -> Any:
        return _opportunity(self.world.salesforce.put_opportunity(fields))

    def show_opportunity(self, *, id: str) -> Any:
        record = self.world.salesforce.opportunities.get(long_id(id))
        if record is None:
            raise RequestError(f"id: there is no opportunity {id}", 404)
        return _opportunity(record)

    def put_buyer(self, *, account: str, **changes: Any) -> Any:
        if not re.fullmatch(r"\d{12}", account):
            raise RequestError(f"account: {account!r} is not an AWS account id; it has 12 digits")
        aws = self.world.aws
        buyer = aws.buyers[account] = with_changes(aws.buyers.get(account, Buyer(account)), changes)
        for offer in aws.offers.values():
            if account in offer.buyer_accounts:
                buyers.schedule_acceptances(self.world, offer)
                race_injection.schedule_last_second(self.world, offer)
        for cancellation in aws.cancellation_requests.values():
            cancellations.schedule_answer(self.world, cancellation)
        return asdict(buyer)

    def accept(self, *, offer_id: str, account: str) -> Any:
        return {"agreement_id": buyers.accept(self.world, offer_id, account).id}

    def end(
        self,
        *,
        agreement_id: str,
        status: Literal["CANCELLED", "TERMINATED"],
        entitlement_failure: EntitlementFailure | None = None,
    ) -> Any:
        """End an agreement early: the buyer cancels it, or AWS terminates it."""
        agreement = self.world.aws.agreements.get(agreement_id)
        if agreement is None:
            raise RequestError(f"agreement_id: there is no agreement {agreement_id}")
        if agreement.status != "ACTIVE":
            raise RequestError(f"agreement {agreement_id} is {agreement.status}", 409)
        agreement.entitlement_failure = entitlement_failure
        agreements.end(self.world, agreement, status)
        return {"agreement_id": agreement_id, "status": status}

    def create_clazar_offer(self, **values: Any) -> Any:
        arguments = keyword_arguments(create_manual_offer, values)
        return {"change_set_id": create_manual_offer(self.world, **arguments).id}

    def put_change_set_processing(self, **changes: Any) -> Any:
        aws = self.world.aws
        aws.change_set_processing = with_changes(aws.change_set_processing, changes)
        return asdict(aws.change_set_processing)

    def put_payouts(self, **changes: Any) -> Any:
        money, account = self.world.money, changes.pop("account", None)
        settings = money.payout_settings_by_account.get(account, money.payout_settings)
        settings = with_changes(settings, changes)
        _check(settings)
        if account:
            money.payout_settings_by_account[account] = settings
        else:
            money.payout_settings = settings
        return asdict(settings)

    def put_adjustment_processing(self, **changes: Any) -> Any:
        money = self.world.money
        money.adjustment_processing = with_changes(money.adjustment_processing, changes)
        return asdict(money.adjustment_processing)

    def add_fault(self, **values: Any) -> Any:
        fault = with_changes(Fault("", ""), values)
        if fault.system not in SYSTEMS:
            raise RequestError(f"system: there is no {fault.system!r}; choose {', '.join(SYSTEMS)}")
        kinds = EVENT_KINDS if fault.system == "events" else KINDS
        if fault.kind not in kinds:
            raise RequestError(f"kind: there is no {fault.kind!r}; choose {', '.join(kinds)}")
        self.world.faults.waiting.append(fault)
        return asdict(fault)

    def show_faults(self) -> Any:
        return list(map(asdict, self.world.faults.waiting))

    def clear_faults(self) -> Any:
        self.world.faults.clear()
        return []

    def show_calls(self) -> Any:
        return [
            {"system": system, "operation": operation, "count": count}
            for (system, operation), count in sorted(self.world.calls.items())
        ]

    def show_aws(self) -> Any:
        aws, money = self.world.aws, self.world.money
        return {
            "offers": [
                asdict(each) | {"acceptable": aws.acceptable(each)} for each in aws.offers.values()
            ],
            "change_sets": list(map(asdict, aws.change_sets.values())),
            "agreements": list(map(asdict, aws.agreements.values())),
            "cancellation_requests": list(map(asdict, aws.cancellation_requests.values())),
            "invoices": list(map(asdict, money.invoices)),
            "adjustments": list(map(asdict, money.adjustments.values())),
            "disbursements": list(map(asdict, money.disbursements)),
        }

    def set_clock(self, *, now: AwareDatetime, speed: float = 0) -> Any:
        if now < self.world.now():
            raise RequestError(f"now: time cannot go back; it is {self.world.now().isoformat()}")
        if speed < 0:
            raise RequestError("speed: time cannot go back; give 0 or more")
        self.world.set_time(now, speed=speed)
        return {"now": now, "speed": speed}

    def routes(self) -> list[tuple[str, str, Callable[..., Any]]]:
        """Method, path below `/control` and operation."""
        return [
            ("GET", "addresses", self.show_addresses),
            ("POST", "opportunities", self.put_opportunity),
            ("GET", "opportunities/{id}", self.show_opportunity),
            ("PUT", "buyers/{account}", self.put_buyer),
            ("POST", "accept", self.accept),
            ("POST", "end", self.end),
            ("POST", "clazar/offers", self.create_clazar_offer),
            ("PUT", "change-set-processing", self.put_change_set_processing),
            ("PUT", "payouts", self.put_payouts),
            ("PUT", "payouts/{account}", self.put_payouts),
            ("PUT", "adjustment-processing", self.put_adjustment_processing),
            ("POST", "faults", self.add_fault),
            ("GET", "faults", self.show_faults),
            ("DELETE", "faults", self.clear_faults),
            ("GET", "calls", self.show_calls),
            ("GET", "aws", self.show_aws),
            ("POST", "clock", self.set_clock),
        ]


def app(world: World, addresses: Addresses) -> Starlette:
    def route(method: str, path: str, operation: Callable[..., Any]) -> Route:
        async def handle(request: Request) -> Response:
            world.advance()
            try:
                values = await read_values(request)
                response = ControlResponse(operation(**keyword_arguments(operation, values)))
            except RequestError as error:
                return ControlResponse({"error": str(error)}, error.status)
            except REFUSALS as error:
                return ControlResponse({"error": str(error)}, 409)
            except ValueError as error:
                return ControlResponse({"error": str(error)}, 400)
            # The request may have scheduled something that is due at once.
            world.advance()
            return response

        return Route(f"/control/{path}", handle, methods=[method])

    own_names = (urlsplit(addresses.control).hostname, "localhost")

    async def only_own_names(request: Request, respond: RequestResponseEndpoint) -> Response:
        # The page of another site can let its own name resolve to this address (DNS rebinding).
        host = request.headers.get("Host", "")
        if host.lower().partition(":")[0] not in own_names:
            error = f"Host: {host!r} is not this server; use {addresses.control}"
            return ControlResponse({"error": error}, 421)
        return await respond(request)

    async def not_simulated(request: Request, _: Exception) -> Response:
        name = f"{request.method} {request.url.path}"
        return ControlResponse({"error": f"not simulated: {name}"}, 501)

    routes = [route(*each) for each in Control(world, addresses).routes()]
    return Starlette(
        routes=[*routes, *mailbox.routes(world)],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=only_own_names)],
        exception_handlers={404: not_simulated, 405: not_simulated},
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


def _opportunity(record: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in record.items() if name != HISTORY}
    return {"fields": fields, "history": record.get(HISTORY, [])}
