"""The console in a real Chromium: every page, every button, with and without JavaScript."""

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.async_api import Browser, BrowserContext, Page, expect

from offers.stage import Stage
from tests.support.browser import CHROMIUM, SCHEMES, accessibility_problems, running_browser
from tests.support.console import SESSION_KEY, RunningConsole, running_console
from tests.support.offer_environment import (
    OfferEnvironment,
    open_offer_environment,
)
from tests.support.openid_provider import OpenIdProvider
from tests.support.sessions import CSRF, session_cookie
from tests.support.workflow_harness import environment_variables

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.xdist_group("browser"),
]

DESK = "desk@example.com"
KEY = Ed25519PrivateKey.generate()
OPERATIONS = """
[roles]
deal-desk = ["desk@example.com", "second@example.com"]
legal = ["legal@example.com"]
finance = ["finance@example.com"]
operations = ["ops@example.com"]
"""
PAGES = ("/", "/?view=stages", "/approvals", "/new", "/payouts", "/health", "/policy")


@dataclass(frozen=True)
class Offers:
    """An environment, and its console."""

    environment: OfferEnvironment
    console: RunningConsole


@asynccontextmanager
async def open_offers(dev_server: str, folder: Path) -> AsyncIterator[Offers]:
    """The workers take only decisions that the console has signed."""
    public = f"console:{encoded(KEY.public_key().public_bytes_raw())}"
    settings = OpenIdProvider("http://127.0.0.1:9").settings("http://localhost")
    settings["OFFERS_DECISION_KEY"] = f"console:{encoded(KEY.private_bytes_raw())}"
    with (
        pytest.MonkeyPatch.context() as patch,
        environment_variables({"OFFERS_DECISION_KEYS": public}),
    ):
        patch.setattr("tests.support.offer_environment.POLICY", OPERATIONS)
        async with (
            open_offer_environment(dev_server, folder) as environment,
            running_console(environment.temporal_client, **settings) as console,
        ):
            yield Offers(environment, console)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared_offers(
    dev_server: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Offers]:
    """For tests that look at an offer of their own alone."""
    async with open_offers(dev_server, tmp_path_factory.mktemp("shared")) as shared_offers:
        yield shared_offers


@pytest.fixture(scope="module")
def environment(shared_offers: Offers) -> OfferEnvironment:
    return shared_offers.environment


@pytest.fixture(scope="module")
def console(shared_offers: Offers) -> RunningConsole:
    return shared_offers.console


@pytest_asyncio.fixture(loop_scope="module")
async def own(dev_server: str, tmp_path: Path) -> AsyncIterator[Offers]:
    """For a test that looks at what is there of all offers."""
    async with open_offers(dev_server, tmp_path) as own:
        yield own


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running() -> AsyncIterator[Browser]:
    async with running_browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def browser(running: Browser) -> AsyncIterator[Browser]:
    """Without an open page."""
    yield running
    for context in running.contexts:
        await context.close()


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


async def signed_in(
    browser: Browser, console: RunningConsole, email: str, **options: Any
) -> BrowserContext:
    """A browser of its own for somebody who has signed in."""
    context = await browser.new_context(base_url=console.url, **options)
    cookie = session_cookie(email, SESSION_KEY)
    await context.add_cookies([{"name": "offerflow", "value": cookie, "url": console.url}])
    context.set_default_timeout(20_000)
    return context


async def page_of(context: BrowserContext, path: str) -> Page:
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"a script failed: {error}"))
    await page.goto(path)
    return page


async def draft_with_exception(environment: OfferEnvironment, number: int = 1) -> str:
    (offer,) = environment.put_opportunities(number)
    await environment.client.start(offer, {"duration_months": 24})
    return offer


