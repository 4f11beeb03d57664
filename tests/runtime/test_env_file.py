"""The file `.env`: which one is read, what counts, and which lines are refused."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.env_file import InvalidEnvFile, load_env_file, read_env_file, readable_env_file
from tests.support.workflow_harness import environment_variables

ROOT = Path(__file__).parents[2]


def written(folder: Path, text: str) -> Path:
    file = folder / "some.env"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with two files; what is loaded is taken back."""
    (tmp_path / ".env").write_text("OFFERS_POLICY=default.toml\n", encoding="utf-8")
    (tmp_path / "other.env").write_text("OFFERS_POLICY=other.toml\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with environment_variables({}):
        yield tmp_path


@pytest.mark.parametrize(
    ("named", "policy"), [(None, "default.toml"), ("other.env", "other.toml"), ("", None)]
)
def test_file_is_the_default_another_or_none(
    folder: Path, named: str | None, policy: str | None
) -> None:
    del os.environ["OFFERS_ENV_FILE"]
    if named is not None:
        os.environ["OFFERS_ENV_FILE"] = named
    load_env_file()
    assert os.environ.get("OFFERS_POLICY") == policy


def test_tests_read_no_file(folder: Path) -> None:
    load_env_file()
    assert "OFFERS_POLICY" not in os.environ


def test_missing_file_is_an_error_only_if_it_was_named(folder: Path) -> None:
    os.environ["OFFERS_ENV_FILE"] = "missing.env"
    with pytest.raises(InvalidEnvFile, match="OFFERS_ENV_FILE: there is no file missing"):
        load_env_file()
    del os.environ["OFFERS_ENV_FILE"]
    (folder / ".env").unlink()
    load_env_file()


@pytest.mark.parametrize("value", ["from the environment", ""])
def test_environment_wins_over_the_file(folder: Path, value: str) -> None:
    (folder / "other.env").write_text("AWS_PROFILE=sales\nTEMPORAL_ADDRESS=a:1", encoding="utf-8")
    os.environ |= {"OFFERS_ENV_FILE": "other.env", "AWS_PROFILE": value}
    load_env_file()
    assert os.environ["AWS_PROFILE"] == value
    assert os.environ["TEMPORAL_ADDRESS"] == "a:1"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A = b c ", "b c"),
        ("A=", ""),
        ("A=b#c", None),
        ("A=b # c#d", "b"),
        ("A=b\t# c", None),
        ("A= # c", None),
        ("A='b # c' # d", "b # c"),
        ('A="b # c" # d', "b # c"),
        ("A=b\\nc", "b\\nc"),
        ("A=b'c\"d", "b'c\"d"),
        ("A='b$c{d}'", "b$c{d}"),
        ("A=b$c", None),
        ("A=${HOME}", None),
        ('A="b$c"', None),
        ("A='b\\nc'", None),
        ("A='b\\'c'", None),
        ('A="b\\nc\\\\d\\"e"', 'b\nc\\d"e'),
        ('A="b\\tc"', None),
        ('A="b\\$c"', None),
        ("A='b\nc'", "b\nc"),
        ("A='b' c", None),
        ("A='b", None),
        ("A: b", None),
        ("A-B=c", None),
        ("'A'=b", None),
        ("A=b\r\n", "b"),
        ("\ufeffA=b", "b"),
    ],
)
def test_line_is_read_as_compose_does_or_refused(
    tmp_path: Path, line: str, value: str | None
) -> None:
    """By `dotenv/parser.go` of compose-go, in its releases before and after `env_file` had rules
    of its own; what these or python-dotenv read differently is refused (None)."""
    file = written(tmp_path, line)
    if value is not None:
        assert read_env_file(file) == {"A": value}
    else:
        with pytest.raises(InvalidEnvFile, match=f"^{re.escape(str(file))}, line 1: "):
            read_env_file(file)


def test_name_without_a_value_leaves_what_the_environment_has(tmp_path: Path) -> None:
    assert read_env_file(written(tmp_path, "A\nB=c\n# D=e\n")) == {"B": "c"}


def test_each_wrong_line_is_named_without_its_value(tmp_path: Path) -> None:
    file = written(tmp_path, "\n# a comment\n\nA='secret\nmore'\nB=se$cret\nC='ok'\nD=se#cret\n")
    with pytest.raises(InvalidEnvFile) as raised:
        read_env_file(file)
    lines = str(raised.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"{file}, line {n}" for n in (6, 8)]
    assert "cret" not in str(raised.value)


def test_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "some.env"
    file.write_bytes(b"A=\xff")
    with pytest.raises(InvalidEnvFile, match=r"some.env cannot be read: it is not UTF-8"):
        read_env_file(file)


def test_file_that_others_can_read(folder: Path) -> None:
    file = folder / "other.env"
    with environment_variables({"OFFERS_ENV_FILE": str(file)}):
        file.chmod(0o644)
        assert readable_env_file() == file
        file.chmod(0o600)
        assert readable_env_file() is None
    with environment_variables({"OFFERS_ENV_FILE": ""}):
        assert readable_env_file() is None


def test_template_is_legal_with_and_without_its_comments(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert read_env_file(written(tmp_path, text))
    assert read_env_file(written(tmp_path, re.sub(r"(?m)^#(?=[A-Z_]+=)", "", text)))
