"""How the web console bears many browsers and many calls.

`python -m bench.console` prints the figures as JSON: 10,000 offers in the list, 200 browsers that
listen for news, and 50 calls of the API a second for a minute.  The console runs in a process of
its own; no worker runs.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from bench.listing import example, listed
from runtime.process_exit import exit_process
from tests.support.listed_offers import list_offer
from web.api_keys import hash_of, new_key

OFFERS = 10_000
BROWSERS = 200
CALLS_A_SECOND = 50
SECONDS = 60
PORT = 18_095
ROOT = Path(__file__).parents[1]
CALLS = ("/api/v1/offers?limit=50", "/api/v1/offers?limit=50&stage=shared")


async def measure(offers: int = OFFERS, seconds: int = SECONDS) -> dict[str, Any]:
    """Seconds for the first page, and what the calls got, with the memory of the process."""
    now = datetime.now(UTC)
    records = [example(number, now) for number in range(offers)]
    with TemporaryDirectory() as folder:
        key = new_key("bench")
        keys = Path(folder) / "keys.toml"
        keys.write_text(
            f'[keys.bench]\nsha256 = "{hash_of(key)}"\n'
            'scopes = ["view"]\nexpires_on = 2099-01-01\n',
            encoding="utf-8",
        )
        async with listed(records) as client:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, str(ROOT / "starter.py"), "web"),
                env=os.environ
                | {
                    "OFFERS_ENV_FILE": "",
                    "TEMPORAL_ADDRESS": client.service_client.config.target_host,
                    "OFFERS_WEB_ADDRESS": f"127.0.0.1:{PORT}",
                    "OFFERS_API_KEYS": str(keys),
                    "OFFERS_ENCRYPTION_KEYS": "bench:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                },
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                return await _measure(process.pid, key, seconds, client)
            finally:
                process.terminate()
                await process.wait()


async def _measure(pid: int, key: str, seconds: int, temporal: Any) -> dict[str, Any]:
    limits = httpx.Limits(max_connections=1000)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{PORT}", timeout=60, limits=limits
    ) as client:
        first = await _until_first_page(client)
        pages = [await _timed(client, "/") for _ in range(10)]
        before = halfway = _resident_mb(pid)
        news: Counter[str] = Counter()
        listening = [asyncio.create_task(_listen(client, news)) for _ in range(BROWSERS)]
        headers = {"authorization": f"Bearer {key}"}
        answers: list[tuple[int, float]] = []
        calls: list[asyncio.Task[None]] = []
        began = time.perf_counter()
        # Something changes meanwhile, so that each browser gets news.
        changed = example(999_999, datetime.now(UTC))
        for number in range(seconds * CALLS_A_SECOND):
            calls.append(
                asyncio.create_task(_call(client, CALLS[number % len(CALLS)], headers, answers))
            )
            if number == seconds * CALLS_A_SECOND // 2:
                halfway = _resident_mb(pid)
                await list_offer(temporal, changed)
            due = began + (number + 1) / CALLS_A_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await asyncio.gather(*calls)
        took = time.perf_counter() - began
        page_meanwhile = await _timed(client, "/")
        for each in listening:
            each.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
    durations = sorted(duration for _, duration in answers)
    return {
        "first_page_after_start_seconds": round(first, 2),
        "page_seconds": {"median": round(sorted(pages)[5], 3), "largest": round(max(pages), 3)},
        "page_while_busy_seconds": round(page_meanwhile, 3),
        "browsers": BROWSERS,
        "browsers_with_news": news["changed"],
        "calls": len(answers),
        "calls_a_second": round(len(answers) / took, 1),
        "errors": sum(1 for status, _ in answers if status != 200),
        "call_seconds": {
            "median": round(durations[len(durations) // 2], 3),
            "99 of 100": round(durations[int(len(durations) * 0.99)], 3),
            "largest": round(durations[-1], 3),
        },
        "resident_mb": {"before": before, "halfway": halfway, "after": _resident_mb(pid)},
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


async def _listen(client: httpx.AsyncClient, news: Counter[str]) -> None:
    async with client.stream("GET", "/events?version=1", timeout=None) as answer:
        async for line in answer.aiter_lines():
            if line == "event: changed":
                news["changed"] += 1
                return


def _resident_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(each for each in status.splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


LONGEST = timedelta(minutes=5)

if __name__ == "__main__":
    print(json.dumps(asyncio.run(asyncio.wait_for(measure(), LONGEST.total_seconds())), indent=2))
    exit_process(0)
