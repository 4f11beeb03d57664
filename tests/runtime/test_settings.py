"""Where settings come from."""

from pathlib import Path

import pytest

from runtime.settings import TemporalSettings, read_settings


@pytest.fixture
def policy_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder whose `.env` names a policy."""
    (tmp_path / ".env").write_text("OFFERS_POLICY=of-the-folder.toml\n")
    (tmp_path / "other.env").write_text("OFFERS_POLICY=of-the-other.toml\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("policy_of_the_folder")
@pytest.mark.parametrize(
    ("env_file", "policy"),
    [
        (None, Path("of-the-folder.toml")),
        ("other.env", Path("of-the-other.toml")),
        ("", None),
    ],
)
def test_the_env_file_is_the_folder_s_another_or_none(
    env_file: str | None, policy: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if env_file is None:
        monkeypatch.delenv("OFFERS_ENV_FILE")
    else:
        monkeypatch.setenv("OFFERS_ENV_FILE", env_file)
    assert read_settings(TemporalSettings).offers_policy == policy


@pytest.mark.usefixtures("policy_of_the_folder")
def test_tests_read_no_env_file() -> None:
    assert read_settings(TemporalSettings).offers_policy is None
