"""Our programs as people run them."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
TERMINAL = {"NO_COLOR": "1", "COLUMNS": "200", "TERMINAL_WIDTH": "200"}


async def run(program: str, *arguments: str, **env: str) -> tuple[int, str, str]:
    """Run one of our programs; gives exit code, standard output and standard error."""
    command = [str(ROOT / program), *arguments]
    return await asyncio.to_thread(_run_forked, command, os.environ | TERMINAL | env)


async def run_in_new_interpreter(program: str, *arguments: str, **env: str) -> tuple[int, str, str]:
    """The same with a Python of its own, which takes a second to import what it needs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / program),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | TERMINAL | env,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


request_lock = threading.Lock()


def _run_forked(command: Sequence[str], env: Mapping[str, str]) -> tuple[int, str, str]:
    with request_lock, tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        asked = {"arguments": command, "env": dict(env), "out": str(out), "err": str(err)}
        requests, answers = _forking_server()
        print(json.dumps(asked), file=requests, flush=True)
        return int(answers.readline()), out.read_text(), err.read_text()


@cache
def _forking_server() -> tuple[IO[str], IO[str]]:
    """Where runs are asked for, and where their exit codes are read."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.forking"],
        cwd=ROOT,
        env=os.environ | TERMINAL,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    return process.stdin, process.stdout
