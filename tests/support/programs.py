"""Runs the product's programs as users do."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

from temporalio.client import Client

from activities.task_queues import TaskQueue
from tests.support.dev_server import connection_settings

ROOT = Path(__file__).parents[2]
TERMINAL = {"NO_COLOR": "1", "COLUMNS": "200", "TERMINAL_WIDTH": "200"}


async def run(program: str, *arguments: str, **env: str) -> tuple[int, str, str]:
    """Run a program; returns its exit code, standard output and standard error."""
    command = [str(ROOT / program), *arguments]
    return await asyncio.to_thread(_run_forked, command, os.environ | TERMINAL | env)


async def run_in_new_interpreter(program: str, *arguments: str, **env: str) -> tuple[int, str, str]:
    """The same in a new Python process, which takes a second to import what it needs."""
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


@asynccontextmanager
async def running_worker(
    client: Client, queues: Iterable[TaskQueue], *options: str, log: Path | None = None
) -> AsyncIterator[Process]:
    """Run `worker.py` on some task queues of the client's namespace; it must exit with 0.

    `log`: the file for its log; None: the process's standard error.
    """
    named = [word for queue in queues for word in ("--queues", queue.value)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "worker.py"),
        *named,
        *options,
        stderr=log.open("wb") if log else asyncio.subprocess.PIPE,
        env=os.environ | connection_settings(client),
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        _, said = await process.communicate()
        assert process.returncode == 0, said or log


@asynccontextmanager
async def running_forked_worker(
    client: Client, queues: Iterable[TaskQueue], *options: str, log: Path
) -> AsyncIterator[None]:
    """The same without importing all libraries for it."""
    named = [word for queue in queues for word in ("--queues", queue.value)]
    command = [str(ROOT / "worker.py"), *named, *options]
    env = os.environ | connection_settings(client)
    worker = await asyncio.to_thread(_fork, command, env, Path(os.devnull), log)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGTERM)
        code = await asyncio.to_thread(_wait_for, worker)
        assert code == 0, log


@contextmanager
def free_address() -> Iterator[str]:
    """An address for a program of the test: it is bound, so that nobody else gets it.

    Linux lets a program listen at it nonetheless, because nobody listens there.
    """
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


request_lock = threading.Lock()


def _run_forked(command: Sequence[str], env: Mapping[str, str]) -> tuple[int, str, str]:
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        code = _wait_for(_fork(command, env, out, err))
        return code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")


def _fork(command: Sequence[str], env: Mapping[str, str], out: Path, err: Path) -> int:
    """Start a program; returns its process id."""
    return _ask_forking_server(
        {
            "arguments": command,
            "folder": str(Path.cwd()),
            "env": dict(env),
            "out": str(out),
            "err": str(err),
        }
    )


def _wait_for(child: int) -> int:
    """The exit code of a program."""
    return _ask_forking_server(child)


def _ask_forking_server(request: Mapping[str, Any] | int) -> int:
    with request_lock:
        requests, answers = _forking_server()
        print(json.dumps(request), file=requests, flush=True)
        return int(answers.readline())


@cache
def _forking_server() -> tuple[IO[str], IO[str]]:
    """Start the forking process; returns its standard input and standard output."""
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
