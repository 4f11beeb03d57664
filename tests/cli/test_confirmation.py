"""What cannot be undone is asked about on a terminal; elsewhere it needs --yes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cli.common import confirm
from client.offer_client import RequestRejected


@contextmanager
def terminal(typed: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A terminal as standard input, on which somebody has typed."""
    master, slave = os.openpty()
    os.write(master, typed.encode())
    with os.fdopen(slave, encoding="utf-8") as standard_input, monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", standard_input)
        yield
    os.close(master)


def test_yes_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal("n\n", monkeypatch):
        confirm("Erase this?", yes=True, otherwise="nothing was erased")


@pytest.mark.parametrize("typed", ["y\n", "yes\n"])
def test_answer_yes_goes_on(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with terminal(typed, monkeypatch):
        confirm("Erase this\x1b[2J?", yes=False, otherwise="nothing was erased")
    out, err = capsys.readouterr()
    assert out == "", "it is mixed with what the command prints"
    assert "Erase this[2J? [y/N]" in err


@pytest.mark.parametrize("typed", ["n\n", "\n", "\x04"])
def test_any_other_answer_does_nothing(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        terminal(typed, monkeypatch),
        pytest.raises(RequestRejected, match=r"^nothing was erased$"),
    ):
        confirm("Erase this?", yes=False, otherwise="nothing was erased")


def test_without_a_terminal_it_is_not_asked_and_not_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(os.devnull, encoding="utf-8") as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(RequestRejected, match=r"^nothing was erased: confirm it with --yes$"):
            confirm("Erase this?", yes=False, otherwise="nothing was erased")
    assert capsys.readouterr() == ("", "")
