"""What the API answers to calls that nobody should send, and what it writes down of them."""

import logging
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from limits import RateLimitItemPerMinute
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.temporal.offer_summaries import ListedOffer, read_offer
from client import offer_client, start_request
from client.offer_client import OfferClient
from offers.ids import preflight_prefix
from offers.lifecycle.record import OfferRecord
from offers.stage import Stage
from tests.support.api import add_key, api
from tests.support.console import RunningConsole, forget_calls, running_console
from tests.support.dev_server import new_namespace
from tests.support.listed_offers import list_offer
from tests.support.requests import ID, record
from web import console as console_module

pytestmark = pytest.mark.xdist_group("api-errors")

JSON = {"content-type": "application/json"}
REVISE = f"/offers/{ID}/revise"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "api-keys.toml"
    add_key(file, "first")
    return file


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(dev_server: str, keys: Path) -> AsyncIterator[RunningConsole]:
    client = await new_namespace(dev_server)
    await list_offer(client, record(Stage.SHARED, amendments=()))
    async with running_console(client, OFFERS_API_KEYS=str(keys)) as served:
        yield served


@pytest.fixture
def console(served: RunningConsole, monkeypatch: pytest.MonkeyPatch) -> RunningConsole:
    """No worker answers.  It has counted no call yet."""
    monkeypatch.setattr(offer_client, "QUICK_ANSWER", timedelta())
    forget_calls(served)
    return served


