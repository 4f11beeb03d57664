"""The client of Clazar: tokens, lasting rejections and pages."""

import asyncio
import gzip
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError

from activities.clazar.client import ClazarClient
from activities.clazar.disbursements import DATASET
from activities.clazar.offers import Clazar, ClazarPosition
from activities.errors import Failure
from sandbox.server import Sandbox
from tests.support.clazar import LINK, disbursement, put_offer
from tests.support.vendors import NOW, failure_type, run_activity


async def test_token_is_shared_and_renewed_once(sandbox: Sandbox, clazar: Clazar) -> None:
    put_offer(sandbox)
    await asyncio.gather(*(run_activity(clazar.link_offer, LINK) for _ in range(5)))
    assert sandbox.world.calls["clazar", "Authenticate"] == 1
    sandbox.world.clazar.oauth.revoke_tokens()
    await asyncio.gather(*(run_activity(clazar.link_offer, LINK) for _ in range(5)))
    assert sandbox.world.calls["clazar", "Authenticate"] == 2


async def test_lasting_401_ends_after_one_new_token(sandbox: Sandbox, clazar: Clazar) -> None:
    put_offer(sandbox)
    sandbox.world.faults.clazar.answer(401, "GetPrivateOffer", times=None)
    with pytest.raises(ApplicationError) as raised:
        await run_activity(clazar.link_offer, LINK)
    assert failure_type(raised) == Failure.CREDENTIALS
    assert sandbox.world.calls["clazar", "GetPrivateOffer"] == 2


async def test_pause_before_each_further_page(
    sandbox: Sandbox,
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    client = ClazarClient(
        sandbox.addresses.clazar,
        sandbox.world.clazar.oauth.client_id,
        SecretStr(sandbox.world.clazar.oauth.client_secret),
        sleep=pause,
    )
    sandbox.world.money.disbursements += [disbursement(f"offer-{number}") for number in range(5)]
    pages = client.pages(f"/analytics/datasets/{DATASET}", 2, pause=2.5)
    assert [len(page) async for page in pages] == [2, 2, 1]
    await client.close()
    assert pauses == [2.5, 2.5]


@pytest.mark.parametrize("operation", ["Authenticate", "ListPrivateOffers"])
@pytest.mark.parametrize("kind", ["malformed", "html", "truncated", "oversized"])
async def test_answer_that_is_not_clazars_is_an_outage(
    sandbox: Sandbox, clazar: Clazar, monkeypatch: pytest.MonkeyPatch, kind: str, operation: str
) -> None:
    monkeypatch.setattr("activities.clazar.client.LARGEST_ANSWER", 100_000)
    put_offer(sandbox)
    sandbox.world.faults.clazar.add(kind, operation, size=200_000)
    since = ClazarPosition(since=NOW - timedelta(days=1))
    with pytest.raises(ApplicationError) as raised:
        await run_activity(clazar.read_changes, since)
    assert failure_type(raised) == Failure.UNAVAILABLE
    assert len((await run_activity(clazar.read_changes, since)).offers) == 1


async def test_compressed_answer_is_read_up_to_the_limit() -> None:
    """A megabyte of zeros is a kilobyte on the wire."""
    body = gzip.compress(b"0" * 60_000_000)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        client = ClazarClient(f"http://{host}:{port}", "id", SecretStr("secret"))
        with pytest.raises(ApplicationError, match="larger than") as raised:
            await client.request("GET", "/private_offers/")
        await client.close()
    assert failure_type(raised) == Failure.UNAVAILABLE


class CannedClient(ClazarClient):
    """A client whose calls have these answers, one after another."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.parameters: list[dict[str, Any]] = []
        self.pauses: list[float] = []
        self._sleep = self._pause

    async def request(self, method: str, path: str, **arguments: Any) -> Any:
        """The next answer."""
        assert (method, path) == ("GET", "/private_offers/")
        self.parameters.append(arguments["params"])
        return self._answers.pop(0)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.mark.parametrize(
    ("answers", "pages"),
    [
        ([{"results": [1, 2], "next": None}], [[1, 2]]),
        ([{"results": [1], "next": "x"}, {"results": [], "next": ""}], [[1], []]),
        ([{"results": [1, 2]}, {"results": [3]}], [[1, 2], [3]]),
        ([{"results": [1, 2]}, {"results": []}], [[1, 2], []]),
    ],
)
async def test_pages_up_to_the_last(answers: list[Any], pages: list[Any]) -> None:
    """By the link to the next page; without one, up to a page that is not full."""
    client = CannedClient(*answers)
    read = [page async for page in client.pages("/private_offers/", 2, pause=7, kind="x")]
    assert read == pages
    assert client.parameters == [
        {"page": number, "page_size": 2, "kind": "x"} for number in range(1, len(pages) + 1)
    ]
    assert client.pauses == [7] * (len(pages) - 1)


@pytest.mark.parametrize("answer", [None, [], {}, {"results": None}, {"results": {}}])
async def test_list_without_results_is_an_outage(answer: Any) -> None:
    with pytest.raises(ApplicationError, match="a list has no results") as raised:
        [_ async for _ in CannedClient(answer).pages("/private_offers/", 2)]
    assert failure_type(raised) == Failure.UNAVAILABLE


async def test_list_without_an_end_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.clazar.client.PAGE_LIMIT", 3)
    client = CannedClient(*[{"results": [1], "next": "x"}] * 9)
    with pytest.raises(ApplicationError, match="more than 3 pages") as raised:
        [_ async for _ in client.pages("/private_offers/", 1)]
    assert failure_type(raised) == Failure.UNAVAILABLE
    assert len(client.parameters) == 3


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"access_token": 5}', b"[" * 100_000])
async def test_login_without_a_token_is_an_outage(body: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        client = ClazarClient(f"http://{host}:{port}", "id", SecretStr("secret"))
        with pytest.raises(ApplicationError) as raised:
            await client.request("GET", "/private_offers/")
        await client.close()
    assert failure_type(raised) == Failure.UNAVAILABLE


@pytest.mark.parametrize(
    ("said", "renewed_after"),
    [
        (b', "expires_in": 1000', 800),
        (b', "expires_in": 1000.5', 800.4),
        (b', "expires_in": "1000"', 480),
        (b"", 480),
    ],
)
async def test_token_is_renewed_before_it_expires(
    monkeypatch: pytest.MonkeyPatch, said: bytes, renewed_after: float
) -> None:
    """After 80 % of its lifetime, or of ten minutes if none is said."""
    now = [5000.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("activities.clazar.client.time", clock)
    logins = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal logins
        request = await reader.readuntil(b"\r\n\r\n")
        logins += request.startswith(b"POST /authenticate/")
        body = b'{"access_token": "token"' + said + b"}"
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        client = ClazarClient(f"http://{host}:{port}", "id", SecretStr("secret"))
        for later, expected in ((0, 1), (renewed_after - 1, 1), (renewed_after, 2)):
            now[0] = 5000 + later
            await client.request("GET", "/private_offers/")
            assert logins == expected
        await client.close()