async def test_no_page_has_a_fault_that_axe_finds(own: Offers, browser: Browser) -> None:
    environment, console = own.environment, own.console
    waiting = await draft_with_exception(environment, 1)
    (shared,) = await environment.share_offers(2)
    await environment.wait_until(waiting, lambda row: bool(row.attentions))
    offers = (f"/offers/{shared}", f"/offers/{waiting}", "/offers/nonsense")
    light_only = {*PAGES} - {"/", "/approvals"}
    problems: dict[str, list[str]] = {}
    page = await page_of(await signed_in(browser, console, DESK), "/")
    for path in (*PAGES, *offers):
        await page.goto(path)
        await page.locator("details:not([open]) > summary").evaluate_all(
            "all => all.forEach(each => each.click())"
        )
        for scheme in SCHEMES[: 1 if path in light_only else 2]:
            await page.emulate_media(color_scheme=scheme)
            if found := await accessibility_problems(page):
                problems[f"{path} {scheme}"] = found
    assert problems == {}


async def test_two_people_decide_about_one_exception(own: Offers, browser: Browser) -> None:
    environment, console = own.environment, own.console
    offer = await draft_with_exception(environment)
    await environment.wait_until(offer, lambda row: "approval-required" in row.attentions)
    first = await page_of(await signed_in(browser, console, DESK), "/approvals")
    second = await page_of(
        await signed_in(browser, console, "second@example.com", java_script_enabled=False),
        "/approvals",
    )
    await expect(first.get_by_role("heading", name="For you to decide")).to_be_visible()
    await expect(first.get_by_text("24", exact=False).first).to_be_visible()
    await first.get_by_role("button", name=re.compile("Approve")).click()
    await expect(first.get_by_role("status")).to_contain_text("approved")
    await second.get_by_label("Reason").fill("two years are too long")
    await second.get_by_role("button", name=re.compile("Decline")).click()
    await expect(second.get_by_role("heading", name="Not done")).to_be_visible()
    await environment.wait_until(offer, lambda row: row.stage == Stage.SHARED)
    (decision,) = (await environment.client.record(offer)).decisions
    assert (decision.by, decision.approved) == (DESK, True)
    assert decision.proof is not None


async def test_owner_of_a_deal_cannot_approve_it(own: Offers, browser: Browser) -> None:
    environment, console = own.environment, own.console
    offer = await draft_with_exception(environment)
    await environment.wait_until(offer, lambda row: "approval-required" in row.attentions)
    page = await page_of(await signed_in(browser, console, "legal@example.com"), "/approvals")
    await expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    await expect(page.get_by_text("it needs the role deal-desk")).to_be_visible()
    await expect(page.get_by_role("button", name=re.compile("Approve"))).to_have_count(0)


@pytest.mark.parametrize(("number", "javascript"), [(1, True), (2, False)])
async def test_new_offer_is_checked_and_created(
    environment: OfferEnvironment,
    console: RunningConsole,
    browser: Browser,
    number: int,
    javascript: bool,
) -> None:
    (offer,) = environment.put_opportunities(number)
    context = await signed_in(browser, console, DESK, java_script_enabled=javascript)
    page = await page_of(context, "/new")
    await page.get_by_label("Opportunity").fill(
        f"https://example.my.salesforce.com/lightning/r/Opportunity/{offer}/view"
    )
    await page.get_by_text("Overrule terms").click()
    await page.get_by_label("Terms instead of Salesforce's").fill("price=110000.00 USD")
    await page.get_by_role("button", name="Check").click()
    row = page.get_by_role("row", name=re.compile(r"^price "))
    await expect(row).to_contain_text("110000.00 USD")
    await expect(row).to_contain_text("given here")
    await expect(page.get_by_role("row", name=re.compile("^company"))).to_contain_text("Salesforce")
    await page.get_by_role("button", name="Create the offer").click()
    await expect(page).to_have_url(f"{console.url}/offers/{offer}")
    await expect(page.get_by_role("status")).to_contain_text("started")
    await environment.wait_until(offer, lambda row: row.stage == Stage.SHARED)
    record = await environment.client.record(offer)
    assert record.changed_by == (DESK,)
    if javascript:
        await expect(page.locator("#life [aria-current=step]")).to_contain_text("shared")