@pytest_asyncio.fixture(loop_scope="module")
async def caller(console: RunningConsole, keys: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with api(console.url, add_key(keys)) as caller:
        yield caller


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem details of an answer, which are complete."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = dict(answer.json())
    assert found["type"] == f"urn:offerflow:problem:{found['code']}"
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    return found


@pytest.mark.parametrize(
    ("body", "field", "detail", "remedy"),
    [
        (b"", "body", "it is missing", "Give it a value"),
        (b"{", None, "the body is not JSON", "Send a JSON object"),
        (b'"\xff"', None, "the body is not JSON in UTF-8", "Send a JSON object"),
        (b"NaN", None, "the body is not JSON in UTF-8", "Send a JSON object"),
        (b'{"terms": ' + b"9" * 5000 + b"}", None, "the body is not JSON in UTF-8", None),
        (b'{"terms": ' + b"[" * 100_000, None, "the body is not JSON in UTF-8", None),
        (b"[]", "body", "it is not of the form it should be", None),
        (b"1", "body", "it is not of the form it should be", None),
        (b"1.5", "body", "it is not of the form it should be", None),
        (b'{"prise": 1}', "prise", "there is no such field", "Remove it or correct its name"),
        (b'{"terms": []}', "terms", "it is not of the form it should be", None),
        (b'{"method": "fax"}', "method", "it is none of the values it can have", None),
        (b'{"terms": {"a": "\\u0000"}}', None, None, "Send text"),
        (b'{"terms": {"\\u0000": ""}}', None, None, "Send text"),
        (b'{"terms": {"a": "\\ud800"}}', None, None, "Send text"),
        (b'{"terms": ' + b'{"a":' * 30 + b"1" + b"}" * 31, None, None, "Send fewer"),
    ],
)
async def test_body_that_cannot_be_meant_is_explained(
    caller: httpx.AsyncClient,
    body: bytes,
    field: str | None,
    detail: str | None,
    remedy: str | None,
) -> None:
    answer = await caller.post(REVISE, content=body, headers=JSON)
    found = problem(answer, 422)
    assert found["field"] == field
    assert detail in (None, found["detail"])
    assert remedy in (None, found["remedy"])
    assert found["remedy"]


async def test_each_wrong_field_is_named(caller: httpx.AsyncClient) -> None:
    refund = {"invoice_id": "", "amount": 5, "reason": "NONE"}
    found = problem(await caller.post(f"/offers/{ID}/refunds", json=refund), 422)
    assert [each["field"] for each in found["errors"]] == ["invoice_id", "amount", "reason"]
    assert all(each["remedy"] for each in found["errors"])
    until = problem(await caller.post(f"/offers/{ID}/extend", json={"until": "soon"}), 422)
    assert (until["field"], until["remedy"]) == ("until", "Write it as 2027-01-31")
    money = {"invoice_id": "A1", "amount": "110.000 USD", "reason": "OTHER"}
    amount = problem(await caller.post(f"/offers/{ID}/refunds", json=money), 422)
    assert amount["field"] == "amount"


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_body_must_be_json(caller: httpx.AsyncClient, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    answer = await caller.post(REVISE, content=b'{"terms": {}}', headers=headers)
    assert problem(answer, 415)["field"] == "Content-Type"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "no-such-address"),
        ("GET", "/offers/x", 422, "offer-id-invalid"),
        ("GET", "/offers/0065g00000AbCdFAAV", 404, "no-such-offer"),
        ("POST", "/offers/0065g00000AbCdFAAV/resend", 404, "no-such-offer"),
        ("GET", f"/offers/{ID}/cancel", 405, "no-such-method"),
        ("DELETE", "/offers", 405, "no-such-method"),
        ("GET", f"/offers/{ID}", 503, "no-answer"),
        ("POST", f"/offers/{ID}/resend", 503, "no-answer"),
        ("GET", "/payouts?month=soon", 422, "value-invalid"),
        ("GET", "/offers/%00", 422, "offer-id-invalid"),
        ("GET", f"/offers/{ID}%0d%0aX: y", 422, "offer-id-invalid"),
        ("GET", "/offers/" + "x" * 5000, 422, "offer-id-invalid"),
    ],
)
async def test_problem_has_a_code(
    caller: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await caller.request(method, path)
    assert problem(answer, status)["code"] == code
    if status == 405:
        assert answer.headers["allow"] == ("POST" if "cancel" in path else "GET, POST")
    if status == 503:
        assert answer.headers["retry-after"] == "60"


async def test_idempotency_key_is_checked(caller: httpx.AsyncClient) -> None:
    for key in (b"", b"x" * 65, b"a b", b"a\tb", "é".encode()):
        answer = await caller.post(f"/offers/{ID}/resend", headers={b"idempotency-key": key})
        found = problem(answer, 400)
        assert (found["code"], found["field"]) == ("idempotency-key-invalid", "Idempotency-Key")


async def test_large_bodies_are_refused(caller: httpx.AsyncClient) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 10_000

    declared = await caller.post(REVISE, content=b" " * 300_000, headers=JSON)
    streamed = await caller.post(REVISE, content=parts(), headers=JSON)
    for answer in (declared, streamed):
        assert problem(answer, 413)["remedy"] == "Send at most 262144 bytes"


async def test_failures_of_the_server_and_of_the_program_are_problems(
    caller: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise RPCError("secret@example.com", RPCStatusCode.UNAVAILABLE, b"")

    async def broken(*_: object) -> None:
        raise KeyError("secret@example.com")

    monkeypatch.setattr(OfferClient, "known", away)
    answer = await caller.get(f"/offers/{ID}")
    assert problem(answer, 503)["code"] == "temporal-unavailable"
    assert answer.headers["retry-after"] == "60"
    monkeypatch.setattr(OfferClient, "known", broken)
    answer = await caller.get(f"/offers/{ID}")
    assert problem(answer, 500)["code"] == "internal-error"
    assert "secret" not in answer.text


async def test_offer_whose_first_run_the_server_has_deleted_is_started_already(
    caller: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after the retention, of an offer that has continued as new."""

    async def read(client: Client, workflow_id: str) -> ListedOffer | None:
        listed = await read_offer(client, workflow_id)
        assert listed
        listed.info.first_run_id = str(uuid4())
        return listed

    async def shared(*_: object) -> OfferRecord:
        return record(Stage.SHARED)

    monkeypatch.setattr(start_request, "read_offer", read)
    monkeypatch.setattr(OfferClient, "record", shared)
    answer = await caller.post("/offers", json={"opportunity": ID, "terms": {"company": "Other"}})
    assert problem(answer, 409)["code"] == "already-started"


async def test_preflights_are_limited_in_time_and_number(
    console: RunningConsole, caller: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that nobody waits for any more do not run once workers come back."""
    few = RateLimitItemPerMinute(1, namespace="few")
    monkeypatch.setattr(console_module, "PREFLIGHTS", few)
    monkeypatch.setattr(offer_client, "uuid", SimpleNamespace(uuid4=lambda: "one"))
    answer = await caller.post("/preflight", json={"opportunity": ID})
    assert problem(answer, 503)["code"] == "no-answer"
    temporal = console.app.state.console.temporal
    described = await temporal.get_workflow_handle(f"{preflight_prefix(ID)}one").describe()
    timeout = described.raw_description.execution_config.workflow_execution_timeout
    waited = offer_client.PREFLIGHT_TIMEOUT
    assert waited < timeout.ToTimedelta() <= waited + timedelta(seconds=15)
    answer = await caller.post("/preflight", json={"opportunity": ID})
    assert problem(answer, 429)["code"] == "too-many-requests"


async def test_pages_keep_their_own_errors(console: RunningConsole) -> None:
    async with httpx.AsyncClient(base_url=console.url) as browser:
        for path, status in (("/nothing", 404), ("/?page=x", 422), ("/offers/x", 422)):
            page = await browser.get(path)
            assert page.status_code == status
            assert page.headers["content-type"].startswith("text/html")


async def test_logs_name_programs_and_no_people(
    console: RunningConsole, keys: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = add_key(keys, "own", person="desk@example.com")
    async with api(console.url, key) as person, api(console.url, add_key(keys)) as program:
        for caller in (person, program):
            await caller.post(f"/offers/{ID}/cancel", json={"reason": "for jane@example.com"})
            await caller.post("/resume-all", json={"attention": "terms-invalid"})
    ours = [each for each in caplog.records if each.name.startswith("offerflow.audit")]
    actors = {vars(each)["actor"] for each in ours}
    assert "program:program" in actors
    assert any(each.startswith("person:") for each in actors)
    text = " ".join(str(vars(each)) for each in caplog.records if "httpx" not in each.name)
    assert "@example.com" not in text
    assert key not in text
    assert key.removeprefix("offerflow_own_") not in text


async def test_answers_do_not_wait_for_the_network(caller: httpx.AsyncClient) -> None:
    """Each took 40 ms while Nagle's algorithm was on."""
    fastest = 1.0
    for _ in range(10):
        began = time.perf_counter()
        await caller.get("/offers")
        fastest = min(fastest, time.perf_counter() - began)
    assert fastest < 0.03
