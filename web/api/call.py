"""What every call of the API goes through: its JSON, who calls, and the key of its change."""

import hashlib
import json
import string
import uuid
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Header, Path
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from client.offer_client import NoSuchOffer, NoSuchOpportunity, RequestRejected, VendorFailed
from web.api.bodies import OFFER
from web.console import Console
from web.identity import Actor
from web.pages.page import CurrentConsole
from web.permissions import Permission, moves_ownership
from web.rejection import Rejection, rejection_of
from web.requested import path_of
from web.requests import CSRF, check_origin

DEEPEST = 20
"""Levels of lists and objects in one another: a deal's terms have four."""

PRINTABLE = frozenset(string.digits + string.ascii_letters + string.punctuation)
LONGEST_KEY = 64
"""Characters of an idempotency key."""
KEYS_KNOWN = 10_000
"""Of which it is known what was sent with them."""

NAMESPACE = uuid.UUID("a6e1f0f6-5d53-5a0b-9d0c-3f4f1c1c2f10")
"""Of the ids that are made from idempotency keys (RFC 9562, version 5)."""


class JsonRequest(Request):
    """A request whose body is read exactly: no amount goes through a float."""

    async def json(self) -> Any:
        """The body; raises Rejection."""
        text = await self.body()
        try:
            found = json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
        except json.JSONDecodeError:
            raise  # FastAPI says where
        except (ValueError, RecursionError):  # not UTF-8; an endless number; lists in lists
            raise Rejection(
                422, "not-json", "the body is not JSON in UTF-8", "Send a JSON object"
            ) from None
        _check(found, DEEPEST)
        return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _check(value: Any, levels: int) -> None:
    """Raises Rejection for what no field can have and no system behind it can store."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= each <= "\udfff" for each in value):
            raise Rejection(
                422,
                "value-invalid",
                "a text has a NUL character, or a half of a surrogate pair",
                "Send text",
            )
        return
    if not isinstance(value, dict | list):
        return
    if not levels:
        raise Rejection(422, "value-invalid", f"it has more than {DEEPEST} levels", "Send fewer")
    for each in [*value, *value.values()] if isinstance(value, dict) else value:
        _check(each, levels - 1)


class OfferPath(StringConvertor):
    """The path of an offer in an address: of an amendment it has slashes."""

    regex = "[^/]+(?:/amendment/[^/]+)?"


register_url_convertor("offer", OfferPath())
ONE_OFFER = "/offers/{offer:offer}"

GivenPath = Annotated[
    str,
    Path(
        description="The opportunity's id; for an amendment with `/amendment/` and its number",
        examples=[OFFER],
    ),
]


class ApiRoute(APIRoute):
    """A route that refuses what it does not know, before it is overlooked."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's, behind the checks."""
        handle = super().get_route_handler()
        known = {field.alias for field in self.dependant.query_params}

        async def checked(request: Request) -> Response:
            for name, value in request.query_params.multi_items():
                if name not in known:
                    raise Rejection(
                        422,
                        "value-invalid",
                        "there is no such parameter",
                        f"Use {', '.join(sorted(known)) or 'none'}",
                        field=name[:100],
                    )
                if "\0" in value:
                    raise Rejection(
                        422, "value-invalid", "it has a NUL character", "Send text", field=name
                    )
            content_type = request.headers.get("content-type", "").partition(";")[0]
            if self.body_field and content_type.strip().lower() != "application/json":
                raise Rejection(
                    415,
                    "not-json",
                    "the body is not sent as JSON",
                    "Send it with Content-Type: application/json",
                    field="Content-Type",
                )
            try:
                return await handle(JsonRequest(request.scope, request.receive))
            except (Rejection, RequestRejected, RequestValidationError) as error:
                if is_refused(error):
                    request.app.state.seen_keys.forget(request)
                raise

        return checked


async def reader_of(request: Request, console: CurrentConsole) -> Actor:
    """Who reads: a key, a session, or the local operator; raises Rejection."""
    actor = await console.program(request)
    console.require(actor, Permission.VIEW)
    return actor