async def test_mistake_in_a_form_loses_nothing(
    environment: OfferEnvironment, console: RunningConsole, browser: Browser
) -> None:
    (offer,) = environment.put_opportunities(3)
    page = await page_of(await signed_in(browser, console, DESK), f"/new?opportunity={offer}")
    await page.get_by_text("Overrule terms").click()
    await page.get_by_label("Terms instead of Salesforce's").fill("price=1.10.000 USD")
    await page.get_by_role("button", name="Check").click()
    await expect(page.get_by_role("alert")).to_contain_text("price=1.10.000 USD")
    await expect(page.get_by_label("Terms instead of Salesforce's")).to_have_value(
        "price=1.10.000 USD"
    )


async def test_buttons_of_a_shared_offer(
    environment: OfferEnvironment, console: RunningConsole, browser: Browser
) -> None:
    (offer,) = await environment.share_offers(4)
    page = await page_of(await signed_in(browser, console, DESK), f"/offers/{offer}")
    await expect(page.get_by_text("Refund: there is no agreement")).to_be_visible()
    await expect(page.locator("#mails")).to_contain_text("Email buyer: shared")
    until = environment.world.now().date() + timedelta(days=60)
    await page.locator("summary", has_text="Extend").click()
    await page.get_by_label("New last day (UTC)").fill(until.isoformat())
    await page.get_by_role("button", name="Extend", exact=True).click()
    await expect(page.get_by_role("status")).to_contain_text("Extend")
    await environment.wait_until(offer, lambda row: row.last_day == until)
    await page.reload()
    await page.locator("summary", has_text="Cancel the offer").click()
    await expect(page.get_by_text("so that nobody can accept it")).to_be_visible()
    await page.get_by_label("Reason").fill("bought elsewhere")
    await page.get_by_role("button", name="Cancel the offer").click()
    await environment.wait_until(offer, lambda row: row.stage == Stage.CANCELLED)
    record = await environment.client.record(offer)
    assert record.cancel_reason == "bought elsewhere"
    assert {request.by for request in record.requests} == {DESK}


async def test_page_is_kept_live_and_leaves_what_is_written(own: Offers, browser: Browser) -> None:
    environment, console = own.environment, own.console
    (first,) = await environment.share_offers(1)
    board = await page_of(await signed_in(browser, console, DESK), "/")
    offer = await page_of(board.context, f"/offers/{first}")
    await offer.locator("summary", has_text="Cancel the offer").click()
    await offer.get_by_label("Reason").fill("perhaps")
    await expect(board.get_by_role("row")).to_have_count(2)
    (second,) = await environment.share_offers(2)
    await expect(board.get_by_role("link", name=second)).to_be_visible()
    await environment.accept(first)
    await environment.run_agreement_watch()
    await environment.wait_until(first, lambda row: row.stage == Stage.ACCEPTED)
    await expect(offer.locator("#life [aria-current=step]")).to_contain_text("accepted")
    await expect(offer.get_by_label("Reason")).to_have_value("perhaps")


async def test_board_is_searched_by_its_address(own: Offers, browser: Browser) -> None:
    environment, console = own.environment, own.console
    first, second = await environment.share_offers(1, 2)
    context = await signed_in(browser, console, DESK, java_script_enabled=False)
    page = await page_of(context, f"/?q={first[-6:]}")
    await expect(page.get_by_role("link", name=first)).to_be_visible()
    await expect(page.get_by_role("link", name=second)).to_have_count(0)
    await page.goto("/?stage=draft")
    await expect(page.get_by_text("No offer is like this")).to_be_visible()
    await page.goto("/?sort=-offer")
    await expect(page.get_by_role("row").nth(1)).to_contain_text(second)
    await page.goto("/?stage=nonsense")
    await expect(page.get_by_role("heading", name="Not done")).to_be_visible()
    await page.goto(f"/?q=offer/{first}")
    await expect(page).to_have_url(f"{console.url}/offers/{first}")


