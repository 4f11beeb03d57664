"""The page on which buyers confirm their account, by real HTTP, with the link of the real mail."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import cast

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, Page, ViewportSize
from temporalio.client import Client
from uvicorn import Config, Server

from client import offer_client
from offers.lifecycle.confirmation_link import ConfirmationLinks, ConfirmationToken, read_link_keys
from offers.stage import Stage
from runtime.settings import InvalidSettings, WebSettings, read_settings
from tests.support.browser import CHROMIUM, SCHEMES, accessibility_problems, running_browser
from tests.support.builders import BUYER
from tests.support.workflow_harness import (
    CONFIRMING_POLICY,
    CONSOLE,
    LINK_KEY,
    OPPORTUNITY,
    WorkflowHarness,
    environment_variables,
    open_harness,
)
from web import confirmation
from web.app import create_app

pytestmark = pytest.mark.xdist_group("confirmation")

OTHER = "444455556666"
LINKS = ConfirmationLinks(CONSOLE, read_link_keys(LINK_KEY))
OTHER_KEY = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
NOT_USABLE = "This link cannot be used"


class Buyer:
    """A draft that waits for the buyer, and the buyer's browser without cookies."""

    def __init__(self, harness: WorkflowHarness, http: httpx.AsyncClient) -> None:
        self.harness = harness
        self.http = http

    @property
    def link(self) -> str:
        return f"/confirm/{self.harness.confirmation_tokens()[-1]}"

    async def open(self, link: str | None = None) -> httpx.Response:
        return await self.http.get(link or self.link)

    async def send(self, account: str, link: str | None = None) -> httpx.Response:
        return await self.http.post(link or self.link, data={"account": account})


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """The console without its reader of the lists, on a free port; its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(Config(app, lifespan="off", log_config=None, access_log=False, ws="none"))
    task = asyncio.create_task(server.serve([listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await task


@pytest_asyncio.fixture(loop_scope="module")
async def buyer() -> AsyncIterator[Buyer]:
    async with open_harness(policy=CONFIRMING_POLICY) as harness:
        settings = read_settings(WebSettings)
        app = create_app(settings, harness.temporal_client, "a key for the sessions of this test")
        async with (
            serving(app) as address,
            httpx.AsyncClient(base_url=address, trust_env=False) as http,
        ):
            await harness.start()
            await harness.settle()
            yield Buyer(harness, http)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with running_browser() as browser:
        yield browser


def title(page: httpx.Response) -> str:
    (found,) = re.findall("<h1>(.*)</h1>", page.text)
    return str(found)


async def test_page_says_who_asks_and_nothing_else_of_the_offer(buyer: Buyer) -> None:
    page = await buyer.open()
    assert page.status_code == 200
    assert title(page) == "Confirm your AWS account"
    for shown in (
        *("Example Seller, Inc.", "Example Product", "management account", "12 digits"),
        *("AWSMarketplaceManageSubscriptions", 'name="account"'),
    ):
        assert shown in page.text
    for hidden in (BUYER, "USD", "Example Corp", "@", OPPORTUNITY, "Offerflow", "offer-"):
        assert hidden not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-robots-tag"] == "noindex"
    assert "set-cookie" not in page.headers


async def test_opening_the_link_changes_nothing(buyer: Buyer) -> None:
    for _ in range(3):
        assert (await buyer.open()).status_code == 200
        await buyer.http.head(buyer.link)
    assert (await buyer.harness.record()).account_confirmation is None
    assert title(await buyer.send(BUYER)) == "Thank you: the account is confirmed"
    assert (await buyer.harness.advance_until(Stage.SHARED)).is_account_confirmed


async def test_a_typing_error_does_not_use_the_link(buyer: Buyer) -> None:
    for wrong in ("", "12345", "<script>alert(1)</script>", "x" * 5000, f"{BUYER[:-1]}O"):
        page = await buyer.send(wrong)
        assert page.status_code == 422
        assert 'role="alert"' in page.text
        assert "<script>" not in page.text
    # Several accounts come back as they were written.
    several = ", ".join(f"1111-2222-{number:04}" for number in range(30))[:-1]
    page = await buyer.send(several)
    assert (page.status_code, f'value="{several}"' in page.text) == (422, True)
    assert f'maxlength="{confirmation.LONGEST_ANSWER}"' in page.text
    assert (await buyer.harness.record()).account_confirmation is None
    assert "confirmed" in title(await buyer.send(f"{BUYER[:4]} {BUYER[4:8]} {BUYER[8:]}"))


async def test_another_account_is_told_to_the_owner_and_the_link_is_used(buyer: Buyer) -> None:
    page = await buyer.send(OTHER)
    assert title(page) == "This is another account"
    assert "has been told" in page.text
    assert BUYER not in page.text
    record = await buyer.harness.settle()
    assert [finding.code for finding in record.blocking_findings] == ["account-differs"]
    for again in (await buyer.open(), await buyer.send(BUYER)):
        assert (again.status_code, title(again)) == (404, NOT_USABLE)


async def test_every_link_that_cannot_be_used_leads_to_the_same_page(buyer: Buyer) -> None:
    harness = buyer.harness
    record = await harness.record()
    assert record.account_link
    later = datetime.now(UTC) + timedelta(days=1)
    known = {"offer": OPPORTUNITY, "nonce": record.account_link.nonce, "expires_at": later}
    token = ConfirmationToken.model_validate(known)
    foreign = ConfirmationLinks(CONSOLE, read_link_keys(OTHER_KEY))
    other_offer = token.model_copy(update={"offer": "0065g00000AbCdFAAV"})
    links = {
        "guessed": "x" * 162,
        "forged": foreign.seal(token),
        "truncated": LINKS.seal(token)[:-5],
        "expired": LINKS.seal(token.model_copy(update={"expires_at": later - timedelta(days=2)})),
        "another nonce": LINKS.seal(token.model_copy(update={"nonce": "0" * 32})),
        "no such offer": LINKS.seal(other_offer),
    }
    await buyer.send(BUYER)
    links["used"] = harness.confirmation_tokens()[-1]
    pages = {name: await buyer.open(f"/confirm/{each}") for name, each in links.items()}
    pages |= {f"{name} sent": await buyer.send(BUYER, f"/confirm/{e}") for name, e in links.items()}
    assert {page.status_code for page in pages.values()} == {404}
    (text,) = {page.text for page in pages.values()}
    assert "Example" not in text
    assert NOT_USABLE in text


async def test_a_link_that_has_ended_is_not_taken(buyer: Buyer) -> None:
    await buyer.harness.advance(days=15)
    assert title(await buyer.send(BUYER)) == NOT_USABLE
    await buyer.harness.client.resend(OPPORTUNITY)
    await buyer.harness.settle()
    assert "confirmed" in title(await buyer.send(BUYER))


async def test_offer_that_has_ended_is_not_asked_about(buyer: Buyer) -> None:
    link = buyer.link
    await buyer.harness.client.cancel(OPPORTUNITY, "")
    await buyer.harness.advance_to_end()
    assert title(await buyer.open(link)) == NOT_USABLE


async def test_who_asks_too_often_is_told_to_wait(buyer: Buyer) -> None:
    limit = confirmation.BY_LINK.amount
    pages = [await buyer.open() for _ in range(limit)]
    assert {page.status_code for page in pages} == {200}
    # More than one: the limit is not exact while a minute ends, and opening them takes a while.
    while pages[-1].status_code == 200 and len(pages) < 3 * limit:
        pages.append(await buyer.open())
    assert pages[-1].status_code == 503
    assert pages[-1].headers["retry-after"] == "60"
    assert "Example" not in pages[-1].text
    guesses = [await buyer.open(f"/confirm/{'x' * 100}") for _ in range(25)]
    assert {guesses[0].status_code, guesses[-1].status_code} == {404, 503}


async def test_offer_whose_workflow_was_terminated_is_not_asked_about(buyer: Buyer) -> None:
    await buyer.harness.handle.terminate()
    assert title(await buyer.open()) == NOT_USABLE


async def test_without_a_worker_the_buyer_is_asked_to_try_again(
    buyer: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def has_worker(_: object) -> bool:
        return False  # which the time-skipping server cannot tell

    monkeypatch.setattr(offer_client, "has_worker", has_worker)
    link = buyer.link
    await buyer.harness.stop_worker()
    for page in (await buyer.open(link), await buyer.send(BUYER, link)):
        assert (page.status_code, title(page)) == (503, "Please try again in a minute")
        assert "Example" not in page.text


@pytest.mark.parametrize("unset", ["OFFERS_LINK_KEYS", "OFFERS_CONSOLE_URL"])
def test_console_that_could_not_read_the_links_does_not_start(unset: str) -> None:
    given = {"OFFERS_LINK_KEYS": LINK_KEY, "OFFERS_CONSOLE_URL": CONSOLE}
    del given[unset]
    with environment_variables({"OFFERS_POLICY": str(CONFIRMING_POLICY), **given}):
        settings = read_settings(WebSettings)
    with pytest.raises(InvalidSettings, match=f"{unset} is not set, and the policy has buyers"):
        create_app(settings, cast(Client, None), "a key for the sessions of this test")


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
async def test_page_on_a_phone_without_javascript(buyer: Buyer, browser: Browser) -> None:
    viewport = ViewportSize(width=360, height=640)
    async with await browser.new_context(viewport=viewport, java_script_enabled=False) as phone:
        page = await phone.new_page()
        await page.goto(f"{buyer.http.base_url}{buyer.link}")
        await _fits(page)
        await page.get_by_label("AWS account id").fill("12345")
        await page.get_by_role("button", name="Send").click()
        assert "exactly 12 digits" in await page.get_by_role("alert").inner_text()
        await page.get_by_label("AWS account id").fill(BUYER)
        await page.get_by_role("button", name="Send").click()
        await page.get_by_role("heading", name="Thank you: the account is confirmed").wait_for()
        await _fits(page)
        await page.reload()
        await page.get_by_role("heading", name=NOT_USABLE).wait_for()


async def _fits(page: Page) -> None:
    width = await page.locator("main").evaluate("each => each.scrollWidth")
    assert width <= 360


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
async def test_pages_are_accessible(buyer: Buyer, browser: Browser) -> None:
    """On a light and on a dark background."""
    async with await browser.new_context(bypass_csp=True) as context:
        page = await context.new_page()
        link = f"{buyer.http.base_url}{buyer.link}"
        await page.goto(link)
        await _is_accessible(page)
        for account in ("12345", OTHER):
            await page.get_by_label("AWS account id").fill(account)
            await page.get_by_role("button", name="Send").click()
            await _is_accessible(page)
        await page.goto(link)
        await _is_accessible(page)


async def _is_accessible(page: Page) -> None:
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme)
        assert await accessibility_problems(page) == [], scheme
