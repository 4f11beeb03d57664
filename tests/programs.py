"""Our programs as people run them."""

import asyncio
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


async def run(program: str, *arguments: str, **env: str) -> tuple[int, str, str]:
    """Run one of our programs; gives exit code, standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / program),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **env},
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
