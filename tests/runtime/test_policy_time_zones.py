"""The time zones of a policy must exist."""

from pathlib import Path

import pytest

from runtime.settings import InvalidSettings, TemporalSettings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('time_zones = ["Mars/Olympus"]', r"time_zones \[Mars/Olympus\]: there is no such"),
        ('[digest]\ntime_zone = "Berlin"', r"digest.time_zone \[Berlin\]: there is no such"),
    ],
)
def test_unknown_time_zone_is_rejected(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidSettings, match=message):
        TemporalSettings(offers_policy=file).policy()
