"""Runs the product's programs as separate processes, without importing all libraries for each.

`python -m tests.support.forking` imports them once.  Then it forks a child for each program that it
reads from a line, and prints its process id: a real process with its own environment and output,
which exits as it would without this.  For a line with a process id it waits until that child has
ended, and prints its exit code.
"""

import gc
import json
import os
import runpy
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import NoReturn


def serve() -> None:
    """Start a program, or wait for one, for each line of standard input."""
    import starter
    import worker  # noqa: F401

    for name in starter.Commands.entries:
        starter.Commands.load(name)

    # A collection in a child would copy every page of what is imported.
    gc.collect()
    gc.freeze()

    for line in sys.stdin:
        request = json.loads(line)
        if isinstance(request, int):
            print(os.waitstatus_to_exitcode(os.waitpid(request, 0)[1]), flush=True)
            continue
        child = os.fork()
        if child == 0:
            run_program(**request)
        print(child, flush=True)


def run_program(
    arguments: Sequence[str], folder: str, env: Mapping[str, str], out: str, err: str
) -> NoReturn:
    """Run a program in this process, as if Python had been started with it."""
    for number, path in enumerate((os.devnull, out, err)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = list(arguments)
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except BaseException:
        traceback.print_exc()
    os._exit(1)


if __name__ == "__main__":
    serve()
