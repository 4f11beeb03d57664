"""Runs the product's programs as separate processes, without importing all libraries for each.

`python -m tests.support.forking` imports them once.  Then it forks a child for each line that it
reads: a real process with its own environment and output, which exits as it would without this.
"""

import json
import os
import runpy
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import NoReturn


def serve() -> None:
    """Run a program for each line of standard input, and print its exit code."""
    import starter
    import worker  # noqa: F401

    for name in starter.Commands.entries:
        starter.Commands.load(name)

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run_program(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


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
