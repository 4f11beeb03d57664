"""Calls of the HTTP API with keys."""

import tomllib
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import httpx

from web.api_keys import ApiKey, ApiKeyFile, hash_of, new_key, write_keys
from web.permissions import Permission

FAR = date(2190, 1, 1)


def add_key(
    file: Path,
    name: str = "program",
    scopes: Iterable[Permission] = Permission,
    *,
    person: str | None = None,
    expires_on: date = FAR,
) -> str:
    """Put a key into a file of keys, and give it."""
    known = {}
    if file.exists():
        text = file.read_text(encoding="utf-8")
        known = ApiKeyFile.model_validate(tomllib.loads(text)).keys
    key = new_key(name)
    added = ApiKey(
        sha256=hash_of(key), scopes=frozenset(scopes), expires_on=expires_on, person=person
    )
    write_keys(file, ApiKeyFile(keys=known | {name: added}))
    return key


def api(url: str, key: str | None = None) -> httpx.AsyncClient:
    """A client of the API of a console; None: without a key."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, timeout=60)
