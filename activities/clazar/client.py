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

from activities.errors import http_failure

VENDOR = "Clazar"
TOKEN_SHARE = 0.8
"""A token is renewed after this share of its lifetime."""


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
            base_url=url, timeout=httpx.Timeout(20, connect=5), verify=_trusted()
        )
        self._sleep = sleep
        self._client_id = client_id
        self._client_secret = client_secret
        self._token = ""
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
            return _decoded(response.raise_for_status())
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
            rows = answer["results"]
            yield rows
            # A page can be shorter than requested, and not every list has a link to the next one.
            if not (answer["next"] if "next" in answer else len(rows) == page_size):
                return
            page += 1
            await self._sleep(pause)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _send(self, method: str, path: str, token: str, **arguments: Any) -> httpx.Response:
        return await self._http.request(
            method, path, headers={"Authorization": f"Bearer {token}"}, **arguments
        )

    async def _valid_token(self, refused: str | None = None) -> str:
        async with self._renewing:
            # Another call may have renewed it while this one waited for the lock.
            if self._token in ("", refused) or time.monotonic() >= self._renew_at:
                response = await self._http.post(
                    "/authenticate/",
                    json={
                        "client_id": self._client_id,
                        "client_secret": self._client_secret.get_secret_value(),
                    },
                )
                answer = response.raise_for_status().json()
                self._token = answer["access_token"]
                self._renew_at = time.monotonic() + answer["expires_in"] * TOKEN_SHARE
            return self._token


def _decoded(response: httpx.Response) -> Any:
    return json.loads(response.text, parse_float=Decimal) if response.content else None
