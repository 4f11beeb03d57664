"""The keys of programs: a file has the hash of each, what it is for, and until when."""

import hashlib
import json
import logging
import os
import re
import secrets
import stat
import tempfile
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from offers.clock import end_of_day
from offers.model import FrozenModel
from offers.terms.contacts import Address
from runtime.settings import InvalidSettings
from runtime.toml_files import InvalidFile, read_toml
from web.identity import Actor, Kind
from web.permissions import Permission

NAME = "[a-z0-9-]{1,40}"
KEY = re.compile(rf"offerflow_({NAME})_([A-Za-z0-9_-]{{43}})")
"""The key's name, and 32 random bytes."""

NOTED_EVERY = timedelta(minutes=1)
"""How exactly the last use of a key is known."""


class ApiKey(FrozenModel, extra="forbid"):
    """A key as the file has it."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", repr=False)
    """Of the whole key: it has 32 random bytes, so no slower hash is needed."""
    scopes: frozenset[Permission] = Field(min_length=1)
    expires_on: date
    """The last day (UTC) on which it is taken."""
    person: Address | None = Field(default=None, repr=False)
    """Whose it is: it acts as that person, and may decide.  None: a program's."""


class ApiKeyFile(FrozenModel, extra="forbid"):
    """The file."""

    keys: dict[Annotated[str, Field(pattern=rf"^{NAME}$")], ApiKey] = Field(default_factory=dict)


def new_key(name: str) -> str:
    """A key to give to a program; the file gets only its hash."""
    return f"offerflow_{name}_{secrets.token_urlsafe(32)}"


def hash_of(key: str) -> str:
    """What the file has of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def read_keys(path: Path) -> ApiKeyFile:
    """What a file has; raises InvalidFile."""
    return read_toml(path, ApiKeyFile)


def write_keys(path: Path, file: ApiKeyFile) -> None:
    """Put a file in its place as a whole; raises OSError.

    Owner, group and mode stay those of the file before: a console that could read it still can.  A
    new file is readable by its owner only.
    """
    lines = ["# The keys of programs: offerflow api-keys writes this file."]
    for name, key in sorted(file.keys.items()):
        lines += [
            "",
            f"[keys.{name}]",
            f'sha256 = "{key.sha256}"',
            f"scopes = {json.dumps(sorted(key.scopes))}",
            f"expires_on = {key.expires_on}",
            # A string of JSON is one of TOML, too.
            *([f"person = {json.dumps(key.person, ensure_ascii=False)}"] if key.person else []),
        ]
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600
    new = Path(name)
    try:
        with suppress(FileNotFoundError):
            before, made = path.stat(), os.fstat(descriptor)
            if (before.st_uid, before.st_gid) != (made.st_uid, made.st_gid):
                os.fchown(descriptor, before.st_uid, before.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write("\n".join(lines) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def last_used_path(path: Path) -> Path:
    """The file beside a file of keys that says when each was last used."""
    return path.with_suffix(".last-used.json")


def last_uses(path: Path) -> dict[str, datetime]:
    """When each key of a file was last used (UTC), as far as it is known."""
    try:
        found = json.loads(last_used_path(path).read_text(encoding="utf-8"))
        return {str(name): datetime.fromisoformat(at) for name, at in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


class KeysUnreadable(Exception):
    """The file of keys has changed, and cannot be read."""


def _state_of(path: Path) -> tuple[int, ...] | None:
    """Another one after each change, also of who may read it; None: there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


class ApiKeys:
    """The keys of a file; a changed file counts at once, and no key while it cannot be read."""

    def __init__(self, path: Path) -> None:
        """Raises InvalidSettings if the file cannot be read."""
        self._path = path
        self._state = _state_of(path)
        self._problem: str | None = None
        self._keys: dict[str, ApiKey] = {}
        self._used = last_uses(path)
        self._read()
        if self._problem:
            raise InvalidSettings(self._problem)

    def actor(self, key: str, now: datetime) -> Actor | None:
        """Whose key it is; None if it is nobody's, or has expired.  `now`: real time (UTC).

        Raises KeysUnreadable: a key that was read before may have been revoked.
        """
        if (state := _state_of(self._path)) != self._state:
            self._state = state
            self._read()
            if self._problem:
                logging.getLogger(__name__).error("no key is taken: %s", self._problem)
        if self._problem:
            raise KeysUnreadable
        found = KEY.fullmatch(key)
        known = self._keys.get(found[1]) if found else None
        expected = known.sha256 if known else hash_of("")
        if not secrets.compare_digest(hash_of(key), expected) or not found or not known:
            return None
        if now > end_of_day(known.expires_on):
            return None
        self._note_use(found[1], now)
        if known.person:
            return Actor(
                kind=Kind.PERSON, name=known.person, email=known.person, scopes=known.scopes
            )
        return Actor(kind=Kind.PROGRAM, name=found[1], scopes=known.scopes)

    def _read(self) -> None:
        try:
            self._keys, self._problem = read_keys(self._path).keys, None
        except (InvalidFile, OSError) as error:
            self._keys, self._problem = {}, f"OFFERS_API_KEYS: {error}"

    def _note_use(self, name: str, now: datetime) -> None:
        if (last := self._used.get(name)) and now - last < NOTED_EVERY:
            return
        self._used[name] = now
        used = {each: at.astimezone(UTC).isoformat() for each, at in sorted(self._used.items())}
        with suppress(OSError):  # the folder may be read-only; the log has each use
            last_used_path(self._path).write_text(json.dumps(used), encoding="utf-8")
