"""Ends the process with a reliable exit code."""

import logging
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn


def exit_process(code: int) -> NoReturn:
    """Flush what was printed and logged, and end the process at once.

    A process that used the Temporal client may abort while Python shuts down, after all its work
    succeeded (temporalio/sdk-python#300).  Python's shutdown is therefore skipped.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run_and_exit(command: Callable[[], Any]) -> NoReturn:
    """Run a command line and exit with its code; every entry point ends with this."""
    try:
        command()
    except SystemExit as stop:
        exit_process(stop.code if isinstance(stop.code, int) else int(stop.code is not None))
    exit_process(0)
