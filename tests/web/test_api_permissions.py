"""Who may do what, through the API: one test for each cell of the table, without a worker."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from limits import RateLimitItemPerMinute
from temporalio.client import Client

from client import offer_client
from offers.stage import Stage
from offers.terms.contacts import Owner
from tests.support.api import add_key, api
from tests.support.console import SESSION_KEY, RunningConsole, forget_calls, running_console
from tests.support.dev_server import new_namespace
from tests.support.listed_offers import list_offer
from tests.support.openid_provider import OpenIdProvider
from tests.support.requests import ID, record
from tests.support.sessions import CSRF, PEOPLE, POLICY, session_cookie
from web import console as console_module
from web.permissions import ALLOWED, DECISIONS, Permission, Role

pytestmark = pytest.mark.xdist_group("api-permissions")

CALLS: dict[Permission, tuple[str, dict[str, Any] | None]] = {
    Permission.PREFLIGHT: ("/preflight", {"opportunity": ID}),
    Permission.REVISE: (f"/offers/{ID}/revise", {"terms": {"company": "Other"}}),
    Permission.AMEND: (f"/offers/{ID}/amend", {"terms": {"company": "Other"}}),
    Permission.EXTEND: (f"/offers/{ID}/extend", {"until": "2030-01-01"}),
    Permission.CANCEL: (f"/offers/{ID}/cancel", {"reason": "x"}),
    Permission.REQUEST_CANCELLATION: (
        f"/offers/{ID}/request-cancellation",
        {"reason_code": "OTHER", "message": "x"},
    ),
    Permission.LINK_OFFER: (f"/offers/{ID}/link-offer", {"offer_id": "offer-1"}),
    Permission.RESEND: (f"/offers/{ID}/resend", None),
    Permission.RESUME: (f"/offers/{ID}/resume", {}),
    Permission.RESUME_ALL: ("/resume-all", {"attention": "terms-invalid"}),
    Permission.APPROVE: (f"/offers/{ID}/approve", {"finding": "a", "deal": "b"}),
    Permission.DECLINE: (f"/offers/{ID}/decline", {"finding": "a", "deal": "b", "reason": "x"}),
    Permission.REFUND: (
        f"/offers/{ID}/refunds",
        {"invoice_id": "A1", "amount": "1.00 USD", "reason": "OTHER"},
    ),
}
"""By permission, a call that needs it.  `create` is tested with a worker, which knows the owner."""

READS = ("/offers", f"/offers/{ID}", "/payouts", "/renewals")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def temporal(dev_server: str) -> Client:
    client = await new_namespace(dev_server)
    owner = Owner(owner_email=PEOPLE[Role.OWNER], owner_name="Example Owner")
    await list_offer(client, record(Stage.SHARED, amendments=(), owner=owner))
    return client


@asynccontextmanager
async def signing_in(temporal: Client, folder: Path) -> AsyncIterator[tuple[RunningConsole, Path]]:
    """A console where people sign in, and programs have the keys of a file."""
    policy, keys = folder / "policy.toml", folder / "api-keys.toml"
    policy.write_text(POLICY, encoding="utf-8")
    add_key(keys, "first")
    settings = OpenIdProvider("http://127.0.0.1:9").settings("http://localhost")
    settings |= {"OFFERS_POLICY": str(policy), "OFFERS_API_KEYS": str(keys)}
    async with running_console(temporal, **settings) as console:
        yield console, keys


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(
    temporal: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[RunningConsole, Path]]:
    async with signing_in(temporal, tmp_path_factory.mktemp("shared")) as shared:
        yield shared


@pytest.fixture
def console(shared: tuple[RunningConsole, Path], monkeypatch: pytest.MonkeyPatch) -> RunningConsole:
    """No worker answers: what is allowed ends there.  It has counted no call yet."""
    monkeypatch.setattr(offer_client, "QUICK_ANSWER", timedelta())
    console, _ = shared
    forget_calls(console)
    return console


@pytest.fixture
def keys(shared: tuple[RunningConsole, Path]) -> Path:
    """Each test has keys of its own, or replaces those of the same name."""
    return shared[1]


def write(file: Path, text: str | None) -> None:
    """None: delete it."""
    if text is None:
        file.unlink()
    else:
        file.write_text(text, encoding="utf-8")


def session(console: RunningConsole, email: str, **headers: str) -> httpx.AsyncClient:
    cookies = {"offerflow": session_cookie(email, SESSION_KEY)}
    return httpx.AsyncClient(base_url=f"{console.url}/api/v1", cookies=cookies, headers=headers)


def test_each_permission_has_a_call() -> None:
    assert set(Permission) - set(CALLS) == {Permission.VIEW, Permission.CREATE}


@pytest.mark.parametrize("role", Role)
async def test_people_may_do_what_the_table_says(
    console: RunningConsole, keys: Path, role: Role
) -> None:
    """With a session, and with a key of their own."""
    async with (
        session(console, PEOPLE[role], **{"x-csrf-token": CSRF}) as browser,
        api(console.url, add_key(keys, "own", person=PEOPLE[role])) as with_key,
    ):
        for client in (browser, with_key):
            for permission, (path, body) in CALLS.items():
                answer = await client.post(path, json=body)
                allowed = role in ALLOWED[permission]
                assert (answer.status_code != 403) == allowed, (permission, answer.text)
            for path in READS:
                assert (await client.get(path)).status_code != 403


@pytest.mark.parametrize("scope", Permission)
async def test_program_may_do_what_its_key_is_for_and_decides_nothing(
    console: RunningConsole, keys: Path, scope: Permission
) -> None:
    async with api(console.url, add_key(keys, "program", [scope])) as program:
        for permission, (path, body) in CALLS.items():
            answer = await program.post(path, json=body)
            allowed = permission is scope and permission not in DECISIONS
            assert (answer.status_code != 403) == allowed, (permission, answer.text)
        creating = await program.post("/offers", json={"opportunity": ID})
        assert (creating.status_code != 403) == (scope is Permission.CREATE)
        for path in READS:
            assert ((await program.get(path)).status_code != 403) == (scope is Permission.VIEW)


async def test_own_key_gives_no_more_than_the_person_and_its_scopes(
    console: RunningConsole, keys: Path
) -> None:
    key = add_key(keys, "own", [Permission.CANCEL], person=PEOPLE[Role.VIEWER])
    async with api(console.url, key) as viewer:
        path, body = CALLS[Permission.CANCEL]
        refused = await viewer.post(path, json=body)
        assert refused.json()["detail"].startswith("only approver or operations or owner")
        other = await viewer.post(CALLS[Permission.RESEND][0])
        assert other.json()["detail"] == "the key has no scope resend"


@pytest.mark.parametrize("path", [*READS, "/offers/x", "/nothing"])
async def test_nobody_reads_anything_without_a_key(console: RunningConsole, path: str) -> None:
    async with api(console.url) as nobody:
        answer = await nobody.get(path)
    assert answer.status_code == (404 if path == "/nothing" else 401)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer x",
        "Bearer offerflow_first_" + "A" * 43,
        "Bearer offerflow_nobody_" + "A" * 43,
        "Bearer offerflow_first_" + "é" * 43,
        "Basic Zmlyc3Q6eA==",
        "bearer",
        "Bearer " + "x" * 8000,
    ],
)
async def test_unknown_keys_are_refused(console: RunningConsole, authorization: str) -> None:
    async with session(console, PEOPLE[Role.OPERATIONS]) as browser:
        # Whoever sends a key is not taken for the session beside it.
        headers = {b"authorization": authorization.encode()}
        answer = await browser.get("/offers", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "not-signed-in"


async def test_expired_and_revoked_keys_are_refused_at_once(
    temporal: Client, tmp_path: Path
) -> None:
    async with signing_in(temporal, tmp_path) as (console, keys):
        key, ended = add_key(keys, "second"), datetime.now(UTC).date() - timedelta(days=1)
        async with api(console.url, key) as program:
            assert (await program.get("/offers")).status_code == 200
            expired = add_key(keys, "third", expires_on=ended)
            headers = {"authorization": f"Bearer {expired}"}
            assert (await program.get("/offers", headers=headers)).status_code == 401
            write(keys, "")
            assert (await program.get("/offers")).status_code == 401


async def test_no_key_is_taken_while_a_changed_file_cannot_be_read(
    temporal: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Any of them may have been revoked."""
    async with signing_in(temporal, tmp_path) as (console, keys):
        async with api(console.url, add_key(keys, "second")) as program:
            assert (await program.get("/offers")).status_code == 200
            for text, reason in (("not TOML", "it is not TOML"), (None, "No such file")):
                caplog.clear()
                write(keys, text)
                for _ in range(2):
                    answer = await program.get("/offers")
                    assert (answer.status_code, answer.json()["code"]) == (503, "keys-unreadable")
                (logged,) = [each for each in caplog.records if each.name == "web.api_keys"]
                assert logged.levelno == logging.ERROR
                assert reason in logged.getMessage()
        async with api(console.url, add_key(keys, "third")) as program:
            assert (await program.get("/offers")).status_code == 200


