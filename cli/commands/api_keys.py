"""Commands for the keys of programs that call the HTTP API."""

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli import common
from cli.common import AsJson, command
from cli.tables import api_key_table
from cli.terminal import print_error
from offers.clock import bounded_day
from offers.terms.contacts import parse_email
from offers.terms.parsing import parse_day
from runtime.settings import ApiKeySettings, InvalidSettings, read_settings
from runtime.toml_files import InvalidFile
from web.api_keys import (
    NAME,
    ApiKey,
    ApiKeyFile,
    hash_of,
    last_uses,
    new_key,
    read_keys,
    write_keys,
)
from web.permissions import DECISIONS, Permission

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="The keys of programs that call the HTTP API: create, list, revoke.",
)


def _name(text: str) -> str:
    if not re.fullmatch(NAME, text):
        raise typer.BadParameter("use 1 to 40 of a to z, 0 to 9 and hyphens")
    return text


def _day(text: str) -> date:
    try:
        return bounded_day(parse_day(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _person(text: str) -> str:
    try:
        return parse_email(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Name = Annotated[str, typer.Argument(metavar="NAME", parser=_name, help="Its name in the file.")]


@app.command()
@command
async def create(
    name: Name,
    *,
    scope: Annotated[
        list[Permission], typer.Option("--scope", help="What it is for; can be repeated.")
    ],
    expires: Annotated[
        date,
        typer.Option(parser=_day, metavar="2027-12-31", help="The last day (UTC) it is taken."),
    ],
    person: Annotated[
        str | None,
        typer.Option(
            parser=_person,
            help="Whose it is, as the policy's roles list them: it may do what they may, and"
            " decide. Default: it is a program's.",
        ),
    ] = None,
) -> None:
    """Create a key and print it: it is shown only now, and the file gets its hash.

    The file is that of OFFERS_API_KEYS; it is created if it is missing. A running console takes the
    key at once.

    Examples:

    - `offerflow api-keys create quotehog --scope view --scope create --expires 2027-12-31`
    - `offerflow api-keys create jane --scope view --scope approve --expires 2027-12-31 --person
      jane@example.com`
    """
    if expires < datetime.now(UTC).date():
        raise typer.BadParameter("--expires: the day is over")
    if person is None and (deciding := DECISIONS.intersection(scope)):
        raise typer.BadParameter(
            f"--scope {min(deciding)}: a program cannot decide; name whose key it is with --person"
        )
    path = _path()
    known = _read(path).keys if path.exists() else {}
    if name in known:
        raise typer.BadParameter(f"{name}: there is such a key; revoke it first")
    key = new_key(name)
    added = ApiKey(sha256=hash_of(key), scopes=frozenset(scope), expires_on=expires, person=person)
    _write(path, ApiKeyFile(keys=known | {name: added}))
    print(key)
    print_error("it is shown only now: keep it where secrets are kept")


@app.command(name="list")
@command
async def list_keys(as_json: AsJson = False) -> None:
    """List the keys: what each is for, whose it is, until when, and its last use.

    Examples:

    - `offerflow api-keys list`
    """
    path = _path()
    keys, uses = _read(path).keys, last_uses(path)
    if as_json:
        rows = [
            {
                "name": name,
                "scopes": sorted(key.scopes),
                "expires_on": key.expires_on.isoformat(),
                "person": key.person,
                "last_used": used.isoformat() if (used := uses.get(name)) else None,
            }
            for name, key in sorted(keys.items())
        ]
        print(json.dumps(rows, indent=2))
    else:
        today = datetime.now(UTC).date()
        common.console.print(api_key_table(sorted(keys.items()), uses, today))


@app.command()
@command
async def revoke(name: Name) -> None:
    """Revoke a key: a running console refuses it at once.

    Examples:

    - `offerflow api-keys revoke quotehog`
    """
    path = _path()
    keys = _read(path).keys
    if name not in keys:
        raise typer.BadParameter(f"{name}: there is no such key; see them with api-keys list")
    _write(path, ApiKeyFile(keys={each: key for each, key in keys.items() if each != name}))
    print(f"{name} is revoked")


def _path() -> Path:
    path = read_settings(ApiKeySettings).offers_api_keys
    if path is None:
        raise InvalidSettings(
            "OFFERS_API_KEYS: it is not set: name the file of the keys, such as"
            " /etc/offerflow/api-keys.toml"
        )
    return path


def _read(path: Path) -> ApiKeyFile:
    try:
        return read_keys(path)
    except InvalidFile as error:
        raise InvalidSettings(f"OFFERS_API_KEYS: {error}") from None


def _write(path: Path, file: ApiKeyFile) -> None:
    try:
        write_keys(path, file)
    except OSError as error:
        raise InvalidSettings(f"OFFERS_API_KEYS: {path}: {error.strerror}") from None
