"""The demo as users run it, with the worker killed in the middle."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(240)
@pytest.mark.xdist_group("in-real-time")
async def test_every_offer_ends_as_expected_after_the_worker_is_killed(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "demo", "--crash"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    out, _ = await process.communicate()
    text = out.decode()
    assert process.returncode == 0, text
    _, killed, after = text.partition("Killed the worker (SIGKILL)")
    assert killed
    assert re.search(r"  disbursed .* offer-", after), "no offer was under way"
    assert "Temporal UI  http://127.0.0.1:" in text
    # Only "yes" in a cell: an id may contain it.
    assert len(re.findall(r"│ yes +│", text)) == 11
    assert "Traceback" not in text