async def test_offer_without_a_worker_is_shown_from_the_list(
    own: Offers, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.pages.offer.ANSWER_WITHIN", timedelta(seconds=1))
    environment, console = own.environment, own.console
    (offer,) = await environment.share_offers(1)
    await environment.stop_workers()
    page = await page_of(await signed_in(browser, console, DESK), f"/offers/{offer}")
    await expect(page.get_by_text(re.compile("no worker answers|does not answer"))).to_be_visible()
    await expect(page.get_by_text("shared").first).to_be_visible()


async def test_approvals_fit_a_phone(own: Offers, browser: Browser) -> None:
    environment, console = own.environment, own.console
    offer = await draft_with_exception(environment)
    await environment.wait_until(offer, lambda row: "approval-required" in row.attentions)
    context = await signed_in(browser, console, DESK, viewport={"width": 360, "height": 740})
    page = await page_of(context, "/approvals")
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360
    button = page.get_by_role("button", name=re.compile("Approve"))
    box = await button.bounding_box()
    assert box
    assert box["height"] >= 44


async def test_keyboard_alone_approves(own: Offers, browser: Browser) -> None:
    environment, console = own.environment, own.console
    offer = await draft_with_exception(environment)
    await environment.wait_until(offer, lambda row: "approval-required" in row.attentions)
    page = await page_of(await signed_in(browser, console, DESK), "/approvals")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    button = page.get_by_role("button", name=re.compile("Approve"))
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await button.evaluate("each => each === document.activeElement"):
            break
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("approved")


async def test_all_offers_of_one_cause_are_resumed(own: Offers, browser: Browser) -> None:
    environment, console = own.environment, own.console
    offers = environment.put_opportunities(1, 2)
    for offer in offers:
        await environment.client.start(offer, {"buyer_accounts": ["123"]})
        await environment.wait_until(offer, lambda row: "terms-invalid" in row.attentions)
    page = await page_of(await signed_in(browser, console, "ops@example.com"), "/health")
    await page.get_by_role("button", name="Resume all 2").click()
    await expect(page.get_by_role("status")).to_contain_text("2 offers were resumed")
    for offer in offers:
        record = await environment.client.record(offer)
        assert [request.by for request in record.requests] == ["ops@example.com"]


async def test_nobody_becomes_owner_by_saying_so(
    environment: OfferEnvironment, console: RunningConsole, browser: Browser
) -> None:
    (offer,) = environment.put_opportunities(5)
    viewer = "viewer@example.com"
    page = await page_of(await signed_in(browser, console, viewer), f"/new?opportunity={offer}")
    await page.get_by_text("Overrule terms").click()
    await page.get_by_label("Terms instead of Salesforce's").fill(f"owner_email={viewer}")
    await page.get_by_role("button", name="Check").click()
    await expect(page.get_by_text("Only the owner of the opportunity")).to_be_visible()
    await expect(page.get_by_role("button", name="Create the offer")).to_have_count(0)
    cookies = {"offerflow": session_cookie(viewer, SESSION_KEY)}
    given = {"owner_email": viewer}
    async with httpx.AsyncClient(base_url=console.url, cookies=cookies) as client:
        form = {"csrf": CSRF, "opportunity": offer, "action": "create"}
        changes = {"changes": f"owner_email={viewer}"}
        by_page = await client.post("/new", data=form | changes)
        by_call = await client.post(
            "/api/v1/offers",
            json={"opportunity": offer, "terms": given},
            headers={"x-csrf-token": CSRF},
        )
    assert (by_page.status_code, by_call.status_code) == (403, 403)


async def test_page_says_when_the_session_has_ended(own: Offers, browser: Browser) -> None:
    environment, console = own.environment, own.console
    context = await signed_in(browser, console, DESK)
    page = await page_of(context, "/")
    await expect(page.get_by_role("row")).to_have_count(2)
    ended = session_cookie(DESK, SESSION_KEY, lasts=-1)
    await context.clear_cookies()
    await context.add_cookies([{"name": "offerflow", "value": ended, "url": console.url}])
    await environment.share_offers(1)
    await expect(page.get_by_role("alert")).to_contain_text("The session has ended")


async def press(page: Page, button: str, **fields: str) -> None:
    """Open an action of an offer's page, fill in its fields by their labels, and do it."""
    action = page.locator("details", has=page.locator("summary", has_text=button))
    # What is under the pointer is not replaced any more when the page is read again.
    await action.locator("summary").hover()
    await action.locator("summary").click()
    for label, value in fields.items():
        field = action.get_by_label(label.replace("_", " "))
        if await field.evaluate("each => each.tagName") == "SELECT":
            await field.select_option(value)
        else:
            await field.fill(value)
    await action.get_by_role("button", name=button).click()
    await expect(page.get_by_role("status")).to_contain_text(button)


async def test_draft_is_revised_until_it_is_shared(
    environment: OfferEnvironment, console: RunningConsole, browser: Browser
) -> None:
    (offer,) = environment.put_opportunities(6)
    await environment.client.start(offer, {"buyer_accounts": ["123"]})
    await environment.wait_until(offer, lambda row: "terms-invalid" in row.attentions)
    page = await page_of(await signed_in(browser, console, "ops@example.com"), f"/offers/{offer}")
    await page.get_by_role("button", name="Resume").click()
    await expect(page.get_by_role("status")).to_contain_text("Resume")
    await press(page, "Revise the terms", Changes="buyer_accounts=222200000006")
    await environment.wait_until(offer, lambda row: row.stage == Stage.SHARED)
    await page.reload()
    await press(page, "Amend", Changes="description=Signed on paper")
    await press(page, "Send again")
    record = await environment.client.record(offer)
    assert record.require_terms().description == "Signed on paper"
    kinds = [request.kind for request in record.requests]
    assert kinds == ["resume", "revise", "amend", "resend"]
    assert {request.by for request in record.requests} == {"ops@example.com"}


async def test_buttons_of_an_accepted_offer(own: Offers, browser: Browser) -> None:
    environment, console = own.environment, own.console
    (offer,) = await environment.share_offers(1)
    await environment.accept(offer)
    await environment.run_agreement_watch()
    await environment.wait_until(offer, lambda row: row.stage == Stage.ACCEPTED)
    (invoice,) = environment.world.money.invoices
    page = await page_of(await signed_in(browser, console, "ops@example.com"), f"/offers/{offer}")
    refund = {"Invoice": invoice.id, "Amount_before_tax": "500.00 USD"}
    await press(page, "Refund", **refund, Reason="OTHER", The_amount_again="500.00 USD")
    finance = await page_of(await signed_in(browser, console, "finance@example.com"), "/approvals")
    await expect(finance.get_by_text("AWS cannot take it back")).to_be_visible()
    await finance.get_by_role("button", name="Approve the refund").click()
    await expect(finance.get_by_role("status")).to_contain_text("approved")
    await environment.wait_until_called("agreement", "BatchCreateBillingAdjustmentRequest", 1)
    await page.reload()
    cancel = {"Reason": "OTHER", "Message_to_the_buyer": "as agreed"}
    await press(page, "Ask the buyer to cancel", **cancel)
    record = await environment.client.record(offer)
    assert record.cancellation is not None
    (asked,) = record.refunds
    assert (asked.requested_by, asked.decided_by) == ("ops@example.com", "finance@example.com")


async def test_offer_that_was_cancelled_is_started_again(
    environment: OfferEnvironment, console: RunningConsole, browser: Browser
) -> None:
    offer = await draft_with_exception(environment, 7)
    await environment.client.cancel(offer, "not yet")
    await environment.wait_until_closed(offer)
    page = await page_of(await signed_in(browser, console, DESK), f"/offers/{offer}")
    await press(page, "Start again")
    await environment.wait_until(offer, lambda row: row.stage == Stage.SHARED)
    assert (await environment.client.record(offer)).revision == 2
