"""The demo as people run it, with the worker killed in the middle."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(240)
@pytest.mark.xdist_group("in-real-time")
async def test_every_offer_meets_its_fate_though_the_worker_is_killed(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "demo", "--crash"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    out, _ = await process.communicate()
    said = out.decode()
    assert process.returncode == 0, said
    _, killed, after = said.partition("Killed the worker (SIGKILL)")
    assert killed
    assert "  disbursed  offer-" in after, "it was in the middle"
    assert "Temporal UI  http://127.0.0.1:" in said
    # Not "yes" anywhere: an id may hold it.
    assert len(re.findall(r"│ yes +│", said)) == 11
    assert "Traceback" not in said
