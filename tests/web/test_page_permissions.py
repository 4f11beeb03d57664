"""Who may do what, through the pages: one test for each cell of the table."""

import asyncio
import gc
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import TracebackType

import httpx
import pytest
import pytest_asyncio
from starlette.requests import Request
from temporalio.client import Client

from client import offer_client
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from offers.terms.contacts import Owner
from runtime.settings import InvalidSettings, WebSettings, read_settings
from tests.support.console import SESSION_KEY, RunningConsole, forget_calls, running_console
from tests.support.dev_server import new_namespace
from tests.support.listed_offers import list_offer
from tests.support.openid_provider import OpenIdProvider
from tests.support.requests import ID, record
from tests.support.sessions import CSRF, PEOPLE, POLICY, session_cookie
from tests.support.workflow_harness import environment_variables
from web import reader
from web.actions import PERMISSIONS
from web.permissions import ALLOWED, Permission, Role
from web.rejection import Rejection
from web.requests import address_of, check_origin

pytestmark = pytest.mark.xdist_group("page-permissions")

FORMS = {
    Permission.APPROVE: (
        f"/approvals/{ID}",
        {"decision": "approve", "finding": "a", "deal": "b"},
    ),
    Permission.DECLINE: (
        f"/approvals/{ID}",
        {"decision": "decline", "finding": "a", "deal": "b", "reason": "no"},
    ),
    Permission.RESUME_ALL: ("/health/resume", {"code": "terms-invalid"}),
    **{
        permission: (
            f"/offers/{ID}",
            {
                "action": kind.value,
                "changes": "company=Other",
                "until": "2030-01-01",
                "reason_code": "OTHER",
                "text": "as agreed",
                "offer_id": "offer-4isthufus86rk",
                "invoice": "A1",
                "amount": "1.00 USD",
                "confirm": "1.00 USD",
                "reason": "OTHER",
            },
        )
        for kind, permission in PERMISSIONS.items()
        if kind is not ActionKind.START_AGAIN
    },
}
"""By permission, the form of a page that needs it."""


def offer() -> OfferRecord:
    return record(
        Stage.SHARED,
        amendments=(),
        owner=Owner(owner_email=PEOPLE[Role.OWNER], owner_name="Example Owner"),
    )


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "policy.toml"
    path.write_text(POLICY, encoding="utf-8")
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal(dev_server: str) -> Client:
    client = await new_namespace(dev_server)
    await list_offer(client, offer())
    return client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(temporal: Client, policy: Path) -> AsyncIterator[RunningConsole]:
    settings = OpenIdProvider("http://127.0.0.1:9").settings("http://localhost")
    async with running_console(temporal, OFFERS_POLICY=str(policy), **settings) as served:
        yield served


@pytest.fixture
def console(served: RunningConsole, monkeypatch: pytest.MonkeyPatch) -> RunningConsole:
    """No worker answers: what is allowed ends there.  It has counted no call yet."""
    monkeypatch.setattr(offer_client, "QUICK_ANSWER", timedelta())
    forget_calls(served)
    return served


def as_person(console: RunningConsole, email: str) -> httpx.AsyncClient:
    cookies = {"offerflow": session_cookie(email, SESSION_KEY)}
    return httpx.AsyncClient(base_url=console.url, cookies=cookies)


def test_each_permission_but_those_of_pages_has_a_form() -> None:
    pages = {Permission.VIEW, Permission.PREFLIGHT, Permission.CREATE}
    assert set(Permission) - set(FORMS) == pages


@pytest.mark.parametrize("role", Role)
async def test_forms_are_for_those_whom_the_table_names(
    console: RunningConsole, role: Role
) -> None:
    async with as_person(console, PEOPLE[role]) as browser:
        for permission, (path, form) in FORMS.items():
            answer = await browser.post(path, data={"csrf": CSRF, **form})
            allowed = role in ALLOWED[permission]
            assert (answer.status_code != 403) == allowed, (role, permission, answer.status_code)


@pytest.mark.parametrize("role", Role)
async def test_pages_are_for_everybody_who_has_signed_in(
    console: RunningConsole, role: Role
) -> None:
    async with as_person(console, PEOPLE[role]) as browser:
        for path in ("/", "/approvals", "/new", "/payouts", "/health", "/policy"):
            assert (await browser.get(path)).status_code == 200
            head = await browser.head(path)
            assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/approvals",
        "/new",
        "/payouts",
        "/payouts.csv",
        "/health",
        "/policy",
        f"/offers/{ID}",
        "/events",
    ],
)
async def test_nobody_sees_anything_before_signing_in(console: RunningConsole, path: str) -> None:
    async with httpx.AsyncClient(base_url=console.url) as browser:
        answer = await browser.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?to=")
        ended = session_cookie(PEOPLE[Role.OPERATIONS], SESSION_KEY, lasts=-1)
        forged = session_cookie(PEOPLE[Role.OPERATIONS], "another key that is long enough")
        for cookie in (ended, forged):
            answer = await browser.get(path, headers={"cookie": f"offerflow={cookie}"})
            assert answer.status_code == 303


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, "guessed"),
        ({}, ""),
        ({"origin": "https://evil.example"}, CSRF),
        ({"origin": "null"}, CSRF),
        ({"sec-fetch-site": "cross-site"}, CSRF),
        ({"sec-fetch-site": "same-site"}, CSRF),
    ],
)
async def test_forms_of_other_sites_are_refused(
    console: RunningConsole, headers: dict[str, str], token: str
) -> None:
    async with as_person(console, PEOPLE[Role.OPERATIONS]) as browser:
        form = {"csrf": token, "action": "cancel", "reason": "x"}
        answer = await browser.post(f"/offers/{ID}", data=form, headers=headers)
    assert answer.status_code == 403
    assert "not of this session" in answer.text


