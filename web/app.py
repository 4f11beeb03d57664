"""The web console and its HTTP API: one ASGI application."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError

from client.offer_client import NoAnswer, RequestRejected
from runtime.codec import UNREADABLE
from runtime.health import health_app, server_problem
from runtime.settings import (
    LOOPBACK,
    InvalidSettings,
    WebSettings,
    confirmation_links,
    listen_address,
)
from web import confirmation, sign_in
from web.api import api
from web.api.api import PREFIX
from web.api.problem import API, problem_response
from web.api_keys import ApiKeys
from web.console import Console, SignInRequired
from web.pages import approvals, board, health, new_offer, offer, page, payouts, policy
from web.pages.page import error_page
from web.reader import Reader
from web.rejection import Rejection, rejection_of, rejection_of_invalid, rejection_of_unreadable
from web.requests import HeadAsGet, LimitedBody, SecureHeaders
from web.sign_in import SESSION_LASTS, SignIn

STATIC = Path(__file__).parent / "static"


def create_app(settings: WebSettings, temporal: Client, session_key: str) -> FastAPI:
    """The application; raises InvalidSettings.  `session_key`: signs the sessions' cookies."""
    host, _ = listen_address(settings.offers_web_address)
    if settings.offers_oidc_issuer is None and host not in LOOPBACK:
        raise InvalidSettings(
            "OFFERS_WEB_ADDRESS: without OFFERS_OIDC_ISSUER nobody signs in, so only loopback is"
            " served: listen at 127.0.0.1, or set the provider"
        )
    if settings.offers_oidc_issuer is None and settings.offers_web_proxies:
        raise InvalidSettings(
            "OFFERS_WEB_PROXIES: without OFFERS_OIDC_ISSUER nobody signs in, so no proxy may lead"
            " here: unset it, or set the provider"
        )
    confirmation_links(settings)  # buyers could answer nothing without them
    reader = Reader(temporal)
    console = Console(
        settings=settings,
        policy=settings.policy(),
        temporal=temporal,
        reader=reader,
        sign_in=SignIn(settings) if settings.offers_oidc_issuer else None,
        api_keys=ApiKeys(settings.offers_api_keys) if settings.offers_api_keys else None,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with reader.running():
            yield
            await console.finish_running()

    public = urlsplit(settings.offers_console_url or "")
    https = public.scheme == "https"
    # Without a provider a proxy must not make everybody the local operator.
    is_public = settings.offers_oidc_issuer is not None and public.hostname is not None
    public_hosts = [public.hostname or ""] if is_public else []
    app = FastAPI(
        title="Offerflow",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(
                TrustedHostMiddleware,
                allowed_hosts=[*LOOPBACK, "[::1]", *public_hosts],
                www_redirect=False,
            ),
            Middleware(SecureHeaders, https=https),
            Middleware(HeadAsGet),
            Middleware(LimitedBody),
            Middleware(
                SessionMiddleware,
                secret_key=session_key,
                session_cookie="__Host-offerflow" if https else "offerflow",
                max_age=int(SESSION_LASTS.total_seconds()),
                same_site="lax",
                https_only=https,
            ),
        ],
    )
    app.state.console = console
    for module in (
        sign_in,
        confirmation,
        page,
        board,
        offer,
        approvals,
        new_offer,
        payouts,
        health,
        policy,
    ):
        app.include_router(module.router)
    api.add_to(app)
    app.mount("/static", StaticFiles(directory=STATIC), "static")
    app.routes.extend(health_app(lambda: server_problem(temporal)).routes)
    _add_errors(app)
    return app


def _add_errors(app: FastAPI) -> None:
    """Pages for people, problem details for programs."""
    for kind, handler in confirmation.ERROR_PAGES.items():
        app.add_exception_handler(kind, handler)

    async def answer(request: Request, error: Rejection) -> Response:
        if request.url.path.startswith(API):
            return problem_response(error)
        return await error_page(request, error)

    @app.exception_handler(SignInRequired)
    async def to_sign_in(request: Request, _: Exception) -> Response:
        # A form, or a script of a page: neither can follow to the provider's page.
        is_page = request.headers.get("sec-fetch-mode", "navigate") == "navigate"
        if request.method != "GET" or not is_page:
            ended = "the session has ended, and nothing was done"
            remedy = "Sign in again, then repeat it"
            return await answer(request, Rejection(401, "session-ended", ended, remedy))
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?to={quote(target, safe='')}", 303)

    @app.exception_handler(Rejection)
    async def rejected(request: Request, error: Rejection) -> Response:
        return await answer(request, error)

    @app.exception_handler(RequestRejected)
    async def request_rejected(request: Request, error: RequestRejected) -> Response:
        return await answer(request, rejection_of(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return await answer(request, rejection_of_invalid(error))

    @app.exception_handler(RPCError)
    async def no_server(request: Request, _: RPCError) -> Response:
        unavailable = Rejection(
            503,
            "temporal-unavailable",
            "Temporal does not answer",
            "Try again in a minute",
            retry_after=60,
        )
        return await answer(request, unavailable)

    @app.exception_handler(WorkflowQueryFailedError)
    async def no_record(request: Request, _: WorkflowQueryFailedError) -> Response:
        return await answer(request, rejection_of(NoAnswer("the offer does not answer")))

    async def unreadable(request: Request, error: Exception) -> Response:
        # Nobody who sees the page can help: whoever reads the log can.
        logging.getLogger(__name__).error("an offer cannot be read: %s", error)
        return await answer(request, rejection_of_unreadable(error))

    for kind in UNREADABLE:
        app.add_exception_handler(kind, unreadable)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        response = await answer(request, _rejection_of_http(request, error))
        if error.status_code == 405:
            # Starlette names the methods of the first route only.
            methods = api.methods_at(request.url.path) or {(error.headers or {}).get("Allow", "")}
            response.headers["allow"] = ", ".join(sorted(methods))
        return response

    @app.exception_handler(500)
    async def failed(request: Request, _: Exception) -> Response:
        problem = "it was not done, because of an error of this program"
        return await answer(
            request, Rejection(500, "internal-error", problem, "Its log says what went wrong")
        )


def _rejection_of_http(request: Request, error: HTTPException) -> Rejection:
    """What Starlette and FastAPI refuse by themselves."""
    if isinstance(error.__cause__, Rejection):  # raised while FastAPI read the body
        return error.__cause__
    match error.status_code:
        case 404 if request.url.path.startswith(API):
            remedy = f"See {PREFIX}/openapi.json"
            return Rejection(404, "no-such-address", "there is no such address", remedy)
        case 404:
            return Rejection(404, "no-such-page", "there is no such page", "Go to the board")
        case 405:
            return Rejection(405, "no-such-method", "this address takes no such request")
        case status:
            return Rejection(status, "request-invalid", "the request cannot be read")
