"""People sign in with OpenID Connect; the session is a signed cookie with an absolute end."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter
from joserfc.errors import JoseError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from offers.terms.contacts import domain_of, parse_email
from runtime.settings import WebSettings
from web.identity import Actor, Kind
from web.rejection import Rejection
from web.requests import SIGN_INS, address_of, check_origin

SESSION_LASTS = timedelta(hours=8)
"""From the sign-in, however often the session is used."""
PROVIDER_TIMEOUT_SECONDS = 10
PERSON = "person"
RETURN_TO = "return_to"
LONGEST_NAME = 100
REFUSED = "sign-in-refused"
"""The code of an answer of the provider that proves nothing."""


class SignIn:
    """The OpenID Connect provider, as the settings name it."""

    def __init__(self, settings: WebSettings) -> None:
        secret = settings.offers_oidc_client_secret
        issuer = settings.offers_oidc_issuer or ""
        oauth = OAuth()
        oauth.register(
            "provider",
            server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
            client_id=settings.offers_oidc_client_id,
            client_secret=secret.get_secret_value() if secret else None,
            client_kwargs={
                "scope": "openid email profile",
                "code_challenge_method": "S256",
                "timeout": PROVIDER_TIMEOUT_SECONDS,
            },
        )
        self._provider: Any = oauth.create_client("provider")
        self._client_id = settings.offers_oidc_client_id
        self._issuer = issuer
        self._domains = settings.offers_oidc_domains
        self._console_url = (settings.offers_console_url or "").rstrip("/")

    async def redirect(self, request: Request) -> Response:
        """To the provider's own page."""
        try:
            response: Response = await self._provider.authorize_redirect(
                request, f"{self._console_url}/sign-in/callback"
            )
        except (httpx2.HTTPError, AuthlibBaseError, ValueError, KeyError):
            raise _unavailable() from None
        return response

    async def person(self, request: Request) -> Actor:
        """Who came back from the provider; raises Rejection unless it is proved."""
        try:
            claims = {
                "iss": {"essential": True, "value": await self._iss()},
                # Authlib 1.9.10 takes another audience if the token names us as its `azp`.
                "aud": {"essential": True, "value": self._client_id},
            }
            token = await self._provider.authorize_access_token(request, claims_options=claims)
        except httpx2.HTTPError:
            raise _unavailable() from None
        except (AuthlibBaseError, JoseError, ValueError, KeyError, RuntimeError) as error:
            logging.getLogger(__name__).warning("a sign-in was refused: %s", type(error).__name__)
            raise Rejection(
                403,
                REFUSED,
                "the answer of the sign-in service cannot be accepted",
                "Sign in again",
            ) from None
        return self._actor(token.get("userinfo") or {})

    async def _iss(self) -> str:
        metadata = await self._provider.load_server_metadata()
        if str(metadata.get("issuer", "")).rstrip("/") != self._issuer.rstrip("/"):
            raise ValueError("the provider names another issuer")
        return str(metadata["issuer"])

    def _actor(self, claims: dict[str, Any]) -> Actor:
        try:
            email = parse_email(str(claims.get("email", "")))
        except ValueError:
            email = ""
        # Only an address that the provider itself has verified says who somebody is.
        if not email or claims.get("email_verified") is not True:
            raise Rejection(
                403,
                "address-not-verified",
                "the sign-in service does not vouch for a mail address",
                "Ask whoever runs it to verify yours",
            )
        if domain_of(email).lower() not in self._domains:
            raise Rejection(
                403,
                "other-domain",
                "mail addresses of this domain may not sign in",
                "Sign in with your company's address",
            )
        name = str(claims.get("name") or email)[:LONGEST_NAME]
        return Actor(kind=Kind.PERSON, name=name, email=email)


def _unavailable() -> Rejection:
    return Rejection(
        503,
        "sign-in-unavailable",
        "the sign-in service does not answer",
        "Try again in a minute",
        retry_after=60,
    )


def signed_in(request: Request, now: datetime) -> Actor | None:
    """The session's person; None if nobody is signed in any more.  `now`: real time (UTC)."""
    person = request.session.get(PERSON)
    if not isinstance(person, dict) or now.timestamp() >= person.get("until", 0):
        return None
    return Actor(kind=Kind.PERSON, name=person["name"], email=person["email"])


def local_path(target: str | None) -> str:
    """Where to go after signing in: a page of ours, never another site."""
    if not target or not target.startswith("/") or target[1:2] in ("/", "\\"):
        return "/"
    return target if target.isprintable() and len(target) <= 2000 else "/"


router = APIRouter(include_in_schema=False)


@router.get("/sign-in")
async def sign_in(request: Request, to: str | None = None) -> Response:
    """To the provider."""
    console = request.app.state.console
    await console.limits.count(SIGN_INS, address_of(request, console.settings.offers_web_proxies))
    if console.sign_in is None:
        return RedirectResponse("/", 303)
    request.session[RETURN_TO] = local_path(to)
    response: Response = await console.sign_in.redirect(request)
    return response


@router.get("/sign-in/callback")
async def callback(request: Request) -> Response:
    """Back from the provider."""
    console = request.app.state.console
    await console.limits.count(SIGN_INS, address_of(request, console.settings.offers_web_proxies))
    if console.sign_in is None:
        return RedirectResponse("/", 303)
    target = local_path(request.session.get(RETURN_TO))
    now = datetime.now(UTC)
    try:
        actor: Actor = await console.sign_in.person(request)
    except Rejection as error:
        # A browser has one sign-in under way, the last that was begun; another tab has ended it.
        if error.code == REFUSED and signed_in(request, now):
            return RedirectResponse(target, 303)
        raise
    request.session.clear()  # a new session: what was set before signing in counts no more
    until = now + SESSION_LASTS
    request.session[PERSON] = {
        "name": actor.name,
        "email": actor.email,
        "until": int(until.timestamp()),
    }
    console.audit("signed in", actor)
    return RedirectResponse(target, 303)


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session in this browser."""
    console = request.app.state.console
    check_origin(request, dict(await request.form()), console.settings.offers_console_url)
    if actor := signed_in(request, datetime.now(UTC)):
        console.audit("signed out", actor)
    request.session.clear()
    return RedirectResponse("/signed-out", 303)