async def caller_of(request: Request, console: CurrentConsole) -> Actor:
    """Who asks for a change; raises Rejection.

    A browser adds a session's cookie to whatever any page sends: the session's token proves that
    the call is the console's own.
    """
    actor = await console.program(request)
    if not request.headers.get("authorization"):
        sent = {CSRF: request.headers.get("x-csrf-token")}
        check_origin(request, sent, console.settings.offers_console_url)
    return actor


CurrentReader = Annotated[Actor, Depends(reader_of)]
CurrentCaller = Annotated[Actor, Depends(caller_of)]


def is_refused(error: Rejection | RequestRejected | RequestValidationError) -> bool:
    """Whether nothing was done; not so if nobody knows."""
    if isinstance(error, RequestValidationError | VendorFailed):
        return True
    rejection = rejection_of(error) if isinstance(error, RequestRejected) else error
    return 400 <= rejection.status < 500


class SeenKeys:
    """What was sent with each idempotency key, as far as this process still knows."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[uuid.UUID, str] = OrderedDict()

    def check(self, request: Request, request_id: uuid.UUID, sent: str) -> None:
        """Raises Rejection (422) if something else was sent with the key before.

        `sent`: the hash of the body.
        """
        if request_id not in self._bodies:
            request.state.first_of_its_key = request_id
        if self._bodies.setdefault(request_id, sent) != sent:
            raise Rejection(
                422,
                "idempotency-key-reused",
                "the key was sent before with another body",
                "Send another key with another request",
                field="Idempotency-Key",
            )
        self._bodies.move_to_end(request_id)
        if len(self._bodies) > KEYS_KNOWN:
            self._bodies.popitem(last=False)

    def forget(self, request: Request) -> None:
        """Forget the key of a request that was refused: it can be sent again, corrected."""
        if request_id := getattr(request.state, "first_of_its_key", None):
            self._bodies.pop(request_id, None)


class Named(NamedTuple):
    """How a change is named in Temporal, so that its repetition is recognised."""

    key: uuid.UUID | None
    """The idempotency key with its caller and operation; None: each call is another one."""
    id: uuid.UUID | None
    """With the body, too: Temporal keeps also what failed, and another body is another try."""

    @property
    def update_id(self) -> str | None:
        """Of the update of the offer's workflow."""
        return str(self.id) if self.id else None


UNNAMED = Named(None, None)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Names the request: repeated with the same key, it is done once."
        f" 1 to {LONGEST_KEY} printable ASCII characters, such as a UUID",
        json_schema_extra={"pattern": "^[!-~]{1,64}$"},
    ),
]


async def named(
    request: Request, actor: CurrentCaller, idempotency_key: IdempotencyKey = None
) -> Named:
    """The name of the change that a call asks for; raises Rejection (400, 422)."""
    if idempotency_key is None:
        return UNNAMED
    if not 1 <= len(idempotency_key) <= LONGEST_KEY or not PRINTABLE.issuperset(idempotency_key):
        raise Rejection(
            400,
            "idempotency-key-invalid",
            f"it does not have 1 to {LONGEST_KEY} printable ASCII characters",
            "Send a UUID, for example",
            field="Idempotency-Key",
        )
    # The path has the offer and the operation.
    given = request.path_params.get("offer", "")
    path = request.url.path.replace(given, path_of(given), 1) if given else request.url.path
    name = f"{actor.reference} {path} {idempotency_key}"
    request_id = uuid.uuid5(NAMESPACE, name)
    seen: SeenKeys = request.app.state.seen_keys
    sent = hashlib.sha256(await request.body()).hexdigest()
    seen.check(request, request_id, sent)
    return Named(request_id, uuid.uuid5(request_id, sent))


CurrentName = Annotated[Named, Depends(named)]


async def require(
    console: Console,
    actor: Actor,
    permission: Permission,
    path: str | None = None,
    terms: Iterable[str] = (),
) -> None:
    """Raises Rejection (403) unless the actor may do it; the owner of the offer is asked for only
    where that can matter.

    `terms`: the names of those that are given with it.
    """
    owner = None
    path = None if moves_ownership(terms) else path
    has_scope = actor.scopes is None or permission in actor.scopes
    if path and has_scope and actor.email and not actor.may(permission, console.policy):
        try:
            known = await console.client(actor).known(path)
            owner = known.summary.deal.owner
        except (NoSuchOffer, NoSuchOpportunity):
            owner = None
    console.require(actor, permission, owner.owner_email if owner else None)