async def test_change_with_a_session_needs_its_token(console: RunningConsole) -> None:
    path, body = CALLS[Permission.CANCEL]
    for headers in (
        {},
        {"x-csrf-token": "guessed"},
        {"x-csrf-token": CSRF, "origin": "https://evil.example"},
        {"x-csrf-token": CSRF, "sec-fetch-site": "cross-site"},
    ):
        async with session(console, PEOPLE[Role.OPERATIONS], **headers) as browser:
            answer = await browser.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "form-expired"), headers


async def test_local_operator_reads_without_a_key_and_changes_nothing_without_a_token(
    temporal: Client,
) -> None:
    async with running_console(temporal) as console, api(console.url) as operator:
        assert (await operator.get("/offers")).status_code == 200
        path, body = CALLS[Permission.CANCEL]
        assert (await operator.post(path, json=body)).status_code == 403


async def test_calls_are_limited_in_number(
    console: RunningConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_module, "PAGES", RateLimitItemPerMinute(3, namespace="few"))
    async with api(console.url) as nobody:
        answers = [await nobody.get("/offers") for _ in range(5)]
    assert [each.status_code for each in answers] == [401, 401, 401, 429, 429]
    assert answers[-1].headers["retry-after"] == "60"
    assert answers[-1].json()["code"] == "too-many-requests"
