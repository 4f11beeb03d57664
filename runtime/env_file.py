"""The file `.env`: its settings are put into the environment once, when a program starts.

So they count for every library that reads the environment: ours, Temporal's and AWS's.

Compose reads the same file, with rules of quoting that differ from python-dotenv's and between its
own versions (compose-go, `dotenv/parser.go`).  What all of them read alike is read here, and the
rest is refused: a password must not become another one where the worker runs in a container.
"""

import os
import re
import stat
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from dotenv.parser import Binding, parse_stream

DEFAULT_FILE = ".env"

_NAME = re.compile(r"\s*(?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_]*[ \t]*(?P<value>=.*)?", re.DOTALL)
_DOUBLE_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_SHARED_ESCAPES = re.compile(r'\\[\\"nr]')


class InvalidEnvFile(Exception):
    """The file cannot be read.  The text names each wrong line with its remedy, and no value."""


def load_env_file() -> None:
    """Put the file's settings into the environment; raises InvalidEnvFile.

    A variable that is set already stays as it is, even if it is empty.  `OFFERS_ENV_FILE` in the
    environment names another file than `.env`; if it is empty, no file is read: tests and the demo
    must not use real settings that are in the working folder.
    """
    if (file := _file()) is None:
        return
    for name, value in read_env_file(file).items():
        os.environ.setdefault(name, value)


def readable_env_file() -> Path | None:
    """The file if others on this machine can read it: it has secrets."""
    file = _file()
    if file is None:
        return None
    others = stat.S_IRGRP | stat.S_IROTH
    return file if file.stat().st_mode & others else None


def folder_without_env_file() -> Path | None:
    """The working folder if it has no `.env` and no other file is named."""
    if "OFFERS_ENV_FILE" in os.environ or Path(DEFAULT_FILE).is_file():
        return None
    return Path.cwd()


def read_env_file(file: Path) -> dict[str, str]:
    """The settings in a file; of two with one name the last counts.  Raises InvalidEnvFile."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidEnvFile(f"{file} cannot be read: {why}") from None
    bindings = list(parse_stream(StringIO(text)))
    if wrong := [
        f"{file}, line {_line(each)}: {problem}" for each in bindings for problem in _problems(each)
    ]:
        raise InvalidEnvFile("\n".join(wrong))
    # A name without a value is Compose's way to hand on what the environment has.
    return {each.key: each.value for each in bindings if each.key and each.value is not None}


def _file() -> Path | None:
    named = os.environ.get("OFFERS_ENV_FILE", DEFAULT_FILE)
    if not named:
        return None
    file = Path(named)
    if file.is_file():
        return file
    if "OFFERS_ENV_FILE" in os.environ:
        raise InvalidEnvFile(f"OFFERS_ENV_FILE: there is no file {named}")
    return None


def _line(binding: Binding) -> int:
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _problems(binding: Binding) -> Iterator[str]:
    if binding.error:
        yield "it cannot be read: write NAME=VALUE, with a value in quotes on its own"
        return
    if binding.key is None:  # a comment
        return
    found = _NAME.fullmatch(binding.original.string.rstrip())
    if found is None:
        yield "its name has other characters than letters, digits and _"
    elif found["value"]:
        yield from _problems_of_value(found["value"][1:].strip())


def _problems_of_value(text: str) -> Iterator[str]:
    """Of a value as it is written, with what stands behind it."""
    if text.startswith("'"):
        if "\\" in text[1:].partition("'")[0]:
            yield "a backslash in single quotes: use double quotes, and write it twice"
    elif text.startswith('"'):
        value = found[0] if (found := _DOUBLE_QUOTED.match(text)) else ""
        if "$" in value:
            yield "Compose replaces what begins with $ in double quotes: use single quotes"
        if "\\" in _SHARED_ESCAPES.sub("", value):
            yield 'a backslash stands only before n, r, " or another one in double quotes'
    else:
        before, comment, _ = text.partition("#")
        if "$" in before:
            yield "Compose replaces what begins with $: put the value in single quotes"
        if comment and not before.endswith(" "):
            yield "# could begin a comment: put the value in quotes, or a blank before the comment"