@pytest.mark.parametrize(
    ("setting", "origin"),
    [
        ("https://Offers.example.com:443/", "https://offers.example.com"),
        ("https://offers.example.com:8443", "https://offers.example.com:8443"),
        ("HTTPS://öffers.example.com", "https://xn--ffers-iua.example.com"),
    ],
)
def test_own_origin_is_known_however_the_setting_is_written(setting: str, origin: str) -> None:
    with environment_variables({"OFFERS_CONSOLE_URL": setting}):
        address = read_settings(WebSettings).offers_console_url
    assert address == origin
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "server": ("10.0.0.1", 8090),
        "path": "/",
        "headers": [(b"origin", origin.encode())],
        "session": {"csrf": CSRF},
    }
    check_origin(Request(scope), {"csrf": CSRF}, setting)
    scope["headers"] = [(b"origin", b"https://offers.example.com.evil.example")]
    with pytest.raises(Rejection):
        check_origin(Request(scope), {"csrf": CSRF}, setting)


async def test_pages_restrict_what_they_can_do(console: RunningConsole) -> None:
    async with as_person(console, PEOPLE[Role.VIEWER]) as browser:
        page = await browser.get("/")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "<script>" not in page.text
    assert " style=" not in page.text
    assert "onclick" not in page.text


async def test_other_hosts_are_refused(console: RunningConsole) -> None:
    async with as_person(console, PEOPLE[Role.VIEWER]) as browser:
        answer = await browser.get("/", headers={"host": "evil.example"})
    assert answer.status_code == 400


async def test_large_bodies_are_refused(console: RunningConsole) -> None:
    async with as_person(console, PEOPLE[Role.OWNER]) as browser:
        declared = await browser.post("/new", data={"csrf": CSRF, "changes": "x" * 300_000})

        async def parts() -> AsyncIterator[bytes]:
            for _ in range(40):
                yield b"x" * 10_000

        streamed = await browser.post(
            "/new", content=parts(), headers={"content-type": "application/x-www-form-urlencoded"}
        )
    assert (declared.status_code, streamed.status_code) == (413, 413)


async def test_changes_are_limited_in_number(console: RunningConsole) -> None:
    async with as_person(console, PEOPLE[Role.VIEWER]) as browser:
        form = {"csrf": CSRF, "action": "cancel"}
        answers = [await browser.post(f"/offers/{ID}", data=form) for _ in range(70)]
    codes = [answer.status_code for answer in answers]
    assert codes[0] == 403
    assert codes[-1] == 429
    assert answers[-1].headers["retry-after"] == "60"


async def test_text_from_outside_is_never_markup(temporal: Client, console: RunningConsole) -> None:
    markup = "<script>alert(1)</script>\"'><b>"
    other = record(Stage.SHARED, amendments=(), company=markup).model_copy(
        update={"opportunity_id": "0065g00000AbCd4AAV"}
    )
    await list_offer(temporal, other)
    async with as_person(console, PEOPLE[Role.VIEWER]) as browser:
        async with asyncio.timeout(10):
            while other.opportunity_id not in (await browser.get("/")).text:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        pages = [
            await browser.get(path)
            for path in (
                "/",
                "/?view=stages",
                f"/?q={markup}",
                f"/new?opportunity={markup}",
                "/offers/0065g00000AbCd4AAV",
            )
        ]
    for page in pages:
        assert "<script>alert" not in page.text
        assert markup not in page.text
    assert "&lt;script&gt;" in pages[0].text


@pytest.mark.parametrize("action", ["revise", "amend"])
async def test_owner_gives_the_offer_to_nobody_else(console: RunningConsole, action: str) -> None:
    form = {"csrf": CSRF, "action": action, "changes": "owner_email=viewer@example.com"}
    async with as_person(console, PEOPLE[Role.OWNER]) as browser:
        assert (await browser.post(f"/offers/{ID}", data=form)).status_code == 403
    async with as_person(console, PEOPLE[Role.OPERATIONS]) as browser:
        assert (await browser.post(f"/offers/{ID}", data=form)).status_code != 403


