"""The commands for the keys of programs: the file, and what a running console takes from it."""

import json
import os
import re
import stat
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.support.api import add_key
from tests.support.programs import run
from web.api_keys import KEY, ApiKeys
from web.identity import Kind
from web.permissions import Permission

CREATE = ("starter.py", "api-keys", "create")
NOW = datetime(2027, 1, 1, tzinfo=UTC)


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def hidden_beside(file: Path) -> list[str]:
    """What a file that was not put in its place would leave."""
    return [each.name for each in file.parent.iterdir() if each.name.startswith(".")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "api-keys.toml"


async def test_key_is_created_listed_and_revoked(file: Path) -> None:
    env = {"OFFERS_API_KEYS": str(file)}
    scopes = ("--scope", "view", "--scope", "create", "--expires", "2190-12-31")
    code, out, err = await run(*CREATE, "quotehog", *scopes, **env)
    assert code == 0, err
    key = out.strip()
    assert KEY.fullmatch(key)
    assert mode_of(file) == 0o600
    assert key not in text_of(file)
    keys = ApiKeys(file)
    program = keys.actor(key, NOW)
    assert program
    assert (program.kind, program.name) == (Kind.PROGRAM, "quotehog")
    assert program.scopes == frozenset({Permission.VIEW, Permission.CREATE})
    person = ("--person", "Jane@example.com", "--scope", "approve", "--expires", "31 Dec 2190")
    code, hers, err = await run(*CREATE, "jane", *person, **env)
    assert code == 0, err
    assert keys.actor(key, NOW) == program
    jane = keys.actor(hers.strip(), NOW)
    assert jane
    assert (jane.kind, jane.email) == (Kind.PERSON, "Jane@example.com")
    code, out, _ = await run("starter.py", "api-keys", "list", "--json", **env)
    listed = {row["name"]: row for row in json.loads(out)}
    assert listed["quotehog"]["scopes"] == ["create", "view"]
    assert listed["quotehog"]["expires_on"] == "2190-12-31"
    assert listed["quotehog"]["last_used"] == NOW.isoformat()
    code, out, _ = await run("starter.py", "api-keys", "list", **env)
    assert "create, view" in out
    assert "31 Dec 2190" in out
    code, out, _ = await run("starter.py", "api-keys", "revoke", "quotehog", **env)
    assert (code, out) == (0, "quotehog is revoked\n")
    assert keys.actor(key, NOW) is None
    assert keys.actor(hers.strip(), NOW) == jane
    assert mode_of(file) == 0o600
    assert hidden_beside(file) == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("Quote Hog", "--scope", "view", "--expires", "2190-01-01"), "use 1 to 40 of"),
        (("a", "--scope", "all", "--expires", "2190-01-01"), "'all' is not one of"),
        (("a", "--scope", "view", "--expires", "2020-01-01"), "the day is over"),
        (("a", "--scope", "view", "--expires", "soon"), "it is not a date"),
        (("a", "--scope", "approve", "--expires", "2190-01-01"), "a program cannot decide"),
        (("a", "--expires", "2190-01-01"), "Missing option '--scope'"),
        (("a", "--scope", "view"), "Missing option '--expires'"),
        (
            ("a", "--scope", "view", "--expires", "2190-01-01", "--person", "nobody"),
            "it is no mail address",
        ),
    ],
)
async def test_wrong_key_is_not_created(file: Path, options: tuple[str, ...], problem: str) -> None:
    code, out, err = await run(*CREATE, *options, OFFERS_API_KEYS=str(file))
    assert (code, out) == (2, "")
    assert problem in re.sub(r"\s+", " ", err)
    assert text_of(file) == ""


async def test_file_is_named_where_it_is_the_problem(file: Path) -> None:
    options = ("a", "--scope", "view", "--expires", "2190-01-01")
    code, _, err = await run(*CREATE, *options)
    assert (code, "OFFERS_API_KEYS: it is not set" in err) == (1, True)
    write(file, "[keys.a]\nsha256 = 1\n")
    code, _, err = await run(*CREATE, *options, OFFERS_API_KEYS=str(file))
    assert (code, f"OFFERS_API_KEYS: {file}, line 2" in err) == (1, True)
    code, _, err = await run(*CREATE, *options, OFFERS_API_KEYS=str(file / "below"))
    assert (code, "OFFERS_API_KEYS" in err) == (1, True)
    env = {"OFFERS_API_KEYS": f"{file}.missing"}
    code, _, err = await run("starter.py", "api-keys", "revoke", "a", **env)
    assert (code, "No such file" in err) == (1, True)


async def test_key_of_the_same_name_is_kept(file: Path) -> None:
    options = ("a", "--scope", "view", "--expires", "2190-01-01")
    code, key, _ = await run(*CREATE, *options, OFFERS_API_KEYS=str(file))
    assert code == 0
    code, _, err = await run(*CREATE, *options, OFFERS_API_KEYS=str(file))
    assert (code, "revoke it first" in err) == (2, True)
    assert ApiKeys(file).actor(key.strip(), NOW)


def test_last_day_counts_as_a_whole(file: Path) -> None:
    key = add_key(file, "a", expires_on=date(2027, 1, 1))
    keys = ApiKeys(file)
    assert keys.actor(key, datetime(2027, 1, 1, 23, 59, 59, tzinfo=UTC))
    assert keys.actor(key, datetime(2027, 1, 2, tzinfo=UTC)) is None


def test_file_stays_readable_for_whoever_could_read_it(file: Path) -> None:
    """`sudo offerflow api-keys revoke` must not lock the console out."""
    add_key(file)
    file.chmod(0o640)
    if os.geteuid() == 0:  # nobody else may give a file away
        os.chown(file, 4711, 4712)
    before = file.stat()
    add_key(file, "second")
    after = file.stat()
    assert mode_of(file) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
