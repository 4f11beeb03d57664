"""The sources of settings."""

from pathlib import Path

import pytest

from runtime.settings import InvalidSettings, TemporalSettings, WorkerSettings, read_settings
from sandbox.server import Sandbox
from tests.support.workflow_harness import FIELDS, environment_variables


@pytest.fixture
def folder_with_env_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder whose `.env` names a policy."""
    (tmp_path / ".env").write_text("OFFERS_POLICY=default-file.toml\n", encoding="utf-8")
    (tmp_path / "other.env").write_text("OFFERS_POLICY=other-file.toml\n", encoding="utf-8")
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


NAME, BUILD_ID = "TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID"


def worker_settings(**given: str) -> WorkerSettings:
    with (
        Sandbox() as sandbox,
        environment_variables({**sandbox.addresses.env, "OFFERS_FIELDS": str(FIELDS), **given}),
    ):
        return read_settings(WorkerSettings)


def test_worker_is_versioned_by_both_settings() -> None:
    assert worker_settings().deployment_version is None
    version = worker_settings(**{NAME: "offerflow", BUILD_ID: "1a2b3c"}).deployment_version
    assert version is not None
    assert (version.deployment_name, version.build_id) == ("offerflow", "1a2b3c")


@pytest.mark.parametrize(("given", "missing"), [(NAME, BUILD_ID), (BUILD_ID, NAME)])
def test_error_names_the_missing_half_of_the_version(given: str, missing: str) -> None:
    with pytest.raises(InvalidSettings, match=f"^{missing} is not set: .* both, or neither$"):
        worker_settings(**{given: "offerflow"})


def test_deployment_name_that_the_server_ignores_is_refused() -> None:
    with pytest.raises(InvalidSettings, match=f"^{NAME}: "):
        worker_settings(**{NAME: "offer.flow", BUILD_ID: "1"})
