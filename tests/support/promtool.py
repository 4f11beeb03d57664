"""Prometheus's own tool, which checks rules and metrics."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None and "CI" not in os.environ,
    reason="promtool is not installed: it is in Debian's package prometheus",
)


def promtool(
    *arguments: str, folder: Path | None = None, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run it; `given` is its standard input."""
    return subprocess.run(
        [PROMTOOL or "promtool", *arguments],
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
