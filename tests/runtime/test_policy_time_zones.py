"""A policy names only time zones that there are."""

from pathlib import Path

import pytest

from runtime.settings import InvalidSettings, TemporalSettings


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('time_zones = ["Mars/Olympus"]', r"time_zones \[Mars/Olympus\]: there is no such"),
        ('[digest]\ntime_zone = "Berlin"', r"digest.time_zone \[Berlin\]: there is no such"),
    ],
)
def test_a_zone_that_there_is_not_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text)
    with pytest.raises(InvalidSettings, match=says):
        TemporalSettings(offers_policy=file).policy()