async def test_ended_session_is_said_where_no_page_can_follow(console: RunningConsole) -> None:
    ended = session_cookie(PEOPLE[Role.OWNER], SESSION_KEY, lasts=-1)
    cookies = {"offerflow": ended}
    async with httpx.AsyncClient(base_url=console.url, cookies=cookies) as browser:
        sent = await browser.post(f"/offers/{ID}", data={"csrf": CSRF, "action": "cancel"})
        fetched = await browser.get("/", headers={"sec-fetch-mode": "cors"})
        events = await browser.get("/events", headers={"sec-fetch-mode": "cors"})
    assert [sent.status_code, fetched.status_code, events.status_code] == [401, 401, 401]
    assert 'href="/sign-in"' in sent.text


async def test_refused_bodies_leave_nothing_in_memory(console: RunningConsole) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 10_000

    def frames() -> int:
        gc.collect()
        return sum(1 for each in gc.get_objects() if isinstance(each, TracebackType))

    async with as_person(console, PEOPLE[Role.OWNER]) as browser:
        headers = {"content-type": "application/json"}
        await browser.post("/api/v1/offers", content=parts(), headers=headers)
        before = frames()
        for _ in range(20):
            answer = await browser.post("/api/v1/offers", content=parts(), headers=headers)
            assert answer.status_code == 413
    assert frames() - before < 20


async def test_addresses_of_webhooks_are_not_shown(temporal: Client, tmp_path: Path) -> None:
    more = tmp_path / "policy.toml"
    hook = "[webhooks]\nendpoints = [{name = 'crm', url = 'https://hooks.example.com/TOKEN-123'}]\n"
    more.write_text(POLICY + hook, encoding="utf-8")
    async with (
        running_console(temporal, OFFERS_POLICY=str(more)) as console,
        httpx.AsyncClient(base_url=console.url) as browser,
    ):
        page = await browser.get("/policy")
    assert page.status_code == 200
    assert "TOKEN-123" not in page.text


async def test_one_odd_run_does_not_end_the_reading(
    temporal: Client, console: RunningConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = console.app.state.console
    await running.reader.current()

    def failing(_: object) -> None:
        raise ValueError("'renamed-stage' is not a valid Stage")

    monkeypatch.setattr(reader, "row_of", failing)
    # What has not changed is not read again.
    other = record(Stage.SHARED, amendments=()).model_copy(
        update={"opportunity_id": "006TEST00000777AAA"}
    )
    await list_offer(temporal, other)
    async with as_person(console, PEOPLE[Role.VIEWER]) as browser:
        async with asyncio.timeout(20):
            while "cannot be read" not in (await browser.get("/")).text:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        monkeypatch.undo()
        async with asyncio.timeout(20):
            while "cannot be read" in (await browser.get("/")).text:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


def test_last_proxy_says_who_sends() -> None:
    def sent(*lines: str) -> Request:
        headers = [(b"x-forwarded-for", line.encode()) for line in lines]
        return Request({"type": "http", "headers": headers, "client": ("10.0.0.1", 1)})

    assert address_of(sent("6.6.6.6"), 0) == "10.0.0.1"
    assert address_of(sent("6.6.6.6, 198.51.100.7"), 1) == "198.51.100.7"
    assert address_of(sent("6.6.6.6", "198.51.100.7"), 1) == "198.51.100.7"
    assert address_of(sent(), 1) == "10.0.0.1"


async def test_without_a_provider_no_proxy_leads_here(temporal: Client) -> None:
    with pytest.raises(InvalidSettings, match="OFFERS_WEB_PROXIES"):
        async with running_console(temporal, OFFERS_WEB_PROXIES="1"):
            pass
    public = {"OFFERS_CONSOLE_URL": "https://offers.example.com"}
    async with (
        running_console(temporal, **public) as console,
        httpx.AsyncClient(base_url=console.url) as browser,
    ):
        answer = await browser.get("/", headers={"host": "offers.example.com"})
    assert answer.status_code == 400


async def test_page_hears_of_what_changed_while_it_was_made(
    temporal: Client, console: RunningConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = console.app.state.console
    before = (await running.reader.current()).version
    other = record(Stage.SHARED, amendments=()).model_copy(
        update={"opportunity_id": "006TEST00000778AAA"}
    )

    async def slow(_client: object) -> list[object]:
        await list_offer(temporal, other)
        await running.reader.newer_than(before, timedelta(seconds=10))
        return []

    monkeypatch.setattr("web.pages.health.check_connection", slow)
    async with as_person(console, PEOPLE[Role.VIEWER]) as browser:
        page = await browser.get("/health")
    assert running.reader.reading.version > before
    assert f'data-live="/events?version={before}"' in page.text


async def test_health_is_asked_by_the_connection_that_there_is(
    console: RunningConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []

    async def connect(settings: object) -> None:
        opened.append(settings)

    monkeypatch.setattr("runtime.checks.temporal_server.connect", connect)
    async with as_person(console, PEOPLE[Role.VIEWER]) as browser:
        page = (await browser.get("/health")).text
    assert console.app.state.console.temporal.service_client.config.target_host in page
    assert "search attributes" in page
    assert opened == []
