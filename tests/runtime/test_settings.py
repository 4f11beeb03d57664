"""The sources of settings."""

from pathlib import Path

import pytest

from runtime.settings import TemporalSettings, read_settings


@pytest.fixture
def folder_with_env_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder whose `.env` names a policy."""
    (tmp_path / ".env").write_text("OFFERS_POLICY=default-file.toml\n")
    (tmp_path / "other.env").write_text("OFFERS_POLICY=other-file.toml\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder_with_env_files")
@pytest.mark.parametrize(
    ("env_file", "policy"),
    [
        (None, Path("default-file.toml")),
        ("other.env", Path("other-file.toml")),
        ("", None),
    ],
)
def test_env_file_is_the_default_another_or_none(
    env_file: str | None, policy: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if env_file is None:
        monkeypatch.delenv("OFFERS_ENV_FILE")
    else:
        monkeypatch.setenv("OFFERS_ENV_FILE", env_file)
    assert read_settings(TemporalSettings).offers_policy == policy


@pytest.mark.usefixtures("folder_with_env_files")
def test_tests_read_no_env_file() -> None:
    assert read_settings(TemporalSettings).offers_policy is None
