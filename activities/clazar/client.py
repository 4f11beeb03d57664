"""HTTP calls to Clazar."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from functools import cache
from typing import Any

import httpx
from pydantic import SecretStr

from activities.errors import http_failure, unavailable

VENDOR = "Clazar"
TOKEN_SHARE = 0.8
"""A token is renewed after this share of its lifetime."""
SHORT_LIFE_SECONDS = 600
"""Of a token whose lifetime is not said."""
LARGEST_ANSWER = 50_000_000
"""Bytes: a page of 5,000 rows of 63 columns takes about a tenth of it."""
PART = 65_536
CONNECT_SECONDS, READ_SECONDS = 5, 20
PAGE_LIMIT = 2000
KEPT_HEADERS = ("retry-after",)


@cache
def _trusted() -> ssl.SSLContext:
    # Loading the certificate authorities takes longer than most calls.
    return httpx.create_ssl_context()


class ClazarClient:
    """HTTP calls with a token that is renewed before it expires, and again if it is rejected."""

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: SecretStr,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            verify=_trusted(),
        )
        self._sleep = sleep
        self._client_id = client_id
        self._client_secret = client_secret
        self._token: str | None = None
        self._renew_at = 0.0
        self._renewing = asyncio.Lock()

    async def request(self, method: str, path: str, **arguments: Any) -> Any:
        """The decoded answer, numbers as Decimal.  Raises the ApplicationError to fail with."""
        try:
            token = await self._valid_token()
            response = await self._send(method, path, token, **arguments)
            if response.status_code == 401:
                token = await self._valid_token(refused=token)
                response = await self._send(method, path, token, **arguments)
            return _decoded(response)
        except httpx.HTTPError as error:
            raise http_failure(VENDOR, error) from None

    async def pages(
        self, path: str, page_size: int, *, pause: float = 0, **parameters: Any
    ) -> AsyncIterator[list[Any]]:
        """The rows of a list, page by page; `pause` is in seconds, between two pages."""
        page = 1
        while True:
            answer = await self.request(
                "GET", path, params={"page": page, "page_size": page_size, **parameters}
            )
            rows = answer.get("results") if isinstance(answer, dict) else None
            if not isinstance(rows, list):
                raise unavailable(VENDOR, "a list has no results")
            yield rows
            # A page can be shorter than requested, and not every list has a link to the next one.
            if not (answer["next"] if "next" in answer else len(rows) == page_size):
                return
            page += 1
            if page > PAGE_LIMIT:
                raise unavailable(VENDOR, f"a list has more than {PAGE_LIMIT} pages")
            await self._sleep(pause)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send(self, method: str, path: str, token: str, **arguments: Any) -> httpx.Response:
        """An answer, read up to a limit: a compressed one may unpack to any size."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._http.stream(method, path, headers=headers, **arguments) as response:
            content = bytearray()
            async for part in response.aiter_bytes(PART):
                content += part
                if len(content) > LARGEST_ANSWER:
                    raise unavailable(VENDOR, f"an answer is larger than {LARGEST_ANSWER} bytes")
        return httpx.Response(
            response.status_code,
            headers={n: v for n, v in response.headers.items() if n in KEPT_HEADERS},
            content=bytes(content),
            request=response.request,
        )

    async def _valid_token(self, refused: str | None = None) -> str:
        async with self._renewing:
            # Another call may have renewed it while this one waited for the lock.
            token = self._token
            if token in (None, refused) or time.monotonic() >= self._renew_at:
                credentials = {
                    "client_id": self._client_id,
                    "client_secret": self._client_secret.get_secret_value(),
                }
                answer = _decoded(await self._send("POST", "/authenticate/", "", json=credentials))
                token = answer.get("access_token") if isinstance(answer, dict) else None
                if not isinstance(token, str):
                    raise unavailable(VENDOR, "login answers without a token")
                life = answer.get("expires_in")
                seconds = life if isinstance(life, int | Decimal) else SHORT_LIFE_SECONDS
                self._token = token
                self._renew_at = time.monotonic() + float(seconds) * TOKEN_SHARE
            return token


def _decoded(response: httpx.Response) -> Any:
    response.raise_for_status()
    if not response.content:
        return None
    try:
        return json.loads(response.text, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise unavailable(VENDOR, "an answer is no JSON") from None
