"""An OpenID Connect provider on loopback that can answer wrongly."""

import asyncio
import base64
import hashlib
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from uvicorn import Config, Server

CLIENT_ID, CLIENT_SECRET = "offerflow", "the-secret-of-the-client"


KEY = RSAKey.generate_key(2048, {"kid": "one"})


class OpenIdProvider:
    """Signs everybody in as `person`, without a question."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.person: dict[str, Any] = {"email": "desk@example.com", "email_verified": True}
        self.claims: dict[str, Any] = {}
        """Put into the next tokens over what belongs there; None leaves the claim out."""
        self.signing_key = KEY
        self._codes: dict[str, dict[str, str]] = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._metadata),
                Route("/jwks", self._jwks),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    def settings(self, console_url: str) -> dict[str, str]:
        """What the console needs to sign people in here."""
        return {
            "OFFERS_OIDC_ISSUER": self.issuer,
            "OFFERS_OIDC_CLIENT_ID": CLIENT_ID,
            "OFFERS_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OFFERS_OIDC_DOMAINS": "example.com",
            "OFFERS_SESSION_KEY": secrets.token_urlsafe(32),
            "OFFERS_CONSOLE_URL": console_url,
        }

    async def _metadata(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _jwks(self, _: Request) -> Response:
        return JSONResponse(KeySet([KEY]).as_dict(private=False))

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", 303)

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        asked = self._codes.pop(str(form.get("code")), None)
        verifier = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if (
            request.headers.get("authorization") != f"Basic {basic}"
            or asked is None
            or asked["code_challenge"] != challenge
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "1",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.person,
            **self.claims,
        }
        known = {name: value for name, value in claims.items() if value is not None}
        token = jwt.encode({"alg": "RS256", "kid": "one"}, known, self.signing_key)
        return JSONResponse(
            {"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": token}
        )


@asynccontextmanager
async def running_openid_provider() -> AsyncIterator[OpenIdProvider]:
    """A provider that answers."""
    listening = socket.create_server(("127.0.0.1", 0))
    provider = OpenIdProvider(f"http://127.0.0.1:{listening.getsockname()[1]}")
    server = Server(Config(provider.app, log_config=None, access_log=False, ws="none"))
    # Not Server.serve: it takes over the signals of the process, which pytest handles.
    serving = asyncio.create_task(server._serve([listening]))
    try:
        yield provider
    finally:
        server.should_exit = True
        await serving
