"""How the web console bears many browsers and many calls, and what the worker notices of it.

`python -m bench.console` prints the figures as JSON: 10,000 offers in the list, 200 browsers that
listen for news, and 50 calls of the API a second for a minute.  Meanwhile a worker runs offers
against the sandbox: some are accepted, others begin.  It does the same in the minute before, when
nobody uses the console.  The console and the worker run in processes of their own.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from activities.temporal.signals import OfferSignal, send
from bench.listing import KEY, example, listed
from bench.machine import resident_mb, spread
from offers.agreements.agreement import AgreementReport
from offers.ids import parse_opportunity_id, workflow_id
from offers.stage import Stage
from runtime.process_exit import exit_process
from sandbox.marketplace.buyers import accept
from sandbox.server import Sandbox
from tests.support.offer_environment import OfferEnvironment
from tests.support.workflow_harness import FIELDS, POLICY, opportunity_fields
from web.api_keys import hash_of, new_key

OFFERS = 10_000
BROWSERS = 200
CALLS_A_SECOND = 50
SECONDS = 60
PORT = 18_095
ROOT = Path(__file__).parents[1]
PAUSE_SECONDS = 6
"""Between two acceptances: after it the vendors' rates delay no call (see `bench.reaction`)."""
TIMEOUT_SECONDS = 60
FAILED_TASK = (
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
)
CALLS = ("/api/v1/offers?limit=50", "/api/v1/offers?limit=50&stage=shared")


async def measure(offers: int = OFFERS, seconds: int = SECONDS) -> dict[str, Any]:
    """Seconds for the first page, and what the calls got, with the memory of the process."""
    now = datetime.now(UTC)
    records = [example(number, now) for number in range(offers)]
    with TemporaryDirectory() as folder, Sandbox() as sandbox:
        key = new_key("bench")
        keys = Path(folder) / "keys.toml"
        keys.write_text(
            f'[keys.bench]\nsha256 = "{hash_of(key)}"\n'
            'scopes = ["view"]\nexpires_on = 2099-01-01\n',
            encoding="utf-8",
        )
        async with listed(records) as client:
            env = {
                "OFFERS_ENV_FILE": "",
                "TEMPORAL_ADDRESS": client.service_client.config.target_host,
                "OFFERS_ENCRYPTION_KEYS": f"bench:{KEY}",
            }
            of_worker = {**sandbox.addresses.env, "OFFERS_FIELDS": str(FIELDS)}
            of_worker["OFFERS_POLICY"] = str(POLICY)
            async with _running("worker.py", env=env | of_worker) as worker:
                lives = Lives(client, sandbox, worker)
                await lives.share_offers(2 * seconds)
                quiet = await lives.run(seconds)
                of_console = {
                    "OFFERS_WEB_ADDRESS": f"127.0.0.1:{PORT}",
                    "OFFERS_API_KEYS": str(keys),
                }
                async with _running("starter.py", "web", env=env | of_console) as console:
                    figures = await _measure(console, key, seconds, lives)
            return figures | {"worker": {"quiet": quiet} | figures["worker"]}


@asynccontextmanager
async def _running(*command: str, env: Mapping[str, str]) -> AsyncIterator[int]:
    """A program of the checkout; gives its process id."""
    program, *arguments = command
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / program), *arguments),
        env={**os.environ, **env},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


