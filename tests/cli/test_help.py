"""The help of the command line: what it imports, and what it says about each command."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from offers.agreements.amendment_pricing import AMENDMENT_FIELDS
from offers.terms.contacts import CONTACT_FIELDS
from offers.terms.terms import TERM_FIELDS
from tests.support.commands import COMMANDS
from tests.support.programs import run

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"`(offerflow [^`]+)`")

SLOW = {
    *("aiosmtplib", "boto3", "botocore", "cryptography", "duckdb", "email_validator", "httpx"),
    *("jinja2", "jwt", "matplotlib", "pydantic", "pydantic_settings", "pypdf", "requests"),
    *("simple_salesforce", "starlette", "structlog", "temporalio", "uvicorn"),
    *("activities", "offers", "workflows"),
}
"""Libraries and layers of ours that the list of commands does without."""


def commands() -> Iterator[tuple[str, Any]]:
    """Each command with its whole name."""
    for name in COMMANDS.entries:
        command = COMMANDS.load(name)
        for within in getattr(command, "commands", {"": command}):
            found = command.commands[within] if within else command
            yield f"{name} {within}".strip(), found


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--version"], []])
def test_list_of_commands_imports_no_client(words: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", str(ROOT / "starter.py"), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    imported = set(re.findall(r"\| +([\w.]+)$", ended.stderr, flags=re.MULTILINE))
    assert "typer" in imported
    assert not {name for name in imported if name.partition(".")[0] in SLOW}
    expected = r"offerflow \d" if "--version" in words else "codec-server"
    assert re.search(expected, ended.stdout + ended.stderr)


@pytest.mark.parametrize("name", COMMANDS.entries)
def test_summary_in_the_list_is_that_of_the_command(name: str) -> None:
    text = COMMANDS.load(name).help.partition("\n\n")[0]
    assert " ".join(text.split()) == COMMANDS.entries[name].summary


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_each_command_has_examples_that_it_accepts(
    name: str, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "terms.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    examples = EXAMPLE.findall(command.help)
    assert examples
    for each in examples:
        words = shlex.split(each.replace("006…", "006000000000000AAA"))
        named = ["offerflow", *name.split()]
        assert words[: len(named)] == named
        command.make_context(name, words[len(named) :])


def test_help_of_revise_and_amend_has_the_name_of_every_term() -> None:
    for name, terms in {
        "revise": TERM_FIELDS | CONTACT_FIELDS,
        "amend": TERM_FIELDS | CONTACT_FIELDS | AMENDMENT_FIELDS,
    }.items():
        text = COMMANDS.load(name).help
        assert {term for term in terms if f"`{term}`" not in text} == set()


async def test_completion_names_commands_and_their_options() -> None:
    async def completed(words: str) -> list[str]:
        code, out, _ = await run(
            "starter.py",
            _OFFERFLOW_COMPLETE="complete_bash",
            COMP_WORDS=f"offerflow {words}",
            COMP_CWORD=str(len(words.split(" "))),
        )
        assert code == 0
        return out.split()

    assert {"show", "start"} <= set(await completed("s"))
    assert "--expiring" in await completed("list --e")
    assert await completed("list --stage accep") == ["accepted"]


def test_program_can_be_run_by_its_file() -> None:
    file = ROOT / "starter.py"
    assert file.read_text(encoding="utf-8").startswith("#!/usr/bin/env python")
    assert file.stat().st_mode & 0o111 == 0o111
