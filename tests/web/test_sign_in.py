"""People sign in with OpenID Connect; what is not proved is refused."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey
from temporalio.client import Client

from runtime.settings import InvalidSettings, WebSettings, read_settings
from tests.support.console import RunningConsole, forget_calls, running_console
from tests.support.dev_server import new_namespace
from tests.support.openid_provider import KEY, OpenIdProvider, running_openid_provider
from tests.support.workflow_harness import environment_variables
from web import sign_in
from web.app import create_app
from web.sign_in import local_path

pytestmark = pytest.mark.xdist_group("sign-in")


@asynccontextmanager
async def signing_in(temporal: Client, provider: OpenIdProvider) -> AsyncIterator[RunningConsole]:
    """A console where people sign in at a provider."""
    async with running_console(temporal, **provider.settings("http://localhost")) as console:
        # The port is known only now.
        console.app.state.console.sign_in._console_url = console.url
        yield console


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_provider() -> AsyncIterator[OpenIdProvider]:
    async with running_openid_provider() as provider:
        yield provider


@pytest.fixture
def provider(running_provider: OpenIdProvider) -> OpenIdProvider:
    """It answers as it should until a test changes that."""
    running_provider.claims = {}
    running_provider.signing_key = KEY
    return running_provider


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal(dev_server: str) -> Client:
    return await new_namespace(dev_server)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(
    temporal: Client, running_provider: OpenIdProvider
) -> AsyncIterator[RunningConsole]:
    async with signing_in(temporal, running_provider) as served:
        yield served


@pytest.fixture
def console(served: RunningConsole, provider: OpenIdProvider) -> RunningConsole:
    """It has counted no call yet."""
    forget_calls(served)
    return served


@pytest_asyncio.fixture(loop_scope="module")
async def browser(console: RunningConsole) -> AsyncIterator[httpx.AsyncClient]:
    async with browser_of(console) as browser:
        yield browser


def browser_of(console: RunningConsole) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=console.url, follow_redirects=True)


async def test_person_signs_in_and_comes_back_to_the_page(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/policy?from=mail")
    assert page.status_code == 200
    assert page.url.path == "/policy"
    assert page.url.query == b"from=mail"
    assert "desk@example.com" in page.text
    assert "local operator" not in page.text


def _other_key(provider: OpenIdProvider) -> None:
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "one"})


@pytest.mark.parametrize(
    ("claims", "status", "why"),
    [
        ({"aud": "another-client"}, 403, "cannot be accepted"),
        ({"aud": ["another-client", "third"], "azp": "offerflow"}, 403, "cannot be accepted"),
        ({"nonce": "another"}, 403, "cannot be accepted"),
        ({"nonce": None}, 403, "cannot be accepted"),
        ({"iss": "http://127.0.0.1:9"}, 403, "cannot be accepted"),
        ({"exp": int(time.time()) - 3600}, 403, "cannot be accepted"),
        ({"email_verified": False}, 403, "does not vouch"),
        ({"email_verified": "true"}, 403, "does not vouch"),
        ({"email_verified": None}, 403, "does not vouch"),
        ({"email": None}, 403, "does not vouch"),
        ({"email": "desk@example.com.evil.example"}, 403, "may not sign in"),
        ({"email": "desk@sub.example.com"}, 403, "may not sign in"),
        ({"email": "not an address"}, 403, "does not vouch"),
    ],
)
async def test_answer_that_proves_nothing_is_refused(
    browser: httpx.AsyncClient,
    provider: OpenIdProvider,
    claims: dict[str, Any],
    status: int,
    why: str,
) -> None:
    provider.claims = claims
    page = await browser.get("/")
    assert (page.status_code, page.url.path) == (status, "/sign-in/callback")
    assert why in page.text
    provider.claims = {}
    assert "Sign out" not in (await browser.get("/signed-out")).text


async def test_token_of_another_key_is_refused(
    browser: httpx.AsyncClient, provider: OpenIdProvider
) -> None:
    _other_key(provider)
    assert (await browser.get("/")).status_code == 403


async def test_code_counts_once_and_in_its_own_browser(
    console: RunningConsole, browser: httpx.AsyncClient
) -> None:
    page = await browser.get("/")
    callback = str(page.history[-1].url)
    assert "/sign-in/callback?code=" in callback
    again = await browser.get(callback)
    assert [each.status_code for each in again.history] == [303]
    assert again.url.path == "/"  # still signed in; by the code nobody is
    async with httpx.AsyncClient(base_url=console.url) as other:
        refused = await other.get(callback)
        assert refused.status_code == 403
        assert 'href="/sign-in"' in refused.text
        assert (await other.get("/policy")).status_code == 303


async def test_two_tabs_sign_in_at_once(console: RunningConsole) -> None:
    async with (
        httpx.AsyncClient(base_url=console.url) as browser,
        httpx.AsyncClient() as provider,
    ):
        begun = [await browser.get(f"/sign-in?to=/{page}") for page in ("health", "policy")]
        back = [
            (await provider.get(each.headers["location"])).headers["location"] for each in begun
        ]
        early, last, late = [await browser.get(each) for each in (back[0], back[1], back[0])]
        assert early.status_code == 403
        assert 'href="/sign-in"' in early.text
        assert (last.status_code, last.headers["location"]) == (303, "/policy")
        assert (late.status_code, late.headers["location"]) == (303, "/")
        assert "desk@example.com" in (await browser.get("/policy")).text


async def test_provider_that_is_away_is_named(temporal: Client, provider: OpenIdProvider) -> None:
    """By a console that does not know its addresses yet."""
    async with signing_in(temporal, provider) as console, browser_of(console) as browser:
        known = console.app.state.console.sign_in._provider
        known._server_metadata_url = "http://127.0.0.1:9/nothing"
        page = await browser.get("/")
    assert page.status_code == 503
    assert "does not answer" in page.text
    assert page.headers["retry-after"] == "60"


async def test_session_ends_at_a_set_time(
    browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await browser.get("/policy")).status_code == 200
    before = browser.cookies["offerflow"]
    monkeypatch.setattr(sign_in, "SESSION_LASTS", timedelta(seconds=-1))
    browser.cookies.clear()
    ended = await browser.get("/policy", follow_redirects=False)
    assert ended.headers["location"] == "/sign-in?to=%2Fpolicy"
    browser.cookies.set("offerflow", before[:-3] + "abc")
    forged = await browser.get("/policy", follow_redirects=False)
    assert forged.status_code == 303


async def test_ended_session_is_nobody(
    browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "SESSION_LASTS", timedelta(seconds=-1))
    with pytest.raises(httpx.TooManyRedirects):
        await browser.get("/policy")


async def test_signing_out_needs_the_session_s_own_form(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/policy")
    foreign = await browser.post("/sign-out", data={"csrf": "guessed"})
    assert foreign.status_code == 403
    assert (await browser.get("/policy", follow_redirects=False)).status_code == 200
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found
    out = await browser.post("/sign-out", data={"csrf": found[1]})
    assert out.url.path == "/signed-out"
    assert (await browser.get("/policy", follow_redirects=False)).status_code == 303


async def test_cookie_is_out_of_reach_of_scripts_and_other_sites(
    browser: httpx.AsyncClient,
) -> None:
    page = await browser.get("/policy")
    (cookie,) = {
        answer.headers["set-cookie"].partition(";")[2]
        for answer in (*page.history, page)
        if "set-cookie" in answer.headers and "Max-Age" in answer.headers["set-cookie"]
    } or {""}
    assert {"httponly", "samesite=lax"} <= {part.strip().lower() for part in cookie.split(";")}


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "",
        None,
        "/a\r\nb",
        "/" + "a" * 3000,
    ],
)
def test_signing_in_leads_to_no_other_site(target: str | None) -> None:
    assert local_path(target) == "/"


async def test_without_a_provider_only_loopback_is_served(temporal: Client) -> None:
    with environment_variables({"OFFERS_WEB_ADDRESS": "0.0.0.0:8090"}):
        settings = read_settings(WebSettings)
    with pytest.raises(InvalidSettings, match="only loopback"):
        create_app(settings, temporal, "k" * 32)


@pytest.mark.parametrize(
    "missing",
    [
        "OFFERS_OIDC_CLIENT_ID",
        "OFFERS_OIDC_CLIENT_SECRET",
        "OFFERS_OIDC_DOMAINS",
        "OFFERS_SESSION_KEY",
        "OFFERS_CONSOLE_URL",
    ],
)
def test_provider_needs_all_of_its_settings(missing: str) -> None:
    settings = OpenIdProvider("https://accounts.example.com").settings("https://offers.example.com")
    del settings[missing]
    with environment_variables(settings), pytest.raises(InvalidSettings, match=missing):
        read_settings(WebSettings)


def test_message_of_settings_shows_no_secret() -> None:
    secret = "a-very-secret-value"
    settings = {"OFFERS_OIDC_ISSUER": "https://a.example.com", "OFFERS_OIDC_CLIENT_SECRET": secret}
    with environment_variables(settings), pytest.raises(InvalidSettings) as refused:
        read_settings(WebSettings)
    assert secret not in str(refused.value)