class Lives:
    """Offers that a worker runs meanwhile, with the sandbox as its vendors."""

    def __init__(self, client: Client, sandbox: Sandbox, worker: int) -> None:
        self._environment = OfferEnvironment(client, sandbox, _nothing)
        self._worker = worker
        self._started = 0
        self._waiting: list[str] = []

    async def share_offers(self, seconds: int) -> None:
        """Those that will be accepted in so many seconds, one after the other."""
        self._waiting += [(await self._share())[0] for _ in range(seconds // PAUSE_SECONDS)]

    async def run(self, seconds: int) -> dict[str, Any]:
        """Every six seconds an offer begins, and another is accepted; what the worker made of it.

        Milliseconds from the report of an acceptance until Salesforce shows it, and from the start
        of an offer until Salesforce shows that it is shared.
        """
        rounds = seconds // PAUSE_SECONDS
        waiting, self._waiting = self._waiting[:rounds], self._waiting[rounds:]
        before = resident_mb(self._worker)
        began = [asyncio.create_task(self._share(after)) for after in _moments(rounds)]
        accepted = [
            asyncio.create_task(self._accept(offer, after + PAUSE_SECONDS / 2))
            for offer, after in zip(waiting, _moments(rounds), strict=True)
        ]
        shared = await asyncio.gather(*began)
        reactions = await asyncio.gather(*accepted)
        offers = waiting + [offer for offer, _ in shared]
        return {
            "offers": len(offers),
            "report_to_salesforce_ms": spread(list(reactions), 0),
            "start_to_shared_ms": spread([milliseconds for _, milliseconds in shared], 0),
            "failed_tasks_and_retries": sum([await self._faults(each) for each in offers]),
            "resident_mb": {
                "before": round(before),
                "after": round(resident_mb(self._worker)),
            },
        }

    async def _share(self, after: float = 0) -> tuple[str, float]:
        """Start an offer; gives its opportunity, and the milliseconds until it is shared."""
        await asyncio.sleep(after)
        self._started += 1
        # Not one of those that are listed.
        opportunity = parse_opportunity_id(f"006LIVE0000{self._started:04}")
        account = str(333300000000 + self._started)
        fields = opportunity_fields(opportunity, AWS_Account_Id__c=account)
        self._environment.world.salesforce.put_opportunity(fields)
        began = time.perf_counter()
        await self._environment.client.start_without_waiting(opportunity)
        return opportunity, await self._until_written(opportunity, Stage.SHARED, began)

    async def _accept(self, opportunity: str, after: float) -> float:
        await asyncio.sleep(after)
        record = await self._environment.client.record(opportunity)
        offer_id = record.require_offer_id()
        (account,) = record.require_terms().buyer_accounts
        agreement = accept(self._environment.world, offer_id, account)
        report = AgreementReport(
            agreement_id=agreement.id, offer_id=offer_id, changed_at=agreement.accepted_at
        )
        began = time.perf_counter()
        signal = OfferSignal(workflow_id(opportunity), "agreement_reported", report)
        await send(self._environment.temporal_client, [signal])
        return await self._until_written(opportunity, Stage.ACCEPTED, began)

    async def _until_written(self, opportunity: str, stage: Stage, began: float) -> float:
        fields = self._environment.world.salesforce.opportunities[opportunity]
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while fields.get("Offer_Stage__c") != stage:  # noqa: ASYNC110 (the sandbox has no event)
                await asyncio.sleep(0.005)
        return (time.perf_counter() - began) * 1000

    async def _faults(self, opportunity: str) -> int:
        """How many workflow tasks failed or took too long, and how many calls were repeated."""
        handle = self._environment.temporal_client.get_workflow_handle(workflow_id(opportunity))
        events = (await handle.fetch_history()).events
        return sum(
            event.event_type in FAILED_TASK
            or event.activity_task_started_event_attributes.attempt > 1
            for event in events
        )


async def _nothing() -> None:
    """The worker is a process of its own: it is stopped elsewhere."""


def _moments(rounds: int) -> list[float]:
    """Seconds after which each begins."""
    return [float(number * PAUSE_SECONDS) for number in range(rounds)]


async def _measure(pid: int, key: str, seconds: int, lives: Lives) -> dict[str, Any]:
    limits = httpx.Limits(max_connections=1000)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{PORT}", timeout=60, limits=limits
    ) as client:
        first = await _until_first_page(client)
        pages = [await _timed(client, "/") for _ in range(10)]
        before = halfway = resident_mb(pid)
        news: Counter[int] = Counter()
        listening = [asyncio.create_task(_browse(client, news, each)) for each in range(BROWSERS)]
        beside = asyncio.create_task(lives.run(seconds))
        headers = {"authorization": f"Bearer {key}"}
        answers: list[tuple[int, float]] = []
        calls: list[asyncio.Task[None]] = []
        began = time.perf_counter()
        for number in range(seconds * CALLS_A_SECOND):
            calls.append(
                asyncio.create_task(_call(client, CALLS[number % len(CALLS)], headers, answers))
            )
            if number == seconds * CALLS_A_SECOND // 2:
                halfway = resident_mb(pid)
            due = began + (number + 1) / CALLS_A_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await asyncio.gather(*calls)
        took = time.perf_counter() - began
        page_meanwhile = await _timed(client, "/")
        for each in listening:
            each.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        after = resident_mb(pid)
        busy = await beside
    durations = sorted(duration for _, duration in answers)
    return {
        "first_page_after_start_seconds": round(first, 2),
        "page_seconds": {"median": round(sorted(pages)[5], 3), "largest": round(max(pages), 3)},
        "page_while_busy_seconds": round(page_meanwhile, 3),
        "browsers": BROWSERS,
        "browsers_with_news": sum(1 for each in news.values() if each),
        "news_to_each": {"fewest": min(news.values()), "most": max(news.values())},
        "calls": len(answers),
        "calls_a_second": round(len(answers) / took, 1),
        "errors": sum(1 for status, _ in answers if status != 200),
        "call_seconds": {
            "median": round(durations[len(durations) // 2], 3),
            "99 of 100": round(durations[int(len(durations) * 0.99)], 3),
            "largest": round(durations[-1], 3),
        },
        "resident_mb": {
            "before": round(before),
            "halfway": round(halfway),
            "after": round(after),
        },
        "worker": {"busy": busy},
    }


async def _until_first_page(client: httpx.AsyncClient) -> float:
    """Seconds from the first answer of any kind until the board has been shown."""
    for _ in range(300):
        with suppress(httpx.TransportError):
            await client.get("/livez")
            break
        await asyncio.sleep(0.1)
    return await _timed(client, "/")


async def _timed(client: httpx.AsyncClient, path: str) -> float:
    began = time.perf_counter()
    (await client.get(path)).raise_for_status()
    return time.perf_counter() - began


async def _call(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], answers: list[tuple[int, float]]
) -> None:
    began = time.perf_counter()
    try:
        status = (await client.get(path, headers=headers)).status_code
    except httpx.TransportError:
        status = 0
    answers.append((status, time.perf_counter() - began))


async def _browse(client: httpx.AsyncClient, news: Counter[int], number: int) -> None:
    """As the script of the pages: after each change the board is read again, not all at once."""
    news[number] = 0
    async with client.stream("GET", "/events?version=1", timeout=None) as answer:
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "data":
                await asyncio.sleep(0.2 + number / BROWSERS * int(value) / 1000)
                (await client.get("/")).raise_for_status()
                news[number] += 1


LONGEST = timedelta(minutes=15)

if __name__ == "__main__":
    print(json.dumps(asyncio.run(asyncio.wait_for(measure(), LONGEST.total_seconds())), indent=2))
    exit_process(0)
