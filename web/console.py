"""What the pages and the HTTP API share: the client, the reader, and who asks."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from starlette.requests import Request
from temporalio.client import Client

from activities.preflight import DealPreview
from client.offer_client import OfferClient, RequestRejected
from offers.lifecycle.commands import ApprovalDecision
from offers.lifecycle.decision_proof import signed_decision
from offers.lifecycle.record import OfferRecord
from offers.policy.policy import CreationMethod, Policy
from runtime.settings import WebSettings
from web.api_keys import ApiKeys, KeysUnreadable
from web.identity import Actor, Kind
from web.permissions import Permission, why_not
from web.reader import Reader
from web.rejection import Rejection
from web.requests import CHANGES, PAGES, PREFLIGHTS, PROGRAMS, RateLimits, address_of
from web.sign_in import SignIn, signed_in

T = TypeVar("T")

ANSWER_WITHIN = timedelta(seconds=5)
"""How long a page or a call waits for a change; what takes longer goes on by itself."""

audit_log = logging.getLogger("offerflow.audit")


class SignInRequired(Exception):
    """Nobody is signed in."""


@dataclass
class Console:
    """One process of the console."""

    settings: WebSettings
    policy: Policy
    temporal: Client
    reader: Reader
    sign_in: SignIn | None = None
    """None: nobody signs in; whoever reaches loopback is the local operator."""
    api_keys: ApiKeys | None = None
    limits: RateLimits = field(default_factory=RateLimits)
    _running: set[asyncio.Task[Any]] = field(default_factory=set)

    def now(self) -> datetime:
        """Business time (UTC)."""
        return self.settings.clock.business_time(datetime.now(UTC))

    def client(self, actor: Actor) -> OfferClient:
        """The client of the offers; what it changes goes on record with who asked."""
        return OfferClient(self.temporal, self.settings.clock, by=actor.by)

    async def actor(self, request: Request) -> Actor:
        """Who asks.  Raises SignInRequired, or Rejection if they ask too often."""
        address = address_of(request, self.settings.offers_web_proxies)
        is_change = request.method != "GET"
        if self.sign_in is None:
            await self.limits.count(PAGES, address)
            name = self.settings.offers_user or "local operator"
            return Actor(kind=Kind.LOCAL_OPERATOR, name=name, email=self.settings.offers_user)
        person = signed_in(request, datetime.now(UTC))
        await self.limits.count(PAGES, person.reference if person else address)
        if person is None:
            raise SignInRequired
        if is_change:
            await self.limits.count(CHANGES, person.reference)
        return person

    async def program(self, request: Request) -> Actor:
        """Who calls the API: a key, a session, or the local operator.  Raises Rejection."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.api_keys:
            try:
                actor = self.api_keys.actor(key.strip(), datetime.now(UTC))
            except KeysUnreadable:
                address = address_of(request, self.settings.offers_web_proxies)
                await self.limits.count(PAGES, address)
                raise _no_keys() from None
            if actor:
                await self.limits.count(PROGRAMS, actor.reference)
                return actor
        elif not scheme:
            try:
                return await self.actor(request)
            except SignInRequired:
                raise _no_key() from None
        await self.limits.count(PAGES, address_of(request, self.settings.offers_web_proxies))
        raise _no_key()

    def require(self, actor: Actor, permission: Permission, owner_email: str | None = None) -> None:
        """Raises Rejection (403) unless the actor may do it."""
        if actor.may(permission, self.policy, owner_email):
            return
        if actor.scopes is not None and permission not in actor.scopes:
            problem, remedy = f"the key has no scope {permission}", "Use a key that has it"
        elif actor.kind is Kind.LOCAL_OPERATOR:
            problem, remedy = (
                "nobody knows who decides",
                "Set OFFERS_USER to your mail address and start the console again",
            )
        elif actor.kind is Kind.PROGRAM:
            problem, remedy = (
                "a program cannot decide",
                "Use a key that belongs to a person, or the page",
            )
        else:
            problem, remedy = why_not(permission), "Ask one of them"
        self.audit("refused", actor, permission=permission.value)
        raise Rejection(403, "not-allowed", problem, remedy)

    def audit(self, action: str, actor: Actor, **about: str | None) -> None:
        """One line for each action; whose it is in plain words is in Temporal's history."""
        audit_log.info(action, extra={"actor": actor.reference, **about})

    async def preflight(
        self,
        actor: Actor,
        opportunity_id: str,
        given: dict[str, Any],
        method: CreationMethod | None = None,
    ) -> DealPreview:
        """Check a deal; raises Rejection if the actor asks too often."""
        await self.limits.count(PREFLIGHTS, "preflights", actor.reference)
        return await self.client(actor).preflight(opportunity_id, given, method=method)

    async def finish_soon(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What comes of a change; None if it takes longer: it goes on all the same.

        Raises what it raises in time.
        """
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        done, _ = await asyncio.wait({task}, timeout=ANSWER_WITHIN.total_seconds())
        if not done:
            task.add_done_callback(_log_failure)
            return None
        self.reader.ask()
        return task.result()

    async def finish_running(self) -> None:
        """Wait a while for the changes that go on, before the process ends."""
        if self._running:
            await asyncio.wait(self._running, timeout=ANSWER_WITHIN.total_seconds())

    async def decide(
        self,
        actor: Actor,
        path: str,
        decision: ApprovalDecision,
        *,
        approved: bool,
        update_id: str | None = None,
    ) -> OfferRecord:
        """Decide for a signed-in person about one exception or refund, signed by the console."""
        client = self.client(actor)
        decide = client.approve if approved else client.decline
        if key := self.settings.signing_key:
            decision = signed_decision(decision, path, key, approved=approved)
        return await decide(path, decision, update_id)


def _no_key() -> Rejection:
    return Rejection(
        401,
        "not-signed-in",
        "the call has no key that is known and valid",
        "Send it as Authorization: Bearer offerflow_…",
    )


def _no_keys() -> Rejection:
    return Rejection(
        503,
        "keys-unreadable",
        "the console cannot read its file of keys, and takes none",
        "Whoever runs the console finds the reason in its log",
        retry_after=60,
    )


def _log_failure(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled() and (error := task.exception()):
        rejected = isinstance(error, RequestRejected)
        audit_log.info(
            "rejected later",
            extra={"reason": getattr(error, "code", None) if rejected else type(error).__name__},
        )
